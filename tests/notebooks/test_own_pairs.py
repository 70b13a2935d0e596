"""A reader's own pairs reach every notebook that trains on pairs or tests with them, and are known there as own."""

import nbformat
import pytest

from helpers import files
from helpers.files import CLEANED_PAIRS, DATA, MADE_PAIRS, read_json
from helpers.records import save_preferences
from helpers.tools.notebooks import find_notebook

TAKE_PAIRS = ("07", "08", "09")
SHIPPED = read_json(DATA / MADE_PAIRS)


def chosen(number: str) -> dict:
    """The variables after the cell that chooses the pairs."""
    cells = nbformat.read(find_notebook(number), as_version=4).cells
    (source,) = [cell.source for cell in cells if "own_or_shipped_pairs(data_file)" in cell.source]
    variables = {}
    exec(source, variables)
    return variables


@pytest.mark.parametrize("number", TAKE_PAIRS)
def test_the_cleaned_pairs_are_taken(number, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "BUILD", tmp_path)
    save_preferences(tmp_path / MADE_PAIRS, SHIPPED[:50])
    save_preferences(tmp_path / CLEANED_PAIRS, SHIPPED[:40])
    variables, said = chosen(number), capsys.readouterr().out
    assert variables["own_pairs"] and len(variables.get("records") or variables["pairs"]) == 40
    assert "cleaned in notebook 04" in said and "40 pairs" in said


@pytest.mark.parametrize("number", TAKE_PAIRS)
def test_without_own_pairs_the_shipped_ones_are_taken(number, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "BUILD", tmp_path)
    variables, said = chosen(number), capsys.readouterr().out
    assert not variables["own_pairs"] and len(variables.get("records") or variables["pairs"]) == len(SHIPPED)
    assert "Using the shipped data" in said and f"{len(SHIPPED)} pairs" in said
