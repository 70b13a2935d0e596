"""Continuous batching: all requests to one model are decoded together, one token for every row at each step.

A worker thread owns the model. A waiting request takes a free row between two steps: its prompt is read alone
at its exact length, then its row joins the batch. The batch always has the same shape, each row has its own
random generator and arithmetic runs on one thread, so a request gets the same reply alone, in a full batch and in
any row. (On some processors a row's place can touch the last bit of a logit; that is one draw in a million.)
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from helpers.files import CourseError
from helpers.gpt.model import KVCache
from helpers.gpt.sampling import Sampling, next_token
from helpers.llm.server.constrain import Constraint
from helpers.llm.server.text import TextStream


class Busy(CourseError):
    """No room in the queue, or the model is being unloaded."""

    status = 503  # of the HTTP answer


@dataclass(frozen=True)
class Piece:
    """A piece of the reply, and the log-probabilities of its tokens if they were asked for."""

    text: str
    logprobs: list


@dataclass(frozen=True)
class Done:
    """The end of a reply. reason: "stop" or "length"; times in nanoseconds."""

    reason: str
    tokens: int
    prompt_duration: int
    duration: int


@dataclass(frozen=True)
class Failed:
    """The request cannot be answered; `status` is the HTTP status to say it with."""

    message: str
    status: int = 500


@dataclass
class Job:
    """One request. `emit` is called from the worker thread with Piece, …, and at last with Done or Failed."""

    ids: list[int]
    emit: Callable
    limit: int  # at most so many new tokens
    sampling: Sampling = Sampling()
    seed: int = -1  # -1: a different one each time
    stop: tuple[str, ...] = ()
    constraint: Constraint | None = None
    repeat_last_n: int = 64
    top_logprobs: int | None = None  # log-probabilities of each token and so many others; None: of no token
    cancelled: bool = False  # set it to True, from any thread, to give the row back


@dataclass
class BatchRow:
    """A job in the batch, and how far it has come."""

    job: Job
    text: TextStream
    generator: torch.Generator
    started: int
    prompt_duration: int = 0
    new: list[int] = field(default_factory=list)

    def history(self) -> list[int]:
        """The tokens that repeat_penalty looks at: the last ones of prompt and reply; with -1 all of them."""
        n = self.job.repeat_last_n
        return [] if n == 0 else (self.job.ids + self.new)[-n if n > 0 else None :]


class Batcher:
    """Decodes jobs for one model in a thread of its own until `close`."""

    def __init__(self, model, tok, slots=16, max_queue=512, check=None):
        """`check(logits (T, vocab_size), ids)` may refuse a prompt by raising CourseError."""
        self.model, self.tok, self.check = model, tok, check
        self.max_queue = max_queue
        self.cache = KVCache(model.config, slots)
        self.rows: list[BatchRow | None] = [None] * slots
        self.waiting: deque[Job] = deque()
        self.steps = 0
        self._changed = threading.Condition()
        self.accepting, self._stopping = True, False
        self._start()

    def _start(self):
        """Start the worker on one arithmetic thread, and leave everybody else's number of threads alone."""
        threads, ready = torch.get_num_threads(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="decode", daemon=True)
        self._thread.start()
        ready.wait()
        torch.set_num_threads(threads)  # the worker's call also set the default of threads to come

    def submit(self, job: Job):
        """Queue a job. Raises Busy if the queue is full or the batcher is retiring."""
        with self._changed:
            if not self.accepting:
                raise Busy("the model was unloaded while the request was being read; ask again")
            if len(self.waiting) >= self.max_queue:
                raise Busy("server busy, please try again.  maximum pending requests exceeded")
            self.waiting.append(job)
            self._changed.notify()

    def retire(self):
        """Take no more jobs, finish those there are, then end the thread."""
        with self._changed:
            self.accepting = False
            self._changed.notify()

    def close(self):
        """End now: jobs that are not finished fail."""
        with self._changed:
            self.accepting, self._stopping = False, True
            self._changed.notify()
        self._thread.join(timeout=30)

    def _run(self, ready):
        # Results must not depend on how a matrix is split among threads. The first torch call of a thread
        # takes over the common number of threads, so one call has to come before this thread's own choice.
        torch.get_num_threads()
        torch.set_num_threads(1)
        ready.set()
        failure = Failed("the server is stopping", 503)
        try:
            with torch.inference_mode():
                while self._wait_for_work():
                    self._admit()
                    self._step()
        except BaseException as error:
            failure = Failed(f"the model runner has crashed: {_kind_and_text(error)}")
            raise
        finally:
            with self._changed:
                self.accepting = False
            self._fail_all(failure)

    def _wait_for_work(self) -> bool:
        with self._changed:
            while not (self.waiting or any(self.rows) or self._stopping or not self.accepting):
                self._changed.wait()
            return not self._stopping and bool(self.waiting or any(self.rows))

    def _admit(self):
        for slot, row in enumerate(self.rows):
            while row is None and self.waiting:
                job = self.waiting.popleft()
                if not job.cancelled:
                    row = self.rows[slot] = self._guarded(job, self._prefill, slot)

    def _prefill(self, job: Job, slot: int) -> BatchRow | None:
        """Read the prompt into a row of the cache and draw the first token."""
        started = time.perf_counter_ns()
        cache = self.cache.rows(slot, slot + 1)
        cache.k.zero_()  # nothing of the row's last owner remains
        cache.v.zero_()
        hidden = self.model.hidden(torch.tensor([job.ids]), cache=cache)
        if self.check:
            self.check(self.model.lm_head(hidden[0]), job.ids)
        seed = secrets.randbits(63) if job.seed == -1 else job.seed % 2**63
        row = BatchRow(job, TextStream(job.stop), torch.Generator().manual_seed(seed), started)
        logits = self.model.lm_head(hidden[0, -1])
        row.prompt_duration = time.perf_counter_ns() - started
        return self._advance(job, row, logits)

    def _step(self):
        """One token for every row that is in use."""
        for slot, row in enumerate(self.rows):
            if row and row.job.cancelled:
                self.rows[slot] = None
        if not any(self.rows):
            return
        last = torch.tensor([[row.new[-1] if row else 0] for row in self.rows])
        pos = torch.tensor([[len(row.job.ids) + len(row.new) - 1 if row else 0] for row in self.rows])
        try:
            logits = self.model(last, pos=pos, cache=self.cache)[:, -1]
        except Exception as error:  # whatever it is, it is answered; the next requests start with a clean row
            self._fail_rows(Failed(f"the model failed: {_kind_and_text(error)}"))
            return
        self.steps += 1
        for slot, row in enumerate(self.rows):
            if row:
                self.rows[slot] = self._guarded(row.job, self._advance, row, logits[slot])

    def _advance(self, job: Job, row: BatchRow, logits) -> BatchRow | None:
        """Draw the row's next token, send its text on. Returns the row, or None if the reply is complete."""
        logits = logits[: self.tok.n_vocab]
        if not torch.isfinite(logits.max()):
            raise RuntimeError("the model's output is not a number (its weights may be damaged)")
        allowed = job.constraint.mask(logits) if job.constraint else logits
        token = next_token(allowed, job.sampling, row.generator, row.history())
        row.new.append(token)
        if token == self.tok.eot_token:
            return self._finish(row, "stop")
        if job.constraint:
            job.constraint.accept(token)
        note = logprob_entry(self.tok, logits, token, job.top_logprobs) if job.top_logprobs is not None else None
        self._send(job, *row.text.add(self.tok.decode_single_token_bytes(token), note))
        if row.text.stopped or (job.constraint and job.constraint.finished):
            return self._finish(row, "stop")
        return self._finish(row, "length") if len(row.new) >= job.limit else row

    def _finish(self, row: BatchRow, reason: str):
        self._send(row.job, *row.text.close())
        duration = time.perf_counter_ns() - row.started - row.prompt_duration
        row.job.emit(Done("stop" if row.text.stopped else reason, len(row.new), row.prompt_duration, duration))

    @staticmethod
    def _send(job, text, notes):
        if text:
            job.emit(Piece(text, notes))

    @staticmethod
    def _guarded(job, function, *args) -> BatchRow | None:
        """Whatever goes wrong with one job is that job's answer; the others go on."""
        try:
            return function(job, *args)
        except CourseError as refusal:
            job.emit(Failed(str(refusal), 400))
        except Exception as error:
            job.emit(Failed(f"the model failed on this request: {_kind_and_text(error)}"))
        return None

    def _fail_rows(self, failure: Failed):
        for slot, row in enumerate(self.rows):
            self.rows[slot] = None
            if row:
                row.job.emit(failure)

    def _fail_all(self, failure: Failed):
        self._fail_rows(failure)
        while self.waiting:
            self.waiting.popleft().emit(failure)


def logprob_entry(tok, logits, token: int, top: int) -> dict:
    """Ollama's log-probability entry of a token, from the raw logits: no temperature, cuts or constraint."""
    logprobs = torch.log_softmax(logits.float(), dim=-1)
    entry = _entry(tok, token, logprobs)
    if top:
        entry["top_logprobs"] = [_entry(tok, best, logprobs) for best in logprobs.topk(top).indices.tolist()]
    return entry


def _entry(tok, token: int, logprobs) -> dict:
    data = tok.decode_single_token_bytes(token)
    return {"token": data.decode("utf-8", "replace"), "logprob": float(logprobs[token]), "bytes": list(data)}


def _kind_and_text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
