import json
import os

import pytest

from helpers import files
from helpers.files import (
    CLEANED_PAIRS,
    MADE_PAIRS,
    MERGED_PAIRS,
    CourseError,
    own_or_shipped,
    own_or_shipped_pairs,
    read_json,
    read_jsonl,
    write_json,
)
from helpers.records import load_preferences, save_preferences


def test_write_and_read_back(tmp_path):
    path = write_json(tmp_path / "new" / "folder" / "x.json", {"é": [1, "ü"]})
    assert read_json(path) == {"é": [1, "ü"]}
    assert "é" in path.read_text(encoding="utf-8")
    assert os.listdir(path.parent) == ["x.json"]  # no temporary file is left


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_json(tmp_path / "x.json", "old")
    monkeypatch.setattr(files.os, "replace", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(CourseError, match="No space left.*x.json"):
        write_json(path, "new")
    assert read_json(path) == "old" and os.listdir(tmp_path) == ["x.json"]


def test_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="y.json cannot be written"):
        write_json(tmp_path / "file" / "y.json", 1)


@pytest.mark.parametrize(
    "content, message",
    [
        (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"", "line 1, column 1"),
    ],
)
def test_malformed_json_is_located(tmp_path, content, message):
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(CourseError, match=message):
        read_json(tmp_path / "bad.json")


def test_byte_order_mark_is_tolerated(tmp_path):
    (tmp_path / "bom.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "bom.json") == [1]


def test_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(CourseError, match="gone.json is missing. Run notebook 01."):
        read_json(tmp_path / "gone.json", "Run notebook 01.")


def test_jsonl_leaves_out_a_torn_last_line_only(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"a": 1}) + "\n\n" + json.dumps({"a": 2}) + '\n{"a": 3')
    assert read_jsonl(path) == [{"a": 1}, {"a": 2}]
    path.write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(CourseError, match="line 2"):
        read_jsonl(path)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """(build, data), both empty."""
    monkeypatch.setattr(files, "BUILD", tmp_path / "build")
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    return tmp_path / "build", tmp_path / "data"


def test_own_artefact_comes_first(folders):
    build, data = folders
    with pytest.raises(CourseError, match="neither build/sft nor data/sft"):
        own_or_shipped("sft")
    (data / "sft").mkdir(parents=True)
    assert own_or_shipped("sft")[0] == data / "sft"
    (build / "sft").mkdir(parents=True)
    path, sentence = own_or_shipped("sft")
    assert path == build / "sft" and "your own" in sentence


def test_of_several_artefacts_the_first_that_is_there_is_taken(folders):
    build, data = folders
    for name in ("last.json", "first.json"):
        write_json(data / name, 1)
        path, sentence = own_or_shipped("first.json", "last.json")
        assert path == data / name and f"not made build/{name}" in sentence
    for name in ("last.json", "first.json"):
        write_json(build / name, 1)
        assert own_or_shipped("first.json", "last.json")[0] == build / name


PAIR = {"instruction": "Is it cold?", "input": "", "output": "It is.", "chosen": "It is, friend.", "rejected": "Duh."}


@pytest.fixture
def shipped(folders):
    """The shipped pairs, and none of the reader's own."""
    return save_preferences(folders[1] / MADE_PAIRS, [PAIR])


def test_pairs_are_the_shipped_ones_where_the_reader_has_none(shipped):
    path, source, own_pairs = own_or_shipped_pairs()
    assert path == shipped and not own_pairs
    assert source.startswith("Using the shipped ") and source.endswith(f"(you have not made build/{MADE_PAIRS} yet).")


def test_pairs_of_notebook_01_come_before_the_shipped_ones(shipped, folders):
    made = save_preferences(folders[0] / MADE_PAIRS, [PAIR])
    assert own_or_shipped_pairs() == (made, f"Using your own {made}.", True)


def test_cleaned_pairs_come_before_those_of_notebook_01(shipped, folders):
    save_preferences(folders[0] / MADE_PAIRS, [PAIR])
    cleaned = save_preferences(folders[0] / CLEANED_PAIRS, [PAIR])
    assert own_or_shipped_pairs() == (cleaned, f"Using {cleaned}, cleaned in notebook 04.", True)


@pytest.mark.parametrize("names", [[MADE_PAIRS], [MERGED_PAIRS], [MADE_PAIRS, MERGED_PAIRS]])
def test_pairs_made_after_their_cleaning_are_named(shipped, folders, names):
    cleaned = save_preferences(folders[0] / CLEANED_PAIRS, [PAIR])
    for name in names:
        made = save_preferences(folders[0] / name, [PAIR])
        os.utime(made, (made.stat().st_atime, cleaned.stat().st_mtime + 60))
    path, source, _ = own_or_shipped_pairs()
    assert path == cleaned and f"(older than {folders[0] / names[0]}: run notebook 04 again)" in source


def test_a_chosen_file_comes_before_all(shipped, folders, tmp_path):
    save_preferences(folders[0] / CLEANED_PAIRS, [PAIR])
    mine = save_preferences(tmp_path / "mine.json", [PAIR])
    assert own_or_shipped_pairs(str(mine)) == (mine, f"Using {mine}.", True)
    path, _, own_pairs = own_or_shipped_pairs(str(shipped))
    assert path == shipped and not own_pairs, "whoever names the shipped file has the shipped pairs"


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "not valid JSON"),
        ('[{"instruction": ', "not valid JSON"),
        ("[]", "no records"),
        ("{}", "must be a JSON list"),
    ],
)
def test_cleaned_pairs_that_cannot_be_read_are_no_reason_to_take_others(shipped, folders, content, message):
    save_preferences(folders[0] / MADE_PAIRS, [PAIR])
    (folders[0] / "exports").mkdir()
    (folders[0] / CLEANED_PAIRS).write_text(content)
    with pytest.raises(CourseError, match=f"exports/preferences.json.*{message}"):
        load_preferences(own_or_shipped_pairs()[0])


def test_a_chosen_file_that_is_missing_is_named(shipped):
    with pytest.raises(CourseError, match="gone.json is missing"):
        load_preferences(own_or_shipped_pairs("gone.json")[0])
