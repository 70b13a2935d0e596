"""Before and after, tasks by hand; the win rate at equal length where the truth is known."""

import numpy as np
import pytest

from helpers.evaluate import compare
from helpers.files import CourseError


def drawn(extra, polite, length_shows=0, questions=2000, draws=4, seed=0):
    """Levels and lengths of answers, (draws, questions): so much longer, so often polite, which may take more words."""
    rng = np.random.default_rng(seed)
    voices = rng.random((draws, questions)) < polite
    return voices * 1.0, rng.integers(8, 14, voices.shape) + rng.integers(0, 2 * extra + 1, voices.shape) + (
        length_shows * voices
    )


def contests(after, before):
    """Every draw of one side against every draw of the other: (16, questions)."""
    gaps = (after[1][:, None] - before[1][None]).reshape(16, -1)
    return (1 + np.sign(after[0][:, None] - before[0][None]).reshape(16, -1)) / 2, gaps


AFTER, BEFORE = drawn(extra=3, polite=0.9), drawn(extra=0, polite=0.2, seed=1)
TRUE_RATE = 0.9 * 0.8 + (0.9 * 0.2 + 0.1 * 0.8) / 2  # wins, and half of the ties


def test_a_judge_of_length_alone_has_nothing_to_say_at_equal_length():
    _, gaps = contests(AFTER, BEFORE)
    by_length = (1 + np.sign(gaps)) / 2
    assert by_length.mean() > 0.7  # side a is longer, so such a judge prefers it
    assert compare.length_matched(by_length, gaps).value == 0.5
    assert compare.length_matched(by_length, gaps, within=2).low > 0.5  # nearly equal is not equal


def test_a_judge_of_politeness_alone_keeps_its_rate():
    scores, gaps = contests(AFTER, BEFORE)
    found = compare.length_matched(scores, gaps)
    assert found.low < TRUE_RATE < found.high and found.high - found.low < 0.05


def test_a_judge_of_both_is_left_with_politeness():
    scores, gaps = contests(AFTER, BEFORE)
    by_both = np.where(scores == 0.5, (1 + np.sign(gaps)) / 2, scores)  # equally polite: the longer one wins
    found = compare.length_matched(by_both, gaps)
    assert by_both.mean() > TRUE_RATE + 0.02 and found.low < TRUE_RATE < found.high


def test_where_politeness_takes_words_it_is_the_rate_among_answers_of_equal_length():
    many = dict(questions=200_000, draws=1)
    voices, lengths = zip(drawn(3, 0.9, 4, **many), drawn(0, 0.2, 4, seed=1, **many), strict=True)
    equal = lengths[0] == lengths[1]
    truth = ((1 + np.sign(voices[0] - voices[1])) / 2)[equal].mean()
    found = compare.length_matched(*contests(drawn(3, 0.9, 4, draws=4), drawn(0, 0.2, 4, draws=4, seed=1)))
    assert truth < TRUE_RATE - 0.02 and found.low < truth + 0.01 and truth - 0.01 < found.high


def test_each_question_counts_once_by_hand():
    scores = np.tile([[1.0, 1], [1, 0], [0, 0]], 10)
    gaps = np.tile([[0, 0], [0, 0], [3, 0]], 10)
    assert compare.length_matched(scores, gaps).value == pytest.approx((1 + 1 / 3) / 2)


def test_too_few_questions_of_equal_length_are_said():
    with pytest.raises(CourseError, match="Only 19 questions .* draw more answers"):
        compare.length_matched(np.ones((1, 30)), np.repeat([[0, 5]], [19, 11], axis=1))
    with pytest.raises(CourseError, match="the same shape"):
        compare.length_matched(np.ones(30), np.zeros(30))


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


def test_before_and_after_by_hand():
    before, after = {"right": np.array([1.0, 1, 0, 0])}, {"right": np.array([1.0, 1, 1, 0])}
    (row,) = compare.before_after(before, after)
    assert (row["measure"], row["before"], row["after"], row["difference"]) == ("right", 0.5, 0.75, 0.25)
    assert row["low"] <= 0.25 <= row["high"]


def test_no_questions_have_no_difference():
    with pytest.raises(CourseError, match="at least 2 prompts"):
        compare.before_after({"right": np.array([])}, {"right": np.array([])})
