"""Judgements on disk: at once, in one file for several people and kernels, and nothing is ever lost."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from helpers.files import ROOT, CourseError, read_jsonl
from helpers.pairs import judgements
from helpers.pairs.agreement import alpha, pairwise_agreement, votes
from helpers.pairs.judgements import SHOWN, UNDO, JudgementStore, Session, latest_votes
from helpers.pairs.ranking import (
    SKIP,
    Candidates,
    annotated_pairs,
    rankings,
)
from helpers.pairs.store import JsonlStore

ITEMS = [
    Candidates(f"What is {n} + 1?", "", f"{n + 1}.", (f"{n + 1}.", f"Gladly: {n + 1}.", f"Look, {n + 1}."))
    for n in range(3)
]
KIND_FIRST, RUDE_FIRST = ((1,), (0,), (2,)), ((2,), (0,), (1,))


@pytest.fixture
def store(tmp_path):
    return JudgementStore(tmp_path / "deep" / "judgements.jsonl")


def verdicts(rows):
    return [(row["annotator"], row["item"], row["verdict"]) for row in rows]


def test_a_judgement_is_on_disk_at_once_with_all_that_was_given_and_its_time(store):
    assert store.rows() == store.latest() == []
    store.add("Ada  Lovelace", "i", "up", question="Why?")
    before = store.path.read_bytes()
    store.add("Ada Lovelace", "i", UNDO)
    assert store.path.read_bytes().startswith(before), "the file only grows"
    first, second = read_jsonl(store.path)
    assert (first["annotator"], first["item"], first["verdict"], first["question"]) == (
        "Ada Lovelace", "i", "up", "Why?",
    )  # fmt: skip
    assert first["time"] and first["fingerprint"] != second["fingerprint"]


def test_many_at_once_are_written_in_order_and_all_or_none(store):
    rows = [{"annotator": "ada", "item": f"{n}", "verdict": "up"} for n in range(50)]
    store.add_all(iter(rows))
    assert [row["item"] for row in store.rows()] == [f"{n}" for n in range(50)]
    for wrong in ({"annotator": "ada", "item": "x"}, {"annotator": " ", "item": "x", "verdict": "up"}):
        with pytest.raises(CourseError, match="The judgement is no judgement|a name"):
            store.add_all([*rows, wrong])
    assert len(store.rows()) == 50


@pytest.mark.parametrize("name", ["", " \n"])
def test_without_a_name_nothing_is_written(store, name):
    with pytest.raises(CourseError, match="Give the annotator a name"):
        store.add(name, "i", "up")
    with pytest.raises(CourseError, match="Give the annotator a name"):
        Session(store, name, ["i"])
    assert not store.path.exists() or store.rows() == []


def test_the_latest_vote_counts_and_undo_takes_it_back(store):
    for verdict in (SHOWN, "up", "down", UNDO, "up", SHOWN):
        store.add("ada", "i", verdict)
    store.add("ada", "j", "up")
    store.add("ada", "j", UNDO)
    store.add("ben", "i", "down")
    assert verdicts(store.latest()) == [("ada", "i", "up"), ("ben", "i", "down")]
    assert verdicts(store.latest("ada")) == [("ada", "i", "up")] and store.latest("nobody") == []
    assert latest_votes([{"annotator": "ada", "item": "i", "verdict": UNDO}]) == []


def test_the_order_is_that_of_the_latest_votes(store):
    for item in "iji":
        store.add("ada", item, "up")
    assert [row["item"] for row in store.latest()] == ["j", "i"]


def test_a_session_goes_on_where_the_last_one_stopped(store):
    first = Session(store, " ada ", ["i", "j", "k"])
    first.judge("up", question="Why?")
    first.judge("down")
    second = Session(store, "ada", ["i", "j", "k"])
    assert (second.done, second.queue) == (["i", "j"], ["k"])
    second.undo()
    second.undo()
    second.undo()  # nothing left to undo
    assert (second.done, second.queue) == ([], ["i", "j", "k"]) and store.latest() == []
    assert len(store.rows()) == 4
    assert Session(store, "ben", ["i"]).queue == ["i"]


def test_a_torn_line_costs_only_itself(store):
    store.add("ada", "i", "up")
    with open(store.path, "a") as file:
        file.write('{"annotator": "ada", "ite')
    assert len(store.rows()) == 1
    store.add("ada", "j", "down")
    assert verdicts(store.rows()) == [("ada", "i", "up"), ("ada", "j", "down")]


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        '"text"',
        '{"annotator": "ada", "item": "i"}',
        '{"annotator": "ada", "item": 5, "verdict": "up"}',
        '{"event": "up", "user": "me", "answer": "So.", "fingerprint": "a"}',  # by an earlier version of the course
    ],
)
def test_a_foreign_row_is_named(store, line):
    store.path.parent.mkdir()
    store.path.write_text(line + "\n")
    for read in (store.rows, store.latest):
        with pytest.raises(CourseError, match=r"judgements.jsonl, row 1, is no judgement.*Fix or delete it"):
            read()


def test_another_writer_is_waited_for_and_then_named(store, monkeypatch):
    monkeypatch.setattr(judgements, "WAIT", 0.1)
    with JsonlStore(store.path):
        with pytest.raises(CourseError, match="writing to .*judgements.jsonl.*then run this again"):
            store.add("ada", "i", "up")
    store.add("ada", "i", "up")


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="cannot be written"):
        JudgementStore(tmp_path / "file" / "judgements.jsonl").add("ada", "i", "up")


WRITE = """
import sys
from helpers.pairs.judgements import JudgementStore
for number in range(int(sys.argv[3])):
    JudgementStore(sys.argv[1]).add(sys.argv[2], str(number), "up")
    print(number + 1, flush=True)
"""


def writer(path, annotator, rows):
    program = [sys.executable, "-c", WRITE, str(path), annotator, str(rows)]
    return subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_kernels_that_write_at_the_same_time_lose_no_row(store):
    kernels = [writer(store.path, name, 60) for name in ("ada", "ben")]
    for kernel in kernels:
        kernel.communicate()
        assert kernel.returncode == 0
    both = [(name, str(number), "up") for name in ("ada", "ben") for number in range(60)]
    assert sorted(verdicts(store.rows())) == sorted(both)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_kernel_loses_nothing_that_was_saved(store):
    with writer(store.path, "ada", 10**6) as kernel:
        saved = int(kernel.stdout.readline())
        time.sleep(0.05)
        os.kill(kernel.pid, signal.SIGKILL)
        saved = max([saved, *map(int, kernel.stdout.read().split())])
    lines = store.path.read_text().splitlines()
    assert len([line for line in lines if json.loads(line)]) in (saved, saved + 1)
    store.add("ada", "another", "up")
    assert store.latest()[-1]["item"] == "another"


# --- rankings -------------------------------------------------------------------------------------------------


def rank(store, annotator, item, verdict):
    store.add(annotator, item.key, verdict)


def test_rankings_are_the_latest_ones_without_skipped_items(store):
    for verdict in (KIND_FIRST, RUDE_FIRST, UNDO, KIND_FIRST):
        rank(store, "ada", ITEMS[0], verdict)
    rank(store, "ada", ITEMS[1], SKIP)
    assert rankings(ITEMS, store) == {ITEMS[0].key: {"ada": KIND_FIRST}}
    assert rankings(ITEMS[1:], store) == {}, "judgements on other items are left alone"


def test_votes_of_several_annotators_in_one_file(store):
    for name, ranking in (("ada", KIND_FIRST), ("ben", KIND_FIRST), ("eve", RUDE_FIRST)):
        for item in ITEMS[:2]:
            rank(store, name, item, ranking)
    rank(store, "ben", ITEMS[2], ((1,), (0, 2)))
    rows = {row["annotators"]: row["agreement"] for row in pairwise_agreement(votes(ITEMS, store))}
    assert rows == {"ada, ben": 1.0, "ada, eve": 0.0, "ben, eve": 0.0}
    assert alpha(votes(ITEMS, store))["comparisons"] == 6
    assert {len(given) for given in votes(ITEMS, store).values()} == {3, 1}


def test_pairs_are_those_on_which_all_agree(store):
    assert annotated_pairs(ITEMS, store) == []
    rank(store, "ada", ITEMS[0], KIND_FIRST)
    rank(store, "ada", ITEMS[1], KIND_FIRST)
    rank(store, "ben", ITEMS[1], ((0,), (1,), (2,)))
    sides = [(pair.chosen, pair.rejected) for pair in annotated_pairs(ITEMS, store)]
    assert sides == [
        *(("Gladly: 1.", "1."), ("Gladly: 1.", "Look, 1."), ("1.", "Look, 1.")),
        *(("Gladly: 2.", "Look, 2."), ("2.", "Look, 2.")),
    ]
    assert len(annotated_pairs(ITEMS, store, "best-worst")) == 1, "ben's best and worst are another pair"


def test_people_who_saw_two_tied_answers_in_another_order_agree_on_them(store):
    """The tiers are as typed, from the page: each annotator sees the answers in another order."""
    rank(store, "ada", ITEMS[0], ((0, 1), (2,)))
    rank(store, "ben", ITEMS[0], ((1, 0), (2,)))
    (pair,) = annotated_pairs(ITEMS, store, "best-worst")
    assert (pair.chosen, pair.rejected) == ("1.", "Look, 1.")
    assert len(annotated_pairs(ITEMS, store)) == 2
