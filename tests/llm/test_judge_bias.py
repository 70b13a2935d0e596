"""Measures of a judge, by judges with a known fault."""

import pytest

from helpers.files import CourseError
from helpers.llm.judge import Verdict
from helpers.llm.judge_bias import accuracy, length_bias, self_preference

RIGHT, WRONG = {"a": Verdict("A", "B"), "b": Verdict("B", "A")}, {"a": Verdict("B", "A"), "b": Verdict("A", "B")}
FIRST = Verdict("A", "A")


def test_a_judge_that_follows_the_place_is_right_half_the_time_and_keeps_nothing():
    found = accuracy([FIRST] * 4, ["a", "b", "a", "b"])
    assert found == {
        "contests": 4,
        "single verdicts right": 0.5,
        "right in both orders": 0.0,
        "kept": 0.0,
        "kept right": None,
    }


def test_what_the_swap_rule_buys_by_hand():
    verdicts = [RIGHT["a"], RIGHT["b"], RIGHT["b"], WRONG["a"], FIRST, FIRST, Verdict("B", "B"), Verdict("B", "B")]
    found = accuracy(verdicts, ["a", "b", "b", "a", "a", "b", "a", "b"])
    assert found["single verdicts right"] == (3 * 2 + 0 + 4) / 16
    assert (found["right in both orders"], found["kept"], found["kept right"]) == (3 / 8, 4 / 8, 3 / 4)


def test_contests_without_a_true_winner_do_not_count_and_missing_verdicts_are_wrong():
    found = accuracy([RIGHT["a"], RIGHT["a"], Verdict(None, None, "malformed")], ["a", "tie", "b"])
    assert found["contests"] == 2 and found["single verdicts right"] == 0.5 and found["kept right"] == 1
    assert accuracy([], [])["right in both orders"] is None
    with pytest.raises(CourseError, match="1 verdicts do not fit 2"):
        accuracy([FIRST], ["a", "b"])


CONTESTS = [
    ("q", "long text", "short"),
    ("q", "short", "long text"),
    ("q", "long text", "short"),
    ("q", "same", "same"),
]


def test_a_judge_of_length_has_an_excess():
    by_length = ["a", "b", "a", "tie"]
    found = length_bias(by_length, CONTESTS, ["a", "a", "b", "tie"])
    assert (found["contests"], found["longer wins, by the judge"]) == (3, 1.0)
    assert found["longer wins, in truth"] == pytest.approx(1 / 3) and found["excess"] == pytest.approx(2 / 3)
    assert length_bias(["a", "a", "b", "a"], CONTESTS, ["a", "a", "b", "tie"])["excess"] == 0


def test_length_bias_on_contests_without_a_better_side():
    found = length_bias(["a", "b", "b", "a"], CONTESTS, ["tie"] * 4)
    assert found["longer wins a tie"] == pytest.approx(2 / 3), "equal lengths are left out"
    assert found["contests"] == 0 and found["excess"] is None
    assert length_bias([None, "tie", "tie", "tie"], CONTESTS, ["tie"] * 4)["longer wins a tie"] is None


def test_self_preference():
    found = self_preference(["a", "a", "b", "tie", None], ["a", "a", "a", "a", "a"], ["a", "b", "b", "a", "a"])
    assert found["contests"] == 3 and found["own wins, by the judge"] == pytest.approx(2 / 3)
    assert found["excess"] == pytest.approx(1 / 3)
    turned = self_preference(["b", "b", "a"], ["b", "b", "b"], ["b", "a", "a"])
    assert turned["excess"] == pytest.approx(1 / 3)
