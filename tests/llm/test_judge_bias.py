"""Measures of a judge, by judges with a known fault."""

import pytest

from helpers.files import CourseError
from helpers.llm.judge import Verdict
from helpers.llm.judge_bias import accuracy, agreement, length_bias, position_bias, self_preference
from helpers.stats import Estimate, wilson

RIGHT, WRONG = {"a": Verdict("A", "B"), "b": Verdict("B", "A")}, {"a": Verdict("B", "A"), "b": Verdict("A", "B")}
FIRST, NONE = Verdict("A", "A"), Verdict(None, None, "malformed")
SIDE = {1: RIGHT["a"], 0: RIGHT["b"], 0.5: FIRST, None: NONE}


def test_a_judge_that_follows_the_place_is_right_half_the_time_and_keeps_nothing():
    found = accuracy([FIRST] * 4, ["a", "b", "a", "b"])
    assert found == {
        "contests": 4,
        "single verdicts right": Estimate(0.5, *wilson(0.5, 4)),
        "right in both orders": Estimate(0, *wilson(0, 4)),
        "kept": Estimate(0, *wilson(0, 4)),
        "kept right": None,
    }


def test_what_the_swap_rule_buys_by_hand():
    verdicts = [RIGHT["a"], RIGHT["b"], RIGHT["b"], WRONG["a"], FIRST, FIRST, Verdict("B", "B"), Verdict("B", "B")]
    found = accuracy(verdicts, ["a", "b", "b", "a", "a", "b", "a", "b"])
    assert found["single verdicts right"].value == (3 * 2 + 0 + 4) / 16
    assert [found[name].value for name in ("right in both orders", "kept", "kept right")] == [3 / 8, 4 / 8, 3 / 4]


def test_intervals_rest_on_contests_and_what_is_kept():
    found = accuracy([RIGHT["a"]] * 9 + [WRONG["a"]] + [FIRST] * 10, ["a"] * 20)
    assert found["right in both orders"][1:] == wilson(9 / 20, 20)
    assert found["kept right"][1:] == wilson(9 / 10, 10)
    assert found["single verdicts right"][1:] == wilson(28 / 40, 20), "two labels of a contest are one trial"
    assert accuracy([RIGHT["a"]] * 20, ["a"] * 20)["kept right"].low < 0.9, "without a mistake the interval has a width"


def test_contests_without_a_true_winner_do_not_count_and_missing_verdicts_are_wrong():
    found = accuracy([RIGHT["a"], RIGHT["a"], Verdict(None, None, "malformed")], ["a", "tie", "b"])
    assert found["contests"] == 2 and found["single verdicts right"].value == 0.5 and found["kept right"].value == 1
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


@pytest.mark.parametrize("letter", ["A", "B"])
def test_the_place_of_a_judge_that_always_names_one_side(letter):
    bias = position_bias([Verdict(letter, letter)] * 4)
    assert bias[f"{letter} both times"] == 1 and sum(bias.values()) == 1


def test_position_bias_by_hand():
    labels = zip("ABAAB", "BAAAB", strict=True)
    found = position_bias([*(Verdict(*pair) for pair in labels), Verdict("tie", "tie"), NONE, NONE])
    assert {kind: round(24 * share) for kind, share in found.items()} == {
        "the same answer": 8, "A both times": 8, "B both times": 4, "no choice": 4, "no verdict": 6
    }  # fmt: skip


def test_agreement_by_hand():
    one, two = ([SIDE[score] for score in row] for row in ([1, 1, 1, 0, 0, 0.5], [1, 1, 0, 0, 0.5, 0.5]))
    found = agreement(one, two)
    # expected by chance: 3/6 · 2/6 (wins) + 2/6 · 2/6 (losses) + 1/6 · 2/6 (ties) = 12/36
    assert found["agreement"] == pytest.approx(4 / 6)
    assert found["kappa"] == pytest.approx((4 / 6 - 12 / 36) / (1 - 12 / 36))
    # decisive for both: (1, 1), (1, 1), (1, 0), (0, 0); chance 3/4 · 2/4 + 1/4 · 2/4 = 1/2
    assert (found["contests"], found["decisive"], found["decisive agreement"]) == (6, 4, 0.75)
    assert found["decisive kappa"] == pytest.approx((0.75 - 0.5) / 0.5)


def test_agreement_leaves_out_and_counts_contests_without_a_verdict():
    one, two = ([SIDE[score] for score in row] for row in ([1, 0, None, 0.5, None], [1, 1, 1, None, None]))
    found = agreement(one, two)
    assert (found["contests"], found["agreement"], found["without a verdict"]) == (2, 0.5, 3)


def test_agreement_on_one_and_the_same_verdict_has_no_kappa():
    found = agreement([RIGHT["a"]] * 5, [RIGHT["a"]] * 5)
    assert found["agreement"] == 1 and found["kappa"] is None


def test_agreement_without_a_decisive_contest():
    found = agreement([FIRST] * 3, [SIDE[score] for score in (1, 0, 0.5)])
    assert found["decisive"] == 0 and found["decisive agreement"] is None and found["decisive kappa"] is None


@pytest.mark.parametrize("verdicts", [[], [NONE]])
def test_without_a_verdict_there_is_no_bias_to_tell(verdicts):
    with pytest.raises(CourseError, match="No contest has a verdict"):
        position_bias(verdicts)
    assert agreement(verdicts, verdicts)["agreement"] is None
