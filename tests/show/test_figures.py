import base64
import io
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from helpers.files import CourseError
from helpers.show import (
    bars,
    curves,
    figure,
    frontier,
    heat,
    histogram,
    loss_curve,
    loss_explorer,
    shares_bar,
    training_panels,
)
from helpers.show.style import (
    BLUE,
    BLUNT,
    CHOSEN,
    MEANING,
    PALETTE,
    POLITE,
    REJECTED,
    blend,
    colour_of,
    drawing,
)


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
        row |= {"chosen_logps": -20 + rng.normal(), "rejected_logps": -25 + rng.normal(), "grad_norm": 2.0}
        if step % 20 == 0:
            row |= {f"val_{key}": value for key, value in row.items() if key not in ("step", "grad_norm")}
        rows.append(row)
    return rows


FIGURES = {
    "curves": lambda: curves({"chosen": ([0, 1], [1, 2])}, "x", "y", "t", "a line", levels={"ln 2": 0.69}),
    "frame": lambda: curves(pd.DataFrame({"a": [1, 2], "b": [2, 1]}), "x", "y", "t", "lines", markers=True),
    "histogram": lambda: histogram({"a": [1, 2, 2], "b": [0, 3]}, "x", "t", "bumps", levels={"mean": 2}),
    "heat": lambda: heat([[1, np.nan], [0.2, 0.8]], "t", "A map.", rows=["$", "\n"], columns=["a b", "long word"]),
    "bars": lambda: bars({"a": 1, "b": (2, 1.5, 2.5)}, "pairs/s", "t", "two bars"),
    "loss_curve": lambda: loss_curve(history()),
    "training_panels": lambda: training_panels(history()),
    "shares_bar": lambda: shares_bar({"SFT": {"polite": 0.2, "blunt": 0.8}, "DPO": {"polite": 1.0}}, n=50),
    "frontier": lambda: frontier(
        [
            {"beta": 0.1, "kl": (5, 4, 6), "polite": 0.9, "accuracy": 0.9},
            {"beta": 1, "kl": 1, "polite": 0.2, "accuracy": 1.0, "accuracy_low": 0.9, "accuracy_high": 1.0},
        ],
        y=("polite", "accuracy"),
    ),
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
    assert "SFT, polite: 20%" in alt_of(FIGURES["shares_bar"]())
    assert "beta 0.1: kl 5, polite 0.9" in alt_of(FIGURES["frontier"]())
    assert f"loss is {np.log1p(np.exp(-0.5)):.3f}" in alt_of(loss_explorer(0.1, 5))
    assert "loss is 0.693 and the gradient weight 0.500" in alt_of(loss_explorer(0.3, 0))


def test_panels_without_data_are_left_out():
    rows = [{"step": step, "loss": 0.6, "grad_norm": None} for step in range(3)]
    assert alt_of(training_panels(rows)).startswith("Panels over training steps: Loss. First")
    with pytest.raises(CourseError, match="none of the DPO metrics"):
        training_panels([{"step": 1, "val_other": 2}])


def test_names_with_a_meaning_keep_their_colour():
    assert colour_of("val_chosen_rewards", 3) == CHOSEN == colour_of("Chosen")
    assert colour_of("polite", 5) == POLITE != colour_of("blunt") == BLUNT
    assert colour_of("impolite", 1) == PALETTE[1]
    assert len({MEANING[name] for name in ("polite", "neutral", "blunt", "chosen", "rejected", "policy")}) == 6


def test_blend_goes_from_white_to_the_colour():
    assert blend("#204060", 0) == "#ffffff" and blend("#204060", 1) == "#204060"


@pytest.mark.parametrize("name", ["training_panels", "loss_curve"])
def test_the_small_palette_keeps_the_colours_of_the_lines(name):
    found = {colour for _, colour in image_of(FIGURES[name]()).convert("RGB").getcolors(1 << 20)}
    for colour in (CHOSEN, REJECTED, BLUE) if name == "training_panels" else (BLUE,):
        wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert min(max(abs(a - b) for a, b in zip(wanted, seen, strict=True)) for seen in found) <= 3
