"""One batch for all requests, and nobody notices the others."""

import threading
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.engine.batching import Batcher, Busy, Done, Failed, Job, Text, token_logprobs
from helpers.engine.text import TextStream
from helpers.gpt.sampling import Sampling, next_token

SAMPLING = Sampling(0.9, top_k=40, top_p=0.95)


class Answer:
    """Collects what a job says."""

    def __init__(self):
        self.events, self.finished = [], threading.Event()

    def __call__(self, event):
        self.events.append(event)
        if not isinstance(event, Text):
            self.finished.set()

    @property
    def text(self):
        return "".join(event.text for event in self.events if isinstance(event, Text))

    def end(self):
        assert self.finished.wait(20), "no answer"
        return self.events[-1]


def job(tok, prompt, seed=0, limit=40, **settings):
    return Job(
        tok.encode_ordinary(prompt), Answer(), limit, settings.pop("sampling", SAMPLING), seed, **settings
    )


def alone(model, tok, request) -> list[int]:
    """The reply's token ids by the plainest loop there is: no cache, no batch."""
    generator, ids = torch.Generator().manual_seed(request.seed), list(request.ids)
    with torch.inference_mode():
        while len(ids) < len(request.ids) + request.limit:
            logits = model(torch.tensor([ids]))[0, -1, : tok.n_vocab]
            ids.append(next_token(logits, request.sampling, generator, ids[-request.repeat_last_n :]))
            if ids[-1] == tok.eot_token:
                break
    return ids[len(request.ids) :]


@pytest.fixture
def batcher(tiny_gpt, tiny_tok):
    made = []

    def make(model=tiny_gpt, **settings):
        made.append(Batcher(model, tiny_tok, **{"slots": 4} | settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Wrapped(torch.nn.Module):
    """The model, with something done before each decoding step (not before reading a prompt)."""

    def __init__(self, model, before):
        super().__init__()
        self.model, self.before, self.config = model, before, model.config

    def hidden(self, *args, **kwargs):
        return self.model.hidden(*args, **kwargs)

    def lm_head(self, hidden):
        return self.model.lm_head(hidden)

    def forward(self, *args, **kwargs):
        self.before()
        return self.model(*args, **kwargs)


PROMPTS = ["the end", "q", "you and the others, all of them", "é?", "fourth " * 9, "{", "1 2 3", "er er"]


def test_replies_are_those_of_the_plain_loop(batcher, tiny_gpt, tiny_tok):
    one = batcher()
    for seed, prompt in enumerate(PROMPTS):
        for sampling in (SAMPLING, Sampling(0.0), Sampling(1.3, repeat_penalty=1.5)):
            request = job(tiny_tok, prompt, seed, sampling=sampling)
            expected = alone(tiny_gpt, tiny_tok, request)
            one.submit(request)
            assert request.emit.end().tokens == len(expected)
            text = tiny_tok.decode([token for token in expected if token != tiny_tok.eot_token])
            assert request.emit.text == text


def test_the_worker_computes_on_one_thread_and_nobody_else_is_changed(batcher, tiny_gpt, tiny_tok):
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(3)
    try:
        one, request = (
            batcher(Wrapped(tiny_gpt, lambda: seen.append(torch.get_num_threads()))),
            job(tiny_tok, "x"),
        )
        one.submit(request)
        request.emit.end()
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert seen[0] == 1 and seen[-1] == 3 and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2])
def test_same_reply_alone_in_company_and_in_any_slot(batcher, tiny_tok, threads, monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # with two, halves of the batch would be computed by different threads
    try:
        lone = batcher(slots=16)
        assert torch.get_num_threads() == threads, "the reader's own number of threads is left alone"
        reference = job(tiny_tok, "tell you the end", 7, 12, logprobs=True, sampling=Sampling(1.5))
        lone.submit(reference)
        reference.emit.end()
        seen = set()
        prefill = Batcher._prefill

        def recorded(self, request, slot):
            if request is target:
                seen.add(slot)
            return prefill(self, request, slot)

        monkeypatch.setattr(Batcher, "_prefill", recorded)
        for company in range(16):
            crowd = batcher(slots=16)
            others = [job(tiny_tok, PROMPTS[i % 8], 100 + i, 12, sampling=Sampling(2.0)) for i in range(15)]
            target = job(tiny_tok, "tell you the end", 7, 12, logprobs=True, sampling=Sampling(1.5))
            with crowd._changed:  # so that all of them are admitted at once, in this order
                for other in others[:company] + [target] + others[company:]:
                    crowd.waiting.append(other)
                crowd._changed.notify()
            target.emit.end()
            assert target.emit.text == reference.emit.text
            logprobs, expected = (
                [n["logprob"] for e in a.events if isinstance(e, Text) for n in e.logprobs]
                for a in (target.emit, reference.emit)
            )
            assert logprobs == pytest.approx(expected, abs=1e-5)
        assert len(seen) == 16
    finally:
        torch.set_num_threads(before)


def test_more_requests_than_slots_are_decoded_together(batcher, tiny_gpt, tiny_tok):
    one = batcher()
    jobs = [job(tiny_tok, PROMPTS[i % 8], i) for i in range(20)]
    for request in jobs:
        one.submit(request)
    tokens = sum(request.emit.end().tokens for request in jobs)
    for request in jobs:
        expected = [t for t in alone(tiny_gpt, tiny_tok, request) if t != tiny_tok.eot_token]
        assert request.emit.text == tiny_tok.decode(expected)
    assert tokens > 300
    assert one.steps < tokens / 3, "four rows at a step"


def test_limit_and_end_of_text(batcher, tiny_tok):
    one, request = batcher(), job(tiny_tok, "x", limit=3)
    one.submit(request)
    assert isinstance(request.emit.end(), Done)
    assert (request.emit.end().reason, request.emit.end().tokens) == ("length", 3)
    model = Wrapped(one.model, lambda: None)
    model.lm_head = lambda hidden: (
        one.model.lm_head(hidden) + 1e4 * torch.eye(one.model.config.vocab_size)[tiny_tok.eot_token]
    )
    ended = job(tiny_tok, "x")
    batcher(model).submit(ended)
    assert (ended.emit.end().reason, ended.emit.end().tokens, ended.emit.text) == ("stop", 1, "")


def test_stop_strings_cut_the_reply(batcher, tiny_tok):
    whole = job(tiny_tok, "the end", 3, limit=60, logprobs=True)
    one = batcher()
    one.submit(whole)
    whole.emit.end()
    text = whole.emit.text
    stop = text[10:14]  # across tokens: this vocabulary is nearly all single bytes
    cut = job(tiny_tok, "the end", 3, limit=60, stop=("never", stop), logprobs=True)
    one.submit(cut)
    assert cut.emit.end().reason == "stop"
    assert cut.emit.text == text[: text.index(stop)]
    assert cut.emit.end().tokens < whole.emit.end().tokens
    notes = [note for event in cut.emit.events if isinstance(event, Text) for note in event.logprobs]
    kept = b"".join(bytes(note["bytes"]) for note in notes).decode("utf-8", "replace")
    assert kept.startswith(cut.emit.text) and len(kept) < len(cut.emit.text) + 4


def test_cancelled_rows_are_given_back(batcher, tiny_gpt, tiny_tok):
    one = batcher(Wrapped(tiny_gpt, lambda: time.sleep(0.02)), slots=1)
    endless, waiting, after = (job(tiny_tok, p, limit=150, sampling=Sampling(0.0)) for p in ("zz", "b", "c"))
    after.limit = 2
    for request in (endless, waiting, after):
        one.submit(request)
    while not endless.emit.events:
        time.sleep(0.01)
    endless.cancelled = waiting.cancelled = True
    assert after.emit.end().tokens <= 2
    assert not endless.emit.finished.is_set() and not waiting.emit.events


def test_a_bad_request_fails_alone(batcher, tiny_gpt, tiny_tok):
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


def test_a_failing_step_is_answered_and_the_next_request_works(batcher, tiny_gpt, tiny_tok):
    trouble = [None, RuntimeError("out of memory")]

    def before():
        error = trouble.pop() if trouble else None
        if error:
            raise error

    one = batcher(Wrapped(tiny_gpt, before))
    first, second = job(tiny_tok, "the end"), job(tiny_tok, "the end")
    one.submit(first)
    assert first.emit.end() == Failed("the model failed: RuntimeError: out of memory")
    one.submit(second)
    assert isinstance(second.emit.end(), Done)


def test_nothing_of_the_last_owner_of_a_row_remains(batcher, tiny_gpt, tiny_tok):
    one, request = batcher(slots=1), job(tiny_tok, "the end")
    one.cache.k.fill_(float("nan"))
    one.cache.v.fill_(float("nan"))
    one.submit(request)
    assert request.emit.end().tokens == len(alone(tiny_gpt, tiny_tok, request))


def test_damaged_weights_are_said_to_be(batcher, tiny_gpt, tiny_tok):
    poisoned = Wrapped(tiny_gpt, lambda: None)
    poisoned.lm_head = lambda hidden: tiny_gpt.lm_head(hidden) * float("nan")
    request = job(tiny_tok, "x", sampling=Sampling(0.0))  # argmax of NaN would be a token like any other
    batcher(poisoned).submit(request)
    assert "not a number" in request.emit.end().message


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_of_the_worker_answers_everyone(batcher, tiny_tok):
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


def test_the_queue_is_bounded(batcher, tiny_gpt, tiny_tok):
    go = threading.Event()
    one = batcher(Wrapped(tiny_gpt, lambda: go.wait(10)), slots=1, max_queue=2)
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


def test_retire_finishes_and_close_does_not(batcher, tiny_gpt, tiny_tok):
    slow = Wrapped(tiny_gpt, lambda: time.sleep(0.02))
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


def test_random_seeds_differ_and_given_seeds_repeat(batcher, tiny_tok):
    one = batcher()
    texts = {}
    for seed in (-1, 5, -5):
        jobs = [job(tiny_tok, "the", seed, sampling=Sampling(2.0)) for _ in range(3)]
        for request in jobs:
            one.submit(request)
        texts[seed] = {request.emit.end() and request.emit.text for request in jobs}
    assert len(texts[-1]) == 3 and len(texts[5]) == len(texts[-5]) == 1 and texts[5] != texts[-5]


def test_logprobs_are_of_the_raw_logits(tiny_tok):
    logits = torch.randn(tiny_tok.n_vocab)
    entry = token_logprobs(tiny_tok, logits, 65, 3)
    expected = logits - logits.exp().sum().log()
    assert entry["token"] == "A" and entry["bytes"] == [65]
    assert entry["logprob"] == pytest.approx(float(expected[65]), abs=1e-5)
    best = expected.argsort(descending=True)[:3]
    assert [top["logprob"] for top in entry["top_logprobs"]] == pytest.approx(
        expected[best].tolist(), abs=1e-5
    )


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="abé🙂\n", max_size=30),
    st.lists(st.text(alphabet="abé🙂\n", min_size=1, max_size=4), max_size=3),
    st.randoms(use_true_random=False),
)
def test_text_stream_equals_cutting_the_whole_text(text, stops, random):
    """However the bytes are cut into tokens, the pieces join to the text before the first stop string."""
    data, tokens = text.encode(), []
    while data:
        size = random.randint(1, 5)
        tokens.append(data[:size])
        data = data[size:]
    stream, out, notes = TextStream(stops), "", []
    for number, token in enumerate(tokens):
        piece, some = stream.add(token, number)
        assert not some or piece
        out, notes = out + piece, notes + some
        assert "�" not in piece, "a character was cut"
        if stream.stopped:
            break
    piece, some = stream.close()
    out, notes = out + piece, notes + some
    places = [text.find(stop) for stop in stops if stop in text]
    assert stream.stopped == bool(places)
    if not places:
        assert out == text and notes == list(range(len(tokens)))
    else:  # which of two overlapping stop strings is seen first depends on where the tokens end
        assert text.startswith(out) and notes == list(range(len(notes)))
        assert any(text[len(out) :].startswith(stop) for stop in stops)
        assert not any(stop in out for stop in stops)


def test_text_stream_holds_back_as_little_as_possible():
    stream = TextStream(["###", "\n\nQ"])
    assert stream.add(b"ab#", 0) == ("ab", [0])
    assert stream.add(b"#c\n", 1) == ("##c", [1])
    assert stream.add(b"\n", 2) == ("", [])
    assert stream.close()[0] == "\n\n"
    broken = TextStream()
    assert broken.add(b"\xc3", 0) == ("", [])
    assert broken.close() == ("�", [0])
