"""How every figure of the course looks, and how it reaches the page with its alt text."""

import base64
import html
import io
import logging
import re
import warnings
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from IPython.display import HTML
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from helpers.files import CourseError

# Okabe-Ito colours (https://jfly.uni-koeln.de/color/), told apart with any kind of colour vision.
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, GREY, BLACK = "#56B4E9", "#CC79A7", "#7F7F7F", "#000000"

CHOSEN, REJECTED = GREEN, VERMILLION
POLICY, REFERENCE = PURPLE, "#444444"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, REFERENCE)
DASHES = ("-", "--", "-.", ":")
MEANING = {
    **{"chosen": CHOSEN, "rejected": REJECTED},
    **dict.fromkeys(("policy", "dpo", "after"), POLICY),
    **dict.fromkeys(("reference", "sft", "before"), REFERENCE),
}
LOOK = mpl.rc_params_from_file(Path(__file__).with_name("course.mplstyle"), use_default_template=False)
CSS_PIXELS_PER_INCH, DPI = 100, 150

# On its very first import Matplotlib may warn that it builds a font cache; that is no news for a reader.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


@contextmanager
def drawing(width=6.4, height=3.6, rows=1, columns=1, **options):
    """Yield (figure, axes) in the course's style, without touching the global Matplotlib settings.

    width, height: inches; one inch is 100 pixels on the page. options: passed to `Figure.subplots`.
    """
    with mpl.rc_context(LOOK):
        fig = Figure(figsize=(width, height), layout="constrained")
        yield fig, fig.subplots(rows, columns, **options)


def figure(fig, alt: str, *, colours=64) -> HTML:
    """The figure as an <img>: the one form that keeps its alt text in JupyterLab, in nbconvert and on GitHub.

    fig: a Matplotlib figure, closed afterwards. alt: what it shows, for readers who cannot see it.
    colours: size of the PNG's palette, up to 256.
    Raises CourseError if alt is empty.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise CourseError("The figure has no alt text. Pass alt='...', a sentence that says what it shows.")
    data = base64.b64encode(_png(fig, colours)).decode("ascii")
    width = round(fig.get_figwidth() * CSS_PIXELS_PER_INCH)
    plt.close(fig)
    return HTML(
        f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt.strip())}" width="{width}" '
        'style="max-width:100%;height:auto;background:#ffffff">'
    )


def _png(fig, colours) -> bytes:
    """PNG with a small palette: a third of the size, and no difference to be seen in a line chart."""
    raw, small = io.BytesIO(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a model may write any character
        dpi = DPI if fig.get_figwidth() * fig.get_figheight() < 40 else 100  # a notebook should stay small
        fig.savefig(raw, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    image = Image.open(raw).convert("RGB")
    image = image.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    image.putpalette([255 if part == 254 else part for part in image.getpalette()])  # white stays white
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def colour_of(name: str, position: int = 0) -> str:
    """The colour of a name's meaning ("val_chosen" has CHOSEN), else the palette's at this position."""
    words = re.findall("[a-z]+", str(name).lower())
    return next((MEANING[word] for word in words if word in MEANING), PALETTE[position % len(PALETTE)])


def blend(colour: str, amount: float) -> str:
    """Mix a colour with white: amount 0 is white, 1 the colour itself. Returns '#rrggbb'."""
    return mpl.colors.to_hex([1 - amount * (1 - part) for part in mpl.colors.to_rgb(colour)])
