"""The figures of an evaluation: small images whose alt text tells the numbers."""

import re
import warnings

import pytest

from helpers.evaluate.calibration import reliability
from helpers.show import reliability_curve, trade_off
from helpers.stats import Estimate

METHODS = {
    "DPO": [
        {"label": "β = 1", "kl": Estimate(2.0, 1.5, 2.5), "reward": Estimate(3.5, 3.4, 3.6), "right": 0.9},
        {"label": "β = 1", "kl": Estimate(2.2, 1.5, 2.6), "reward": Estimate(3.6, 3.4, 3.7), "right": 0.8},
        {"label": "β = 0.1", "kl": Estimate(9.0, 8.0, 9.5), "reward": Estimate(4.5, 4.4, 4.6), "right": 0.5},
    ],
    "best of n <b>": [{"label": "n = 2", "kl": 0.19, "reward": 3.1, "right": 0.9}],
}
PANELS = {"reward": "politeness", "right": "share right"}


def draw_trade_off():
    levels = {"reward": ("SFT model", 2.9), "right": ("SFT model", 0.9)}
    return trade_off(METHODS, PANELS, title="Gains", levels=levels)


def draw_reliability():
    return reliability_curve({"known": reliability([0.1, -0.2, 3, 3, 3]), "new": reliability([1.0, -1.0])})


@pytest.mark.parametrize("draw", [draw_trade_off, draw_reliability])
def test_it_is_a_small_image_with_alt_text_and_without_warning(draw):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = draw()
    assert page.data.startswith("<img ") and len(page.data) < 45_000
    assert page.data == draw().data


def alt_of(page) -> str:
    return re.search(r'alt="([^"]*)"', page.data)[1]


def test_there_may_be_more_names_than_colours_and_no_title():
    names = [f"name {number}" for number in range(9)]
    assert "name 8: 2 pairs" in alt_of(reliability_curve(dict.fromkeys(names, reliability([1.0, -1.0]))))
    page = trade_off(dict.fromkeys(names, METHODS["DPO"]), {"reward": "politeness"})
    assert alt_of(page).startswith("Trade-off. One point per model. name 0 β = 1")


def test_the_trade_off_tells_every_model_and_every_panel():
    alt = alt_of(draw_trade_off())
    assert alt.count("DPO β = 1: kl 2.") == 2 and "DPO β = 0.1: kl 9.00, reward 4.5, right 0.5" in alt
    assert "best of n &lt;b&gt; n = 2: kl 0.19, reward 3.1" in alt


def test_the_reliability_curve_tells_pairs_and_shares():
    alt = alt_of(draw_reliability())
    assert "known: 2 pairs 0.54 sure, 0.50 right, 3 pairs 0.95 sure, 1.00 right; new: 2 pairs 0.73 sure" in alt
