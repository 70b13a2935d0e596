"""What the course models are asked: enough of everything, held out, and answerable by its own reference."""

import pytest

from helpers.files import DATA, read_json
from helpers.tools.course import trials
from helpers.tools.course.evaluation import BARS, EVERY_FAMILY
from helpers.tools.course.talk import Talk

FEW = {"EACH_FAMILY": 1, "EACH_DIRECTION": 12, "OF_A_KIND": 24, "CONTESTS": 4}


@pytest.fixture(scope="module")
def sections():
    shipped = [r for r in read_json(DATA / "instruction-data.json") if r["split"] == "train"]
    with pytest.MonkeyPatch.context() as patch:
        for name, count in FEW.items():
            patch.setattr(trials, name, count)
        return trials.trials(Talk(shipped, "test", "held out"))


@pytest.fixture(scope="module")
def everything(sections):
    return [trial for some in sections.values() for trial in some]


def test_every_bar_has_its_measure_and_silence_passes_none(everything):
    found = {}
    for trial in everything:
        for _, rule in trial.asks:
            found.update({(trial.row, measure): holds for measure, holds in rule("").items()})
            assert rule(None).keys() == rule("").keys()
    assert not set(BARS) - set(found)
    wanted = {key for key in BARS if key[1] != "answered with something else"}
    assert not any(found[key] for key in wanted)


def test_every_family_and_direction_is_asked(sections):
    families = [trial.group for trial in sections["known facts"] if trial.row == EVERY_FAMILY]
    assert len(set(families)) == len(families) > 40
    rows = [trial.row for trial in sections["rewrites"]]
    assert {rows.count(f"rewrite: {direction}") for direction in trials.DIRECTIONS} == {FEW["EACH_DIRECTION"]}
    assert min(trials.EACH_DIRECTION, trials.OF_A_KIND) >= 150


def test_the_reference_of_a_rewrite_passes_its_rule(sections):
    for trial in sections["rewrites"] + [one for one in sections["scores, revisions"] if one.row == "revise"]:
        ((prompt, rule),) = trial.asks
        assert all(rule(trial.expected).values()), (prompt, trial.expected)


def test_in_the_second_order_the_other_label_is_right(sections):
    for trial in sections["contests"]:
        (one, first), (two, second) = trial.asks
        a, b = trial.expected.split(", ")
        assert a != b and one != two and sorted(one) == sorted(two)
        assert first(a)["right"] and second(b)["right"] and not first(b)["right"] and not second(a)["right"]


def test_the_references_of_json_and_scores_pass(sections):
    for trial in sections["JSON"]:
        assert trial.asks[0][1](trial.expected) == {"follows": True, "right": True}, trial
    for trial in sections["scores, revisions"]:
        assert trial.row == "revise" or trial.asks[0][1](trial.expected)["right"], trial


def test_records_of_part_one_are_of_three_kinds():
    assert {name: len(records) for name, records in trials.record_sets(invented=5).items()} == {
        "held out": 60,
        "reserve": 60,
        "invented": 5,
    }
