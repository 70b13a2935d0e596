"""A sequence of tokens as boxes: which count, which are masked, and how likely each one was."""

import html

from IPython.display import HTML

from helpers.files import CourseError
from helpers.show.style import CHOSEN, GREY, ORANGE, blend

BOX = "display:inline-block;margin:2px 0;padding:2px 4px;border-radius:3px;text-align:center;line-height:1.35;"
FONT = "font-family:monospace;font-size:14px;"
COUNTED = f"background:{blend(CHOSEN, 0.3)};color:#111111;border:1px solid {CHOSEN};"
MASKED = f"background:#eeeeee;color:#595959;border:1px dashed {GREY};"
MARKS = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍"}


def tokens(
    tok,
    ids,
    mask=None,
    values=None,
    *,
    ids_below=False,
    counted="counted in the loss",
    masked="masked out",
    value_name="log-prob (nats)",
) -> HTML:
    """Tokens as boxes; spaces are shown as · and newlines as ⏎.

    ids (T,): a list or a tensor. mask (T,): True where a token counts (coloured), False where not (grey).
    values (T,): a number per token, written below it; the lower, the darker the box. None or NaN: no number.
    ids_below: write the id below each token.
    Raises CourseError if the lengths differ.
    """
    ids, mask, values = (_plain(part) for part in (ids, mask, values))
    for name, part in (("mask", mask), ("values", values)):
        if part is not None and len(part) != len(ids):
            raise CourseError(f"tokens got {len(ids)} ids but {len(part)} entries in {name}; make them as many.")
    keep = [True] * len(ids) if mask is None else [bool(entry) for entry in mask]
    boxes = _boxes(tok, ids, keep, values, ids_below)
    said = f"{len(ids)} tokens"
    if mask is not None:
        said += f", {sum(keep)} {counted}, {len(ids) - sum(keep)} {masked}"
    return HTML(
        f'<div role="group" aria-label="{html.escape(said)}" style="{FONT}">{"".join(boxes)}'
        f"{_legend(said, mask, values, counted, masked, value_name)}</div>"
    )


def token_text(tok, token: int) -> str:
    """The text of one token, spaces and newlines visible, bytes that are no whole character as \\xhh."""
    text = tok.decode_single_token_bytes(token).decode("utf-8", errors="backslashreplace")
    return "".join(MARKS.get(character, character) for character in text)


def _plain(part):
    return part.tolist() if hasattr(part, "tolist") else None if part is None else list(part)


def _boxes(tok, ids, keep, values, ids_below) -> list[str]:
    values = (
        [None if v is None or v != v or not kept else v for v, kept in zip(values, keep, strict=True)]
        if values is not None
        else None
    )
    seen = [v for v in values or [] if v is not None]
    low, high = (min(seen), max(*seen, 0.0)) if seen else (0.0, 0.0)
    boxes = []
    for position, (token, kept) in enumerate(zip(ids, keep, strict=True)):
        value = values[position] if values is not None else None
        text = token_text(tok, int(token))
        shade = "" if value is None else _shade(value, low, high)
        below = [f"{value:.2f}"] if value is not None else ["&nbsp;"] if values is not None else []
        below += [str(token)] if ids_below else []
        boxes.append(_box(text, int(token), kept, value, shade, below))
        if text.endswith(MARKS["\n"]):
            boxes.append("<br>")
    return boxes


def _shade(value, low, high) -> str:
    amount = 0.0 if high == low else min(1.0, max(0.0, (high - value) / (high - low)))
    return f"background:{blend(ORANGE, 0.85 * amount)};"


def _box(text, token, kept, value, shade, below) -> str:
    note = f"id {token}, {'counted' if kept else 'masked'}" + ("" if value is None else f", {value:.4f}")
    small = "".join(f'<br><span style="font-size:12px">{line}</span>' for line in below)
    word = f"<b>{html.escape(text)}</b>" if kept else html.escape(text)  # bold: colour never says it alone
    style = (COUNTED if kept else MASKED) + shade
    return f'<span title="{html.escape(note)}" style="{BOX}{style}">{word}{small}</span> '


def _legend(said, mask, values, counted, masked, value_name) -> str:
    parts = [html.escape(said)]
    if mask is not None:
        parts = [
            f'<span style="{BOX}{COUNTED}"><b>bold</b></span> {html.escape(counted)}',
            f'<span style="{BOX}{MASKED}">grey, dashed</span> {html.escape(masked)}',
            html.escape(said),
        ]
    if values is not None:
        darkest = f"{BOX}background:{blend(ORANGE, 0.85)};color:#111111"
        parts.append(f'below: {html.escape(value_name)}, <span style="{darkest}">darker</span> is lower')
    style = "font-family:sans-serif;font-size:13px;margin-top:6px"
    return f'<div style="{style}">{" &nbsp; ".join(parts)}</div>'
