"""Sliders around a pure function, the DPO loss explorer, and a loss curve that grows during training.

Each widget calls a pure function; the notebook's next cell shows one state of it as a static figure.
"""

import html
import itertools
import time

import ipywidgets as ipw
import numpy as np
from IPython.display import HTML, display

from helpers.show.figures import mark
from helpers.show.style import BLACK, BLUE, CHOSEN, GREY, POLICY, REJECTED, drawing, figure
from helpers.show.training_curves import column, loss_curve

WIDE = {"description_width": "initial"}
LONG = {"width": "28em", "max_width": "100%"}


def explorer(function, **controls) -> ipw.VBox:
    """Sliders over a pure function that returns HTML; its last child shows function(**values).

    controls: name=(low, high, step, start) for a number, name=[...] for a choice (the first is the start), or
    any ipywidgets widget.
    """
    widgets = {name: _slider(name, control) for name, control in controls.items()}
    view = ipw.HTML()

    def draw(_change=None):
        view.value = function(**{name: widget.value for name, widget in widgets.items()}).data

    for widget in widgets.values():
        widget.observe(draw, names="value")
    draw()
    return ipw.VBox([*widgets.values(), view])


def _slider(name, control):
    if isinstance(control, ipw.Widget):
        return control
    label = name.replace("_", " ")
    if isinstance(control, list):
        return ipw.SelectionSlider(options=control, description=label, style=WIDE, layout=LONG)
    low, high, step, start = control
    kind = ipw.IntSlider if all(isinstance(part, int) for part in control) else ipw.FloatSlider
    return kind(min=low, max=high, step=step, value=start, description=label, style=WIDE, layout=LONG)


def loss_explorer(beta: float = 0.1, logratio: float = 0.0) -> HTML:
    """The DPO loss -log sigmoid(beta h) and its gradient's weight sigmoid(-beta h), with one point marked.

    logratio: h, how much more the policy raised the chosen than the rejected response (nats)
    (Rafailov et al., arXiv:2305.18290, eq. 7 and the gradient below it).
    """
    h = np.append(np.linspace(-30, 30, 241), logratio)  # the last one is the marked point
    losses, weights = np.logaddexp(0, -beta * h), 1 / (1 + np.exp(beta * h))
    with drawing(7.4, 3.3, 1, 2) as (fig, (left, right)):
        for ax, values, colour in ((left, losses, POLICY), (right, weights, CHOSEN)):
            ax.plot(h[:-1], values[:-1], color=colour, linewidth=2.2)
            ax.plot(h[-1], values[-1], "o", color="black", markersize=8, zorder=5)
            ax.axvline(0, color=GREY, linewidth=0.8)
            ax.set_xlabel(r"$h$ = log-ratio chosen $-$ rejected (nats)")
        mark(left, {"ln 2": np.log(2)})
        left.set(ylabel=r"$-\log\,\sigma(\beta h)$ (nats)", ylim=(-0.1, 4.1))
        left.set_title(rf"Loss at $\beta$ = {beta:g}: {losses[-1]:.3f}")
        right.set(ylabel=r"$\sigma(-\beta h)$", ylim=(-0.04, 1.04), title=f"Gradient weight: {weights[-1]:.3f}")
        at = f"At h = {logratio:g} nats the loss is {losses[-1]:.3f} and the gradient weight {weights[-1]:.3f}."
        return figure(fig, f"DPO loss and gradient weight for beta {beta:g}. {at} Both fall as h grows.")


def show_loss_explorer() -> ipw.VBox:
    """Sliders for beta and the log-ratio around `loss_explorer`."""
    beta = ipw.SelectionSlider(options=[0.01, 0.03, 0.1, 0.3, 1.0], value=0.1, description="β", style=WIDE)
    logratio = ipw.FloatSlider(min=-30, max=30, step=0.5, value=0, description="h (nats)", style=WIDE, layout=LONG)
    return explorer(loss_explorer, beta=beta, logratio=logratio)


class LiveCurve:
    """A curve that grows while a model trains: pass it as the training loop's callback.

    It shows itself at the first call and redraws at most every `every` seconds (a small SVG, a millisecond or
    two). `figure()` returns the static figure for the next cell.
    """

    def __init__(self, keys=("loss", "val_loss"), y_label="loss (nats per token)", every=0.5):
        self.keys, self.y_label, self.every = tuple(keys), y_label, every
        self.history: list[dict] = []
        self.widget = ipw.HTML()
        self._drawn = 0.0

    def __call__(self, history):
        """Take the history so far (a list of dicts) or one more record, e.g. {"step": 10, "loss": 3.1}."""
        if not self.history:
            display(self.widget)
        self.history = [*self.history, history] if isinstance(history, dict) else history
        if time.monotonic() - self._drawn >= self.every:
            self.draw()

    def draw(self):
        """Redraw now; call it once after training for the last points."""
        self._drawn = time.monotonic()
        self.widget.value = sketch(self.history, self.keys, self.y_label)

    def figure(self, **options) -> HTML:
        """The static figure of what was recorded; options as for `loss_curve`."""
        self.draw()
        return loss_curve(self.history, keys=self.keys, **{"y_label": self.y_label, **options})


STROKES = (("solid", "", BLUE), ("dashed", "6 4", BLACK), ("dotted", "2 3", CHOSEN), ("dash-dot", "8 3 2 3", REJECTED))


def sketch(history, keys, y_label="loss") -> str:
    """Up to four lines over the steps as a small SVG string, quick enough to be redrawn during training."""
    columns = {key: zip(*column(history, key), strict=True) for key in keys}
    lines = {key: line for key, rows in columns.items() if (line := [row for row in rows if np.isfinite(row[1])])}
    if not lines:
        return "<p>Waiting for the first step.</p>"
    steps, values = zip(*itertools.chain(*lines.values()), strict=True)
    (left, right), (low, high) = ((min(side), max(side)) for side in (steps, values))
    across, down = 500 / (right - left or 1), 180 / (high - low or 1)
    paths, latest = [], []
    for (stroke, dash, colour), (key, line) in zip(STROKES, lines.items(), strict=False):
        points = line[:: max(1, len(line) // 400)]
        xy = [f"{60 + across * (x - left):.1f},{200 - down * (y - low):.1f}" for x, y in points]
        look = f'stroke="{colour}" stroke-dasharray="{dash}" stroke-width="2" fill="none"'
        paths.append(f'<polyline points="{" ".join(xy)}" {look}/>')
        latest.append(f"{key.replace('_', ' ')} {line[-1][1]:.3g} ({stroke})")
    label = f"step {right:g}: {', '.join(latest)}"
    return _svg("".join(paths), html.escape(label), html.escape(y_label), (left, right), (low, high))


def _svg(paths, label, y_label, steps, values) -> str:
    """The frame: two axes with their ends, the name of the upright one, the latest values, and the lines."""
    texts = [
        *((54, 204, "end", f"{values[0]:.3g}"), (54, 24, "end", f"{values[1]:.3g}"), (64, 14, "start", y_label)),
        *((60, 218, "start", f"{steps[0]:g}"), (560, 218, "end", f"{steps[1]:g}"), (310, 218, "middle", label)),
    ]
    text = '<text x="{}" y="{}" text-anchor="{}" font-size="12" fill="#222222">{}</text>'
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 580 226" width="580" '
        'style="max-width:100%;background:#ffffff;font-family:sans-serif">'
        f'<path d="M60 20V200H560" fill="none" stroke="#777777"/>{paths}{"".join(text.format(*t) for t in texts)}</svg>'
    )
