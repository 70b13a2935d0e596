"""Figures of a training run. A history is a list of dicts, one a step, with "step" and whatever was measured there."""

import itertools

import numpy as np
from IPython.display import HTML
from matplotlib.lines import Line2D

from helpers.files import CourseError
from helpers.show.figures import MARKERS, mark
from helpers.show.style import BLACK, BLUE, CHOSEN, GREY, PALETTE, REJECTED, drawing, figure

PANELS = {  # title: (y label, keys)
    "Loss": ("loss (nats)", ("loss",)),
    "Rewards": (r"$\beta\,\times$ log-ratio (nats)", ("chosen_rewards", "rejected_rewards")),
    "Margin": ("chosen $-$ rejected (nats)", ("margin",)),
    "Accuracy": ("pairs ranked right (share)", ("accuracy",)),
    "Log-ratios": ("log-ratio (nats)", ("chosen_logratios", "rejected_logratios")),
    "Gradient": ("gradient norm", ("grad_norm",)),
}
KIND = "log-ratio of "  # keys of a callback, as "log-ratio of polite chosen", in place of the log-ratios of all pairs
LINES = {  # what the legend explains: colour, dashes, marker
    "chosen": (CHOSEN, "-", ""),
    "rejected": (REJECTED, "--", ""),
    "all pairs": (BLUE, "-", ""),
    "validation": (BLACK, "", "o"),
}


def column(history, key) -> tuple[list, list]:
    """(steps, values) of the rows that hold this key."""
    rows = [(row["step"], row[key]) for row in history if row.get(key) is not None]
    return [step for step, _ in rows], [value for _, value in rows]


def _draw_metric(ax, history, key, colour, dashes="-", label=None):
    """Circles for validation; else a line, or the running mean and range of many steps."""
    steps, values = column(history, key)
    if key.startswith("val_"):
        ax.plot(steps, values, "o", color=colour, markersize=5.5, markerfacecolor="white", label=label, zorder=4)
    elif len(values) < 60:
        ax.plot(steps, values, dashes, color=colour, label=label)
    else:
        reach = [min(i, len(values) - 1 - i, len(values) // 30) for i in range(len(values))]  # the ends stay exact
        near = [values[i - r : i + r + 1] for i, r in enumerate(reach)]
        ax.fill_between(steps, list(map(min, near)), list(map(max, near)), color=colour, alpha=0.18, lw=0)
        ax.plot(steps, [np.mean(part) for part in near], dashes, color=colour, linewidth=2, label=label)


def _readable(key: str) -> str:
    return key.replace("logratios", "log-ratios").replace("val_", "validation ").replace("_", " ")


def _changes(history, keys) -> str:
    columns = {key: column(history, key)[1] for key in keys}
    return " ".join(f"{_readable(key)} from {v[0]:.3g} to {v[-1]:.3g}." for key, v in columns.items() if v)


def loss_curve(
    history, *, keys=("loss", "val_loss"), y_label="loss (nats per token)", title="Training loss", alt=None, levels=None
) -> HTML:
    """Loss over steps; a key need not be in every row.

    Line: running mean; band: running range; circles: validation. levels: {label: y} dashed lines.
    """
    with drawing() as (fig, ax):
        for position, key in enumerate(key for key in keys if column(history, key)[0]):
            colour = BLACK if key.startswith("val_") else PALETTE[position % len(PALETTE)]
            _draw_metric(ax, history, key, colour, label=_readable(key))
        mark(ax, levels)
        ax.set(xlabel="step", ylabel=y_label, title=title)
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
        return figure(fig, alt or f"{title}. {_changes(history, keys)}")


def training_panels(history) -> HTML:
    """Six panels of a DPO run: loss, rewards, margin, accuracy, log-ratios of both sides, gradient norm.

    history: rows with any of loss, chosen_rewards, rejected_rewards, margin, accuracy, grad_norm, and the log-probs
    that log-ratios need, each also as val_<name>. Line: running mean; band: running range; circles: validation.
    Keys "log-ratio of <kind>", as a callback may add, are drawn in place of the log-ratios of all pairs.
    A panel without data is left out. Raises CourseError if none has data.
    """
    history = [_with_logratios(row) for row in history]
    by_kind = tuple(dict.fromkeys(key for row in history for key in row if key.startswith(KIND)))
    panels = PANELS | ({"Log-ratios": (PANELS["Log-ratios"][0], by_kind)} if by_kind else {})
    panels = {name: panel for name, panel in panels.items() if any(column(history, key)[0] for key in panel[1])}
    if not panels:
        raise CourseError("The history holds none of the DPO metrics. Pass the history that training returned.")
    keys = [key for _, names in panels.values() for name in names for key in (name, f"val_{name}")]
    rows = -(-len(panels) // 2)
    with drawing(7.4, 2.35 * rows + 0.4, rows, 2, squeeze=False) as (fig, axes):
        for ax, (name, panel) in zip(axes.flat, panels.items(), strict=False):
            _draw_panel(ax, history, name, *panel)
        for ax in axes.flat[len(panels) :]:
            ax.set_visible(False)
        kinds = [line for ax in axes.flat for line in ax.get_legend_handles_labels()[0]]
        fig.legend(handles=_line_legend() + kinds, loc="outside lower center", ncols=4)
        changes = f"First and last values: {_changes(history, keys)}"
        return figure(fig, f"Panels over training steps: {', '.join(panels)}. {changes}")


def _with_logratios(row) -> dict:
    """The row with the log-ratios of both sides, if the reference's log-probs are in it.

    A batch holds responses of similar length, so raw log-probs would show its length more than the training.
    """
    ends = [f"{side}_logps" for side in ("chosen", "rejected")]
    there = [(part, end) for part in ("", "val_") for end in ends if f"{part}reference_{end}" in row]
    return row | {
        f"{part}{end.replace('logps', 'logratios')}": row[part + end] - row[f"{part}reference_{end}"]
        for part, end in there
    }


def _line_legend() -> list[Line2D]:
    return [
        Line2D([], [], color=colour, linestyle=dashes, marker=marker, markerfacecolor="white", label=label)
        for label, (colour, dashes, marker) in LINES.items()
    ]


def _draw_panel(ax, history, name, y_label, keys):
    for key, marker in zip(keys, itertools.cycle(MARKERS), strict=False):
        colour, dashes = (REJECTED, "--") if "rejected" in key else (CHOSEN, "-") if "chosen" in key else (BLUE, "-")
        if key.startswith(KIND):  # measured at a few steps: a line through points
            label = key.removeprefix(KIND)
            ax.plot(*column(history, key), dashes, marker=marker, markersize=5, color=colour, label=label)
            continue
        _draw_metric(ax, history, key, colour, dashes)
        _draw_metric(ax, history, f"val_{key}", BLACK if colour == BLUE else colour)
    if name == "Loss":
        mark(ax, {"ln 2": np.log(2)})
    if name == "Accuracy":
        ax.set_ylim(-0.02, 1.05)
    if name in ("Rewards", "Margin", "Log-ratios"):
        ax.axhline(0, color=GREY, linewidth=0.8)
    ax.set(xlabel="step", ylabel=y_label, title=name)
