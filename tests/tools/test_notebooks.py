"""One list of notebooks: links, titles and tables follow from it, and so does the order of `run`."""

import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.files import NOTEBOOKS, ROOT, CourseError
from helpers.tools import notebooks as module
from helpers.tools.notebooks import COURSE, Notebook, notebooks, out_of_step, select_notebooks

NEW = Notebook("13_on_policy", "On policy", "What if the model learns from its own answers?", "3 min")


def test_the_notebooks_and_the_readme_follow_the_list():
    assert [path.name for path in out_of_step(NOTEBOOKS, ROOT / "README.md")] == [], "run `python3 -m helpers sync`"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A copy of the course in another folder, whose list may be changed."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for path in notebooks():
        shutil.copy(path, folder)
    shutil.copy(ROOT / "README.md", tmp_path)
    monkeypatch.setattr(module, "COURSE", list(COURSE))
    monkeypatch.setattr(module, "NOTEBOOKS", folder)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return folder


def prose(path):
    cells = nbformat.read(path, as_version=nbformat.NO_CONVERT).cells
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def test_a_new_notebook_is_a_file_and_a_line_in_the_list(course):
    cells = [new_markdown_cell("# A draft\n\nText."), new_code_cell("1 + 1"), new_markdown_cell("## Your turn")]
    nbformat.write(new_notebook(cells=cells), course / f"{NEW.stem}.ipynb")
    module.COURSE.append(NEW)
    before = COURSE[-1]
    module.sync()

    top, end = prose(course / f"{NEW.stem}.ipynb")
    assert top == f"# 13 · On policy\n\nText.\n\n**Previous** {before.link()}"
    assert end == f"## Your turn\n\n**Previous** {before.link()}"
    texts = prose(course / f"{before.stem}.ipynb")
    for text in (texts[0], texts[-1]):
        assert text.endswith(f"**Previous** {COURSE[-2].link()} · **Next** [13 · On policy](13_on_policy.ipynb)")
    row = "| [13 · On policy]({}13_on_policy.ipynb) | What if the model learns from its own answers? |"
    assert row.format("") in "\n".join(prose(course / "00_start_here.ipynb"))
    assert row.format("notebooks/") + " 3 min |\n" in (course.parent / "README.md").read_text(encoding="utf-8")
    assert select_notebooks(start="09", folder=course)[-1].stem == NEW.stem
    assert out_of_step(course, course.parent / "README.md") == {}


def test_reading_order_is_the_order_of_the_list_and_not_of_the_numbers(course):
    module.COURSE.insert(1, module.COURSE.pop(5))
    module.sync()
    assert [path.name[:2] for path in select_notebooks(folder=course)[:3]] == ["00", "05", "01"]
    assert f"**Next** {COURSE[5].link()}" in prose(course / "00_start_here.ipynb")[0]


def test_only_what_follows_from_the_list_is_written(course):
    module.COURSE[0] = Notebook("00_start_here", "Begin here", "Where to?", "9 s")
    files = {path: path.read_bytes() for path in [*course.iterdir(), course.parent / "README.md"]}
    module.sync()
    changed = [path.name for path, content in files.items() if path.read_bytes() != content]
    assert sorted(changed) == ["00_start_here.ipynb", "01_pairs_from_an_llm.ipynb", "README.md"]
    old, new = (
        nbformat.reads(text, 4).cells
        for text in (files[course / "00_start_here.ipynb"].decode(), (course / "00_start_here.ipynb").read_text())
    )
    different = [number for number, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
    assert different == [0] and new[0].source.startswith("# 00 · Begin here\n")


def test_a_notebook_that_is_in_the_list_only_is_named(course):
    module.COURSE.append(NEW)
    with pytest.raises(CourseError, match="13_on_policy.ipynb is missing"):
        module.sync()


def test_a_readme_without_its_table_is_named(course):
    (course.parent / "README.md").write_text("# Course\n")
    with pytest.raises(CourseError, match="table of notebooks is gone"):
        module.sync()
