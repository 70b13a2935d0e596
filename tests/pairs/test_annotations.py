"""Judgements on disk: at once, one file per annotator, and nothing is ever lost."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from helpers.files import ROOT, CourseError, read_jsonl
from helpers.pairs.annotations import (
    annotated_pairs,
    annotator_file,
    judgements,
    rankings,
    save_judgement,
    votes,
)
from helpers.pairs.ranking import Candidates, alpha, pairwise_agreement
from helpers.pairs.store import RowFile

ITEMS = [
    Candidates(f"What is {n} + 1?", "", f"{n + 1}.", (f"{n + 1}.", f"Gladly: {n + 1}.", f"Look, {n + 1}."))
    for n in range(3)
]
KIND_FIRST, RUDE_FIRST = ((1,), (0,), (2,)), ((2,), (0,), (1,))


def test_a_judgement_is_on_disk_with_all_that_is_needed_to_read_it(tmp_path):
    save_judgement(tmp_path / "deep", "Ada  Lovelace", ITEMS[0], "rank", KIND_FIRST)
    (path,) = (tmp_path / "deep").glob("*.jsonl")
    (row,) = read_jsonl(path)
    assert path.name.startswith("ada-lovelace-")
    assert (row["annotator"], row["item"], row["ranking"]) == ("Ada Lovelace", ITEMS[0].key, [[1], [0], [2]])
    assert row["answers"] == list(ITEMS[0].answers) and row["instruction"] == "What is 0 + 1?" and row["time"]


def test_different_names_never_share_a_file(tmp_path):
    names = ["Ada", "ada", "a/d/a", "../ada", "Áda", "愛", "a" * 300, "a" * 301, "?", "!", "con", "ada.jsonl"]
    paths = [annotator_file(tmp_path, name) for name in names]
    assert len({path.name.casefold() for path in paths}) == len(names)
    assert all(path.parent == tmp_path and len(path.name) < 60 for path in paths)
    assert annotator_file(tmp_path, " Ada ") == annotator_file(tmp_path, "Ada")
    for empty in ("", " \n"):
        with pytest.raises(CourseError, match="Give the annotator a name"):
            annotator_file(tmp_path, empty)


def test_the_last_row_about_an_item_counts_and_undo_takes_it_back(tmp_path):
    for event, ranking in (("rank", KIND_FIRST), ("rank", RUDE_FIRST), ("undo", None), ("rank", KIND_FIRST)):
        save_judgement(tmp_path, "ada", ITEMS[0], event, ranking)
    save_judgement(tmp_path, "ada", ITEMS[1], "rank", RUDE_FIRST)
    save_judgement(tmp_path, "ada", ITEMS[1], "undo")
    save_judgement(tmp_path, "ada", ITEMS[2], "skip")
    assert rankings(ITEMS, tmp_path) == {ITEMS[0].key: {"ada": KIND_FIRST}}
    assert [row["event"] for row in judgements(tmp_path, "ada")["ada"].values()] == ["rank", "skip"]
    assert len(read_jsonl(annotator_file(tmp_path, "ada"))) == 7, "the file only grows"


def test_the_order_is_that_of_the_last_judgements(tmp_path):
    for item in (ITEMS[0], ITEMS[1], ITEMS[0]):
        save_judgement(tmp_path, "ada", item, "rank", KIND_FIRST)
    assert list(judgements(tmp_path)["ada"]) == [ITEMS[1].key, ITEMS[0].key]


@pytest.mark.parametrize("event, ranking", [("like", None), ("rank", None), ("skip", KIND_FIRST), ("undo", KIND_FIRST)])
def test_what_is_no_judgement_is_not_saved(tmp_path, event, ranking):
    with pytest.raises(CourseError, match="is not a judgement"):
        save_judgement(tmp_path, "ada", ITEMS[0], event, ranking)
    assert not list(tmp_path.iterdir())


def test_several_annotators_in_one_folder(tmp_path):
    for name, ranking in (("ada", KIND_FIRST), ("ben", KIND_FIRST), ("eve", RUDE_FIRST)):
        for item in ITEMS[:2]:
            save_judgement(tmp_path, name, item, "rank", ranking)
    save_judgement(tmp_path, "ben", ITEMS[2], "rank", ((1,), (0, 2)))
    assert set(judgements(tmp_path)) == {"ada", "ben", "eve"} and len(list(tmp_path.glob("*.jsonl"))) == 3
    rows = {row["annotators"]: row["agreement"] for row in pairwise_agreement(votes(ITEMS, tmp_path))}
    assert rows == {"ada, ben": 1.0, "ada, eve": 0.0, "ben, eve": 0.0}
    assert alpha(votes(ITEMS, tmp_path))["comparisons"] == 6
    assert {len(given) for given in votes(ITEMS, tmp_path).values()} == {3, 1}
    assert judgements(tmp_path, "nobody") == {} and rankings(ITEMS, tmp_path / "none") == {}


def test_pairs_are_those_on_which_all_agree(tmp_path):
    save_judgement(tmp_path, "ada", ITEMS[0], "rank", KIND_FIRST)
    save_judgement(tmp_path, "ada", ITEMS[1], "rank", KIND_FIRST)
    save_judgement(tmp_path, "ben", ITEMS[1], "rank", ((0,), (1,), (2,)))
    sides = [(pair.chosen, pair.rejected) for pair in annotated_pairs(ITEMS, tmp_path)]
    assert sides == [
        *(("Gladly: 1.", "1."), ("Gladly: 1.", "Look, 1."), ("1.", "Look, 1.")),
        *(("Gladly: 2.", "Look, 2."), ("2.", "Look, 2.")),
    ]
    assert len(annotated_pairs(ITEMS, tmp_path, "best-worst")) == 1, "ben's best and worst are another pair"
    assert annotated_pairs(ITEMS, tmp_path / "none") == []


def test_judgements_of_other_items_are_left_alone(tmp_path):
    save_judgement(tmp_path, "ada", ITEMS[0], "rank", KIND_FIRST)
    assert rankings(ITEMS[1:], tmp_path) == {}


def test_a_torn_line_costs_only_itself(tmp_path):
    save_judgement(tmp_path, "ada", ITEMS[0], "rank", KIND_FIRST)
    path = annotator_file(tmp_path, "ada")
    path.write_text(path.read_text() + '{"event": "rank", "it')
    assert len(judgements(tmp_path)["ada"]) == 1
    save_judgement(tmp_path, "ada", ITEMS[1], "rank", KIND_FIRST)
    assert len(judgements(tmp_path)["ada"]) == 2


@pytest.mark.parametrize(
    "line",
    ["[1]", '{"event": "rank"}', '"text"', '{"event": "like", "item": "i", "annotator": "ada", "ranking": null}'],
)
def test_a_foreign_row_is_named(tmp_path, line):
    (tmp_path / "x.jsonl").write_text(line + "\n")
    with pytest.raises(CourseError, match="x.jsonl, row 1, is no judgement"):
        judgements(tmp_path)


def test_another_kernel_that_is_writing_is_told(tmp_path):
    with RowFile(annotator_file(tmp_path, "ada")):
        with pytest.raises(CourseError, match="writing"):
            save_judgement(tmp_path, "ada", ITEMS[0], "skip")
    save_judgement(tmp_path, "ben", ITEMS[0], "skip")


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="cannot be written"):
        save_judgement(tmp_path / "file", "ada", ITEMS[0], "skip")


ENDLESS = """
import sys
from helpers.pairs.annotations import save_judgement
from helpers.pairs.ranking import Candidates
number, item = 0, Candidates("Who?", "", "I.", ("I.", "Gladly: I."))
while True:
    save_judgement(sys.argv[1], "ada", item, "rank", ((1,), (0,)))
    number += 1
    print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_kernel_loses_nothing_that_was_said(tmp_path):
    program = [sys.executable, "-c", ENDLESS, str(tmp_path / "folder")]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        said = int(process.stdout.readline())
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        said = max([said, *map(int, process.stdout.read().split())])
    rows = annotator_file(tmp_path / "folder", "ada").read_text().splitlines()
    assert len([row for row in rows if json.loads(row)]) in (said, said + 1)
    save_judgement(tmp_path / "folder", "ada", ITEMS[0], "skip")
