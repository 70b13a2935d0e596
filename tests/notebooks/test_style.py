"""Every notebook is stored executed and within the house style; and the checks notice what they are for."""

import importlib.util
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.files import NOTEBOOKS
from helpers.tools.notebooks import COURSE, notebooks

spec = importlib.util.spec_from_file_location("notebook_style", Path(__file__).with_name("style.py"))
style = importlib.util.module_from_spec(spec)
spec.loader.exec_module(style)

each_notebook = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def test_the_course_is_complete():
    """Every notebook of the list is there, and every notebook that is there is in the list."""
    assert {path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")} == {notebook.stem for notebook in COURSE}


@each_notebook
def test_the_format_is_valid(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert style.identity(notebook) == []
    assert path.stat().st_size <= style.LARGEST


@each_notebook
def test_it_is_stored_executed(path):
    assert style.execution(read(path)) == []


@each_notebook
@pytest.mark.parametrize("check", ["cell_sizes", "code_rules", "machine_paths", "frame", "images"])
def test_house_style(path, check):
    assert getattr(style, check)(read(path)) == []


@each_notebook
def test_links_lead_somewhere(path):
    notebook = read(path)
    assert style.links(notebook, path) == []
    assert style.neighbours(notebook, path, notebooks()) == []


# The checks themselves, on a notebook that is right and then on one thing wrong at a time.

HTML = '<img alt="The loss falls." src="data:image/png;base64,/tmp/home/x">'


def good() -> nbformat.NotebookNode:
    cells = [new_markdown_cell("# A title\n\nYou will be able to read.\n\n[Next](01_b.ipynb)")]
    for number in range(1, 11):
        output = new_output("display_data", data={"text/html": HTML})
        cells.append(new_code_cell(f"x = {number}\nx", execution_count=number, outputs=[output]))
        cells.append(new_markdown_cell("It is so, $x[1](2)$."))
    answers = "<details>one</details> <details>two</details>"
    cells.append(new_markdown_cell(f"## Take-aways\n## Check yourself\n{answers}\n## Your turn"))
    cells.append(new_markdown_cell("[Next](01_b.ipynb)"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return new_notebook(cells=cells, metadata=kernel)


def problems(notebook, folder):
    course = [folder / "00_a.ipynb", folder / "01_b.ipynb"]
    for path in course:
        path.touch()
    checks = ("identity", "execution", "cell_sizes", "code_rules", "machine_paths", "frame", "images")
    found = [problem for check in checks for problem in getattr(style, check)(notebook)]
    return found + style.links(notebook, course[0]) + style.neighbours(notebook, course[0], course)


def long_cells(notebook, count, lines):
    for cell in style.code_cells(notebook)[:count]:
        cell.source = "\n".join(["x"] * lines)


def set_output(notebook, output):
    style.code_cells(notebook)[0].outputs = [output]


def set_code(notebook, source):
    style.code_cells(notebook)[0].source = source


def edit(notebook, old, new):
    for cell in notebook.cells:
        cell.source = cell.source.replace(old, new)


WRONG = {
    "4.4": lambda nb: nb.update(nbformat_minor=4),
    "not python3": lambda nb: nb.metadata.kernelspec.update(name="py311"),
    "ids": lambda nb: nb.cells[1].update(id=nb.cells[0].id),
    "widget state": lambda nb: nb.metadata.update(widgets={}),
    "execution counts": lambda nb: style.code_cells(nb)[3].update(execution_count=None),
    "execution counts are [2": lambda nb: style.code_cells(nb)[0].update(execution_count=2),
    "stores an error": lambda nb: set_output(nb, new_output("error", ename="E", evalue="", traceback=[])),
    "its last line shows none": lambda nb: (
        set_output(nb, new_output("execute_result", data={"text/html": HTML}, execution_count=1))
        or set_code(nb, "x\nassert x")
    ),
    "stores stderr": lambda nb: set_output(nb, new_output("stream", name="stderr", text="Warning")),
    "median": lambda nb: long_cells(nb, 6, 7),
    "a tenth": lambda nb: long_cells(nb, 2, 16),
    "markdown cells per": lambda nb: nb.cells.extend(new_markdown_cell("more") for _ in range(10)),
    "imports *": lambda nb: set_code(nb, "from torch import *"),
    "installs": lambda nb: set_code(nb, "%pip install torch"),
    "installs something": lambda nb: set_code(nb, "!pip install torch"),
    "sys.path": lambda nb: set_code(nb, "import sys\nsys.path.append('..')"),
    "'/home/'": lambda nb: set_output(nb, new_output("stream", text="saved to /home/ada/course")),
    "'/Users/'": lambda nb: set_code(nb, "open('/Users/ada/x')"),
    "title": lambda nb: edit(nb, "# A title", "A title"),
    "You will": lambda nb: edit(nb, "You will be able to", "You learn to"),
    "Take-aways": lambda nb: edit(nb, "Take-aways", "Summary"),
    "Check yourself": lambda nb: edit(nb, "Check yourself", "Questions"),
    "Your turn": lambda nb: edit(nb, "Your turn", "Exercises"),
    "folded": lambda nb: edit(nb, "</details>", ""),
    "bare image": lambda nb: set_output(nb, new_output("display_data", data={"image/png": "aaaa"})),
    "<img> has no alt": lambda nb: set_output(nb, new_output("display_data", data={"text/html": "<img src=x>"})),
    "an image has no alt": lambda nb: edit(nb, "It is so", "![](01_b.ipynb)"),
    "leads nowhere": lambda nb: edit(nb, "It is so", "[x](02_c.ipynb)"),
    "at the top": lambda nb: nb.cells[0].update(source="# A title\n\nYou will be able to read."),
    "at the end": lambda nb: nb.cells[-1].update(source="The end."),
}


def test_a_good_notebook_has_no_problems(tmp_path):
    assert problems(good(), tmp_path) == []


@pytest.mark.parametrize("message", WRONG)
def test_a_fault_is_noticed(message, tmp_path):
    notebook = good()
    WRONG[message](notebook)
    found = problems(notebook, tmp_path)
    assert any(message in problem for problem in found), found
