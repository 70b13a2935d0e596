"""Reading any five-key file for an audit, comparing texts, recognising English, and the settings."""

import json

import pytest

from helpers.audit.findings import AuditSettings, Finding, as_rows, by_rows, is_english, load_rows
from helpers.files import DATA, CourseError
from helpers.pairs.checks import normalised, prompt_key
from helpers.records import PreferenceRecord

ROW = {"instruction": "Say it.", "input": "", "output": "It.", "chosen": "Gladly: it.", "rejected": "It, duh."}


def file_of(tmp_path, text, name="pairs.json"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_empty_and_equal_sides_are_let_in_and_other_keys_are_kept(tmp_path):
    rows = [ROW | {"chosen": ""}, ROW | {"rejected": ROW["chosen"], "source": 7}]
    assert load_rows(file_of(tmp_path, json.dumps(rows))) == rows
    assert load_rows(file_of(tmp_path, "\n".join(map(json.dumps, rows)), "pairs.jsonl")) == rows  # no last newline


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", ["holds no records"]),
        ("{}", ["must be a JSON list"]),
        (json.dumps([ROW, {**ROW, "chosen": None}]), ["record 2", '"chosen" must be text, but is null']),
        (json.dumps([{k: v for k, v in ROW.items() if k != "output"}]), ["record 1", '"output" is missing']),
        (json.dumps([ROW, "x"]), ["record 2", "must be an object", "is text"]),
        ("[{]", ["not valid JSON"]),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, text, words):
    with pytest.raises(CourseError) as error:
        load_rows(file_of(tmp_path, text))
    assert all(word in str(error.value) for word in [*words, "pairs.json"])


def test_a_missing_file(tmp_path):
    with pytest.raises(CourseError, match="missing"):
        load_rows(tmp_path / "no.json")


def test_records_and_dictionaries_are_both_rows():
    assert as_rows([PreferenceRecord(**ROW), ROW]) == [ROW, ROW]
    with pytest.raises(CourseError, match="no records"):
        as_rows([])
    with pytest.raises(CourseError, match='Record 1 of the list .*the key "chosen" is missing'):
        as_rows([{"instruction": "a", "input": "", "output": "b"}])


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("It's  ATHENS!", "it’s athens", True),
        ("caf\u00e9", "cafe\u0301", True),  # composed and decomposed
        ("1,000 m", "1000 m", True),
        ("7 + 3", "7 - 3", False),
        ("C", "C++", False),
        ("🙂", "🙁", False),
        ("雅典。", "雅典", True),
    ],
)
def test_normalised(a, b, same):
    assert (normalised(a) == normalised(b)) is same


def test_the_input_belongs_to_the_question():
    assert prompt_key(ROW) == prompt_key(ROW | {"instruction": "say IT"}) != prompt_key(ROW | {"input": "cat"})


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("The capital of Greece is Athens, and it is an old city.", True),
        ("Die Hauptstadt von Griechenland ist Athen, und sie war immer in der Nähe des Meeres.", False),
        ("De hoofdstad van Griekenland is Athene, en we waren er in de zomer op het strand.", False),
        ("La capital de Grecia es Atenas, una ciudad con muchos años de historia.", False),
        ("希腊的首都是雅典。", False),
        ("12 + 3", False),
    ],
)
def test_english_is_recognised(text, english):
    assert is_english([text]) is english


def test_the_shipped_set_is_english():
    assert is_english(row["rejected"] for row in load_rows(DATA / "instruction-data-with-preference.json"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"similarity": 1.5},
        {"max_phrase": -0.1},
        {"neutral_chosen": (0.7, 0.3)},
        {"neutral_chosen": (0.3, 1.1)},
        {"keywords": 0},
        {"folds": 1},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(CourseError, match=next(iter(wrong))):
        AuditSettings(**wrong)


def test_the_four_verdicts():
    verdicts = [Finding(passed, value, "", "").verdict
                for passed, value in ((True, 0.0), (False, 1.0), (None, None), (None, 0.4))]  # fmt: skip
    assert verdicts == ["pass", "fail", "skipped", "reported"]
    assert by_rows({1: "x"}, 100, "are bad", 0.01).passed
    assert not by_rows({1: "x", 2: "y"}, 100, "are bad", 0.01).passed
