"""No module knows a voice by name: politeness is one criterion among others, and stands in its own folder."""

import ast
import re
from pathlib import Path

import pytest

from helpers.files import ROOT
from helpers.politeness import POLITENESS

OWN_FOLDER = ROOT / "helpers" / "politeness"
# Voices, directions and their like, anywhere in a text. "neutral" is an everyday word as well: there it is all of it.
NAMES = re.compile(r"polite(?!ness)|(?<!c)rude|blunt", re.IGNORECASE)


def strings(source: str) -> list[tuple[int, str]]:
    """(line, text) of every string constant that is no docstring, parts of f-strings included."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def names_a_voice(text: str) -> bool:
    return bool(NAMES.search(text)) or text.strip().casefold() == POLITENESS.neutral


def modules() -> list[Path]:
    return [path for path in sorted((ROOT / "helpers").rglob("*.py")) if OWN_FOLDER not in path.parents]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_other_module_names_a_voice(path):
    found = [(line, text) for line, text in strings(path.read_text(encoding="utf-8")) if names_a_voice(text)]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'VOICES = ("polite", "x")',
        'if direction == "less polite": pass',
        'f"The ruder side is chosen in {n} pairs."',
        'x = {"neutral": 0.4}',
        'def f(voice="blunt"): pass',
        r'META = re.compile(r"\bimpolite answer")',
    ],
)
def test_a_name_is_noticed(source):
    assert any(names_a_voice(text) for _, text in strings(source))


def test_docstrings_comments_and_everyday_words_may_speak_of_it():
    source = '"""Polite."""\n# blunt\ndef f():\n    """Ruder."""\n    return "a neutral text"\n'
    assert not any(names_a_voice(text) for _, text in strings(source))
    assert all(names_a_voice(name) for name in (*POLITENESS.voices, *POLITENESS.directions, *POLITENESS.task_words))
