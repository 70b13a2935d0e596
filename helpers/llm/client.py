"""Asking a language model over HTTP: the official `ollama` client, with time limits and retries."""

import math
import random
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

import httpx
import ollama

from helpers.files import CourseError
from helpers.llm.pace import Pace
from helpers.llm.parallel import in_order

NUM_PREDICT = 256  # tokens that a reply may have, unless a caller says otherwise
SMALL_CONTEXT = 1024  # tokens: no model of today reads less, so a request of fewer tokens was not cut

# Statuses that may pass by waiting. The client reports an error in the middle of a stream as -1.
TRANSIENT = {-1, 408, 429, 500, 502, 503, 504}

# What a request can end in. The last three are what the client raises over a body that is not Ollama's JSON.
TROUBLE = (ConnectionError, httpx.HTTPError, ollama.ResponseError, ValueError, TypeError, AttributeError)


class LLMError(CourseError):
    """A request failed. `transient`: asking again may help. `refused`: this prompt will not be answered."""

    def __init__(self, message: str, transient: bool = False, refused: bool = False):
        super().__init__(message)
        self.transient, self.refused = transient, refused


class IncompleteReply(ValueError):
    """The server ended its reply without saying that it is done."""


@dataclass(frozen=True)
class Reply:
    """What the model answered: the text without surrounding blanks, and what was measured."""

    text: str
    done_reason: str  # "stop", or "length" if the reply was cut at num_predict tokens
    prompt_tokens: int
    tokens: int
    seconds: float
    raw: dict = field(repr=False)
    thinking: str = field(default="", repr=False)  # of a reasoning model, if the server tells it apart


@dataclass(frozen=True)
class Retry:
    """Exponential back-off with jitter: 0.5, 1, 2, … seconds, shortened at random to spread the callers."""

    tries: int = 4
    first: float = 0.5
    longest: float = 8.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after this attempt (0, 1, …) has failed."""
        return min(self.longest, self.first * 2**attempt) * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class LLM:
    """A chat model on a server that speaks Ollama's API. Made by `connect()`."""

    client: ollama.Client
    model: str
    host: str
    digest: str = ""
    engine: str = "ollama"  # the server's name and version, for the record
    embedded: bool = False
    thinks: bool = False  # a reasoning model; it is asked to reply without its reasoning
    num_ctx: int | None = None  # tokens that prompt and reply may have together; None leaves it to the server
    timeout: float = 120.0  # seconds a request may take at least; see `time_limit`
    retry: Retry = Retry()
    pace: Pace = field(default_factory=Pace, repr=False, compare=False)

    def ask(
        self,
        prompt: str,
        *,
        seed: int | None = None,
        temperature: float | None = None,
        format: dict | str | None = None,
        num_predict: int = NUM_PREDICT,
        top_logprobs: int = 0,
        **options,
    ) -> Reply:
        """Send one prompt and wait for the whole reply, at most `num_predict` tokens.

        With `top_logprobs` (up to 20), `raw["logprobs"]` has that many likely tokens for each place of the reply.
        `options` are Ollama's (top_k, top_p, stop, …); what is None stays at the model's default.
        Raises LLMError after the last try, at once if the server refuses the request (4xx), or has cut the prompt.
        """
        # Ollama reads the seed and the temperature inside the options only.
        options |= {"seed": seed, "temperature": temperature, "num_predict": num_predict}
        logprobs = {"logprobs": True, "top_logprobs": top_logprobs} if top_logprobs else {}
        reply = self._send_with_retries(self._request(prompt, options) | {"format": format} | logprobs)
        self._refuse_if_cut(prompt, num_predict, reply)
        return reply

    def ask_many(
        self, asks: Iterable[str | dict], *, workers: int = 8, label: str | None = None, **common
    ) -> list[Reply]:
        """Ask several at once; the replies come back in the order of `asks`.

        Each ask is a prompt, or a dict of arguments of `ask` (with the key "prompt"); `common` goes to all of
        them. At most `workers` are asked at once, and no more than the server works on. A label shows a progress bar.
        """
        asks = [{"prompt": ask} if isinstance(ask, str) else ask for ask in asks]
        return in_order(lambda ask: self.ask(**(common | ask)), asks, workers=workers, label=label)

    def stream(self, prompt: str, **options) -> Iterator[str]:
        """Yield the reply piece by piece, as it is written. No retries: a broken stream raises LLMError."""
        done = False
        try:
            for part in self.client.generate(**self._request(prompt, options), stream=True):
                yield part.response
                done = part.done
            if not done:
                raise IncompleteReply("the stream broke off")
        except TROUBLE as error:
            raise explain_failure(error, self) from error

    async def stream_chat(self, messages: list[dict], **options) -> AsyncIterator[str]:
        """Yield the answer to a conversation piece by piece; closing the iterator ends the request at once.

        messages: {"role": "user" or "assistant", "content": text} each, the question last. No retries, as in `stream`.
        """
        request, done = {"messages": messages, "options": self._options(options), "think": self._think}, False
        try:
            async with ollama.AsyncClient(self.host, timeout=self.timeout, **http_settings(self.host)) as client:
                async with aclosing(await client.chat(self.model, **request, stream=True)) as parts:
                    async for part in parts:
                        yield part.message.content or ""
                        done = part.done
            if not done:
                raise IncompleteReply("the stream broke off")
        except TROUBLE as error:
            raise explain_failure(error, self) from error

    @property
    def _think(self) -> bool | None:
        return False if self.thinks else None

    def _request(self, prompt: str, options: dict) -> dict:
        return {"model": self.model, "prompt": prompt, "options": self._options(options), "think": self._think}

    def _options(self, options: dict) -> dict:
        """With the same num_ctx each time: Ollama loads the model anew for another one."""
        return {name: value for name, value in ({"num_ctx": self.num_ctx} | options).items() if value is not None}

    def _refuse_if_cut(self, prompt: str, num_predict: int, reply: Reply) -> None:
        """Raise LLMError if prompt and reply filled the context: Ollama then drops the beginning without a word."""
        used = reply.prompt_tokens + reply.tokens
        if self.embedded or used < SMALL_CONTEXT:  # the embedded engine refuses such a prompt
            return
        with suppress(*TROUBLE):  # the reply is there; a server that does not tell its context takes nothing from it
            context = next((m.context_length for m in self.client.ps().models if m.model == self.model), None)
            if context and used >= context:
                raise prompt_was_cut(prompt, num_predict, context, self)

    @property
    def time_limit(self) -> float:
        """Seconds the server may take for one request: `timeout`, or more if it was measured to be slow."""
        return max(self.timeout, self.pace.time_needed)

    def _send_with_retries(self, request: dict) -> Reply:
        spent = 0.0  # seconds with the server, without those of waiting for a turn
        for attempt in count():
            with self.pace.turn(request["options"]["num_predict"]) as under_way:
                started = time.monotonic()
                try:
                    reply = _send(self.client, request)
                    self.pace.learn(under_way, reply.seconds, reply.raw)
                    return reply
                except TROUBLE as error:
                    spent += time.monotonic() - started
                    failure = self._after(error)
                    silent = spent > 1.5 * self.time_limit  # a server that hangs: two tries, not four
                    if not failure.transient or silent or attempt + 1 >= self.retry.tries:
                        raise failure from error
            time.sleep(self.retry.pause(attempt))

    def _after(self, error: Exception) -> LLMError:
        """What a failure means; after a time limit, less is asked at once."""
        failure = explain_failure(error, self)
        if isinstance(error, httpx.TimeoutException):
            self.pace.slow_down()
        return failure


def on_this_computer(address: str) -> bool:
    return urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")


def http_settings(address: str) -> dict:
    """Proxies and certificates are for the internet, not for this computer (and take time to load)."""
    distant = not on_this_computer(address)
    return {"trust_env": distant, "verify": distant}


def _send(client: ollama.Client, request: dict) -> Reply:
    started = time.monotonic()
    answer = client.generate(**request)
    if not answer.done:
        raise IncompleteReply("the reply broke off before it was done")
    return Reply(
        text=answer.response.strip(),
        done_reason=answer.done_reason or "stop",
        prompt_tokens=answer.prompt_eval_count or 0,
        tokens=answer.eval_count or 0,
        seconds=time.monotonic() - started,
        raw=answer.model_dump(exclude_none=True),
        thinking=answer.thinking or "",
    )


def explain_failure(error: Exception, llm: LLM) -> LLMError:
    """What a failed request means and what to do about it."""
    where = f"{'The embedded engine' if llm.embedded else 'Ollama'} at {llm.host}"
    if isinstance(error, ollama.ResponseError):
        return _explain_status(error, llm, where)
    if isinstance(error, httpx.TimeoutException):
        limit = round(llm.time_limit, 1)
        advice = _measured(llm) or "The first call loads the model, so run the cell again. If it stays slow, take"
        advice += f" a smaller model (COURSE_MODEL) or more patience: connect(timeout={4 * limit:g})."
        return LLMError(f"{where} gave no answer within {limit:g} s. {advice}", transient=True)
    if isinstance(error, ConnectionError | httpx.HTTPError):
        advice = "Restart the kernel" if llm.embedded else "Start it again (the Ollama app, or `ollama serve`)"
        message = f"{where} does not answer ({type(error).__name__}). {advice} and run this cell."
        return LLMError(message, transient=True)
    advice = "Is another program listening there?"
    return LLMError(f"{where} sent a reply that is not in Ollama's format ({_short(error)}). {advice}", transient=True)


def _measured(llm: LLM) -> str:
    """What is known of a server that has answered before, and the beginning of an advice."""
    pace = llm.pace
    if not pace.requests:
        return ""
    return (
        f"It has answered {pace.requests} requests before, the slowest in {pace.slowest:.1f} s of work, and was sent "
        f"{pace.at_once} at once. If another program or notebook uses it, wait for that; else take fewer at once "
        "(workers=1), shorter replies (num_predict),"
    )


def prompt_was_cut(prompt: str, num_predict: int, context: int, llm: LLM) -> LLMError:
    """The error that says so, with a context that is large enough."""
    size = len(prompt.encode(errors="surrogatepass"))
    fits = max(2 * context, 2 ** math.ceil(math.log2(size / 3 + num_predict)))  # a token is 3 to 5 bytes of most text
    return LLMError(
        f"Ollama at {llm.host} lost a part of this prompt: {llm.model} reads {context:,} tokens with its reply, and a "
        f"prompt of {size:,} bytes filled them. Shorten it, or take connect(num_ctx={fits}), which needs more memory.",
        refused=True,
    )


def _explain_status(error: ollama.ResponseError, llm: LLM, where: str) -> LLMError:
    status, text = error.status_code, _short(error.error)
    if status == 404:
        return LLMError(f"{where} has no model {llm.model!r} any more. Get it with `ollama pull {llm.model}`.")
    if status in (429, 503):
        advice = "Wait until it has finished its other work, or ask for less at once (workers=1)."
        return LLMError(f"{where} is busy ({text}). {advice}", transient=True)
    if "system memory" in text:
        return LLMError(f"{where} cannot load {llm.model}: {text}. Take a smaller model (COURSE_MODEL).")
    if 'option "' in text or status not in TRANSIENT and status < 500:  # a wrongly typed option comes as a 500
        return LLMError(f"{where} refused the request: {text}.", refused=True)
    message = f"{where} failed with an error of its own (status {status}): {text}."
    return LLMError(message, transient=status in TRANSIENT)


def _short(error) -> str:
    text = " ".join(str(error).split()).rstrip(".") or "no message"
    return text if len(text) <= 300 else text[:300] + "…"
