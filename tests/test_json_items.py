"""Records in files: a JSON list or one record a line, mistakes with their places, and files larger than memory."""

import json
import tracemalloc

import pytest

from helpers.files import CourseError
from helpers.records import json_items, load_instructions, read_instructions, save_preferences

GOOD = {"instruction": "What is the capital of Greece?", "input": "", "output": "Athens."}


def test_values_come_with_their_places(tmp_path):
    path = tmp_path / "values.json"
    path.write_text('[1, null, {"a": [2]}]')
    places = [f"record {number} of the list" for number in (1, 2, 3)]
    assert list(json_items(path)) == list(zip(places, [1, None, {"a": [2]}], strict=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"a": 1}\n {"b": 2}]', "Expecting ',' delimiter at line 2, column 2"),
        ('[{"a": 1},\n {"b": }]', "Expecting value at line 2, column 8"),
        ("[1, 2", "Expecting ',' delimiter at line 1, column 6"),
        ("[1]\n[2]", "Extra data at line 2, column 1"),
        (" \n", "Expecting value at line 2, column 1"),
    ],
)
def test_places_of_mistakes(tmp_path, text, words):
    path = tmp_path / "values.json"
    path.write_text(text)
    with pytest.raises(CourseError, match=f"values.json is not valid JSON: {words}"):
        list(json_items(path))


def test_one_record_a_line(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n\n{json.dumps(GOOD | {'input': 'é'})}", encoding="utf-8")
    assert [record.input for record in load_instructions(path)] == ["", "é"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"instruction": "a"', "line 3, is not valid JSON: .* column 20"),
        ("[1]", "line 3: it must be an object .* is a list"),
        ('{"instruction": "Why?", "input": ""}', r'line 3 \("Why\?…"\): the key "output" is missing'),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, words):
    path = tmp_path / "records.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n\n{line}\n")
    with pytest.raises(CourseError, match=f"records.jsonl, {words}"):
        load_instructions(path)


def test_lines_under_the_name_of_a_list_are_explained(tmp_path):
    path = tmp_path / "records.json"
    path.write_text(f"{json.dumps(GOOD)}\n" * 2)
    with pytest.raises(CourseError, match="must be a JSON list.*must be called .jsonl"):
        load_instructions(path)


def test_the_first_records_come_before_a_later_mistake(tmp_path):
    path = tmp_path / "records.json"
    path.write_text(json.dumps([GOOD] * 500 + [GOOD | {"output": 3}]))
    records, read = read_instructions(path), 0
    with pytest.raises(CourseError, match='record 501 of the list .*"output" must be text'):
        for _ in records:
            read += 1
    assert read == 500


def test_memory_does_not_grow_with_a_jsonl_file(tmp_path):
    """Read 2,000 records of a thousand characters, write them as pairs, read these: a fraction is held at a time."""
    path, out = tmp_path / "records.jsonl", tmp_path / "pairs.json"
    rows = [GOOD | {"input": f"{number} " + "x" * 1000} for number in range(2000)]
    path.write_text("\n".join(map(json.dumps, rows)))
    del rows
    sides = {"chosen": "a", "rejected": "b"}
    tracemalloc.start()
    save_preferences(out, (record.model_dump() | sides for record in read_instructions(path)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.stat().st_size > 2_000_000 and peak < 500_000
    assert json.loads(out.read_text())[-1] == GOOD | {"input": "1999 " + "x" * 1000} | sides
