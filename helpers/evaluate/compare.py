"""Which answers win because they are longer, which tasks pay for the voice, and what was forgotten."""

import numpy as np
from scipy import stats

from helpers.files import CourseError
from helpers.stats import Estimate, difference

RIDGE = 0.01  # holds the fit finite where one side wins every contest; too weak to be seen elsewhere


def length_controlled(scores, length_differences, seed=0) -> Estimate:
    """The win rate of side a if both answers were equally long, with a bootstrap interval over contests.

    A logistic regression, P(a wins) = σ(θ + φ tanh(d / sd(d))), with d the length of a minus that of b, here in
    tokens; the result is σ(θ), as in arXiv 2404.04475 without its term for the difficulty of a question.
    scores: 1 where a wins, 0 where b does; a tie, 0.5, counts as half a win and half a loss.
    Raises CourseError for fewer than 2 contests.
    """
    scores, lengths = (np.asarray(values, dtype=float) for values in (scores, length_differences))
    if scores.shape != lengths.shape or scores.ndim != 1 or len(scores) < 2:
        raise CourseError("A length-controlled win rate needs at least 2 contests, each with a score and lengths.")
    found = stats.bootstrap(
        (scores, lengths), _at_equal_length, paired=True, vectorized=True, n_resamples=1999, batch=200,
        method="percentile", rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return Estimate(float(_at_equal_length(scores, lengths)), float(found.low), float(found.high))


def _at_equal_length(scores, lengths, axis=-1):
    """σ(θ) of the fit by Newton's method, for one set of contests or for many, one a row."""
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
    places = {
        "shorter": lengths < -within,
        f"as long, within {within} tokens": abs(lengths) <= within,
        "longer": lengths > within,
    }
    return [
        {"its answer is": place, "contests": int(rows.sum()), "win rate": scores[rows].mean() if rows.any() else None}
        for place, rows in places.items()
    ]


def by_family(families, before, after) -> list[dict]:
    """Rows for a table: each task family, how many questions it has, its mean before and after, the paired difference
    with its 95 % interval; the largest loss first. A family of one question has no interval (None).
    """
    families, before, after = np.asarray(families), np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if not len(families) == len(before) == len(after):
        raise CourseError("by_family needs one family and one value before and after for each question.")
    rows = []
    for family in sorted(set(families.tolist())):
        of = families == family
        change = difference(after[of], before[of]) if of.sum() > 1 else ((after - before)[of].item(), None, None)
        row = {"family": family, "questions": int(of.sum()), "before": before[of].mean(), "after": after[of].mean()}
        rows.append(row | dict(zip(("difference", "low", "high"), change, strict=True)))
    return sorted(rows, key=lambda row: row["difference"])


def forgotten(before, after) -> list[int]:
    """Numbers of the questions that were right in every sample before and are wrong in every sample after.

    before, after: one row a sample, one column a question, 1 for right and 0 for wrong.
    """
    before, after = _samples(before), _samples(after)
    if before.shape[1] != after.shape[1]:
        raise CourseError(f"{before.shape[1]} questions before and {after.shape[1]} after: ask the same ones.")
    return np.flatnonzero(before.all(axis=0) & ~after.any(axis=0)).tolist()


def steadiness(samples) -> list[str]:
    """For each question: "always", "sometimes" or "never" right in the samples (one row a sample)."""
    samples = _samples(samples)
    return np.select([samples.all(axis=0), samples.any(axis=0)], ["always", "sometimes"], "never").tolist()


def _samples(values):
    values = np.asarray(values, dtype=bool)
    if values.ndim != 2 or not len(values):
        raise CourseError("Pass one row for each sample: a list of lists of right (1) and wrong (0).")
    return values
