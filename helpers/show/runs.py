"""Figures of a training run and of what it changed: losses, DPO metrics, voices, the frontier over beta."""

import numpy as np
from IPython.display import HTML
from matplotlib.lines import Line2D

from helpers.files import CourseError
from helpers.show.plots import interval, mark, name_axes, show_legend, whisker
from helpers.show.style import BLACK, BLUE, CHOSEN, GREY, REJECTED, colour_of, drawing, figure


def loss_curve(
    history,
    *,
    keys=("loss", "val_loss"),
    x="step",
    y_label="loss (nats per token)",
    title="Training loss",
    alt=None,
    levels=None,
) -> HTML:
    """Loss over steps from a training history (a list of dicts); a key need not be in every row.

    Line: running mean; band: running range; circles: validation. levels: {label: y} dashed lines.
    """
    with drawing() as (fig, ax):
        for position, key in enumerate(key for key in keys if _column(history, key, x)[0]):
            _trace(ax, history, key, x, BLACK if key.startswith("val_") else colour_of("", position), label=True)
        mark(ax, levels)
        name_axes(ax, x, y_label, title)
        show_legend(ax)
        return figure(fig, alt or f"{title}. " + " ".join(_change(history, key) for key in keys))


PANELS = {  # title: (y label, keys)
    "Loss": ("loss (nats)", ("loss",)),
    "Rewards": (r"$\beta\,\times$ log-ratio (nats)", ("chosen_rewards", "rejected_rewards")),
    "Margin": ("chosen $-$ rejected (nats)", ("margin",)),
    "Accuracy": ("pairs ranked right (share)", ("accuracy",)),
    "Log-probs": ("log-prob of response (nats)", ("chosen_logps", "rejected_logps")),
    "Gradient": ("gradient norm", ("grad_norm",)),
}


def training_panels(history, *, alt=None, title=None) -> HTML:
    """Six panels of a DPO run: loss, rewards, margin, accuracy, log-probs of both sides, gradient norm.

    history: list of dicts with "step" and any of loss, chosen_rewards, rejected_rewards, margin, accuracy,
    chosen_logps, rejected_logps, grad_norm, each also as val_<name>. Line: running mean; band: running range;
    circles: validation. A panel without data is left out. Raises CourseError if none has data.
    """
    panels = {name: panel for name, panel in PANELS.items() if any(_column(history, key)[0] for key in panel[1])}
    if not panels:
        raise CourseError("The history holds none of the DPO metrics. Pass the history that training returned.")
    rows = -(-len(panels) // 2)
    with drawing(7.4, 2.35 * rows + 0.4, rows, 2, squeeze=False) as (fig, axes):
        for ax, (name, (y_label, keys)) in zip(axes.flat, panels.items(), strict=False):
            _panel(ax, history, name, y_label, keys)
        for ax in axes.flat[len(panels) :]:
            ax.set_visible(False)
        _panels_legend(fig, history)
        if title:
            fig.suptitle(title, x=0.01, ha="left")
        return figure(fig, alt or _panels_alt(history, panels))


def shares_bar(
    groups: dict, *, n=None, title="Voice of the answers", x_label="share of answers (%)", alt=None, width=6.4
) -> HTML:
    """Horizontal bars of shares, one group per model: {"SFT": {"polite": 0.2, "blunt": 0.35}, "DPO": {...}}.

    A share is a number in 0..1 or (share, low, high). n: answers per group; gives plain numbers a 95 % Wilson
    interval.
    """
    kinds = list(dict.fromkeys(kind for shares in groups.values() for kind in shares))
    rows = [
        (group, kind, interval(shares[kind], n)) for group, shares in groups.items() for kind in kinds if kind in shares
    ]
    with drawing(width, 0.9 + 0.34 * len(rows)) as (fig, ax):
        ticks = _bars(ax, rows, kinds)
        ax.set_yticks(list(ticks.values()), list(ticks), parse_math=False)
        ax.set(xlim=(0, 116), xticks=range(0, 101, 25))
        ax.spines.bottom.set_bounds(0, 100)
        ax.grid(axis="y", visible=False)
        name_axes(ax, x_label, "", title)
        said = "; ".join(f"{group}, {kind}: {value:.0%}" for group, kind, (value, _, _) in rows)
        return figure(fig, alt or f"{title}. Bars: {said}.")


def frontier(
    points,
    *,
    x="kl",
    y="polite",
    label="beta",
    x_label="KL(policy || reference) (nats per answer)",
    y_label="share of answers",
    title="What the policy gains and how far it moves",
    alt=None,
) -> HTML:
    """Trade-off over beta: each point of `points` (list of dicts) is one trained model.

    x, y, label: keys of the dicts; y may be several keys, one line each. A value is a number or
    (value, low, high); "<key>_low" and "<key>_high" work as well. Points are joined in the order of x.
    """
    keys = (y,) if isinstance(y, str) else tuple(y)
    with drawing(6.4, 4.0) as (fig, ax):
        for position, key in enumerate(keys):
            _frontier_line(ax, points, x, key, label if position == 0 else None, position)
        ax.margins(0.1, 0.12)
        name_axes(ax, x_label, y_label, title)
        show_legend(ax, len(keys) > 1)
        said = "; ".join(
            f"{label} {row[label]}: " + ", ".join(f"{key} {_row_interval(row, key)[0]:.3g}" for key in (x, *keys))
            for row in points
        )
        return figure(fig, alt or f"{title}. One point per model: {said}.")


def _readable(key: str) -> str:
    words = key.replace("logps", "log-probs").replace("_", " ")
    return "validation " + words.removeprefix("val ") if words.startswith("val ") else words


def _column(history, key, x="step"):
    rows = [(row[x], row[key]) for row in history if row.get(key) is not None]
    return [at for at, _ in rows], [value for _, value in rows]


def _trace(ax, history, key, x, colour, label=False, dashes="-"):
    """Draw one metric: circles for validation; else a line, or the running mean and range of many steps."""
    at, values = _column(history, key, x)
    name = _readable(key) if label else None
    if key.startswith("val_"):
        ax.plot(at, values, "o", color=colour, markersize=5.5, markerfacecolor="white", label=name, zorder=4)
        return
    if len(values) < 60:
        ax.plot(at, values, dashes, color=colour, label=name)
        return
    reach = [min(i, len(values) - 1 - i, len(values) // 30) for i in range(len(values))]  # the ends stay exact
    near = [values[i - r : i + r + 1] for i, r in enumerate(reach)]
    ax.fill_between(at, [min(part) for part in near], [max(part) for part in near], color=colour, alpha=0.18, lw=0)
    ax.plot(at, [np.mean(part) for part in near], dashes, color=colour, linewidth=2, label=name)


def _panel(ax, history, name, y_label, keys):
    for key in keys:
        colour = colour_of(key) if len(keys) > 1 else BLUE
        _trace(ax, history, key, "step", colour, dashes="--" if key.startswith("rejected") else "-")
        _trace(ax, history, f"val_{key}", "step", colour if len(keys) > 1 else BLACK)
    if name == "Loss":
        mark(ax, {"ln 2": np.log(2)})
    if name == "Accuracy":
        ax.set_ylim(-0.02, 1.05)
    if name in ("Rewards", "Margin"):
        ax.axhline(0, color=GREY, linewidth=0.8)
    name_axes(ax, "step", y_label, name)


def _panels_legend(fig, history):
    lines = [("chosen", CHOSEN, "-", ""), ("rejected", REJECTED, "--", ""), ("all pairs", BLUE, "-", "")]
    if any(key.startswith("val_") for row in history for key in row):
        lines.append(("validation", BLACK, "", "o"))
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, marker=marker, markerfacecolor="white", label=name)
        for name, colour, dashes, marker in lines
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _change(history, key) -> str:
    _, values = _column(history, key)
    return f"{_readable(key)} from {values[0]:.3g} to {values[-1]:.3g}." if values else ""


def _panels_alt(history, panels) -> str:
    keys = [f"{prefix}{key}" for _, keys in panels.values() for key in keys for prefix in ("", "val_")]
    said = " ".join(change for key in keys if (change := _change(history, key)))
    return f"Panels over training steps: {', '.join(panels)}. First and last values: {said}"


def _row_interval(row, key):
    if f"{key}_low" in row:
        return float(row[key]), float(row[f"{key}_low"]), float(row[f"{key}_high"])
    return interval(row[key])


def _bars(ax, rows, kinds) -> dict:
    """Draw groups of bars from the top down. Returns {"group: kind": y} for the tick labels."""
    ticks, position, last = {}, 0.0, rows[0][0]
    for group, kind, (value, low, high) in rows:
        position += 0.5 if group != last else 0
        last = group
        ax.barh(position, 100 * value, color=colour_of(kind, kinds.index(kind)), height=0.8)
        whisker(ax, position, 100 * value, 100 * low, 100 * high)
        ax.annotate(
            f"{value:.0%}",
            (100 * max(value, high), position),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
        ticks[f"{group}: {kind}"] = position
        position += 1
    ax.invert_yaxis()
    return ticks


def _frontier_line(ax, points, x, key, label, position):
    rows = sorted(points, key=lambda row: _row_interval(row, x)[0])
    at, values = ([_row_interval(row, name) for row in rows] for name in (x, key))
    x_error, y_error = (
        [[max(0, v - low) for v, low, _ in side], [max(0, high - v) for v, _, high in side]] for side in (at, values)
    )
    ax.errorbar(
        [v for v, _, _ in at],
        [v for v, _, _ in values],
        xerr=x_error,
        yerr=y_error,
        capsize=3,
        fmt="os^D"[position % 4] + "-",
        color=colour_of(key, position),
        ecolor="#777777",
        elinewidth=1,
        linewidth=1.2,
        markersize=6,
        label=_readable(key),
    )
    for row, (cx, _, _), (cy, _, _) in zip(rows, at, values, strict=True) if label else ():
        name = rf"$\beta$ = {row[label]:g}" if label == "beta" else str(row[label])
        ax.annotate(name, (cx, cy), xytext=(7, -12), textcoords="offset points", fontsize=9)
