"""General figures of the course. Each function takes plain numbers and returns HTML with alt text."""

import numpy as np
from IPython.display import HTML

from helpers.show.style import DASHES, GREY, colour_of, drawing, figure
from helpers.stats import wilson


def curves(
    series,
    x_label: str,
    y_label: str,
    title: str,
    alt: str,
    *,
    levels=None,
    points=None,
    markers=False,
    log_x=False,
    log_y=False,
    y_range=None,
    width=6.4,
    height=3.6,
) -> HTML:
    """Lines over a common x axis.

    series: {name: (x, y)}, {name: y} or a DataFrame (index: x, columns: series).
    levels: {label: y} dashed horizontal lines. points: {label: (x, y)} marked and labelled points.
    """
    lines = _lines(series)
    with drawing(width, height) as (fig, ax):
        for position, (name, (x, y)) in enumerate(lines.items()):
            ax.plot(
                x,
                y,
                DASHES[position % len(DASHES)],
                color=colour_of(name, position),
                label=name,
                markersize=4,
                marker="o" if markers else None,
            )
        mark(ax, levels, points)
        name_axes(ax, x_label, y_label, title)
        ax.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear", ylim=y_range)
        show_legend(ax, len(lines) > 1)
        return figure(fig, alt)


def histogram(
    series,
    x_label: str,
    title: str,
    alt: str,
    *,
    bins=20,
    levels=None,
    y_label="count",
    width=6.4,
    height=3.2,
) -> HTML:
    """Distributions over common bins. series: {name: values} or values. levels: {label: x} upright lines."""
    series = series if isinstance(series, dict) else {"": series}
    series = {name: np.ravel(values) for name, values in series.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(series.values())), bins=bins)
    with drawing(width, height) as (fig, ax):
        for position, (name, values) in enumerate(series.items()):
            colour, dash = colour_of(name, position), DASHES[position % len(DASHES)]
            ax.hist(values, edges, histtype="stepfilled", color=colour, alpha=0.25)
            ax.hist(values, edges, histtype="step", color=colour, linewidth=1.8, linestyle=dash, label=name)
        for name, value in (levels or {}).items():
            ax.axvline(value, color=GREY, linestyle="--", linewidth=1.2, label=name)
        name_axes(ax, x_label, y_label, title)
        show_legend(ax, len(series) > 1 or bool(levels))
        return figure(fig, alt)


def heat(
    matrix,
    title: str,
    alt: str,
    *,
    rows=None,
    columns=None,
    x_label="",
    y_label="",
    values=None,
    colours="cividis",
    low=None,
    high=None,
) -> HTML:
    """A small matrix as coloured cells, e.g. an attention map. NaN cells stay white.

    rows, columns: labels. values: write the numbers into the cells (default: if there are at most 100 cells).
    """
    matrix = np.asarray(matrix, dtype=float)
    height, width = matrix.shape
    with drawing(min(9, 2.2 + 0.45 * width), min(8, 1.6 + 0.42 * height)) as (fig, ax):
        image = ax.imshow(matrix, cmap=colours, vmin=low, vmax=high, aspect="auto")
        ax.grid(False)
        for axis, labels, count in ((ax.xaxis, columns, width), (ax.yaxis, rows, height)):
            if labels is not None:
                axis.set_ticks(range(count), [_visible(label) for label in labels], parse_math=False)
        if columns is not None and max(len(str(label)) for label in columns) > 4:
            ax.tick_params(axis="x", labelrotation=60)
        if values if values is not None else matrix.size <= 100:
            _write_values(ax, matrix, image)
        fig.colorbar(image, ax=ax, shrink=0.9)
        name_axes(ax, x_label, y_label, title)
        return figure(fig, alt, colours=192)


def bars(values: dict, x_label: str, title: str, alt: str, *, width=6.4, log_x=False) -> HTML:
    """Horizontal bars: {name: value} or {name: (value, low, high)}; the number stands next to its bar."""
    rows = {name: interval(value) for name, value in values.items()}
    with drawing(width, 0.9 + 0.34 * len(rows)) as (fig, ax):
        for position, (name, (value, low, high)) in enumerate(rows.items()):
            ax.barh(position, value, color=colour_of(name), height=0.62)
            whisker(ax, position, value, low, high)
            ax.annotate(
                f"{value:.3g}",
                (max(value, high, 0), position),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        ax.set_yticks(range(len(rows)), list(rows), parse_math=False)
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.margins(x=0.15)
        ax.set_xscale("log" if log_x else "linear")
        name_axes(ax, x_label, "", title)
        return figure(fig, alt)


def interval(value, n=None) -> tuple[float, float, float]:
    """(value, low, high) from a triple, from a share of n trials, or from a bare number (no interval)."""
    if isinstance(value, (tuple, list)):
        return tuple(float(part) for part in value)
    return (float(value), *wilson(value, n)) if n else (float(value),) * 3


def mark(ax, levels=None, points=None):
    """Dashed horizontal lines {label: y} and labelled points {label: (x, y)}."""
    for name, value in (levels or {}).items():
        ax.axhline(value, color=GREY, linestyle="--", linewidth=1.2)
        ax.annotate(
            name,
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            fontsize=9,
            ha="right",
            color="#333333",
        )
    for name, (x, y) in (points or {}).items():
        ax.plot(x, y, "o", color="black", markersize=7, zorder=5)
        ax.annotate(name, (x, y), xytext=(8, 8), textcoords="offset points", fontsize=9, zorder=6)


def name_axes(ax, x_label, y_label, title):
    """Set the labels of both axes and the title."""
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.set_title(title)


def show_legend(ax, wanted=True):
    """A legend, if it is wanted and there is something to explain."""
    if wanted and ax.get_legend_handles_labels()[0]:
        ax.legend()


def whisker(ax, position, value, low, high):
    """A horizontal interval at a bar's height; none if low equals high."""
    if high > low:
        ends = [[max(0, value - low)], [max(0, high - value)]]
        ax.errorbar(value, position, xerr=ends, color="#222222", capsize=3, linewidth=1.2)


def _lines(series) -> dict:
    """{name: (x, y)} from any of the forms that `curves` accepts."""
    if hasattr(series, "columns"):
        return {str(name): (series.index, series[name]) for name in series.columns}
    return {name: line if isinstance(line, tuple) else (np.arange(len(line)), line) for name, line in series.items()}


def _visible(label) -> str:
    return str(label).replace("\n", "⏎").replace(" ", "·")


def _write_values(ax, matrix, image):
    finite = matrix[~np.isnan(matrix)]
    form = ".0f" if (finite % 1 == 0).all() else ".2f" if np.abs(finite).max() < 100 else ".3g"
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            colour = "white" if dark else "black"
            ax.text(column, row, f"{value:{form}}", ha="center", va="center", fontsize=9, color=colour)
