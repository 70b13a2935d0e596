"""One batch for all requests, and nobody notices the others."""

import threading

import pytest
import torch

from helpers.gpt.sampling import Sampling
from helpers.llm.server.batching import Batcher, Done, Piece, logprob_entry

SAMPLING = Sampling(0.9, top_k=40, top_p=0.95)
PROMPTS = ["the end", "q", "you and the others, all of them", "é?", "fourth " * 9, "{", "1 2 3", "er er"]


def test_replies_are_those_of_the_plain_loop(batcher, tiny_gpt, tiny_tok, job, alone):
    one = batcher()
    for seed, prompt in enumerate(PROMPTS):
        for sampling in (SAMPLING, Sampling(0.0), Sampling(1.3, repeat_penalty=1.5)):
            request = job(tiny_tok, prompt, seed, sampling=sampling)
            expected = alone(tiny_gpt, tiny_tok, request)
            one.submit(request)
            assert request.emit.end().tokens == len(expected)
            text = tiny_tok.decode([token for token in expected if token != tiny_tok.eot_token])
            assert request.emit.text == text


def test_the_worker_computes_on_one_thread_and_nobody_else_is_changed(batcher, tiny_gpt, tiny_tok, job, wrapped):
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(3)
    try:
        one, request = (
            batcher(wrapped(tiny_gpt, lambda: seen.append(torch.get_num_threads()))),
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
def test_same_reply_alone_in_company_and_in_any_slot(batcher, tiny_tok, threads, monkeypatch, job):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # with two, halves of the batch would be computed by different threads
    try:
        lone = batcher(slots=16)
        assert torch.get_num_threads() == threads, "the reader's own number of threads is left alone"
        reference = job(tiny_tok, "tell you the end", 7, 12, top_logprobs=0, sampling=Sampling(1.5))
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
            target = job(tiny_tok, "tell you the end", 7, 12, top_logprobs=0, sampling=Sampling(1.5))
            with crowd._changed:  # so that all of them are admitted at once, in this order
                for other in others[:company] + [target] + others[company:]:
                    crowd.waiting.append(other)
                crowd._changed.notify()
            target.emit.end()
            assert target.emit.text == reference.emit.text
            logprobs, expected = (
                [n["logprob"] for e in a.events if isinstance(e, Piece) for n in e.logprobs]
                for a in (target.emit, reference.emit)
            )
            assert logprobs == pytest.approx(expected, abs=1e-5)
        assert len(seen) == 16
    finally:
        torch.set_num_threads(before)


def test_more_requests_than_slots_are_decoded_together(batcher, tiny_gpt, tiny_tok, job, alone):
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


def test_limit_and_end_of_text(batcher, tiny_tok, job, wrapped):
    one, request = batcher(), job(tiny_tok, "x", limit=3)
    one.submit(request)
    assert isinstance(request.emit.end(), Done)
    assert (request.emit.end().reason, request.emit.end().tokens) == ("length", 3)
    model = wrapped(one.model, lambda: None)
    model.lm_head = lambda hidden: (
        one.model.lm_head(hidden) + 1e4 * torch.eye(one.model.config.vocab_size)[tiny_tok.eot_token]
    )
    ended = job(tiny_tok, "x")
    batcher(model).submit(ended)
    assert (ended.emit.end().reason, ended.emit.end().tokens, ended.emit.text) == ("stop", 1, "")


def test_stop_strings_cut_the_reply(batcher, tiny_tok, job):
    whole = job(tiny_tok, "the end", 3, limit=60, top_logprobs=0)
    one = batcher()
    one.submit(whole)
    whole.emit.end()
    text = whole.emit.text
    stop = text[10:14]  # across tokens: this vocabulary is nearly all single bytes
    cut = job(tiny_tok, "the end", 3, limit=60, stop=("never", stop), top_logprobs=0)
    one.submit(cut)
    assert cut.emit.end().reason == "stop"
    assert cut.emit.text == text[: text.index(stop)]
    assert cut.emit.end().tokens < whole.emit.end().tokens
    notes = [note for event in cut.emit.events if isinstance(event, Piece) for note in event.logprobs]
    kept = b"".join(bytes(note["bytes"]) for note in notes).decode("utf-8", "replace")
    assert kept.startswith(cut.emit.text) and len(kept) < len(cut.emit.text) + 4


def test_random_seeds_differ_and_given_seeds_repeat(batcher, tiny_tok, job):
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
    entry = logprob_entry(tiny_tok, logits, 65, 3)
    expected = logits - logits.exp().sum().log()
    assert entry["token"] == "A" and entry["bytes"] == [65]
    assert entry["logprob"] == pytest.approx(float(expected[65]), abs=1e-5)
    best = expected.argsort(descending=True)[:3]
    assert [top["logprob"] for top in entry["top_logprobs"]] == pytest.approx(expected[best].tolist(), abs=1e-5)
