"""Two models on the same questions: what changed, which answers win because they are longer, what was forgotten."""

import numpy as np

from helpers.files import CourseError
from helpers.stats import Estimate, bootstrap, difference

RIDGE = 0.01  # holds the fit finite where one side wins every contest; too weak to be seen elsewhere


def before_after(before, after) -> list[dict]:
    """Rows for a table: each measure before and after, the paired difference and its 95 % interval.

    before, after: {measure: values (n,)} as `per_answer` returns them, of the same questions in the same order.
    """
    return [{"measure": name, **_change(before[name], after[name])} for name in before]


def by_task(tasks, before, after) -> list[dict]:
    """Rows for a table: `before_after` of one measure, task by task; the largest loss first.

    tasks, before, after: one entry for each question. A task of one question has no interval (None).
    """
    tasks, before, after = np.asarray(tasks), np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if not len(tasks) == len(before) == len(after):
        raise CourseError("by_task needs one task and one value before and after for each question.")
    groups = {task: tasks == task for task in sorted(set(tasks.tolist()))}
    rows = [
        {"task": task, "questions": int(rows.sum()), **_change(before[rows], after[rows])}
        for task, rows in groups.items()
    ]
    return sorted(rows, key=lambda row: row["difference"])


def _change(before, after) -> dict:
    change = difference(after, before) if len(before) != 1 else ((after - before).item(), None, None)
    values = (before.mean(), after.mean(), *change)
    return dict(zip(("before", "after", "difference", "low", "high"), values, strict=True))


def length_controlled(scores, length_differences, seed=0) -> Estimate:
    """The win rate of side a if both answers were equally long, with a bootstrap interval over contests.

    A logistic regression, P(a wins) = σ(θ + φ tanh(d / sd(d))), with d the length of a minus that of b, here in
    tokens; the result is σ(θ), as in arXiv 2404.04475 without its term for the difficulty of a question.
    scores (n,): 1 where a wins, 0 where b does; a tie, 0.5, counts as half a win and half a loss.
    Raises CourseError for fewer than 2 contests.
    """
    scores, lengths = (np.asarray(values, dtype=float) for values in (scores, length_differences))
    if scores.shape != lengths.shape or scores.ndim != 1 or len(scores) < 2:
        raise CourseError("A length-controlled win rate needs at least 2 contests, each with a score and lengths.")
    return bootstrap([scores, lengths], _at_equal_length, seed, resamples=1999)


def _at_equal_length(scores, lengths, axis=-1):
    """σ(θ) of the fit by Newton's method, for one set of contests (n,) or for many, (sets, n)."""
    spread = lengths.std(axis=axis, keepdims=True)
    x = np.tanh(np.divide(lengths, spread, out=np.zeros_like(lengths), where=spread > 0))
    theta, phi = np.zeros(scores.shape[:-1]), np.zeros(scores.shape[:-1])
    for _ in range(30):
        p = _sigmoid(theta[..., None] + phi[..., None] * x)
        error, weight = scores - p, p * (1 - p)
        gradient = error.sum(-1) - RIDGE * theta, (error * x).sum(-1) - RIDGE * phi
        a, b, c = weight.sum(-1) + RIDGE, (weight * x).sum(-1), (weight * x * x).sum(-1) + RIDGE
        determinant = a * c - b * b
        steps = (c * gradient[0] - b * gradient[1]) / determinant, (a * gradient[1] - b * gradient[0]) / determinant
        theta, phi = theta + np.clip(steps[0], -2, 2), phi + np.clip(steps[1], -2, 2)
    return _sigmoid(theta)


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


def win_rate_by_length(scores, length_differences, within=2) -> list[dict]:
    """Rows for a table: contests in which a is shorter, about as long, or longer, and how often it wins there."""
    scores, lengths = np.asarray(scores, dtype=float), np.asarray(length_differences)
    groups = {
        "shorter": lengths < -within,
        f"as long, within {within} tokens": abs(lengths) <= within,
        "longer": lengths > within,
    }
    return [
        {"its answer is": name, "contests": int(rows.sum()), "win rate": scores[rows].mean() if rows.any() else None}
        for name, rows in groups.items()
    ]


def consistency(samples) -> list[str]:
    """For each question: "always", "sometimes" or "never" right in the samples (one row a sample)."""
    samples = _right(samples)
    return np.select([samples.all(axis=0), samples.any(axis=0)], ["always", "sometimes"], "never").tolist()


def forgotten(before, after) -> list[int]:
    """Numbers of the questions that were right in every sample before and are wrong in every sample after.

    before, after: one row a sample, one column a question, 1 for right and 0 for wrong.
    """
    before, after = _right(before), _right(after)
    if before.shape[1] != after.shape[1]:
        raise CourseError(f"{before.shape[1]} questions before and {after.shape[1]} after: ask the same ones.")
    return np.flatnonzero(before.all(axis=0) & ~after.any(axis=0)).tolist()


def _right(samples):
    """(samples, questions) of booleans."""
    samples = np.asarray(samples, dtype=bool)
    if samples.ndim != 2 or not len(samples):
        raise CourseError("Pass one row for each sample: a list of lists of right (1) and wrong (0).")
    return samples
