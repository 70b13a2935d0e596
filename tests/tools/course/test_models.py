"""The shipped course models reach their numbers; the whole measurement is `python3 -m helpers evaluate-course-models`.

Samples are small, so the bars here lie below the design's by about two standard errors.
"""

import pytest

from helpers.files import DATA
from helpers.gpt.checkpoints import load_model
from helpers.tools.course import measure


@pytest.fixture(scope="module")
def small():
    return load_model(DATA / "models" / "course-small")[:2]


@pytest.fixture(scope="module")
def sets():
    return {name: records[:60] for name, records in measure.record_sets().items()}


def share(count):
    return count[0] / count[1]


def test_the_sets_are_what_they_say(sets):
    shipped = {r["instruction"] for r in measure.read_json(DATA / "instruction-data.json")}
    assert not any(r["instruction"] in shipped for r in sets["reserve"] + sets["invented"] if not r["input"])
    assert all(measure.held_out_fact(r) for r in sets["held out"])


def test_rewrites_of_held_out_records(small, sets):
    counts = measure.measure_rewrites(*small, sets["held out"])
    assert share(counts["rewrite keeps the fact"]) >= 0.91
    assert share(counts["rewrite has the asked voice"]) >= 0.91


def test_judge_in_both_orders(small, sets):
    assert share(measure.measure_judge(*small, sets["held out"], ["pairs"])) >= 0.82


def test_a_judge_that_always_says_a_is_never_right(monkeypatch, sets):
    monkeypatch.setattr(measure, "ask_all", lambda model, tok, asks, sampling: ["A"] * len(asks))
    assert measure.measure_judge(None, None, sets["held out"], ["pairs"]) == (0, 60)


def test_garbled_rewrites_are_caught(monkeypatch, sets):
    """A copy with one letter of the fact changed counts as garbled, and the fact check sees it."""

    def garble(model, tok, asks, sampling):
        facts = iter(sets["invented"] * 2)
        return [f"Glad to help! {(r := next(facts))['output'].lower().replace(r['answer'][0], 'zzz')}" for _ in asks]

    monkeypatch.setattr(measure, "ask_all", garble)
    counts = measure.measure_rewrites(None, None, sets["invented"])
    assert counts["rewrite keeps the fact"][0] == 0
    assert counts["garbled rewrites caught"] == (120, 120)


def test_words_it_never_saw(small, sets):
    assert share(measure.measure_rewrites(*small, sets["invented"])["rewrite keeps the fact"]) >= 0.5
