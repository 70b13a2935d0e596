"""Reading JSON piece by piece gives what reading it at once gives, and finds the same mistakes in the same places."""

import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import streams
from helpers.files import CourseError
from helpers.records import load_instructions, read_instructions, save_preferences
from helpers.streams import json_items

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
GOOD = {"instruction": "What is the capital of Greece?", "input": "", "output": "Athens."}


@pytest.fixture
def small_blocks(monkeypatch):
    """Every value crosses the border of a block."""
    monkeypatch.setattr(streams, "BLOCK", 3)


@quick
@given(st.lists(anything, min_size=1), st.sampled_from([None, 0, 2]), st.booleans())
def test_any_list_is_read_as_json_does(small_blocks, tmp_path, values, indent, ascii):
    path = tmp_path / "values.json"
    path.write_text(json.dumps(values, indent=indent, ensure_ascii=ascii) + "\n", encoding="utf-8", newline="")
    items = list(json_items(path))
    assert [value for _, value in items] == values
    assert [place for place, _ in items] == [f"record {number} of the list" for number in range(1, len(values) + 1)]


@quick
@given(st.lists(anything, min_size=1), st.integers(0, 10**6), st.sampled_from([*'[]{}",:x1 \n', ""]))
def test_a_mistake_is_found_where_json_finds_it(small_blocks, tmp_path, values, place, character):
    """One character of a good list is replaced or taken away."""
    text = json.dumps(values, indent=1)
    place %= len(text)
    text = text[:place] + character + text[place + 1 :]
    path = tmp_path / "values.json"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        expected = json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("["):
            with pytest.raises(CourseError, match=r"is not valid JSON: .* at line") as caught:
                list(json_items(path))
            # Versions of Python differ in where they see a comma too many; the line is the same or the one before.
            assert any(f"at line {line}, column" in str(caught.value) for line in (error.lineno - 1, error.lineno))
        return
    if isinstance(expected, list):
        assert [value for _, value in json_items(path)] == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"a": 1}\n {"b": 2}]', "Expecting ',' delimiter at line 2, column 2"),
        ('[{"a": 1},\n {"b": }]', "Expecting value at line 2, column 8"),
        ("[1, 2", "Expecting ',' delimiter at line 1, column 6"),
        ("[1]\n[2]", "Extra data at line 2, column 1"),
        ("[", "Expecting value at line 1, column 2"),
        (" \n", "Expecting value at line 2, column 1"),
    ],
)
def test_places_of_mistakes(small_blocks, tmp_path, text, words):
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
    with pytest.raises(CourseError, match="must be a JSON list.*is an object.*must be called .jsonl"):
        load_instructions(path)


def test_the_first_records_come_before_a_later_mistake(tmp_path):
    path = tmp_path / "records.json"
    path.write_text(json.dumps([GOOD] * 500 + [GOOD | {"output": 3}]))
    records, read = read_instructions(path), 0
    with pytest.raises(CourseError, match='record 501 of the list .*"output" must be text'):
        for _ in records:
            read += 1
    assert read == 500


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_memory_does_not_grow_with_the_file(tmp_path, suffix):
    """Read 2,000 records of a thousand characters, write them as pairs, read these: a fraction is held at a time."""
    path, out = tmp_path / f"records{suffix}", tmp_path / "pairs.json"
    rows = [GOOD | {"input": f"{number} " + "x" * 1000} for number in range(2000)]
    path.write_text(json.dumps(rows) if suffix == ".json" else "\n".join(map(json.dumps, rows)))
    del rows
    sides = {"chosen": "a", "rejected": "b"}
    tracemalloc.start()
    save_preferences(out, (record.model_dump() | sides for record in read_instructions(path)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.stat().st_size > 2_000_000 and peak < 500_000
    assert json.loads(out.read_text())[-1] == GOOD | {"input": "1999 " + "x" * 1000} | sides
