"""The words of the course: code that the text names exists, and the glossary is in order, linked and in use."""

import io
import re
import tokenize
from pathlib import Path

import nbformat
import pytest

from helpers.files import NOTEBOOKS, ROOT
from helpers.tools.notebooks import notebooks

GLOSSARY = NOTEBOOKS / "GLOSSARY.md"
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(.*\))?")
FILE = re.compile(r"(helpers|data|notebooks|tests)/[\w./-]*|[\w/]+\.py")
ENTRY = re.compile(r"^- \*\*(.+?)\*\*.*\[(\d\d)\]\((\S+\.ipynb)\)", re.MULTILINE)
SHELL = {"jupyter", "ollama", "pip", "python3", "torchrun"}


def cells(path: Path, kind: str) -> str:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == kind)


def names_in(code: str) -> set[str]:
    """Names, and strings that are one word: keys, settings, columns. Comments and sentences do not count."""
    names = set()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.NAME:
            names.add(token.string)
        elif token.type == tokenize.STRING and re.fullmatch(r"\w+", word := token.string.strip("rbf\"'")):
            names.add(word)
    return names


def plain(text: str) -> str:
    """In small letters; `top_p` and top-p are the same."""
    return re.sub(r"[-_\s]+", " ", text.casefold())


def unknown(text: str, known: set[str]) -> list[str]:
    """The `code` of a text that is a path without a file, or a name that no code uses."""
    wrong = []
    for span in SPAN.findall(text):
        if FILE.fullmatch(span):
            there = (ROOT / span).exists() or any(ROOT.glob(f"helpers/**/{span}"))
        else:
            there = (
                (ROOT / span).is_file()
                or not NAME.fullmatch(span)
                or set(span.split("(")[0].split(".")) <= known | SHELL
            )
        wrong += [] if there else [span]
    return wrong


def test_an_unknown_name_and_a_missing_file_are_noticed():
    text = (
        "`dpo_loss(a, b)`, `helpers/files.py` and `files.py` exist; `ppo_loss()`, `dpo_loss.x`, `helpers/fils.py` not."
    )
    assert unknown(text, {"dpo_loss"}) == ["ppo_loss()", "dpo_loss.x", "helpers/fils.py"]
    assert names_in('f(x, "key")  # why\n"""A sentence."""') == {"f", "x", "key"}


@pytest.fixture(scope="module")
def of_helpers() -> set[str]:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "helpers").rglob("*.py")]
    return set().union(*map(names_in, sources))


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_code_that_the_text_names_exists(path, of_helpers):
    code = cells(path, "code").replace("\n%", "\n#")
    assert unknown(cells(path, "markdown"), of_helpers | names_in(code)) == []


def test_code_that_the_glossary_names_exists(of_helpers):
    assert unknown(GLOSSARY.read_text(encoding="utf-8"), of_helpers) == []


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_the_glossary_is_linked_in_the_head(path):
    assert f"]({GLOSSARY.name})" in nbformat.read(path, as_version=nbformat.NO_CONVERT).cells[0].source


def test_the_glossary_is_in_order_and_each_term_stands_in_its_notebook():
    text = GLOSSARY.read_text(encoding="utf-8")
    terms = re.findall(r"^- \*\*(.+?)\*\*", text, re.MULTILINE)
    assert terms == sorted(set(terms), key=str.casefold)
    entries = ENTRY.findall(text)
    assert {term for term, *_ in entries} >= set(terms) - set(re.findall(r"^- \*\*(.+?)\*\*: see ", text, re.MULTILINE))
    texts = {path.name: plain(cells(path, "markdown") + cells(path, "code")) for path in notebooks()}
    assert [term for term, _, file in entries if plain(re.sub(r" \(.*\)", "", term)) not in texts[file]] == []
    assert all(file.startswith(number) for _, number, file in entries)
