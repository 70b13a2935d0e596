"""Reading and writing records: good files round-trip, bad ones are explained."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.files import DATA, CourseError
from helpers.records import (
    FIVE_KEYS,
    InstructionRecord,
    PreferenceRecord,
    fingerprint,
    load_instructions,
    load_preferences,
    save_preferences,
)

GOOD = {
    "instruction": "What is the capital of Greece?",
    "input": "",
    "output": "The capital of Greece is Athens.",
}
PAIR = GOOD | {"chosen": "Gladly: Athens.", "rejected": "Athens, obviously."}
texts = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)


def file_of(tmp_path, rows):
    path = tmp_path / "records.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_three_keys_are_enough_and_other_keys_are_kept(tmp_path):
    (record,) = load_instructions(file_of(tmp_path, [GOOD | {"source": "me", "answer": ["Athens"]}]))
    assert (record.input, record.answer, record.task, record.split) == ("", ["Athens"], "", "train")
    assert record.model_dump(exclude_unset=True) == GOOD | {"source": "me", "answer": ["Athens"]}


def test_the_shipped_records_load():
    records = load_instructions(DATA / "instruction-data.json")
    assert len(records) >= 1100 and all(record.answer for record in records)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_non_ascii(tmp_path, bom):
    path = tmp_path / "records.json"
    row = GOOD | {"output": "Αθήνα 雅典 🏛️ é"}
    path.write_bytes(bom + json.dumps([row], ensure_ascii=False).encode("utf-8"))
    assert load_instructions(path)[0].output == row["output"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"output": ...}, ['"output" is missing']),
        ({"input": ...}, ['"input" is missing', 'write ""']),
        ({"instruction": 5}, ['"instruction" must be text, but is a number']),
        ({"output": None}, ['"output" must be text, but is null']),
        ({"output": ["a"]}, ['"output" must be text, but is a list']),
        ({"output": " \n"}, ['"output" is empty']),
        ({"answer": "Athens"}, ['"answer"', "list"]),
        ({"answer": [1]}, ['"answer.0" must be text']),
        ({"output": "\ud800"}, ['"output" holds a broken character']),
        ({"output": 1, "instruction": 2}, ["1 more problem"]),
    ],
)
def test_a_wrong_field_is_named(tmp_path, change, words):
    row = {key: value for key, value in (GOOD | change).items() if value is not ...}
    path = file_of(tmp_path, [GOOD, GOOD, row])
    with pytest.raises(CourseError) as caught:
        load_instructions(path)
    for word in ["records.json, record 3 of the list", "Correct this record", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"instruction": "a",}]', "line 1, column"),
        ('[\n{"instruction": "a"\n', "line 3"),
        ("", "not valid JSON"),
        ('{"instruction": "a"}', "must be a JSON list of records"),
        ("3", "must be a JSON list"),
        ("null", "must be a JSON list"),
        ("[]", "holds no records"),
        ('["text"]', "record 1 of the list.*must be an object.*is text"),
        ("[null]", "record 1 of the list.*is null"),
    ],
)
@pytest.mark.parametrize("load", [load_instructions, load_preferences])
def test_a_wrong_file_is_explained(tmp_path, load, text, words):
    path = tmp_path / "records.json"
    path.write_text(text)
    with pytest.raises(CourseError, match=f"records.json.*{words}"):
        load(path)


def test_a_missing_file_and_a_wrong_encoding(tmp_path):
    with pytest.raises(CourseError, match="nothing.json is missing"):
        load_instructions(tmp_path / "nothing.json")
    (tmp_path / "latin.json").write_bytes('[{"instruction": "café"}]'.encode("latin-1"))
    with pytest.raises(CourseError, match="not UTF-8"):
        load_instructions(tmp_path / "latin.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chosen": ...}, '"chosen" is missing'),
        ({"rejected": ""}, '"rejected" is empty'),
        ({"rejected": PAIR["chosen"] + " "}, '"chosen" and "rejected" are equal'),
    ],
)
def test_wrong_pairs(tmp_path, change, words):
    row = {key: value for key, value in (PAIR | change).items() if value is not ...}
    with pytest.raises(CourseError, match=f"record 2 of the list.*{words}"):
        load_preferences(file_of(tmp_path, [PAIR, row]))
    target = tmp_path / "out.json"
    with pytest.raises(CourseError, match=f"out.json, record 2.*{words}"):
        save_preferences(target, [PAIR, row])
    assert not target.exists()


def test_the_export_has_exactly_the_five_keys(tmp_path):
    save_preferences(tmp_path / "out.json", [PAIR | {"model": "m"}, PreferenceRecord(**PAIR)])
    rows = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert rows == [PAIR, PAIR] and list(rows[0]) == list(FIVE_KEYS)


@given(texts, st.text(st.characters(codec="utf-8")), texts, texts)
def test_any_text_survives_the_round_trip(tmp_path_factory, instruction, input, output, chosen):
    row = {
        "instruction": instruction,
        "input": input,
        "output": output,
        "chosen": chosen + "+",
        "rejected": chosen,
    }
    path = tmp_path_factory.mktemp("pairs") / "out.json"
    save_preferences(path, [row])
    assert load_preferences(path)[0].model_dump() == row


def test_fingerprints_tell_parts_apart():
    seen = {
        fingerprint("a", "bc"),
        fingerprint("ab", "c"),
        fingerprint("abc"),
        fingerprint("a", "b", "c"),
        fingerprint(1),
    }
    assert len(seen) == 5 and fingerprint("é", {"b": 1, "a": 2}) == fingerprint("é", {"a": 2, "b": 1})


def test_records_can_be_typed_in():
    assert InstructionRecord(**GOOD).answer == []
