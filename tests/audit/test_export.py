"""Every format is written, read back as the same pairs, and refuses what does not belong into it."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.audit.export import load_pairs, save_conversational, save_kto, save_trl, taken_apart
from helpers.audit.findings import load_rows
from helpers.files import DATA, ROOT, CourseError
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
PAIRED = (save_trl, save_conversational)
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


@pytest.mark.parametrize("save", PAIRED)
def test_round_trip(tmp_path, save):
    path = save(tmp_path / "x.jsonl", ROWS)
    assert load_pairs(path, OUTPUTS) == ROWS
    assert load_pairs(path) == [row | {"output": row["chosen"]} for row in ROWS]  # the formats have no neutral answer


@pytest.mark.parametrize("save", PAIRED)
def test_the_shipped_set_round_trips(tmp_path, save):
    rows = load_rows(DATA / "instruction-data-with-preference.json")
    outputs = {(row["instruction"], row["input"]): row["output"] for row in rows}
    assert load_pairs(save(tmp_path / "x.jsonl", rows), outputs) == rows


def test_the_shipped_set_as_thumbs_has_both_sides_of_every_pair(tmp_path):
    rows = load_rows(DATA / "instruction-data-with-preference.json")
    prompts = [format_prompt(row["instruction"], row["input"]) for row in rows]
    thumbs = [(line["prompt"], line["completion"], line["label"]) for line in lines(save_kto(tmp_path / "x", rows))]
    assert thumbs[::2] == [(prompt, row["chosen"], True) for prompt, row in zip(prompts, rows, strict=True)]
    assert thumbs[1::2] == [(prompt, row["rejected"], False) for prompt, row in zip(prompts, rows, strict=True)]


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
    assert len(load_pairs(path)) == len(ROWS)


GOOD = {"prompt": "p", "chosen": "a", "rejected": "b"}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"chosen": "a", "rejected": "b"}, '"prompt" must be a text'),
        (GOOD | {"chosen": ""}, '"chosen" must be a text'),
        (GOOD | {"rejected": 3}, '"rejected" must be a text'),
        (GOOD | {"prompt": [{"role": "user", "content": "p"}] * 2}, '"prompt" must be .* a list with one message'),
        (GOOD | {"chosen": []}, "one message"),
        (GOOD | {"chosen": [{"role": "assistant"}]}, '"chosen" must be'),
        (["p"], "must be an object .* is a list"),
    ],
)
def test_a_wrong_line_is_explained(tmp_path, row, words):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(CourseError, match=f"x.jsonl, line 2.*{words}"):
        load_pairs(path)


@pytest.mark.parametrize(
    ("text", "words"), [("", "no records"), ("\n\n", "no records"), ("{\n", "line 1"), (None, "missing")]
)
def test_empty_torn_and_missing_files(tmp_path, text, words):
    path = tmp_path / "x.jsonl"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match=words):
        load_pairs(path)


@pytest.mark.parametrize("save", [save_trl, save_conversational, save_kto])
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no records"),
        ([ROWS[0], ROWS[1] | {"chosen": " "}], 'Record 2 of the list .*the key "chosen" is empty'),
        ([ROWS[0] | {"rejected": ROWS[0]["chosen"]}], 'Record 1 of the list .*"chosen" and "rejected" are equal'),
        ([{"instruction": "x"}], '"input" is missing'),
    ],
)
def test_what_is_no_pair_is_not_written(tmp_path, save, rows, words):
    path = tmp_path / "x.jsonl"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(CourseError, match=words):
        save(path, rows)
    assert path.read_text(encoding="utf-8") == "old" and len(list(tmp_path.iterdir())) == 1


def test_exporting_needs_no_client():
    """The parity tests export in an environment of their own, which has no Ollama."""
    program = "import sys, helpers.audit.export; print(sorted({'ollama', 'datasketch', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
