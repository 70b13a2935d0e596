"""Sliders around a pure function, the DPO loss explorer, and a loss curve that grows during training.

Each widget calls a pure function; the notebook's next cell shows one state of it as a static figure.
"""

import html
import itertools
import time

import ipywidgets as ipw
import numpy as np
from IPython.display import HTML, display

from helpers.show.runs import loss_curve
from helpers.show.style import BLACK, BLUE, CHOSEN, GREY, POLICY, REJECTED, drawing, figure

WIDE = {"description_width": "initial"}


def explorer(function, **controls) -> ipw.VBox:
    """Sliders over a pure function that returns HTML; its last child shows function(**values).

    controls: name=(low, high, step, start) for a number, name=[...] for a choice (the first is the start), or
    any ipywidgets widget.
    """
    widgets = {name: _control(name, control) for name, control in controls.items()}
    view = ipw.HTML()

    def draw(_change=None):
        view.value = function(**{name: widget.value for name, widget in widgets.items()}).data

    for widget in widgets.values():
        widget.observe(draw, names="value")
    draw()
    return ipw.VBox([*widgets.values(), view])


def _control(name, control):
    if isinstance(control, ipw.Widget):
        return control
    layout = ipw.Layout(width="28em", max_width="100%")
    label = name.replace("_", " ")
    if isinstance(control, list):
        return ipw.SelectionSlider(options=control, description=label, style=WIDE, layout=layout)
    low, high, step, start = control
    kind = ipw.IntSlider if all(isinstance(part, int) for part in control) else ipw.FloatSlider
    return kind(min=low, max=high, step=step, value=start, description=label, style=WIDE, layout=layout)


def loss_explorer(beta: float = 0.1, logratio: float = 0.0) -> HTML:
    """The DPO loss -log sigmoid(beta h) and its gradient's weight sigmoid(-beta h), with one point marked.

    logratio: h, how much more the policy raised the chosen than the rejected response (nats)
    (Rafailov et al., arXiv:2305.18290, eq. 7 and the gradient below it).
    """
    h = np.linspace(-30, 30, 241)
    loss, weight = float(np.logaddexp(0, -beta * logratio)), float(1 / (1 + np.exp(beta * logratio)))
    with drawing(7.4, 3.3, 1, 2) as (fig, (left, right)):
        for ax, curve, value, colour in (
            (left, np.logaddexp(0, -beta * h), loss, POLICY),
            (right, 1 / (1 + np.exp(beta * h)), weight, CHOSEN),
        ):
            ax.plot(h, curve, color=colour, linewidth=2.2)
            ax.axvline(0, color=GREY, linewidth=0.8)
            ax.plot(logratio, value, "o", color="black", markersize=8, zorder=5)
            ax.set_xlabel(r"$h$ = log-ratio chosen $-$ rejected (nats)")
        left.axhline(np.log(2), color=GREY, linestyle="--", linewidth=1)
        left.annotate("ln 2", (-29, np.log(2)), xytext=(0, 3), textcoords="offset points", fontsize=9)
        left.set(
            title=rf"Loss at $\beta$ = {beta:g}: {loss:.3f}",
            ylabel=r"$-\log\,\sigma(\beta h)$ (nats)",
            ylim=(-0.1, 4.1),
        )
        right.set(title=f"Gradient weight: {weight:.3f}", ylabel=r"$\sigma(-\beta h)$", ylim=(-0.04, 1.04))
        at = f"At h = {logratio:g} nats the loss is {loss:.3f} and the gradient weight {weight:.3f}."
        return figure(fig, f"DPO loss and gradient weight for beta {beta:g}. {at} Both fall as h grows.")


def show_loss_explorer() -> ipw.VBox:
    """Sliders for beta and the log-ratio around `loss_explorer`."""
    beta = ipw.SelectionSlider(options=[0.01, 0.03, 0.1, 0.3, 1.0], value=0.1, description="β", style=WIDE)
    logratio = ipw.FloatSlider(
        min=-30,
        max=30,
        step=0.5,
        value=0,
        description="h (nats)",
        style=WIDE,
        layout=ipw.Layout(width="28em", max_width="100%"),
    )
    return explorer(loss_explorer, beta=beta, logratio=logratio)


class LiveCurve:
    """A curve that grows while a model trains: pass it as the training loop's callback.

    It shows itself at the first call and redraws at most every `every` seconds (a small SVG, a millisecond or
    two). `figure()` returns the static figure for the next cell.
    """

    def __init__(self, keys=("loss", "val_loss"), x="step", y_label="loss (nats per token)", every=0.5):
        self.keys, self.x, self.y_label, self.every = tuple(keys), x, y_label, every
        self.history: list[dict] = []
        self.widget = ipw.HTML()
        self._drawn, self._shown = 0.0, False

    def __call__(self, history):
        """Take the history so far (a list of dicts) or one more record, e.g. {"step": 10, "loss": 3.1}."""
        self.history = [*self.history, history] if isinstance(history, dict) else history
        if not self._shown:
            self._shown = True
            display(self.widget)
        if time.monotonic() - self._drawn >= self.every:
            self.draw()

    def draw(self):
        """Redraw now; call it once after training for the last points."""
        self._drawn = time.monotonic()
        self.widget.value = sketch(self.history, self.keys, self.x, self.y_label)

    def figure(self, **options) -> HTML:
        """The static figure of what was recorded; options as for `loss_curve`."""
        self.draw()
        return loss_curve(self.history, keys=self.keys, x=self.x, **{"y_label": self.y_label, **options})


STROKES = (
    ("solid", "", BLUE),
    ("dashed", "6 4", BLACK),
    ("dotted", "2 3", CHOSEN),
    ("dash-dot", "8 3 2 3", REJECTED),
)


def sketch(history, keys, x="step", y_label="loss") -> str:
    """Up to four lines as a small SVG string, quick enough to be redrawn during training."""
    rows = {key: [(row[x], row[key]) for row in history if row.get(key) is not None] for key in keys}
    lines = {key: finite for key, line in rows.items() if (finite := [p for p in line if np.isfinite(p[1])])}
    if not lines:
        return "<p>Waiting for the first step.</p>"
    (left, right), (low, high) = (
        (min(side), max(side)) for side in zip(*itertools.chain(*lines.values()), strict=True)
    )
    drawn, said = [], []
    for (stroke, dash, colour), (key, line) in zip(STROKES, lines.items(), strict=False):
        across, down = 500 / (right - left or 1), 180 / (high - low or 1)
        path = " ".join(
            f"{60 + across * (at - left):.1f},{200 - down * (value - low):.1f}"
            for at, value in line[:: max(1, len(line) // 400)]
        )
        style = f'stroke="{colour}" stroke-dasharray="{dash}" stroke-width="2" fill="none"'
        drawn.append(f'<polyline points="{path}" {style}/>')
        said.append(f"{key.replace('_', ' ')} {line[-1][1]:.3g} ({stroke})")
    label = html.escape(f"{x} {right:g}: {', '.join(said)}")
    ends = (f"{low:.3g}", f"{high:.3g}", f"{left:g}", f"{right:g}")
    return _svg("".join(drawn), label, html.escape(y_label), *ends)


def _svg(lines, label, y_label, low, high, left, right) -> str:
    text = '<text x="{}" y="{}" text-anchor="{}" font-size="12" fill="#222222">{}</text>'
    texts = [
        text.format(*entry)
        for entry in (
            (54, 204, "end", low),
            (54, 24, "end", high),
            (60, 218, "start", left),
            (560, 218, "end", right),
            (64, 14, "start", y_label),
            (310, 218, "middle", label),
        )
    ]
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 580 226" width="580" '
        'style="max-width:100%;background:#ffffff;font-family:sans-serif">'
        f'<path d="M60 20V200H560" fill="none" stroke="#777777"/>{lines}{"".join(texts)}</svg>'
    )
