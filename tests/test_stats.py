"""Estimates and their intervals, against cases worked by hand, simulation and SciPy."""

import math
import warnings

import numpy as np
import pytest
from scipy.stats import binomtest

from helpers import stats
from helpers.files import CourseError


def test_the_estimate_is_the_mean_and_its_interval_holds_it():
    values = [0, 1, 1, 1, 0, 1, 1, 0]
    found = stats.estimate(values)
    assert found.value == 5 / 8 and found.low < 5 / 8 < found.high
    assert found == stats.estimate(values) and 0 <= found.low and found.high <= 1


def test_the_interval_covers_the_truth_about_19_times_in_20():
    rng = np.random.default_rng(0)
    samples = [stats.bootstrap([rng.random(60) < 0.7], np.mean, seed, resamples=500) for seed in range(200)]
    assert 0.89 <= np.mean([one.low <= 0.7 <= one.high for one in samples]) <= 0.99


def test_a_constant_has_an_interval_of_width_zero_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stats.estimate(np.ones(5)) == (1, 1, 1)


def test_differences_are_paired():
    before = np.arange(40.0)  # prompts differ much, the change is the same for all
    found = stats.difference(before + 1, before)
    assert found == (1, 1, 1)


def test_ratio_by_hand():
    before, after = np.tile([1.0, 1, 1, 0], 10), np.tile([1.0, 1, 0, 0], 10)
    found = stats.ratio(after, before)
    assert found.value == pytest.approx(2 / 3) and found.low < 2 / 3 < found.high
    assert stats.ratio(before, before) == (1, 1, 1)  # paired: the same resample on both sides


def test_a_ratio_to_nothing_is_refused():
    with pytest.raises(CourseError, match="Use the difference"):
        stats.ratio(np.ones(30), np.zeros(30))


def test_standard_error_by_hand():
    assert stats.standard_error([1.0, 3.0]) == pytest.approx(math.sqrt(2) / math.sqrt(2))


@pytest.mark.parametrize("successes, n", [(0, 10), (3, 10), (97, 100), (10, 10)])
def test_wilson_agrees_with_scipy(successes, n):
    expected = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert stats.wilson(successes / n, n) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_an_estimate_reads_as_value_and_interval():
    assert str(stats.Estimate(0.5, 0.4, 0.6)) == "0.500 [0.400, 0.600]"


def test_any_paired_statistic_has_an_interval():
    x = np.arange(30.0)
    correlation = stats.bootstrap([x, 2 * x + 1], lambda a, b, axis: ((a - a.mean(axis, keepdims=True)) * b).mean(axis))
    assert correlation.value == pytest.approx(2 * x.var()) and correlation.low < correlation.value < correlation.high


@pytest.mark.parametrize("values", [[], [1.0]])
def test_no_interval_from_fewer_than_two_prompts(values):
    with pytest.raises(CourseError, match="at least 2 prompts"):
        stats.estimate(values)
