"""Calibration against toys whose answer is known."""

import math

import numpy as np
import pytest
import torch

from helpers.evaluate import calibration
from helpers.files import CourseError


def sure(confidence, right, wrong):
    """Margins of that confidence, some with the right sign and some with the wrong one."""
    margin = math.log(confidence / (1 - confidence))
    return [margin] * right + [-margin] * wrong


def test_a_perfectly_calibrated_toy_has_no_error():
    margins = sure(0.55, 11, 9) + sure(0.75, 15, 5) + sure(0.95, 19, 1)
    assert calibration.calibration_error(margins) == pytest.approx(0, abs=1e-9)
    rows = calibration.reliability(margins)
    assert [row["pairs"] for row in rows] == [20, 20, 20]
    for row in rows:
        assert row["right"] == pytest.approx(row["confidence"]) and row["low"] <= row["confidence"] <= row["high"]


def test_an_overconfident_toy_by_hand():
    margins = sure(0.95, 6, 4) + sure(0.55, 30, 0)
    assert calibration.calibration_error(margins) == pytest.approx((10 * 0.35 + 30 * 0.45) / 40)


def test_no_margin_is_half_right_and_half_sure():
    (row,) = calibration.reliability(np.zeros(7))
    assert (row["confidence"], row["right"], row["pairs"]) == (0.5, 0.5, 7)


def test_extreme_margins_are_in_the_last_bin():
    (row,) = calibration.reliability([1e4, -1e4])
    assert (row["high"], row["confidence"], row["right"]) == (1, 1, 0.5)


def test_margins_drawn_from_the_model_are_calibrated():
    rng = np.random.default_rng(0)
    margins = rng.normal(1, 2, 20_000)
    sign = np.where(rng.random(20_000) < 1 / (1 + np.exp(-margins)), 1, -1)  # who really wins, by these odds
    assert calibration.calibration_error(sign * margins) < 0.01
    assert calibration.calibration_error(sign * 3 * margins) > 0.05  # a third of the margin was too sure


def test_margins_by_hand_and_in_line_with_the_ranking():
    policy = torch.tensor([[-1.0, -2.0], [-1.0, -2.0], [-5.0, -9.0]])
    reference = torch.tensor([[-2.0, -2.0], [-1.0, -4.0], [-4.0, -4.0]])
    found = calibration.margins(policy, reference, beta=0.5)
    assert found.tolist() == [0.5, -1.0, 2.0]
    assert ((found > 0) == calibration.reward_accuracy(policy, reference).bool().numpy()).all()


@pytest.mark.parametrize("margins", [[], [math.nan], [math.inf, 1.0], [[1.0, 2.0]]])
def test_what_is_no_list_of_margins_is_refused(margins):
    with pytest.raises(CourseError, match="finite margins"):
        calibration.reliability(margins)


def test_reward_accuracy_by_hand():
    policy = torch.tensor([[-1.0, -2.0], [-1.0, -2.0], [-5.0, -9.0]])
    reference = torch.tensor([[-2.0, -2.0], [-1.0, -4.0], [-4.0, -4.0]])
    # rewards / β: +1 and 0; 0 and +2, wrong although chosen is likelier; -1 and -5, right although both fell
    assert calibration.reward_accuracy(policy, reference).tolist() == [1, 0, 1]
