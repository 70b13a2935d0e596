import json
import os

import pytest

from helpers import files
from helpers.files import CourseError, own_or_shipped, read_json, read_jsonl, write_json


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


def test_own_artefact_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "BUILD", tmp_path / "build")
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    with pytest.raises(CourseError, match="neither build/sft nor data/sft"):
        own_or_shipped("sft")
    (tmp_path / "data" / "sft").mkdir(parents=True)
    assert own_or_shipped("sft")[0] == tmp_path / "data" / "sft"
    (tmp_path / "build" / "sft").mkdir(parents=True)
    path, sentence = own_or_shipped("sft")
    assert path == tmp_path / "build" / "sft" and "your own" in sentence
