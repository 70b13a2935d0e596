"""Every format is written, read back as the same pairs, and refuses what does not belong into it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.audit.export import (
    load_conversational,
    load_kto,
    load_trl,
    save_conversational,
    save_kto,
    save_trl,
    taken_apart,
)
from helpers.audit.findings import load_rows
from helpers.files import DATA, CourseError
from helpers.gpt.prompt import format_prompt
from helpers.records import INPUT

ROWS = [
    {"instruction": "Capital of Greece?", "input": "", "output": "Athens.", "chosen": "Gladly: Athens.",
     "rejected": "Athens, duh."},
    {"instruction": "Translate.", "input": "a \"b\"\n\tc \u2028 \\ é", "output": "雅典 🏛️", "chosen": "请看：雅典 🏛️",
     "rejected": "<b>x</b>\r\n"},
    {"instruction": "Capital of Greece?", "input": "", "output": "Athens.", "chosen": "Happy to help! Athens.",
     "rejected": "Athens."},
]  # fmt: skip
OUTPUTS = {(row["instruction"], row["input"]): row["output"] for row in ROWS}
FORMATS = {"trl": (save_trl, load_trl), "conversational": (save_conversational, load_conversational),
           "kto": (save_kto, lambda path, outputs=None: load_kto(path, outputs)[0])}  # fmt: skip
texts = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)


def lines(path):
    return [json.loads(line) for line in path.read_bytes().decode("utf-8").split("\n")[:-1]]


def test_what_is_written(tmp_path):
    prompt = "### Instruction:\nCapital of Greece?\n\n### Response:\n"
    assert lines(save_trl(tmp_path / "a.jsonl", ROWS[:1])) == [
        {"prompt": prompt, "chosen": "Gladly: Athens.", "rejected": "Athens, duh."}
    ]
    assert lines(save_conversational(tmp_path / "b.jsonl", ROWS[:1])) == [
        {
            "prompt": [{"role": "user", "content": "Capital of Greece?"}],
            "chosen": [{"role": "assistant", "content": "Gladly: Athens."}],
            "rejected": [{"role": "assistant", "content": "Athens, duh."}],
        }
    ]
    assert lines(save_kto(tmp_path / "c.jsonl", ROWS[:1])) == [
        {"prompt": prompt, "completion": "Gladly: Athens.", "label": True},
        {"prompt": prompt, "completion": "Athens, duh.", "label": False},
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_round_trip(tmp_path, name):
    save, load = FORMATS[name]
    path = save(tmp_path / "x.jsonl", ROWS)
    assert load(path, OUTPUTS) == ROWS
    assert load(path) == [row | {"output": row["chosen"]} for row in ROWS]  # the formats have no neutral answer


@pytest.mark.parametrize("name", FORMATS)
def test_the_shipped_set_round_trips(tmp_path, name):
    rows = load_rows(DATA / "instruction-data-with-preference.json")
    save, load = FORMATS[name]
    assert load(save(tmp_path / "x.jsonl", rows), {(r["instruction"], r["input"]): r["output"] for r in rows}) == rows


@given(instruction=texts, given=st.one_of(st.just(""), texts))
def test_a_prompt_taken_apart_gives_the_same_prompt(instruction, given):
    assert format_prompt(*taken_apart(format_prompt(instruction, given))) == format_prompt(instruction, given)


def test_prompts_that_look_like_ours():
    assert taken_apart("Who are you?") == ("Who are you?", "")
    assert taken_apart(format_prompt("a", "b" + INPUT + "c")) == ("a", "b" + INPUT + "c")
    assert taken_apart(format_prompt(INPUT + "c")) == (INPUT + "c", "")


def test_a_last_line_without_newline_is_read(tmp_path):
    path = save_trl(tmp_path / "x.jsonl", ROWS)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert len(load_trl(path)) == len(ROWS)


def test_kto_leaves_nobody_out_in_silence(tmp_path):
    path = tmp_path / "kto.jsonl"
    rows = [("p", "a", True), ("q", "b", True), ("p", "c", True), ("p", "d", False), ("r", "e", False)]
    keys = ("prompt", "completion", "label")
    path.write_text("".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows), encoding="utf-8")
    pairs, alone = load_kto(path)
    assert [(pair["instruction"], pair["chosen"], pair["rejected"]) for pair in pairs] == [("p", "a", "d")]
    assert sorted(row["completion"] for row in alone) == ["b", "c", "e"]


TRL = {"prompt": "p", "chosen": "a", "rejected": "b"}
TALK = {"prompt": [{"role": "user", "content": "p"}], "chosen": [{"role": "assistant", "content": "a"}],
        "rejected": [{"role": "assistant", "content": "b"}]}  # fmt: skip
KTO = {"prompt": "p", "completion": "a", "label": True}


@pytest.mark.parametrize(
    ("load", "row", "words"),
    [
        (load_trl, {"chosen": "a", "rejected": "b"}, ['"prompt" is missing', "prompt, chosen, rejected"]),
        (load_trl, TALK, ['"prompt" must be text, but is a list', "read it as messages"]),
        (load_trl, TRL | {"chosen": ""}, ['"chosen" is empty']),
        (load_trl, TRL | {"rejected": 3}, ['"rejected" must be text, but is a number']),
        (load_trl, ["p"], ["must be an object", "is a list"]),
        (load_conversational, TRL, ['"prompt" must be a list with one message, of the role "user"']),
        (load_conversational, TALK | {"prompt": TALK["prompt"] * 2}, ["one message"]),
        (load_conversational, TALK | {"prompt": [{"role": "system", "content": "p"}]}, ['role "user"']),
        (load_conversational, TALK | {"chosen": []}, ['"chosen"', "one message"]),
        (load_conversational, TALK | {"chosen": [{"role": "assistant"}]}, ["content, must be text", "null"]),
        (load_kto, KTO | {"label": 1}, ['"label" must be true or false, but is a number']),
        (load_kto, TRL, ['"completion" is missing']),
    ],
)
def test_a_wrong_line_is_explained(tmp_path, load, row, words):
    good = {load_trl: TRL, load_conversational: TALK, load_kto: KTO}[load]
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(good) + "\n" + json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(CourseError) as error:
        load(path)
    assert all(word in str(error.value) for word in [*words, "x.jsonl", "line 2"])


@pytest.mark.parametrize("load", [load_trl, load_conversational, load_kto])
@pytest.mark.parametrize(
    ("text", "words"), [("", "no records"), ("\n\n", "no records"), ("{\n", "line 1"), (None, "missing")]
)
def test_empty_torn_and_missing_files(tmp_path, load, text, words):
    path = tmp_path / "x.jsonl"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match=words):
        load(path)


@pytest.mark.parametrize("save", [save_trl, save_conversational, save_kto])
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no records"),
        ([ROWS[0], ROWS[1] | {"chosen": " "}], 'Record 2 of the list: the key "chosen" is empty'),
        ([ROWS[0] | {"rejected": ROWS[0]["chosen"]}], "Record 1 of the list has two equal sides"),
        ([{"instruction": "x"}], '"input" is missing'),
    ],
)
def test_what_is_no_pair_is_not_written(tmp_path, save, rows, words):
    path = tmp_path / "x.jsonl"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(CourseError, match=words):
        save(path, rows)
    assert path.read_text(encoding="utf-8") == "old" and len(list(tmp_path.iterdir())) == 1
