"""What a record is asked again for: limits that are raised reuse what is good, and go on where they ended."""

from dataclasses import replace

import pytest

from helpers.files import DATA, read_jsonl
from helpers.pairs.method import BuildSettings, Method, Outcome
from helpers.pairs.row import RunKey, first_seed
from helpers.pairs.run import build_preferences, finished_rows
from helpers.records import load_instructions

RECORDS = load_instructions(DATA / "instruction-data.json")[:6]
HARD, SETTINGS = RECORDS[2], BuildSettings(workers=2, num_predict=64)


def good(body):
    return "Dear friend, " + body["prompt"].split("Answer: ")[1].split("\n\nRewrite")[0]


class Model:
    """Rewrites well, but the hard record only with the seeds `able`; `cut`: those at which it needs 100 tokens."""

    def __init__(self, able=(), cut=()):
        self.able, self.cut = able, cut
        self.first = None

    def __call__(self, body):
        if HARD.output not in body["prompt"]:
            return good(body)
        seed = body["options"]["seed"]
        self.first = seed if self.first is None else self.first
        if seed - self.first in self.cut and body["options"]["num_predict"] < 100:
            return good(body) + " …"
        return good(body) if seed - self.first in self.able else "Gladly! Bananas."


@pytest.fixture
def built(fake_ollama, llm_of, tmp_path):
    """Call it with a model; gives a function that builds with changed settings: (summary, seeds asked of HARD)."""

    def start(model, method=None):
        server, path = fake_ollama(answer=model), tmp_path / "rows.jsonl"

        def build(**changes):
            before = len(server.bodies)
            summary = build_preferences(RECORDS, llm_of(server), path, replace(SETTINGS, **changes), method)
            bodies = server.bodies[before:]
            first = first_seed(RunKey.of(llm_of(server), SETTINGS, method).fingerprint(HARD), SETTINGS.seed)
            seeds = [body["options"]["seed"] - first for body in bodies if HARD.output in body["prompt"]]
            assert len(bodies) - len(seeds) == (0 if before else 5), "a good row was asked again"
            return summary, seeds

        build.rows = lambda: {row["output"]: row for row in read_jsonl(path)}
        build.finished = lambda: list(finished_rows(RECORDS, llm_of(server), path, SETTINGS, method))
        return build

    return start


def test_more_retries_go_on_with_the_next_seed(built):
    build = built(Model(able=[4]))
    summary, seeds = build()
    assert (summary.made, summary.set_aside, summary.retried, seeds) == (5, 1, 2, [0, 1, 2])
    summary, seeds = build(max_retries=5)
    assert (summary.made, summary.reused, summary.set_aside, summary.retried) == (1, 5, 0, 2)
    assert seeds == [3, 4]
    row = build.rows()[HARD.output]
    assert (row["status"], row["attempts"], row["calls"], len(row["failed_attempts"])) == ("ok", 5, 5, 4)
    assert [row["status"] for row in build.finished()] == ["ok"] * 6
    assert build()[1] == build(max_retries=9)[1] == []


def test_fewer_retries_ask_for_nothing(built):
    build = built(Model())
    build()
    summary, seeds = build(max_retries=0)
    assert (summary.reused, summary.set_aside, seeds) == (5, 1, [])


def test_a_higher_token_limit_asks_again_only_where_a_reply_was_cut(built):
    build = built(Model(able=[1], cut=[1, 2]))
    assert build()[1] == [0, 1, 2]
    assert build(num_predict=80)[1] == [1, 2]  # still cut
    assert build(num_predict=80)[1] == [] == build(num_predict=64)[1]
    summary, seeds = build(num_predict=200)
    assert (summary.made, summary.reused, seeds) == (1, 5, [1])


def test_a_higher_token_limit_asks_nothing_where_no_reply_was_cut(built):
    build = built(Model())
    build()
    assert build(num_predict=2000)[1] == []


def test_what_was_set_aside_is_asked_again_on_request_with_new_seeds(built):
    build = built(Model(able=[7]))
    build()
    assert build(retry_set_aside=True)[1] == [3, 4, 5]
    summary, seeds = build(retry_set_aside=True)
    assert (summary.made, summary.reused, seeds) == (1, 5, [6, 7])
    assert build(retry_set_aside=True)[1] == []


def test_a_tie_is_settled_until_it_is_asked_again_on_request(built):
    def make(record, ask, seed):
        reply = ask.ask(f"Answer: {record.output}\n\nRewrite", seed=seed, **SETTINGS.sampling)
        return Outcome(record.output, reply.text, tie="Bananas" in reply.text)

    build = built(Model(able=[2]), Method("test", 1, 1, make))
    assert build()[1] == [0] and build(max_retries=9, num_predict=999)[1] == []
    assert build(retry_set_aside=True)[1] == [1]
    summary, seeds = build(retry_set_aside=True)
    assert (summary.made, summary.ties, seeds) == (1, 0, [2])
    row = build.rows()[HARD.output]
    assert [attempt["problems"] for attempt in row["failed_attempts"]] == [["tie: neither side is better"]] * 2


def test_a_refusal_is_settled(built, fake_ollama, llm_of, tmp_path):
    server = fake_ollama(trouble=lambda body: (400, "no") if HARD.output in body["prompt"] else None)
    for limits in ({}, {"max_retries": 9, "num_predict": 999}):
        build_preferences(RECORDS, llm_of(server), tmp_path / "rows.jsonl", replace(SETTINGS, **limits))
    assert len(server.bodies) == 6


def test_a_record_that_comes_twice_is_asked_again_once(fake_ollama, llm_of, tmp_path):
    server, path = fake_ollama(answer=lambda body: "Bananas."), tmp_path / "rows.jsonl"
    settings = BuildSettings(max_retries=0, retry_set_aside=True, workers=1)
    for requests in (1, 2):
        summary = build_preferences([HARD] * 9, llm_of(server), path, settings)
        assert (summary.set_aside, len(server.bodies)) == (9, requests)


@pytest.mark.parametrize("limit", [{"max_retries": 0}, {"num_predict": 1}, {"workers": 1}, {"retry_set_aside": True}])
def test_limits_are_no_part_of_the_identity(fake_ollama, llm_of, limit):
    llm = llm_of(fake_ollama())
    one, other = (RunKey.of(llm, replace(SETTINGS, **changes), None).fingerprint(HARD) for changes in ({}, limit))
    assert one == other
