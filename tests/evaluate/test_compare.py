"""Before and after, length control, tasks and forgetting: each against a case worked by hand."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from helpers.evaluate import compare
from helpers.files import CourseError


def contests(longer, longer_wins, shorter, shorter_wins, by=10):
    """Side a is longer in some contests and shorter in others, and wins some of each."""
    scores = [1] * longer_wins + [0] * (longer - longer_wins) + [1] * shorter_wins + [0] * (shorter - shorter_wins)
    return np.array(scores, dtype=float), np.array([by] * longer + [-by] * shorter)


def test_where_length_explains_everything_nothing_is_left():
    """The longer answer wins four times in five, whoever wrote it; side a is longer in nine of ten contests."""
    scores, lengths = contests(450, 360, 50, 10)
    assert scores.mean() == 0.74
    found = compare.length_controlled(scores, lengths)
    assert found.value == pytest.approx(0.5, abs=0.005) and found.low < 0.5 < found.high


def test_where_length_explains_nothing_all_is_left():
    scores, lengths = contests(400, 320, 100, 80)
    assert compare.length_controlled(scores, lengths).value == pytest.approx(0.8, abs=0.001)


def test_without_any_difference_in_length_it_is_the_win_rate():
    scores = np.array([1.0, 1, 1, 0.5, 0] * 20)
    assert compare.length_controlled(scores, np.zeros(100)).value == pytest.approx(0.7, abs=0.001)


def test_ties_count_as_half_a_win_and_half_a_loss():
    lengths = np.array([3.0, 5, -2, 8, 1, -6])
    ties = compare.length_controlled([1, 0.5, 0.5, 1, 0, 0.5], lengths).value
    split = compare.length_controlled([1, 1, 1, 1, 0, 1] + [1, 0, 0, 1, 0, 0], np.tile(lengths, 2)).value
    assert ties == pytest.approx(split, abs=0.01)
    assert compare.length_controlled(np.full(6, 0.5), lengths) == pytest.approx((0.5, 0.5, 0.5))


def test_it_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    lengths = rng.normal(4, 6, 300)
    scores = (rng.random(300) < 1 / (1 + np.exp(-0.5 - lengths / 6))).astype(float)
    fit = LogisticRegression(C=1e6).fit(np.tanh(lengths / lengths.std())[:, None], scores)
    expected = 1 / (1 + np.exp(-fit.intercept_.item()))
    assert compare.length_controlled(scores, lengths).value == pytest.approx(expected, abs=0.002)


def test_a_side_that_wins_everything_keeps_a_finite_answer():
    found = compare.length_controlled(np.ones(40), np.arange(40.0))
    assert 0.97 < found.low <= found.value <= 1


@pytest.mark.parametrize("scores, lengths", [([1.0], [2]), ([1.0, 0.0], [1]), ([], [])])
def test_too_few_contests_are_refused(scores, lengths):
    with pytest.raises(CourseError, match="at least 2 contests"):
        compare.length_controlled(scores, lengths)


def test_win_rates_by_length_by_hand():
    rows = compare.win_rate_by_length([1, 0, 1, 0.5, 1], [-5, -3, 2, 0, 9])
    assert [row["contests"] for row in rows] == [2, 2, 1]
    assert [row["win rate"] for row in rows] == [0.5, 0.75, 1.0]
    assert compare.win_rate_by_length([1.0, 1.0], [0, 1])[0]["win rate"] is None


def test_tasks_by_hand():
    tasks = ["sort", "capital", "sort", "sort", "capital", "alone"]
    rows = compare.by_task(tasks, [1, 1, 1, 1, 0, 1], [1, 1, 0, 0, 1, 0])
    assert [(row["task"], row["questions"], row["before"], row["after"]) for row in rows] == [
        ("alone", 1, 1, 0),
        ("sort", 3, 1, pytest.approx(1 / 3)),
        ("capital", 2, 0.5, 1),
    ]
    assert (rows[0]["difference"], rows[0]["low"]) == (-1, None)  # one question has no interval
    assert rows[1]["low"] <= rows[1]["difference"] <= rows[1]["high"]
    with pytest.raises(CourseError, match="one task and one value"):
        compare.by_task(tasks, [1], [1])


BEFORE = [[1, 1, 1, 0], [1, 1, 0, 0]]  # two samples of four questions
AFTER = [[0, 1, 0, 0], [0, 0, 0, 1]]


def test_what_was_forgotten_by_hand():
    assert compare.forgotten(BEFORE, AFTER) == [0]  # 1 is right now and then, 2 was not sure before
    assert compare.consistency(BEFORE) == ["always", "always", "sometimes", "never"]
    assert compare.consistency(AFTER) == ["never", "sometimes", "never", "sometimes"]


def test_samples_that_do_not_fit_together_are_refused():
    with pytest.raises(CourseError, match="4 questions before and 3 after"):
        compare.forgotten(BEFORE, [[1, 0, 1]])
    with pytest.raises(CourseError, match="one row for each sample"):
        compare.consistency([1, 0])


def test_before_and_after_by_hand():
    before, after = {"right": np.array([1.0, 1, 0, 0])}, {"right": np.array([1.0, 1, 1, 0])}
    (row,) = compare.before_after(before, after)
    assert (row["measure"], row["before"], row["after"], row["difference"]) == ("right", 0.5, 0.75, 0.25)
    assert row["low"] <= 0.25 <= row["high"]


def test_no_questions_have_no_difference():
    with pytest.raises(CourseError, match="at least 2 prompts"):
        compare.before_after({"right": np.array([])}, {"right": np.array([])})
