"""Every format is written, read back as the same pairs, and refuses what does not belong into it."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.audit.export import FORMS, load_pairs, save_configurations, save_pairs, taken_apart
from helpers.audit.findings import load_rows
from helpers.files import DATA, ROOT, CourseError, read_jsonl
from helpers.gpt.prompt import format_prompt
from helpers.records import FIVE_KEYS, INPUT
from helpers.splits import Split, split_by_fact

ROWS = [
    {"instruction": "Capital of Greece?", "input": "", "output": "Athens.", "chosen": "Gladly: Athens.",
     "rejected": "Athens, duh."},
    {"instruction": "Translate.", "input": "a \"b\"\n\tc \u2028 \\ é", "output": "雅典 🏛️", "chosen": "请看：雅典 🏛️",
     "rejected": "<b>x</b>\r\n"},
    {"instruction": "Capital of Greece?", "input": "", "output": "Athens.", "chosen": "Happy to help! Athens.",
     "rejected": "Athens."},
]  # fmt: skip
OUTPUTS = {(row["instruction"], row["input"]): row["output"] for row in ROWS}
PAIRED = ("trl", "conversational")
texts = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)


def lines(path):
    return [json.loads(line) for line in path.read_bytes().decode("utf-8").split("\n")[:-1]]


def test_what_is_written(tmp_path):
    prompt = "### Instruction:\nCapital of Greece?\n\n### Response:\n"
    assert lines(save_pairs(tmp_path / "a.jsonl", ROWS[:1], "trl")) == [
        {"prompt": prompt, "chosen": "Gladly: Athens.", "rejected": "Athens, duh."}
    ]
    assert lines(save_pairs(tmp_path / "b.jsonl", ROWS[:1], "conversational")) == [
        {
            "prompt": [{"role": "user", "content": "Capital of Greece?"}],
            "chosen": [{"role": "assistant", "content": "Gladly: Athens."}],
            "rejected": [{"role": "assistant", "content": "Athens, duh."}],
        }
    ]
    assert lines(save_pairs(tmp_path / "c.jsonl", ROWS[:1], "kto")) == [
        {"prompt": prompt, "completion": "Gladly: Athens.", "label": True},
        {"prompt": prompt, "completion": "Athens, duh.", "label": False},
    ]


@pytest.mark.parametrize("form", PAIRED)
def test_round_trip(tmp_path, form):
    path = save_pairs(tmp_path / "x.jsonl", ROWS, form)
    assert load_pairs(path, OUTPUTS) == ROWS
    assert load_pairs(path) == [row | {"output": row["chosen"]} for row in ROWS]  # the formats have no neutral answer


@pytest.mark.parametrize("form", PAIRED)
def test_the_shipped_set_round_trips(tmp_path, form):
    rows = load_rows(DATA / "instruction-data-with-preference.json")
    outputs = {(row["instruction"], row["input"]): row["output"] for row in rows}
    assert load_pairs(save_pairs(tmp_path / "x.jsonl", rows, form), outputs) == rows


def test_the_shipped_set_as_thumbs_has_both_sides_of_every_pair(tmp_path):
    rows = load_rows(DATA / "instruction-data-with-preference.json")
    prompts = [format_prompt(row["instruction"], row["input"]) for row in rows]
    thumbs = [
        (line["prompt"], line["completion"], line["label"]) for line in lines(save_pairs(tmp_path / "x", rows, "kto"))
    ]
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
    path = save_pairs(tmp_path / "x.jsonl", ROWS, "trl")
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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no records"),
        ([ROWS[0], ROWS[1] | {"chosen": " "}], 'Record 2 of the list .*the key "chosen" is empty'),
        ([ROWS[0] | {"rejected": ROWS[0]["chosen"]}], 'Record 1 of the list .*"chosen" and "rejected" are equal'),
        ([{"instruction": "x"}], '"input" is missing'),
    ],
)
def test_what_is_no_pair_is_not_written(tmp_path, form, rows, words):
    path = tmp_path / "x.jsonl"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(CourseError, match=words):
        save_pairs(path, rows, form)
    assert path.read_text(encoding="utf-8") == "old" and len(list(tmp_path.iterdir())) == 1


def test_exporting_needs_no_client():
    """The parity tests export in an environment of their own, which has no Ollama."""
    program = "import sys, helpers.audit.export; print(sorted({'ollama', 'datasketch', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SPLIT = Split([0, 2], [], [1])
ORIGIN = [ROWS[1] | {"method": "rank", "seed": 3, "verdicts": ["A", "B"]}]
THUMBS = [
    {"prompt": format_prompt("Capital of Greece?"), "completion": "Athens, of course.", "label": False},
    {"prompt": format_prompt("Say it in Chinese."), "completion": "雅典 🏛️", "label": True},
    {"prompt": format_prompt("Why?"), "completion": "So.", "label": True},
]


def test_a_folder_for_each_configuration_and_a_file_for_each_part(tmp_path):
    made = {one.name: one for one in save_configurations(tmp_path, ROWS, SPLIT, provenance=ORIGIN, unpaired=THUMBS)}
    assert list(made) == ["preferences", "trl", "conversational", "kto", "unpaired"]
    files = {path.relative_to(tmp_path).as_posix(): len(read_jsonl(path)) for path in tmp_path.glob("*/*")}
    assert files == {f"{name}/{part}.jsonl": n for name, one in made.items() for part, n in one.lines.items()}
    assert made["trl"].lines == {"train": 2, "test": 1} and made["kto"].lines == {"train": 4, "test": 2}
    for form in PAIRED:
        assert load_pairs(tmp_path / form / "train.jsonl", OUTPUTS) == [ROWS[0], ROWS[2]]
    assert read_jsonl(tmp_path / "unpaired" / "test.jsonl") == [THUMBS[1]], "it says what the test pair says"
    assert read_jsonl(tmp_path / "unpaired" / "train.jsonl") == [THUMBS[0], THUMBS[2]]


def test_every_file_of_a_configuration_has_the_same_columns(tmp_path):
    extra = [row | {"note": "a key of the caller's own"} for row in ROWS]
    (made, *_) = save_configurations(tmp_path, extra, SPLIT, provenance=ORIGIN)
    types = {"method": "string", "verdicts": "string", "seed": "int64"}
    assert made.columns == dict.fromkeys(FIVE_KEYS, "string") | types
    train, test = (read_jsonl(tmp_path / "preferences" / f"{part}.jsonl") for part in ("train", "test"))
    assert train == [row | dict.fromkeys(types) for row in (ROWS[0], ROWS[2])]
    assert test == [ROWS[1] | {"method": "rank", "verdicts": '["A", "B"]', "seed": 3}]


def test_the_parts_are_those_of_the_file_of_all_pairs(tmp_path):
    """Notebooks 07 to 09 read preferences.json and split it themselves."""
    rows = load_rows(DATA / "instruction-data-with-preference.json")
    split = split_by_fact(rows)
    save_configurations(tmp_path, rows, split)
    for part, places in split._asdict().items():
        assert load_rows(tmp_path / "preferences" / f"{part}.jsonl") == [rows[place] for place in places]


def test_nothing_of_an_earlier_export_stays(tmp_path):
    save_configurations(tmp_path, ROWS, Split([0], [1], [2]), unpaired=THUMBS)
    made = save_configurations(tmp_path, ROWS, SPLIT)
    assert {path.name for path in (tmp_path / "trl").iterdir()} == {"train.jsonl", "test.jsonl"}
    assert not list((tmp_path / "unpaired").iterdir()) and "unpaired" not in [one.name for one in made]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (THUMBS[0] | {"label": "up"}, 'Unpaired answer 2: the key "label" must be true or false'),
        (THUMBS[0] | {"prompt": None}, '"prompt" must be a text'),
        ({"prompt": "p", "label": True}, '"completion" must be a text'),
    ],
)
def test_what_is_no_labelled_answer_is_refused(tmp_path, line, words):
    with pytest.raises(CourseError, match=words):
        save_configurations(tmp_path, ROWS, SPLIT, unpaired=[THUMBS[0], line])


def test_what_is_no_pair_is_not_exported(tmp_path):
    with pytest.raises(CourseError, match='Record 2 of the list .*the key "chosen" is empty'):
        save_configurations(tmp_path, [ROWS[0], ROWS[1] | {"chosen": ""}], Split([0], [], [1]))
    assert list(tmp_path.iterdir()) == []
