import base64
import io
import re
import warnings

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from helpers.evaluate.calibration import reliability
from helpers.files import CourseError
from helpers.show import (
    bars,
    curves,
    figure,
    figures,
    heat,
    histogram,
    loss_curve,
    loss_explorer,
    reliability_curve,
    shares_bar,
    trade_off,
    training_panels,
)
from helpers.show.style import (
    BLUE,
    CHOSEN,
    GREY,
    MEANING,
    ORANGE,
    PALETTE,
    REJECTED,
    blend,
    colour_of,
    drawing,
)
from helpers.stats import Estimate


@pytest.fixture(autouse=True)
def warnings_fail():
    """A warning would be stderr in a notebook."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)  # sockets of other tests that are collected meanwhile
        warnings.simplefilter("ignore", pytest.PytestUnraisableExceptionWarning)
        yield


def alt_of(page) -> str:
    return re.search(r'alt="([^"]*)"', page.data).group(1)


def image_of(page) -> Image.Image:
    data = re.search(r"base64,([^\"]*)", page.data).group(1)
    return Image.open(io.BytesIO(base64.b64decode(data)))


def history(steps=230):
    rng = np.random.default_rng(0)
    rows = []
    for step in range(1, steps + 1):
        row = {"step": step, "loss": 0.693 * np.exp(-step / 40), "margin": step / 20, "accuracy": 0.9}
        row |= {"chosen_rewards": step / 60 + rng.normal(), "rejected_rewards": -step / 30 + rng.normal()}
        lengths = {"reference_chosen_logps": rng.normal(-20, 9), "reference_rejected_logps": rng.normal(-25, 9)}
        row |= lengths | {"chosen_logps": lengths["reference_chosen_logps"] + step / 100, "grad_norm": 2.0}
        row |= {"rejected_logps": lengths["reference_rejected_logps"] - step / 10}
        if step % 20 == 0:
            row |= {f"val_{key}": value for key, value in row.items() if key not in ("step", "grad_norm")}
        rows.append(row)
    return rows


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


FIGURES = {
    "curves": lambda: curves({"chosen": ([0, 1], [1, 2])}, "x", "y", "t", "a line", levels={"ln 2": 0.69}),
    "bare lists": lambda: curves({"a": [1, 2], "b": [2, 1]}, "x", "y", "t", "lines", markers=True),
    "histogram": lambda: histogram({"a": [1, 2, 2], "b": [0, 3]}, "x", "t", "bumps", levels={"mean": 2}),
    "heat": lambda: heat([[1, np.nan], [0.2, 0.8]], "t", "A map.", rows=["$", "\n"], columns=["a b", "long word"]),
    "bars": lambda: bars({"a": 1, "b": (2, 1.5, 2.5)}, "pairs/s", "t", "two bars"),
    "loss_curve": lambda: loss_curve(history()),
    "training_panels": lambda: training_panels(history()),
    "shares_bar": lambda: shares_bar({"SFT": {"short": 0.2, "medium": 0.3, "long": 0.5}, "DPO": {"short": 1.0}}, n=50),
    "trade_off": draw_trade_off,
    "reliability_curve": draw_reliability,
    "loss_explorer": lambda: loss_explorer(0.1, 5),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_a_small_image_with_alt_text(name):
    page = FIGURES[name]()
    assert page.data.startswith("<img ") and len(page.data) < 45_000
    assert len(alt_of(page)) > 3
    assert "background:#ffffff" in page.data  # readable on a dark page
    image = image_of(page).convert("RGB")
    assert image.getpixel((1, 1)) == (255, 255, 255)
    assert len(image.getcolors(1 << 20)) > 3  # something is drawn


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_each_time(name):
    assert FIGURES[name]().data == FIGURES[name]().data


@pytest.mark.parametrize("alt", ["", "  ", None])
def test_a_figure_without_alt_text_is_refused(alt):
    fig = plt.figure()
    with pytest.raises(CourseError, match="alt text"):
        figure(fig, alt)
    plt.close(fig)


def test_figure_closes_the_readers_own_figure_and_escapes_alt():
    fig, _ = plt.subplots()
    page = figure(fig, 'quote " and <b>')
    assert alt_of(page) == "quote &quot; and &lt;b&gt;"
    assert not plt.fignum_exists(fig.number)


def test_characters_that_the_font_lacks_do_not_warn():
    heat([[1.0]], "t", "one cell", rows=["漢"], columns=["\U0001f600"])


@pytest.mark.parametrize("size", [1, 3, 7, 40])
def test_a_heat_map_without_labels_counts_in_whole_numbers(monkeypatch, size):
    monkeypatch.setattr(figures, "figure", lambda fig, alt, **options: fig)
    axes = heat(np.eye(size), "t", "a map", values=False).axes[0]
    ticks = [*axes.get_xticks(), *axes.get_yticks()]
    assert ticks and all(tick == round(tick) for tick in ticks)


def test_drawing_leaves_global_settings_alone():
    before = plt.rcParams["axes.grid"]
    with drawing():
        assert plt.rcParams["axes.grid"]
    assert plt.rcParams["axes.grid"] == before


def test_fonts_are_at_least_nine_points():
    with drawing() as (fig, ax):
        ax.set(title="t", xlabel="x", ylabel="y")
        ax.legend([ax.plot([0, 1])[0]], ["line"])
        fig.canvas.draw()
        sizes = [text.get_fontsize() for text in fig.findobj(lambda part: hasattr(part, "get_fontsize"))]
    assert min(sizes) >= 9


def test_alt_text_tells_the_numbers():
    assert "loss from 0.676 to 0.00221" in alt_of(training_panels(history()))
    assert "validation loss from" in alt_of(loss_curve(history()))
    assert "SFT: short 20%" in alt_of(FIGURES["shares_bar"]())
    assert f"loss is {np.log1p(np.exp(-0.5)):.3f}" in alt_of(loss_explorer(0.1, 5))
    assert "loss is 0.693 and the gradient weight 0.500" in alt_of(loss_explorer(0.3, 0))


def test_panels_without_data_are_left_out():
    rows = [{"step": step, "loss": 0.6, "grad_norm": None} for step in range(3)]
    assert alt_of(training_panels(rows)).startswith("Panels over training steps: Loss. First")
    with pytest.raises(CourseError, match="none of the DPO metrics"):
        training_panels([{"step": 1, "val_other": 2}])


def test_the_panel_of_log_ratios_does_not_show_the_lengths_of_the_batches():
    alt = alt_of(training_panels(history()))
    assert "Log-ratios" in alt and "Log-probs" not in alt
    assert "chosen log-ratios from 0.01 to 2.3. " in alt and "validation rejected log-ratios from -2 to -22." in alt


def test_log_ratios_by_kind_take_the_place_of_those_of_all_pairs():
    kinds = {"log-ratio of polite chosen": 2.0, "log-ratio of neutral chosen": -3.0}
    rows = [row | ({key: value * row["step"] / 20 for key, value in kinds.items()}) for row in history(40)]
    alt = alt_of(training_panels(rows))
    assert "log-ratio of polite chosen from 0.1 to 4." in alt and "log-ratio of neutral chosen from -0.15 to -6." in alt
    assert "chosen log-ratios from" not in alt
    assert image_of(training_panels(rows)).tobytes() != image_of(training_panels(history(40))).tobytes()


def test_names_with_a_meaning_keep_their_colour():
    assert colour_of("val_chosen_rewards", 3) == CHOSEN == colour_of("Chosen")
    assert colour_of("after DPO", 5) == colour_of("policy") != colour_of("before")
    assert colour_of("unchosen", 1) == PALETTE[1]
    assert len({MEANING[name] for name in ("chosen", "rejected", "policy", "reference")}) == 4


def test_blend_goes_from_white_to_the_colour():
    assert blend("#204060", 0) == "#ffffff" and blend("#204060", 1) == "#204060"


@pytest.mark.parametrize(
    "name, colours",
    [("training_panels", (CHOSEN, REJECTED, BLUE)), ("loss_curve", (BLUE,)), ("shares_bar", (BLUE, GREY, ORANGE))],
)
def test_the_small_palette_keeps_the_colours(name, colours):
    """Those of the lines, and those of the voices, which go by their place in the criterion."""
    drawn = {colour for _, colour in image_of(FIGURES[name]()).convert("RGB").getcolors(1 << 20)}
    for colour in colours:
        wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert min(max(abs(a - b) for a, b in zip(wanted, near, strict=True)) for near in drawn) <= 3


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


def test_a_method_of_one_model_needs_no_label():
    page = trade_off({"simpo": [{"kl": 3.0, "right": 0.5}]}, {"right": "share right"}, title="Losses")
    assert alt_of(page) == "Losses. One point per model. simpo: kl 3.00, right 0.5."


@pytest.mark.parametrize("y_range", [None, (1, 2000)])
def test_a_logarithmic_axis_shows_every_value(y_range, monkeypatch):
    limits = []
    monkeypatch.setattr("helpers.show.figures.figure", lambda fig, alt: limits.append(fig.axes[0].get_ylim()))
    curves({"up": [6, 50, 500], "down": [6, 5, 4]}, "step", "length", "t", "alt", log="y", y_range=y_range)
    (low, high), *_ = limits
    assert (low, high) == y_range if y_range else 1 < low < 4 and 500 < high < 2000
