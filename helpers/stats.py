"""Estimates with intervals: what is measured on a sample of prompts, and how sure one may be of it."""

from math import ceil, sqrt
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
    samples = [_checked(sample) for sample in samples]
    options = dict(paired=True, vectorized=True, method="percentile", n_resamples=resamples, batch=200)
    interval = stats.bootstrap(samples, statistic, rng=np.random.default_rng(seed), **options).confidence_interval
    return Estimate(float(statistic(*samples, axis=-1)), float(interval.low), float(interval.high))


def estimate(values, seed=0) -> Estimate:
    """The mean of values (n,) over prompts: of 0 and 1 Wilson's interval, never of width 0; of others the bootstrap's.

    Values that are all equal, and not 0 or 1, tell the bootstrap nothing about their spread: it returns width 0.
    """
    values = _checked(values)
    if not _is_binary(values):
        return bootstrap([values], np.mean, seed)
    return Estimate(float(values.mean()), *wilson(float(values.mean()), len(values)))


def difference(after, before, seed=0) -> Estimate:
    """Mean of after - before, prompt by prompt: a paired comparison, so how hard a prompt is cancels out.

    Of 0 and 1: Newcombe's interval (1998, Statistics in Medicine 17, 2635, method 10). It joins Wilson's two intervals
    by the correlation φ of the pairs, and has a width also if all are 0 or all are 1. Of other values: the bootstrap's.
    """
    after, before = _checked(after), _checked(before)
    if not (_is_binary(after) and _is_binary(before)):
        return bootstrap([after - before], np.mean, seed)
    n, both, p, q = len(after), (after * before).sum(), after.mean(), before.mean()
    (p_low, p_high), (q_low, q_high) = wilson(p, n), wilson(q, n)
    covariance = n * n * (both / n - p * q)  # the determinant of the table of pairs
    covariance = max(covariance - n / 2, 0) if covariance > 0 else covariance
    spread = n * n * sqrt(p * (1 - p) * q * (1 - q))
    phi = covariance / spread if spread else 0.0
    below = (p - p_low) ** 2 + (q_high - q) ** 2 - 2 * phi * (p - p_low) * (q_high - q)
    above = (p_high - p) ** 2 + (q - q_low) ** 2 - 2 * phi * (p_high - p) * (q - q_low)
    return Estimate(float(p - q), float(p - q - sqrt(below)), float(p - q + sqrt(above)))


def ratio(after, before, seed=0) -> Estimate:
    """Mean of after / mean of before, with the same prompts on both sides of the fraction.

    Of 0 and 1: the interval of Bonett and Price (2006, Statistics in Medicine 25, 3039); else the bootstrap's.
    Raises CourseError if almost all of `before` is 0: the fraction could mean anything.
    """
    after, before = _checked(after), _checked(before)
    if np.count_nonzero(before) < 20:
        raise CourseError("Under 20 prompts are above 0 before: too few for a ratio. Use the difference.")
    if not (_is_binary(after) and _is_binary(before)):
        return bootstrap([after, before], lambda a, b, axis: a.mean(axis) / b.mean(axis), seed)
    n, ones = np.maximum(after, before).sum(), np.array([after.sum(), before.sum()])  # prompts with a 1 on either side
    joint = (abs(after - before).sum() + 2) / np.prod(ones + 1)
    z = 1.96 * sqrt(joint) / np.sqrt((1 - (ones + 1) / (n + 2)) / (ones + 1)).sum()
    (a_low, a_high), (b_low, b_high) = (wilson(one / n, n, z) for one in ones)
    return Estimate(float(ones[0] / ones[1]), a_low / b_high, a_high / b_low)


def questions_needed(difference, discordant, power=0.8) -> int:
    """How many questions show a paired difference of two shares with this power, in a two-sided test at 5 %.

    difference: of the shares, such as 0.03. discordant: the share of questions on which the two sides differ, which is
    at least |difference|. McNemar's test (Connor 1987, Biometrics 43, 207).
    Raises CourseError if no share of differing questions can give this difference.
    """
    if not 0 < abs(difference) <= discordant <= 1:
        raise CourseError(
            f"A difference of {difference} needs a discordant share from {abs(difference)} to 1, not {discordant}: "
            "the questions on which the two sides differ make the difference, and it must not be 0."
        )
    alpha, beta = stats.norm.isf([0.025, 1 - power])
    return ceil((alpha * sqrt(discordant) + beta * sqrt(discordant - difference**2)) ** 2 / difference**2)


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """(low, high): the 95 % interval of a share observed in n trials (Wilson 1927). It stays within 0..1."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _checked(values) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        raise CourseError(f"An interval needs at least 2 prompts, and there are {len(values)}.")
    return values


def _is_binary(values) -> bool:
    return bool(np.isin(values, (0, 1)).all())
