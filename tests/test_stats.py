"""Estimates and their intervals, against cases worked by hand, simulation and SciPy."""

import warnings

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from helpers import stats
from helpers.files import CourseError


def test_the_estimate_is_the_mean_and_its_interval_holds_it():
    values = [0, 1, 1, 1, 0, 1, 1, 0]
    found = stats.estimate(values)
    assert found.value == 5 / 8 and found.low < 5 / 8 < found.high
    assert found == stats.estimate(values) and 0 <= found.low and found.high <= 1


def test_the_bootstrap_covers_the_truth_about_19_times_in_20():
    rng = np.random.default_rng(0)
    samples = [stats.bootstrap([rng.random(60) < 0.7], np.mean, seed, resamples=500) for seed in range(200)]
    assert 0.89 <= np.mean([one.low <= 0.7 <= one.high for one in samples]) <= 0.99


@pytest.mark.parametrize("p", [0.5, 0.9, 0.95, 0.97, 0.98, 0.99])
def test_the_interval_of_a_share_holds_the_truth_95_times_in_100_near_1_too(p):
    n, ones = 200, np.arange(201)
    found = [stats.estimate(np.repeat([1, 0], [one, n - one])) for one in ones]
    holds = [one.low <= p <= one.high for one in found]
    assert 0.93 <= binom.pmf(ones, n, p)[holds].sum() <= 0.97  # exact: every possible outcome, by its probability


def coverage(interval, truth, p, q, n=416, draws=800, seed=0):
    """How often the interval of sets of n prompts holds the truth; shares p after, q before, correlated."""
    both = 0.8 * min(p, q) + 0.2 * p * q
    cells = np.random.default_rng(seed).multinomial(n, [both, p - both, q - both, 1 - p - q + both], size=draws)
    found = [interval(*table(*counts)) for counts in cells]
    return np.mean([one.low <= truth <= one.high for one in found])


def table(both, only_after, only_before, neither):
    """Values after and before of so many prompts."""
    counts = [both, only_after, only_before, neither]
    return np.repeat([1.0, 1, 0, 0], counts), np.repeat([1.0, 0, 1, 0], counts)


@pytest.mark.parametrize("p, q", [(0.98, 0.97), (0.9, 0.96), (0.5, 0.6), (0.95, 0.15)])
def test_intervals_of_paired_shares_hold_the_truth_95_times_in_100(p, q):
    assert 0.93 <= coverage(stats.difference, p - q, p, q) <= 0.985  # near 1 it is cautious, as Newcombe found
    assert 0.93 <= coverage(stats.ratio, p / q, p, q) <= 0.985


@pytest.mark.parametrize("after, before", [(1, 1), (0, 0), (1, 0), (0, 1)])
def test_no_interval_of_shares_has_width_zero(after, before):
    after, before = np.full(200, after), np.full(200, before)
    estimates = [stats.estimate(after), stats.difference(after, before)]
    estimates += [stats.ratio(after, before)] if before.any() else []
    for one in estimates:
        assert one.low <= one.value <= one.high and 0.01 < one.high - one.low < 0.1


def test_published_intervals_of_paired_shares():
    transplant, therapy = table(1, 1, 7, 12), table(59, 6, 16, 80)  # Fagerland et al. 2014, Bentur 2009 and Cavo 2012
    assert stats.difference(*transplant) == pytest.approx((-6 / 21, -0.507, -0.026), abs=5e-4)
    assert stats.difference(*therapy) == pytest.approx((-0.0621, -0.1186, -0.0046), abs=5e-5)
    assert stats.ratio(*therapy) == pytest.approx((0.8667, 0.7579, 0.9910), abs=5e-5)


def test_a_constant_that_is_no_share_has_width_zero_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stats.estimate(np.full(5, 0.5)) == (0.5, 0.5, 0.5)


def test_differences_are_paired():
    before = np.arange(40.0)  # prompts differ much, the change is the same for all
    assert stats.difference(before + 1, before) == (1, 1, 1)
    assert stats.difference(*table(90, 0, 0, 10)).high < 0.05 < stats.difference(*table(81, 9, 9, 1)).high


def test_ratio_by_hand():
    before, after = np.tile([1.0, 1, 1, 0], 10), np.tile([1.0, 1, 0, 0], 10)
    for unit in (1, 2):  # shares, and values that are none
        found = stats.ratio(unit * after, unit * before)
        assert found.value == pytest.approx(2 / 3) and found.low < 2 / 3 < found.high
    assert stats.ratio(2 * before, 2 * before) == (1, 1, 1)  # paired: the same resample on both sides


def test_a_ratio_to_nothing_is_refused():
    with pytest.raises(CourseError, match="Use the difference"):
        stats.ratio(np.ones(30), np.zeros(30))


def test_so_many_questions_show_the_difference_in_four_sets_of_five():
    n = stats.questions_needed(-0.03, 0.09)
    rng = np.random.default_rng(0)
    gained, lost, _ = rng.multinomial(n, [0.03, 0.06, 0.91], size=4000).T
    assert np.mean(abs(gained - lost) / np.sqrt(gained + lost) > 1.96) == pytest.approx(0.8, abs=0.02)  # McNemar's test
    assert n == stats.questions_needed(0.03, 0.09) < stats.questions_needed(0.03, 0.09, power=0.9)


@pytest.mark.parametrize("difference, discordant", [(0, 0.1), (0.2, 0.1), (0.1, 1.1)])
def test_a_difference_that_cannot_be_is_refused(difference, discordant):
    with pytest.raises(CourseError, match="needs a discordant share"):
        stats.questions_needed(difference, discordant)


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
