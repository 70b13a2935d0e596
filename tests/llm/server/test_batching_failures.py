"""One batch for all requests: who leaves, fails or comes too late does not disturb the others."""

import threading
import time

import pytest

from helpers.gpt.sampling import Sampling
from helpers.llm.server.batching import Busy, Done, Failed


def test_cancelled_rows_are_given_back(batcher, tiny_gpt, tiny_tok, job, wrapped):
    one = batcher(wrapped(tiny_gpt, lambda: time.sleep(0.02)), slots=1)
    endless, waiting, after = (job(tiny_tok, p, limit=150, sampling=Sampling(0.0)) for p in ("zz", "b", "c"))
    after.limit = 2
    for request in (endless, waiting, after):
        one.submit(request)
    while not endless.emit.events:
        time.sleep(0.01)
    endless.cancelled = waiting.cancelled = True
    assert after.emit.end().tokens <= 2
    assert not endless.emit.finished.is_set() and not waiting.emit.events


def test_a_bad_request_fails_alone(batcher, tiny_gpt, tiny_tok, job, alone):
    class Trap:
        finished = False

        def mask(self, logits):
            raise ZeroDivisionError("trap")

    good, bad = job(tiny_tok, "the end", 1), job(tiny_tok, "x", 1, constraint=Trap())
    outside = job(tiny_tok, "y")
    outside.ids = [10**6]  # no such token
    one = batcher()
    for request in (good, bad, outside):
        one.submit(request)
    assert bad.emit.end() == Failed("the model failed on this request: ZeroDivisionError: trap")
    assert isinstance(outside.emit.end(), Failed)
    assert good.emit.end().tokens == len(alone(tiny_gpt, tiny_tok, good))


def test_a_failing_step_is_answered_and_the_next_request_works(batcher, tiny_gpt, tiny_tok, job, wrapped):
    trouble = [None, RuntimeError("out of memory")]

    def before():
        error = trouble.pop() if trouble else None
        if error:
            raise error

    one = batcher(wrapped(tiny_gpt, before))
    first, second = job(tiny_tok, "the end"), job(tiny_tok, "the end")
    one.submit(first)
    assert first.emit.end() == Failed("the model failed: RuntimeError: out of memory")
    one.submit(second)
    assert isinstance(second.emit.end(), Done)


def test_nothing_of_the_last_owner_of_a_row_remains(batcher, tiny_gpt, tiny_tok, job, alone):
    one, request = batcher(slots=1), job(tiny_tok, "the end")
    one.cache.k.fill_(float("nan"))
    one.cache.v.fill_(float("nan"))
    one.submit(request)
    assert request.emit.end().tokens == len(alone(tiny_gpt, tiny_tok, request))


def test_damaged_weights_are_said_to_be(batcher, tiny_gpt, tiny_tok, job, wrapped):
    poisoned = wrapped(tiny_gpt, lambda: None)
    poisoned.lm_head = lambda hidden: tiny_gpt.lm_head(hidden) * float("nan")
    request = job(tiny_tok, "x", sampling=Sampling(0.0))  # argmax of NaN would be a token like any other
    batcher(poisoned).submit(request)
    assert "not a number" in request.emit.end().message


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_of_the_worker_answers_everyone(batcher, tiny_tok, job):
    one = batcher()

    def crash():
        raise SystemError("crash")

    one._admit = crash
    request = job(tiny_tok, "x")
    one.submit(request)
    assert request.emit.end() == Failed("the model runner has crashed: SystemError: crash")
    with pytest.raises(Busy):
        one.submit(job(tiny_tok, "x"))
    assert not one.accepting


def test_the_queue_is_bounded(batcher, tiny_gpt, tiny_tok, job, wrapped):
    go = threading.Event()
    one = batcher(wrapped(tiny_gpt, lambda: go.wait(10)), slots=1, max_queue=2)
    first = job(tiny_tok, "zz", limit=2, sampling=Sampling(0.0))
    one.submit(first)
    while not first.emit.events:
        time.sleep(0.01)
    queued = [job(tiny_tok, "x", limit=1) for _ in range(2)]
    for request in queued:
        one.submit(request)
    with pytest.raises(Busy, match="server busy, please try again"):
        one.submit(job(tiny_tok, "x"))
    go.set()
    assert all(isinstance(request.emit.end(), Done) for request in [first, *queued])


def test_retire_finishes_and_close_does_not(batcher, tiny_gpt, tiny_tok, job, wrapped):
    slow = wrapped(tiny_gpt, lambda: time.sleep(0.02))
    retired, closed = batcher(slow, slots=1), batcher(slow, slots=1)
    for one, end in ((retired, retired.retire), (closed, closed.close)):
        jobs = [job(tiny_tok, "zz", limit=5, sampling=Sampling(0.0)) for _ in range(2)]
        for request in jobs:
            one.submit(request)
        end()
        ends = [request.emit.end() for request in jobs]
        one._thread.join(10)
        assert not one._thread.is_alive()
        assert (
            all(isinstance(e, Done) for e in ends)
            if one is retired
            else ends[-1] == Failed("the server is stopping", 503)
        )
