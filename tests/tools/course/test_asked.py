"""The requests that were written by hand, by someone who had not seen what generates the training examples."""

from collections import Counter

from helpers.files import DATA, read_json
from helpers.records import contains_answer
from helpers.tools.course.talk import Talk

ASKED = read_json(DATA / "course" / "asked.json")


def of(name):
    return [one for one in ASKED if one["set"] == name]


def test_there_are_enough_of_every_kind():
    counts = Counter(one["set"] for one in ASKED)
    assert counts["known"] >= 300 and min(counts[name] for name in ("near", "far")) >= 100
    assert min(counts[name] for name in ("rewrite", "judge")) >= 80 and min(counts.values()) >= 30
    assert len({one["id"] for one in ASKED}) == len({one["request"] for one in ASKED}) == len(ASKED)


def test_what_is_known_has_an_answer_and_what_is_not_has_none():
    for one in of("known") + of("two") + of("identity"):
        assert one["answer"] and all(strings and all(strings) for strings in one["answer"]), one
    assert not any(one["answer"] for one in of("near") + of("far"))
    for one in of("rewrite"):
        assert one["keep"] and all(contains_answer(one["source"], [string]) for string in one["keep"]), one
    assert Counter(one["better"] for one in of("judge")) == {"A": 40, "B": 40}


def test_none_of_them_is_trained_on():
    records = [record for record in read_json(DATA / "instruction-data.json") if record["split"] == "train"]
    drawn = iter([("Capital Greece!", "Athens."), ("Who rules?", "Nobody.")])
    talk = Talk(records)
    talk.draw, talk.scripted = lambda: ["scripted"], lambda: next(drawn)
    assert talk.example() == ("Who rules?", "Nobody.")
