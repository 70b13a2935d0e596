"""Two figures of an evaluation: what methods pay for what they gain, and whether a reward knows how sure it is."""

import numpy as np
from IPython.display import HTML

from helpers.show.plots import interval, name_axes
from helpers.show.style import GREY, PALETTE, drawing, figure
from helpers.stats import wilson

MARKERS = "os^Dv*"
LABEL = dict(textcoords="offset points", fontsize=9)
BESIDE = ((8, -14), (-10, -16), (-6, -17), (-30, 8))  # where labels stand, method by method, so that they do not meet


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
            for place, (name, points) in enumerate(methods.items()):
                _method(ax, name, points, x, measure, place, named=ax is axes.flat[0])
            if measure in (levels or {}):
                ax.axhline(levels[measure][1], color=GREY, linestyle="--", linewidth=1.2, label=levels[measure][0])
            ax.set_xscale("log")
            ax.margins(0.18, 0.1)
            name_axes(ax, x_label, y_label, "")
        fig.suptitle(title, x=0.01, ha="left", fontsize=11)
        handles = dict(zip(*reversed(axes.flat[0].get_legend_handles_labels()), strict=True))
        fig.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
        return figure(fig, alt or _told(methods, panels, x, title))


def reliability_curve(groups, *, title="Is the reward as often right as it is sure?", alt=None) -> HTML:
    """How often a reward is right against how sure it is, with 95 % Wilson intervals; on the diagonal it is calibrated.

    groups: {name: rows} of `helpers.evaluate.calibration.reliability`.
    """
    with drawing(4.8, 4.2) as (fig, ax):
        ax.plot([0.5, 1], [0.5, 1], "--", color=GREY, linewidth=1.2, label="calibrated")
        for place, (name, rows) in enumerate(groups.items()):
            at, right = ([row[key] for row in rows] for key in ("confidence", "right"))
            ends = np.array([wilson(row["right"], row["pairs"]) for row in rows]).T
            error = np.abs(ends - right)
            style = dict(
                color=PALETTE[place % len(PALETTE)], marker=MARKERS[place % len(MARKERS)], capsize=3, elinewidth=1
            )
            ax.errorbar(at, right, yerr=error, label=name, **style)
            for row in rows:
                where = (row["confidence"], row["right"])
                ax.annotate(row["pairs"], where, xytext=(5, (-13, 5)[place % 2]), **LABEL)
        name_axes(ax, "how sure: σ(|margin|)", "how often right: share of the pairs", title)
        ax.legend(loc="lower right")
        told = "; ".join(
            f"{name}: "
            + ", ".join(f"{r['pairs']} pairs {r['confidence']:.2f} sure, {r['right']:.2f} right" for r in rows)
            for name, rows in groups.items()
        )
        return figure(fig, alt or f"{title} Numbers are pairs. {told}.")


def _method(ax, name, points, x, measure, place, named):
    """The points of one method with their intervals, and a line through the means of each setting."""
    colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
    at, values = (np.array([interval(point[key]) for point in points]) for key in (x, measure))
    errors = [np.clip([side[:, 0] - side[:, 1], side[:, 2] - side[:, 0]], 0, None) for side in (values, at)]
    size = 11 if marker == "*" else 6
    ax.errorbar(
        at[:, 0], values[:, 0], *errors, fmt=marker, color=colour, ecolor=colour, elinewidth=0.8, alpha=0.85,
        markersize=size, label=name,
    )  # fmt: skip
    labels = [point["label"] for point in points]
    rows = [[label == found for found in labels] for label in dict.fromkeys(labels)]
    means = sorted((at[of, 0].mean(), values[of, 0].mean(), labels[of.index(True)]) for of in rows)
    if len(means) > 1:
        ax.plot([m[0] for m in means], [m[1] for m in means], "-", color=colour, linewidth=1.2)
    for mean_x, mean_y, label in means if named and len(means) > 1 else ():
        ax.annotate(label, (mean_x, mean_y), xytext=BESIDE[place % len(BESIDE)], color=colour, **LABEL)


def _told(methods, panels, x, title) -> str:
    said = [
        f"{name} {point['label']}: {x} {interval(point[x])[0]:.2f}, "
        + ", ".join(f"{measure} {interval(point[measure])[0]:.3g}" for measure in panels)
        for name, points in methods.items()
        for point in points
    ]
    return f"{title or 'Trade-off'}. One point per model. {'; '.join(said)}."
