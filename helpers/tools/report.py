"""The HTML report of `run`: one page a notebook, and a first page with the scoreboard."""

from html import escape
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode

from helpers.files import BUILD, write_text

REPORT_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Preference tuning from scratch: report</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ text-align: left; padding: .3rem 1.2rem .3rem 0; border-bottom: 1px solid #ccc; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style></head><body>
<h1>Preference tuning from scratch: report</h1>
<h2>Notebooks</h2>
<table><tr><th>notebook</th><th>seconds</th><th>peak memory, MB</th></tr>
{notebooks}
</table>
<h2>Scoreboard</h2>
<table><tr><th>result</th><th>value</th><th>bar</th><th>met</th></tr>
{results}
</table>
</body></html>
"""


def folder() -> Path:
    return BUILD / "run" / "html"


def write_notebook(notebook: NotebookNode, name: str) -> Path:
    """One executed notebook as a page."""
    html, _ = HTMLExporter(template_name="lab", embed_images=True).from_notebook_node(
        notebook, resources={"metadata": {"name": name}}
    )
    return write_text(folder() / f"{name}.html", html)


def write_index(board: dict) -> Path:
    """The first page: links, times, memory and the scoreboard."""
    return write_text(
        folder() / "index.html",
        REPORT_PAGE.format(
            notebooks="\n".join(notebook_row(name, row) for name, row in sorted(board["notebooks"].items())),
            results="\n".join(result_row(name, row) for name, row in board["results"].items()),
        ),
    )


def notebook_row(name: str, row: dict) -> str:
    name = escape(name)
    link = f'<a href="{name}.html">{name}</a>' if (folder() / f"{name}.html").exists() else name
    seconds, memory = number(f"{row['seconds']:.1f}"), number(str(row["peak_mb"]))
    return f"<tr><td>{link}</td>{seconds}{memory}</tr>"


def result_row(name: str, row: dict) -> str:
    met = {True: "yes", False: "<strong>no</strong>", None: ""}[row["met"]]
    value = number(f"{row['value']:.4g} {row['unit']}")
    bar = escape(f"{row['bar']} {row['unit']}") if row["bar"] else ""
    return f"<tr><td>{escape(name)}</td>{value}<td>{bar}</td><td>{met}</td></tr>"


def number(text: str) -> str:
    return f'<td class="number">{escape(text)}</td>'
