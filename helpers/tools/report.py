"""The HTML report of `run`: one page a notebook, and a first page with the scoreboard."""

from html import escape
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pandas import DataFrame

from helpers.files import BUILD, write_text
from helpers.scoreboard import scoreboard_rows

REPORT_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Preference tuning from scratch: report</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ text-align: left; padding: .3rem 1.2rem .3rem 0; border-bottom: 1px solid #ccc; }}
</style></head><body>
<h1>Preference tuning from scratch: report</h1>
<h2>Notebooks</h2>
{notebooks}
<h2>Scoreboard</h2>
{results}
</body></html>
"""


def report_folder() -> Path:
    return BUILD / "run" / "html"


def write_notebook(notebook: NotebookNode, name: str) -> Path:
    """One executed notebook as a page."""
    exporter = HTMLExporter(template_name="lab", embed_images=True)
    html, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": name}})
    return write_text(report_folder() / f"{name}.html", html)


def write_index(board: dict) -> Path:
    """The first page: links, times, memory and the scoreboard."""
    rows = [(linked(name), f"{row['seconds']:.1f}", row["peak_mb"]) for name, row in sorted(board["notebooks"].items())]
    notebooks = html_table(("notebook", "seconds", "peak memory, MB"), rows)
    verdicts = {True: "yes", False: "<strong>no</strong>", None: ""}
    rows = [(*map(escape, texts), verdicts[met]) for *texts, met in scoreboard_rows(board)]
    results = html_table(("result", "value", "bar", "met"), rows)
    return write_text(report_folder() / "index.html", REPORT_PAGE.format(notebooks=notebooks, results=results))


def linked(name: str) -> str:
    name = escape(name)
    return f'<a href="{name}.html">{name}</a>' if (report_folder() / f"{name}.html").exists() else name


def html_table(head: tuple, rows: list[tuple]) -> str:
    return DataFrame(rows, columns=head).to_html(index=False, escape=False, border=0)
