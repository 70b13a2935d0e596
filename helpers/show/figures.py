"""Figures of numbers: lines, distributions, matrices, bars, trade-offs. Each is one image with alt text."""

import numpy as np
from IPython.display import HTML
from matplotlib.ticker import MaxNLocator

from helpers.show.style import BLUE, DASHES, GREY, ORANGE, PALETTE, colour_of, drawing, figure
from helpers.stats import wilson

LABEL = dict(textcoords="offset points", fontsize=9)
MARKERS = "os^Dv*"
VOICE_COLOURS = (BLUE, GREY, ORANGE)  # the voices of a criterion in its order: preferred, neutral, dispreferred
BESIDE = ((8, -14), (-10, -16), (-6, -17), (-30, 8))  # where labels stand, method by method, so that they do not meet


def mark(ax, levels=None, points=None):
    """Dashed horizontal lines {label: y} and labelled points {label: (x, y)}."""
    for name, y in (levels or {}).items():
        ax.axhline(y, color=GREY, linestyle="--", linewidth=1.2)
        ends_at = ("axes fraction", "data")
        ax.annotate(name, (1, y), xycoords=ends_at, xytext=(-2, 3), ha="right", color="#333333", **LABEL)
    for name, place in (points or {}).items():
        ax.plot(*place, "o", color="black", markersize=7, zorder=5)
        ax.annotate(name, place, xytext=(8, 8), zorder=6, **LABEL)


def curves(
    series, x_label, y_label, title, alt, *, levels=None, points=None, markers=False, log="", y_range=None
) -> HTML:
    """Lines over a common x axis.

    series: {name: (x, y)} or {name: y}. levels: {label: y} dashed horizontal lines.
    points: {label: (x, y)} marked and labelled points. log: the axes on a logarithmic scale, such as "x" or "xy".
    """
    with drawing() as (fig, ax):
        ax.set(**{f"{axis}scale": "log" for axis in log})
        for position, (name, line) in enumerate(series.items()):
            x, y = line if isinstance(line, tuple) else (range(len(line)), line)
            look = dict(color=colour_of(name, position), linestyle=DASHES[position % len(DASHES)], markersize=4)
            ax.plot(x, y, marker="o" if markers else None, label=name, **look)
        mark(ax, levels, points)
        ax.set(xlabel=x_label, ylabel=y_label, title=title)
        if y_range:  # a limit of None would keep the range from before the last artist
            ax.set_ylim(y_range)
        if len(series) > 1:
            ax.legend()
        return figure(fig, alt)


def histogram(series, x_label, title, alt, *, bins=20, levels=None) -> HTML:
    """Distributions over common bins. series: {name: values} or values. levels: {label: x} upright lines."""
    series = series if isinstance(series, dict) else {"": series}
    series = {name: np.ravel(values) for name, values in series.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(series.values())), bins=bins)
    with drawing(height=3.2) as (fig, ax):
        for position, (name, values) in enumerate(series.items()):
            colour, dash = colour_of(name, position), DASHES[position % len(DASHES)]
            ax.hist(values, edges, histtype="stepfilled", color=colour, alpha=0.25)
            ax.hist(values, edges, histtype="step", color=colour, linewidth=1.8, linestyle=dash, label=name)
        for name, x in (levels or {}).items():
            ax.axvline(x, color=GREY, linestyle="--", linewidth=1.2, label=name)
        ax.set(xlabel=x_label, ylabel="count", title=title)
        if len(series) > 1 or levels:
            ax.legend()
        return figure(fig, alt)


def heat(
    matrix, title, alt, *, rows=None, columns=None, x_label="", y_label="", values=None, low=None, high=None
) -> HTML:
    """A small matrix as coloured cells, e.g. an attention map. NaN cells stay white.

    rows, columns: labels. values: write the numbers into the cells (default: if there are at most 100 cells).
    low, high: the values at the ends of the colour scale.
    """
    matrix = np.asarray(matrix, dtype=float)
    height, width = matrix.shape
    with drawing(min(9, 2.2 + 0.45 * width), min(8, 1.6 + 0.42 * height)) as (fig, ax):
        image = ax.imshow(matrix, cmap="cividis", vmin=low, vmax=high, aspect="auto")
        ax.grid(False)
        for axis, labels in ((ax.xaxis, columns), (ax.yaxis, rows)):
            axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))  # a row has a whole number
            if labels is not None:
                visible = [str(label).replace("\n", "⏎").replace(" ", "·") for label in labels]
                axis.set_ticks(range(len(visible)), visible, parse_math=False)
        if columns is not None and max(len(str(label)) for label in columns) > 4:
            ax.tick_params(axis="x", labelrotation=60)
        if values if values is not None else matrix.size <= 100:
            _write_values(ax, matrix, image)
        fig.colorbar(image, ax=ax, shrink=0.9)
        ax.set(xlabel=x_label, ylabel=y_label, title=title)
        return figure(fig, alt, colours=192)


def _write_values(ax, matrix, image):
    finite = matrix[~np.isnan(matrix)]
    form = ".0f" if (finite % 1 == 0).all() else ".2f" if np.abs(finite).max() < 100 else ".3g"
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            colour = "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.5 else "black"
            ax.text(column, row, f"{value:{form}}", ha="center", va="center", fontsize=9, color=colour)


def interval(value, n=None) -> tuple[float, float, float]:
    """(value, low, high) from a triple, from a share of n trials, or from a bare number (no interval)."""
    if isinstance(value, (tuple, list)):
        return tuple(float(part) for part in value)
    return (float(value), *wilson(value, n)) if n else (float(value),) * 3


def _reach(intervals):
    """How far intervals (n, 3) reach below and above their values, (2, n), as Matplotlib draws them."""
    value, low, high = np.transpose(intervals)
    return np.clip([value - low, high - value], 0, None)


def bars(values: dict, x_label, title, alt) -> HTML:
    """Horizontal bars: {name: value} or {name: (value, low, high)}; the number stands next to its bar."""
    with drawing(height=0.9 + 0.34 * len(values)) as (fig, ax):
        intervals = [interval(value) for value in values.values()]
        _draw_bars(ax, range(len(values)), list(values), intervals, [colour_of(name) for name in values], ".3g")
        ax.margins(x=0.15)
        ax.set(xlabel=x_label, title=title)
        return figure(fig, alt)


def shares_bar(groups: dict, *, n=None, title="Voice of the answers", alt=None) -> HTML:
    """Horizontal bars of shares, one group per model, the voices in the order of their criterion.

    groups: {"before": {voice: share, ...}, "after": {...}}; a share is a number in 0..1 or (share, low, high).
    n: answers per group; gives plain numbers a 95 % Wilson interval.
    """
    rows = [
        (index, position, f"{group}: {voice}", interval(share, n))
        for index, (group, shares) in enumerate(groups.items())
        for position, (voice, share) in enumerate(shares.items())
    ]
    places = [place + 0.5 * index for place, (index, *_) in enumerate(rows)]
    _, positions, labels, intervals = zip(*rows, strict=True)
    with drawing(height=0.9 + 0.34 * len(rows)) as (fig, ax):
        colours = [VOICE_COLOURS[position % len(VOICE_COLOURS)] for position in positions]
        _draw_bars(ax, places, labels, intervals, colours, ".0%")
        ax.set(xlabel="share of answers", title=title, xlim=(0, 1.16), xticks=np.linspace(0, 1, 5))
        ax.xaxis.set_major_formatter("{x:.0%}")
        ax.spines.bottom.set_bounds(0, 1)
        numbers = "; ".join(f"{label} {value:.0%}" for label, (value, _, _) in zip(labels, intervals, strict=True))
        return figure(fig, alt or f"{title}. Bars: {numbers}.")


def _draw_bars(ax, places, labels, intervals, colours, form):
    """Bars from the top down, each with its interval, if it has one, and its number."""
    values, low, high = np.transpose(intervals)
    places, sure = np.asarray(places), low == high
    ax.barh(places, values, color=colours, height=0.72)
    look = dict(fmt="none", ecolor="#222222", capsize=3, elinewidth=1.2)
    ax.errorbar(values[~sure], places[~sure], xerr=_reach(intervals)[:, ~sure], **look)
    for place, value, end in zip(places, values, np.maximum(values, high), strict=True):
        ax.annotate(f"{value:{form}}", (max(end, 0), place), xytext=(4, 0), va="center", **LABEL)
    ax.set_yticks(places, labels, parse_math=False)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)


def trade_off(
    methods, panels, *, x="kl", x_label="KL from the reference (nats)", title="", levels=None, alt=None
) -> HTML:
    """Several methods, side by side in one panel for each measure; every point is one model.

    methods: {name: points}, points a list of dicts with x and the measures, each a number or (value, low, high), and
        "label", the setting, written in the first panel. Points with the same label (seeds) are joined by their mean.
    panels: {measure: label of its axis}. levels: {measure: (name, value)}, a dashed line in its panel.
    """
    with drawing(3.9 * len(panels), 3.9, 1, len(panels), squeeze=False) as (fig, axes):
        for ax, (measure, y_label) in zip(axes.flat, panels.items(), strict=True):
            for position, (name, points) in enumerate(methods.items()):
                _draw_method(ax, name, points, x, measure, position, labelled=ax is axes.flat[0])
            if measure in (levels or {}):
                name, value = levels[measure]
                ax.axhline(value, color=GREY, linestyle="--", linewidth=1.2, label=name)
            ax.margins(0.18, 0.1)
            ax.set(xscale="log", xlabel=x_label, ylabel=y_label)
        fig.suptitle(title, x=0.01, ha="left", fontsize=11)
        fig.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return figure(fig, alt or _trade_off_alt(methods, panels, x, title))


def _draw_method(ax, name, points, x, measure, position, labelled):
    """The points of one method with their intervals, and a line through the means of each setting."""
    colour, marker = PALETTE[position % len(PALETTE)], MARKERS[position % len(MARKERS)]
    at, values = (np.array([interval(point[key]) for point in points]) for key in (x, measure))
    look = dict(fmt=marker, color=colour, elinewidth=0.8, alpha=0.85, markersize=11 if marker == "*" else 6)
    ax.errorbar(at[:, 0], values[:, 0], _reach(values), _reach(at), label=name, **look)
    settings = np.array([point.get("label", "") for point in points])
    means = sorted((at[settings == s, 0].mean(), values[settings == s, 0].mean(), s) for s in set(settings.tolist()))
    if len(means) > 1:
        ax.plot([mean[0] for mean in means], [mean[1] for mean in means], "-", color=colour, linewidth=1.2)
    for mean_x, mean_y, setting in means if labelled and len(means) > 1 else ():
        ax.annotate(setting, (mean_x, mean_y), xytext=BESIDE[position % len(BESIDE)], color=colour, **LABEL)


def _trade_off_alt(methods, panels, x, title) -> str:
    models = [
        f"{name} {point.get('label', '')}".strip()
        + f": {x} {interval(point[x])[0]:.2f}, "
        + ", ".join(f"{measure} {interval(point[measure])[0]:.3g}" for measure in panels)
        for name, points in methods.items()
        for point in points
    ]
    return f"{title or 'Trade-off'}. One point per model. {'; '.join(models)}."


def reliability_curve(groups, *, title="Is the reward as often right as it is sure?", alt=None) -> HTML:
    """How often a reward is right against how sure it is, with 95 % Wilson intervals; on the diagonal it is calibrated.

    groups: {name: rows} of `helpers.evaluate.calibration.reliability`.
    """
    with drawing(4.8, 4.2) as (fig, ax):
        ax.plot([0.5, 1], [0.5, 1], "--", color=GREY, linewidth=1.2, label="calibrated")
        for position, (name, rows) in enumerate(groups.items()):
            colour, marker = PALETTE[position % len(PALETTE)], MARKERS[position % len(MARKERS)]
            at, right = [row["confidence"] for row in rows], [interval(row["right"], row["pairs"]) for row in rows]
            look = dict(color=colour, marker=marker, capsize=3, elinewidth=1)
            ax.errorbar(at, [share for share, _, _ in right], _reach(right), label=name, **look)
            for row in rows:
                place = row["confidence"], row["right"]
                ax.annotate(row["pairs"], place, xytext=(5, (5, -13)[position % 2]), **LABEL | {"color": colour})
        ax.set(xlabel="how sure: σ(|margin|)", ylabel="how often right: share of the pairs", title=title)
        ax.legend(loc="lower right")
        return figure(fig, alt or f"{title} Numbers are pairs. {_reliability_alt(groups)}.")


def _reliability_alt(groups) -> str:
    bins = "{pairs} pairs {confidence:.2f} sure, {right:.2f} right"
    return "; ".join(f"{name}: " + ", ".join(bins.format(**row) for row in rows) for name, rows in groups.items())
