"""No more is asked at once than a server works on, and the time limit follows what was measured.

The servers here are real ones, 50 times as fast: a limit of 120 s is one of 2.4 s.
"""

import random
import time

import httpx
import ollama
import pytest

from helpers.llm import pace as module
from helpers.llm.client import LLM, LLMError, Retry
from helpers.llm.pace import Pace

FASTER = 50


@pytest.fixture(autouse=True)
def faster(monkeypatch):
    monkeypatch.setattr(module, "SHORT", 0.5 / FASTER)


@pytest.fixture
def llm_of():
    """Call it with a server and its time limit in seconds, as `connect` would make it."""

    def llm(server, timeout=120 / FASTER):
        pace = Pace()
        hooks = {"request": [pace.give_time]}
        client = ollama.Client(server.url, timeout=httpx.Timeout(timeout), trust_env=False, event_hooks=hooks)
        return LLM(client, "test-model", server.url, timeout=timeout, retry=Retry(tries=1), pace=pace)

    return llm


def test_a_server_with_one_place_gets_little_more_than_one_request(fake_ollama, llm_of):
    """Sixteen at once would wait 16 × 8.5 s = 136 s for the last of them, beyond the limit of 120 s."""
    server = fake_ollama(slots=1, work=lambda body: 8.5 / FASTER)
    llm, started = llm_of(server), time.monotonic()
    assert len(llm.ask_many([str(n) for n in range(24)], workers=16)) == 24
    took = time.monotonic() - started
    assert took < 1.5 * 24 * 8.5 / FASTER, "the server was left idle"
    assert server.most_at_once <= 3 and llm.pace.requests == 24


@pytest.mark.parametrize("slots", [4, 16])
def test_a_server_with_several_places_is_kept_busy(fake_ollama, llm_of, slots):
    rng = random.Random(1)
    server = fake_ollama(slots=slots, work=lambda body: rng.uniform(3, 9) / FASTER)
    llm, started = llm_of(server), time.monotonic()
    llm.ask_many([str(n) for n in range(20 * slots)], workers=16)
    took = time.monotonic() - started
    assert took < 1.6 * 20 * 6 / FASTER + 6 * 9 / FASTER  # and what it takes to find out
    assert slots <= server.most_at_once <= 2 * slots + 1


def test_a_server_that_tells_no_durations_is_given_all_workers(fake_ollama, llm_of):
    server = fake_ollama(delay=0.02)
    llm = llm_of(server)
    llm.ask_many([str(n) for n in range(60)], workers=8)
    assert server.most_at_once == 8 and llm.pace.time_needed == 0 == llm.pace.requests


def test_the_time_limit_grows_with_what_was_measured(fake_ollama, llm_of):
    seconds = iter([0.15, 0.6])
    server = fake_ollama(slots=1, work=lambda body: next(seconds))
    llm = llm_of(server, timeout=0.3)
    llm.ask("short", num_predict=20)
    per_token = 0.9 * 0.15 / 5  # of the fake's five tokens
    assert llm.time_limit == pytest.approx(module.MARGIN * (0.1 * 0.15 + 20 * per_token), rel=0.3)
    assert llm.ask("long", num_predict=20).seconds > 0.5


def test_a_fast_server_that_hangs_is_noticed_in_time(fake_ollama, llm_of):
    server = fake_ollama(slots=1, work=lambda body: 0.001)
    llm = llm_of(server, timeout=0.3)
    llm.ask("x", num_predict=5)
    server.trouble = lambda body: "hang"
    started = time.monotonic()
    with pytest.raises(LLMError, match="no answer within 0.3 s.*answered 1 requests before.*workers=1.*patience"):
        llm.ask("x", num_predict=5)
    assert time.monotonic() - started < 2 and llm.pace.at_once == 1


def answer(work, tokens=10):
    return {"prompt_eval_duration": 0, "eval_duration": int(work * 1e9), "eval_count": tokens}


@pytest.mark.parametrize(("under_way", "waited", "at_once"), [(2, 8.0, 1), (6, 4.1, 4), (8, 8.0, 4), (2, 0.1, 6)])
def test_how_many_places_a_wait_tells_of(under_way, waited, at_once):
    pace = Pace()
    pace.at_once = 6
    pace.learn(under_way, 8.0 + waited, answer(8.0))
    assert pace.at_once == at_once


def test_one_more_is_tried_when_all_places_were_used_without_a_wait():
    pace = Pace()
    for number in range(1, 5):
        pace.learn(number, 8.1, answer(8.0))
        assert pace.at_once == number + 1
    pace.learn(2, 8.1, answer(8.0))
    assert pace.at_once == 5


def test_loading_the_model_is_no_waiting():
    pace = Pace()
    pace.at_once = 4
    pace.learn(4, 68.0, answer(8.0) | {"load_duration": int(60e9)})
    assert pace.at_once == 5 and pace.slowest == pytest.approx(8.0)
