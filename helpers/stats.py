"""Estimates with intervals: what is measured on a sample of prompts, and how sure one may be of it."""

from math import sqrt
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


def bootstrap(samples, statistic, seed=0, resamples=9999) -> Estimate:
    """A statistic of paired samples with a percentile interval (Efron 1979): prompts drawn anew, with replacement.

    samples: one array (n,) each, all of the same prompts. statistic(*samples, axis) reduces that axis of every sample.
    Raises CourseError for fewer than 2 prompts.
    """
    samples = [np.asarray(sample, dtype=float) for sample in samples]
    if len(samples[0]) < 2:
        raise CourseError(f"An interval needs at least 2 prompts, and there are {len(samples[0])}.")
    options = dict(paired=True, vectorized=True, method="percentile", n_resamples=resamples, batch=200)
    interval = stats.bootstrap(samples, statistic, rng=np.random.default_rng(seed), **options).confidence_interval
    return Estimate(float(statistic(*samples, axis=-1)), float(interval.low), float(interval.high))


def estimate(values, seed=0) -> Estimate:
    """The mean of values (n,), with a bootstrap interval over prompts."""
    return bootstrap([values], np.mean, seed)


def difference(after, before, seed=0) -> Estimate:
    """Mean of after - before, prompt by prompt: a paired comparison, so how hard a prompt is cancels out."""
    return estimate(np.asarray(after) - np.asarray(before), seed)


def ratio(after, before, seed=0) -> Estimate:
    """Mean of after / mean of before, with the same prompts on both sides of the fraction.

    Raises CourseError if almost all of `before` is 0: the fraction could mean anything.
    """
    if np.count_nonzero(before) < 20:
        raise CourseError("Under 20 prompts are above 0 before: too few for a ratio. Use the difference.")
    return bootstrap([after, before], lambda a, b, axis: a.mean(axis) / b.mean(axis), seed)


def standard_error(values) -> float:
    """Of the mean of these values: their standard deviation / √n."""
    return float(stats.sem(np.asarray(values)))


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """(low, high): the 95 % interval of a share observed in n trials (Wilson 1927). It stays within 0..1."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
