"""The findings of an audit for the eye: a table in the notebook, and a page of its own. All text is escaped."""

import html
from collections.abc import Sequence
from pathlib import Path

from IPython.display import HTML

from helpers.files import write_text
from helpers.show.tables import html_page, table

SIGNS = {"pass": "✓ pass", "fail": "✗ fail", "skipped": "– skipped", "reported": "· reported"}
LIST_STYLE = "font-size:13px;margin:2px 0 2px 1.2em"


def audit_table(audit, records: Sequence = (), *, only: Sequence[str] = (), max_named: int = 10) -> HTML:
    """One line a check: verdict, value, limit, finding; the rows that it names are folded below the finding.

    audit: a `helpers.audit.gate.Audit`. records: the audited rows, to quote the question of a named one.
    only: names of the checks to show (default: all). max_named: rows listed of each check.
    """
    rows = [
        {
            "check": finding.check,
            "verdict": SIGNS[finding.verdict],
            "value": "–" if finding.value is None else f"{finding.value:.3g}",
            "limit": finding.threshold or "–",
            "finding": HTML(html.escape(finding.message) + _named(finding.rows, records, max_named)),
        }
        for finding in audit.findings
        if not only or finding.check in only
    ]
    return table(
        rows,
        ["check", "verdict", "value", "limit", "finding"],
        caption=str(audit),
        max_rows=len(rows),
        highlight=lambda row: row["verdict"] == SIGNS["fail"],
        widths=[15, 10, 8, 12, 55],
    )


def removed_table(removed: Sequence[dict], max_rows: int = 20) -> HTML:
    """What cleaning set aside: number of the record, its question, both sides, and all reasons."""
    if not removed:
        return HTML("<p>No row was removed.</p>")
    columns = ["record", "instruction", "chosen", "rejected", "reasons"]
    rows = [one["row"] | {"record": str(one["record"]), "reasons": "\n".join(one["reasons"])} for one in removed]
    caption = f"{_rows(len(removed))} removed"
    return table(rows, columns, caption=caption, max_rows=max_rows, widths=[9, 22, 24, 24, 21])


def audit_page(audit, records: Sequence, removed: Sequence[dict] = (), title: str = "Audit") -> str:
    """A whole HTML page that needs no other file: the findings, the rows they name, and what cleaning removed."""
    parts = [audit_table(audit, records, max_named=200).data]
    if removed:
        parts += ["<h2>Removed</h2>", removed_table(removed, max_rows=len(removed)).data]
    return html_page(title, "\n".join(parts))


def save_audit_page(path, audit, records: Sequence, removed: Sequence[dict] = (), title: str = "Audit") -> Path:
    """Write `audit_page`, whole or not at all."""
    return write_text(path, audit_page(audit, records, removed, title))


def _named(rows: dict[int, str], records: Sequence, limit: int) -> str:
    """The named rows as a folded list."""
    if not rows:
        return ""
    lines = [f"record {index + 1}{_instruction(records, index)}: {what}" for index, what in list(rows.items())[:limit]]
    if len(rows) > limit:
        lines.append(f"… and {len(rows) - limit:,} more")
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    listed = f'<ul style="{LIST_STYLE};font-weight:normal">{items}</ul>'
    return f"<details><summary>{_rows(len(rows))}</summary>{listed}</details>"


def _instruction(records: Sequence, index: int) -> str:
    if index >= len(records):
        return ""
    record = records[index]
    text = record["instruction"] if isinstance(record, dict) else record.instruction
    return f" ({text[:60]}{'…' if len(text) > 60 else ''})"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
