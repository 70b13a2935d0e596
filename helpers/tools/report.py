"""The HTML report of `run`: one page a notebook, and a first page with the scoreboard."""

from html import escape
from pathlib import Path

from IPython.display import HTML
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from helpers.files import BUILD, write_text
from helpers.scoreboard import scoreboard_rows
from helpers.show.tables import html_page, table


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
    notebooks = table(rows, ["notebook", "seconds", "peak memory, MB"], max_rows=len(rows)).data
    verdicts = {True: "yes", False: HTML("<strong>no</strong>"), None: ""}
    rows = [(*texts, verdicts[met]) for *texts, met in scoreboard_rows(board)]
    results = table(rows, ["result", "value", "bar", "met"], max_rows=len(rows)).data
    body = f"<h2>Notebooks</h2>\n{notebooks}\n<h2>Scoreboard</h2>\n{results}"
    return write_text(report_folder() / "index.html", html_page("Preference tuning from scratch: report", body))


def linked(name: str) -> HTML:
    name = escape(name)
    return HTML(f'<a href="{name}.html">{name}</a>' if (report_folder() / f"{name}.html").exists() else name)
