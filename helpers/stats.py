"""Estimates with intervals: what is measured on a sample of prompts, and how sure one may be of it."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from helpers.files import CourseError


class Estimate(NamedTuple):
    """A number that was measured on a sample of prompts, and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self):
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def estimate(values, seed=0) -> Estimate:
    """The mean, with a bootstrap interval over prompts."""
    return _bootstrap((values,), lambda x, axis: x.mean(axis), seed)


def difference(after, before, seed=0) -> Estimate:
    """Mean of after - before, prompt by prompt: a paired comparison, so how hard a prompt is cancels out."""
    return estimate(np.asarray(after) - np.asarray(before), seed)


def ratio(after, before, seed=0) -> Estimate:
    """Mean of after / mean of before, with the same prompts on both sides of the fraction.

    Raises CourseError if almost all of `before` is 0: the fraction could mean anything.
    """
    if np.count_nonzero(before) < 20:
        raise CourseError("Under 20 prompts are above 0 before: too few for a ratio. Use the difference.")
    return _bootstrap((after, before), lambda a, b, axis: a.mean(axis) / b.mean(axis), seed)


def standard_error(values) -> float:
    """Of the mean of these values: their standard deviation / √n."""
    return float(stats.sem(np.asarray(values)))


def _bootstrap(samples, statistic, seed) -> Estimate:
    """Percentile bootstrap (Efron 1979): draw the prompts anew, with replacement, 9,999 times."""
    samples = [np.asarray(sample, dtype=float) for sample in samples]
    if len(samples[0]) < 2:
        raise CourseError(f"An interval needs at least 2 prompts, and there are {len(samples[0])}.")
    found = stats.bootstrap(
        samples, statistic, paired=True, vectorized=True, method="percentile", rng=np.random.default_rng(seed)
    ).confidence_interval  # the middle 95 % of the 9,999 statistics
    return Estimate(float(statistic(*samples, axis=0)), float(found.low), float(found.high))
