"""A plan, against servers whose speed is known."""

from dataclasses import replace

import httpx
import ollama
import pytest

from helpers.llm.client import LLM
from helpers.llm.plan import Plan, plan

PROMPTS = [f"Prompt {number}" for number in range(300)]


@pytest.fixture
def llm_on(fake_ollama, monkeypatch):
    """Call it with what the server shall be."""
    monkeypatch.setattr("helpers.llm.pace.SHORT", 0.02)

    def llm(**server):
        server = fake_ollama(**server)
        client = ollama.Client(server.url, timeout=httpx.Timeout(5), trust_env=False)
        return LLM(client, "test-model", server.url), server

    return llm


@pytest.mark.parametrize(("slots", "seconds"), [(1, 0.3), (4, 0.3 * 2 / 7), (16, 0.3 / 7)])
def test_the_time_and_the_places_are_those_of_the_server(llm_on, slots, seconds):
    llm, server = llm_on(slots=slots, work=lambda body: 0.3)
    planned = plan(llm, PROMPTS, num_predict=9)
    assert planned.seconds == pytest.approx(seconds, rel=0.4)
    assert planned.at_once == pytest.approx(0.3 / seconds, rel=0.4)
    assert planned.minutes == 300 * planned.seconds / 60
    bodies = [(body["prompt"], body["options"]["num_predict"]) for body in server.bodies]
    assert sorted(bodies) == [(prompt, 9) for prompt in PROMPTS[:8]] and bodies[0][0] == PROMPTS[0]
    assert [reply.text for reply in planned.replies] == ["Hello."] * 8


def test_a_server_that_tells_no_durations(llm_on):
    planned = plan(llm_on(delay=0.4)[0], PROMPTS)
    assert planned.at_once == pytest.approx(7, rel=0.4)


def test_no_more_than_the_workers_are_sent_at_once_and_the_number_of_all_can_be_told(llm_on):
    llm, server = llm_on(delay=0.02)
    planned = plan(llm, PROMPTS[:20], workers=3, total=5000)
    assert (planned.requests, len(server.bodies), server.most_at_once) == (5000, 4, 3)


def test_one_request_cannot_be_planned_with(llm_on):
    with pytest.raises(ValueError, match="at least two"):
        plan(llm_on()[0], ["alone"])


PLAN = Plan(requests=900, seconds=4.0, spread=0.25, at_once=1.0, prompt_tokens=120.0, tokens=30.0, person=90.0)


@pytest.mark.parametrize(
    ("minutes", "calls", "records"), [(2, 1, 30), (0, 1, 10), (2, 9, 10), (500, 1, 900), (500, 9, 100)]
)
def test_how_many_records_fit(minutes, calls, records):
    assert PLAN.records_for(minutes, calls) == records


def test_fewer_than_ten_are_no_more_than_all():
    assert replace(PLAN, requests=4).records_for(2) == 4


@pytest.mark.parametrize(("most", "calls", "few"), [(5, 1, 5), (30, 1, 5), (30, 2, 2), (4, 9, 2)])
def test_an_experiment_takes_what_fits_into_twenty_seconds(most, calls, few):
    assert PLAN.few(most, calls) == few


def test_a_slow_server_is_asked_three_times_only(llm_on, monkeypatch):
    monkeypatch.setattr("helpers.llm.plan.SLOW", 0.1)
    llm, server = llm_on(slots=1, work=lambda body: 0.2)
    assert plan(llm, PROMPTS).seconds == pytest.approx(0.2, rel=0.4) and len(server.bodies) == 3


def test_what_a_plan_says():
    words = str(PLAN)
    assert words.startswith(
        "900 requests: about 60.0 minutes (45.0 to 75.0), 4 s each, as the server works on 1.0 at once."
    )
    assert "108,000 tokens of prompts and 27,000 of replies" in words and "22.5 hours, 90 s each" in words
    assert PLAN.row() == {
        **{"requests": 900, "at once": 1.0, "prompt tokens": 108_000, "tokens": 27_000},
        **{"minutes": 60.0, "low": 45.0, "high": 75.0, "people's hours": 22.5},
    }
