"""Tables, figures with alt text, and widgets: everything a notebook shows, one line each."""

from helpers.show.blind import ab_card, ab_result, ab_summary, blind_ab
from helpers.show.chat import chat, chat_turn
from helpers.show.plots import bars, curves, heat, histogram
from helpers.show.runs import frontier, loss_curve, shares_bar, training_panels
from helpers.show.style import figure
from helpers.show.tables import diff, side_by_side, table
from helpers.show.tokens import token_text, tokens
from helpers.show.trade_offs import reliability_curve, trade_off
from helpers.show.widgets import LiveCurve, explorer, loss_explorer, show_loss_explorer

__all__ = [
    "LiveCurve",
    "ab_card",
    "ab_result",
    "ab_summary",
    "bars",
    "blind_ab",
    "chat",
    "chat_turn",
    "curves",
    "diff",
    "explorer",
    "figure",
    "frontier",
    "heat",
    "histogram",
    "loss_curve",
    "loss_explorer",
    "reliability_curve",
    "shares_bar",
    "show_loss_explorer",
    "side_by_side",
    "table",
    "token_text",
    "tokens",
    "trade_off",
    "training_panels",
]
