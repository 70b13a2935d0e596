"""A sequence of tokens as boxes: which count, which are masked, and how likely each one was."""

import html

from IPython.display import HTML

from helpers.files import CourseError
from helpers.show.style import CHOSEN, GREY, ORANGE, blend

BOX = "display:inline-block;margin:2px 0;padding:2px 4px;border-radius:3px;text-align:center;line-height:1.35;"
FONT = "font-family:monospace;font-size:14px;"
COUNTED = f"background:{blend(CHOSEN, 0.3)};color:#111111;border:1px solid {CHOSEN};"
MASKED = f"background:#eeeeee;color:#595959;border:1px dashed {GREY};"
DARKEST = 0.85  # how much colour the box of the lowest value gets
MARKS = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍"}


def tokens(tok, ids, mask=None, values=None, *, ids_below=False) -> HTML:
    """Tokens as boxes; spaces are shown as · and newlines as ⏎.

    ids (T,): a list or a tensor. mask (T,): True where a token counts in the loss (coloured), False where not (grey).
    values (T,): a log-prob per token, written below it; the lower, the darker the box. None or NaN: no number.
    ids_below: write the id below each token.
    Raises CourseError if the lengths differ.
    """
    ids, mask, values = (part.tolist() if hasattr(part, "tolist") else part for part in (ids, mask, values))
    for name, part in (("mask", mask), ("values", values)):
        if part is not None and len(part) != len(ids):
            raise CourseError(f"tokens got {len(ids)} ids but {len(part)} entries in {name}; make them as many.")
    counted = [True] * len(ids) if mask is None else list(map(bool, mask))
    summary = f"{len(ids)} tokens"
    if mask is not None:
        summary += f", {sum(counted)} counted in the loss, {len(ids) - sum(counted)} masked out"
    boxes = "".join(_boxes(tok, ids, counted, values, ids_below))
    legend = _legend(summary, mask is not None, values is not None)
    return HTML(f'<div role="group" aria-label="{summary}" style="{FONT}">{boxes}{legend}</div>')


def token_text(tok, token: int) -> str:
    """The text of one token, spaces and newlines visible, bytes that are no whole character as \\xhh."""
    text = tok.decode_single_token_bytes(token).decode("utf-8", errors="backslashreplace")
    return "".join(MARKS.get(character, character) for character in text)


def _boxes(tok, ids, counted, values, ids_below):
    """The HTML of each token, and a line break after a newline."""
    numbers = [None] * len(ids)
    if values is not None:
        numbers = [v if kept and v is not None and v == v else None for v, kept in zip(values, counted, strict=True)]
    known = [number for number in numbers if number is not None]
    low, high = min(known, default=0.0), max([*known, 0.0])
    for token, kept, number in zip(ids, counted, numbers, strict=True):
        text, style = token_text(tok, int(token)), COUNTED if kept else MASKED
        note = f"id {int(token)}, {'counted' if kept else 'masked'}"
        below = [] if values is None else ["&nbsp;" if number is None else f"{number:.2f}"]
        if number is not None:
            note += f", {number:.4f}"
            style += f"background:{blend(ORANGE, DARKEST * (high - number) / ((high - low) or 1))};"
        below += [str(token)] * ids_below
        word = f"<b>{html.escape(text)}</b>" if kept else html.escape(text)  # bold: colour never says it alone
        lines = "".join(f'<br><span style="font-size:12px">{line}</span>' for line in below)
        yield f'<span title="{note}" style="{BOX}{style}">{word}{lines}</span> '
        if text.endswith(MARKS["\n"]):
            yield "<br>"


def _legend(summary, has_mask, has_values) -> str:
    parts = [summary]
    if has_mask:
        parts = [
            f'<span style="{BOX}{COUNTED}"><b>bold</b></span> counted in the loss',
            f'<span style="{BOX}{MASKED}">grey, dashed</span> masked out',
            summary,
        ]
    if has_values:
        darkest = f"{BOX}background:{blend(ORANGE, DARKEST)};color:#111111"
        parts.append(f'below: log-prob (nats), <span style="{darkest}">darker</span> is lower')
    style = "font-family:sans-serif;font-size:13px;margin-top:6px"
    return f'<div style="{style}">{" &nbsp; ".join(parts)}</div>'
