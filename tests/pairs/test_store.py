"""The growing file: torn lines are mended, finished rows stay, one writer at a time."""

import json
import multiprocessing
import os
import threading
import time

import pytest

from helpers.files import CourseError
from helpers.pairs.store import JsonlStore

ROWS = [{"fingerprint": f"f{number}", "text": "é" * number + "\n"} for number in range(30)]


def written(path, rows=ROWS):
    with JsonlStore(path) as file:
        for row in rows:
            file.append(row)
    return path


def test_rows_come_back(tmp_path):
    path = written(tmp_path / "new" / "rows.jsonl")
    with JsonlStore(path) as file:
        assert [file[row["fingerprint"]] for row in ROWS] == ROWS
        assert "f3" in file and "g3" not in file
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == ROWS


def test_a_tear_at_any_byte_costs_at_most_the_last_row(tmp_path):
    whole = written(tmp_path / "whole.jsonl", ROWS[:3]).read_bytes()
    second_end = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(second_end, len(whole) + 1):
        path = tmp_path / "torn.jsonl"
        path.write_bytes(whole[:cut])
        with JsonlStore(path) as file:
            assert file["f0"] == ROWS[0] and file["f1"] == ROWS[1]
            assert ("f2" in file) == (cut >= len(whole) - 1)  # only the newline may be missing
            if "f2" not in file:
                file.append(ROWS[2])
        assert path.read_bytes() == whole


def test_a_long_row_over_several_blocks(tmp_path):
    long = {"fingerprint": "long", "text": "x" * 3_000_000}
    path = written(tmp_path / "rows.jsonl", [ROWS[1], long, ROWS[2]])
    with JsonlStore(path) as file:
        assert file["long"] == long and file["f2"] == ROWS[2]


@pytest.mark.parametrize("line", ["nonsense", "[1]", '{"no": "fingerprint"}', '"text"'])
def test_a_broken_line_in_the_middle_is_named(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"fingerprint": "a"}}\n\n{line}\n{{"fingerprint": "b"}}\n')
    with pytest.raises(CourseError, match="rows.jsonl, line 3"):
        JsonlStore(path).__enter__()
    path.write_text('{"fingerprint": "a"}\n')
    with JsonlStore(path) as file:  # the lock was given back
        assert "a" in file


@pytest.mark.parametrize("text", ["my notes", '[{"instruction": "a"}]', '{"instruction": "a"}', '"text"', "5"])
def test_another_file_opened_by_mistake_is_not_cut(tmp_path, text):
    path = tmp_path / "mine.json"
    path.write_text(text)  # without a newline, as a torn row
    with pytest.raises(CourseError, match="mine.json, line 1, is not a row of this file"):
        JsonlStore(path).__enter__()
    assert path.read_text() == text


def test_nuls_after_a_power_cut_are_a_torn_row(tmp_path):
    path = written(tmp_path / "rows.jsonl", ROWS[:2])
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0" * 100)
    with JsonlStore(path) as file:
        assert "f1" in file
    assert path.read_bytes() == whole


def test_a_second_builder_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    with JsonlStore(path) as file:
        with pytest.raises(CourseError, match="Another kernel or command is writing to .*rows.jsonl"):
            JsonlStore(path).__enter__()
        file.append(ROWS[0])
    with JsonlStore(path) as file:
        assert "f0" in file


def _die_with_the_lock(path, ready):
    file = JsonlStore(path)
    file.__enter__()
    file.append(ROWS[0])
    ready.set()
    os.kill(os.getpid(), 9)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_lock_of_a_dead_builder_is_taken_over(tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_die_with_the_lock, args=(tmp_path / "rows.jsonl", ready))
    process.start()
    process.join(20)
    assert ready.is_set() and process.exitcode == -9
    with JsonlStore(tmp_path / "rows.jsonl") as file:
        assert "f0" in file


def test_a_full_disk_keeps_the_rows(tmp_path, monkeypatch):
    with JsonlStore(tmp_path / "rows.jsonl") as file:
        file.append(ROWS[0])

        def full(number):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(CourseError, match="No space left on device.*are safe"):
            file.append(ROWS[1])
        monkeypatch.undo()
        assert "f1" not in file
        file.append(ROWS[2])
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["fingerprint"] for line in lines] == ["f0", "f2"]


def test_an_unwritable_place(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CourseError, match="rows.jsonl cannot be written"):
        JsonlStore(tmp_path / "file" / "rows.jsonl").__enter__()


def test_the_last_row_with_a_fingerprint_counts(tmp_path):
    path = written(tmp_path / "rows.jsonl", [*ROWS, ROWS[3] | {"text": "again"}])
    with JsonlStore(path) as file:
        assert file["f3"]["text"] == "again" and file["f2"] == ROWS[2]


def test_a_second_writer_can_wait(tmp_path):
    """The first writer is done after a moment; the second one gets the lock and sees its row."""
    path, locked = tmp_path / "rows.jsonl", threading.Event()

    def first_writer():
        with JsonlStore(path) as file:
            locked.set()
            time.sleep(0.2)
            file.append(ROWS[0])

    thread = threading.Thread(target=first_writer)
    thread.start()
    assert locked.wait(5)
    with JsonlStore(path, wait=10) as file:
        assert "f0" in file
    thread.join()


def test_half_a_surrogate_pair_is_kept(tmp_path):
    row = {"fingerprint": "f", "text": "a \ud83d é"}
    with JsonlStore(written(tmp_path / "rows.jsonl", [row])) as file:
        assert file["f"] == row
