"""Tables and texts side by side. Whatever a model wrote is escaped; long text wraps and is never cut."""

import difflib
import html
import re

from IPython.display import HTML

from helpers.files import CourseError
from helpers.show.style import CHOSEN, REJECTED, blend

LINE = "1px solid rgba(128,128,128,.45)"
CELL = f"padding:5px 10px;border:0;border-bottom:{LINE};vertical-align:top;overflow-wrap:break-word"
MARKED = "background:#fff3cd;color:#111111;font-weight:bold"
INSERTED = f"background:{blend(CHOSEN, 0.25)};color:#111111;text-decoration:underline;padding:0 2px"
REMOVED = f"background:{blend(REJECTED, 0.25)};color:#111111;text-decoration:line-through;padding:0 2px"

PAGE = """<!doctype html>
<html lang="en"><head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body {{ font-family: sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #111111;
background: #ffffff; line-height: 1.45 }} summary {{ cursor: pointer }}</style>
</head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def table(rows, columns=None, *, caption=None, max_rows=20, highlight=None, widths=None) -> HTML:
    """Rows as an HTML table.

    rows: a DataFrame, or a list of dicts, or a list of sequences together with columns.
    highlight: row numbers, or a function of a row (dict); marked rows are coloured, bold and have a pointer.
    widths: of the columns, in per cent.
    Cells that are HTML (for instance from `diff`) are shown as they are, all others are escaped. One number from torch
    or NumPy is a number. Without rows the table says so.
    Raises CourseError if rows and columns do not fit together.
    """
    records, columns = _as_records(rows, columns)
    records = [{name: _plain(value) for name, value in record.items()} for record in records]
    marked = [highlight(r) if callable(highlight) else n in (highlight or ()) for n, r in enumerate(records)]
    numeric = {name for name in columns if any(_is_number(record.get(name)) for record in records)}
    head = "".join(
        _cell("th", html.escape(str(name)), name in numeric, f"width:{width}%" if width else "")
        for name, width in zip(columns, widths or [None] * len(columns), strict=True)
    )
    lines = [_line(r, columns, numeric, mark) for r, mark in zip(records[:max_rows], marked, strict=False)]
    if not records or len(records) > max_rows:
        note = f"… and {len(records) - max_rows} more rows" if records else "(no rows)"
        lines.append(f'<tr><td colspan="{len(columns)}" style="{CELL};text-align:left"><i>{note}</i></td></tr>')
    style = "text-align:left;padding:4px 10px;caption-side:top"
    title = f'<caption style="{style}">{html.escape(caption)}</caption>' if caption else ""
    style = f"border-collapse:collapse;margin:6px 0;{'width' if widths else 'max-width'}:100%;font-size:14px"
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return HTML(f'<table style="{style}">{title}{body}</table>')


def side_by_side(left, right, titles=("A", "B"), *, prompts=None, caption=None) -> HTML:
    """Two texts, or two lists of texts row by row, next to each other; prompts add a first column."""
    left, right = ([side] if isinstance(side, (str, HTML)) else list(side) for side in (left, right))
    prompts = [prompts] if isinstance(prompts, str) else prompts
    sides = [left, right] if prompts is None else [list(prompts), left, right]
    if len({len(side) for side in sides}) > 1:
        raise CourseError(f"side_by_side got lists of different lengths: {[len(side) for side in sides]}.")
    columns = [*titles] if prompts is None else ["prompt", *titles]
    rows = [list(row) for row in zip(*sides, strict=True)]
    return table(rows, columns, caption=caption, max_rows=len(rows), widths=[30, 35, 35][-len(columns) :])


def diff(original: str, rewrite: str) -> HTML:
    """Both texts in one: words that the rewrite added underlined, words that it dropped struck through."""
    before, after = (re.findall(r"\s+|[\w']+|[^\w\s]", text) for text in (original, rewrite))
    parts = []
    for step, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if step == "equal":
            parts.append(html.escape("".join(before[i:j])))
        else:
            parts += [_marked("del", REMOVED, "".join(before[i:j])), _marked("ins", INSERTED, "".join(after[k:m]))]
    return HTML(f'<span style="white-space:pre-wrap">{"".join(parts)}</span>')


def html_page(title: str, body: str) -> str:
    """A whole page that needs no other file. body: HTML."""
    return PAGE.format(title=html.escape(title), body=body)


def _marked(tag, style, text) -> str:
    return f'<{tag} style="{style}">{html.escape(text)}</{tag}>' if text else ""


def _as_records(rows, columns):
    """A list of dicts and the column names. A DataFrame's index becomes a column unless it just counts."""
    if hasattr(rows, "columns"):
        if rows.index.name is not None or not str(rows.index.dtype).startswith("int"):
            rows = rows.reset_index()
        columns = list(rows.columns) if columns is None else list(columns)
        return rows.to_dict("records"), columns
    rows = list(rows)
    if rows and not isinstance(rows[0], dict):
        if columns is None or any(len(row) != len(columns) for row in rows):
            raise CourseError("table needs one column name for each value of a row. Pass columns=[...].")
        return [dict(zip(columns, row, strict=True)) for row in rows], list(columns)
    names = dict.fromkeys(key for row in rows for key in row)
    return rows, list(names if columns is None else columns)


def _plain(value):
    """A tensor or NumPy value as a number of Python's, or a list of them; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def _is_number(value) -> bool:
    return not isinstance(value, (str, bool, HTML)) and hasattr(value, "__float__")


def _cell_html(value) -> str:
    """A cell's HTML. Shares and losses get four digits at most, None and missing numbers a dash."""
    if isinstance(value, HTML):
        return value.data
    if value is None or value != value:  # NaN is the one value unequal to itself
        return "–"
    if _is_number(value) and not hasattr(value, "__index__"):
        return f"{float(value):,.0f}" if abs(value) >= 10_000 else f"{float(value):.4g}"
    return html.escape(str(value))


def _cell(tag, text, number, style="") -> str:
    align = "right" if number else "left"
    space = "nowrap" if number else "pre-wrap"
    return f'<{tag} style="{CELL};text-align:{align};white-space:{space};{style}">{text}</{tag}>'


def _line(record, columns, numeric, mark) -> str:
    cells = [_cell_html(record.get(name)) for name in columns]
    if mark:
        cells[0] = f"▶ {cells[0]}"
    style = MARKED if mark else ""
    row = "".join(_cell("td", text, name in numeric, style) for name, text in zip(columns, cells, strict=True))
    return f"<tr>{row}</tr>"
