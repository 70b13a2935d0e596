"""Our exports through `datasets` and TRL's own helpers: they find the format, and the same texts come out."""

import pytest
from datasets import disable_progress_bars, load_dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from trl.data_utils import (
    apply_chat_template,
    extract_prompt,
    is_conversational,
    maybe_apply_chat_template,
    maybe_extract_prompt,
    maybe_unpair_preference_dataset,
)

from helpers.audit.export import configuration_header, load_pairs, save_configurations, save_pairs
from helpers.audit.findings import load_rows
from helpers.files import DATA, read_jsonl, write_text
from helpers.gpt.prompt import format_prompt
from helpers.records import question
from helpers.splits import split_by_fact

ODD = [
    {"instruction": "Say it.", "input": "line\u2028separator\tand \"quotes\"", "output": "x", "chosen": "雅典 🏛️",
     "rejected": "<b>é</b>\r\nnext"},
    {"instruction": "Begin alike.", "input": "", "output": "x", "chosen": "Well, it is a.",
     "rejected": "Well, it is b."},
]  # fmt: skip
EOT = "<|endoftext|>"
TEMPLATE = (  # the simplest that marks who speaks
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture(scope="module")
def rows():
    return load_rows(DATA / "instruction-data-with-preference.json")[:300] + ODD


@pytest.fixture(scope="module")
def tokenizer():
    words = Tokenizer(models.WordLevel({EOT: 0}, unk_token=EOT))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token=EOT, chat_template=TEMPLATE)


def read(path, tmp_path):
    disable_progress_bars()
    return load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))


def texts(rows):
    return [
        {"prompt": format_prompt(r["instruction"], r["input"]), "chosen": r["chosen"], "rejected": r["rejected"]}
        for r in rows
    ]


def test_explicit_prompt(rows, tokenizer, tmp_path):
    dataset = read(save_pairs(tmp_path / "trl.jsonl", rows, "trl"), tmp_path)
    assert list(dataset) == texts(rows)
    for row in dataset:
        assert not is_conversational(row)
        assert maybe_extract_prompt(row) == row  # the prompt is explicit, so nothing is cut off
        assert maybe_apply_chat_template(row, tokenizer) == row


def test_an_implicit_prompt_would_be_cut_in_the_wrong_place(rows):
    """Why the prompt is explicit: from whole texts TRL takes the common beginning, words of the answers included."""
    wanted = texts(rows)[-1]
    implicit = {side: wanted["prompt"] + wanted[side] for side in ("chosen", "rejected")}
    assert extract_prompt(implicit)["prompt"] != wanted["prompt"]


def test_conversational(rows, tokenizer, tmp_path):
    dataset = read(save_pairs(tmp_path / "talk.jsonl", rows, "conversational"), tmp_path)
    for row, ours in zip(dataset, rows, strict=True):
        assert is_conversational(row)
        assert maybe_extract_prompt(row) == row
        asked = question(ours["instruction"], ours["input"])
        # TRL puts what all three texts begin with into the prompt, so it ends with "<assistant>"
        assert apply_chat_template(row, tokenizer) == {
            "prompt": f"<user>{asked}</user><assistant>",
            "chosen": f"{ours['chosen']}</assistant>",
            "rejected": f"{ours['rejected']}</assistant>",
        }


def test_unpaired(rows, tmp_path):
    """Our KTO file holds what TRL makes of the paired one, which lists all chosen sides before all rejected ones."""
    ours = read(save_pairs(tmp_path / "kto.jsonl", rows, "kto"), tmp_path)
    theirs = maybe_unpair_preference_dataset(read(save_pairs(tmp_path / "trl.jsonl", rows, "trl"), tmp_path))
    assert set(ours.column_names) == set(theirs.column_names)
    assert maybe_unpair_preference_dataset(ours) is ours  # it is recognised as unpaired

    def contents(dataset):
        return sorted((row["prompt"], row["completion"], row["label"]) for row in dataset)

    assert contents(ours) == contents(theirs)


def test_what_datasets_writes_we_read(rows, tmp_path):
    """And back: files that `datasets` saved are read as the same pairs."""
    outputs = {(row["instruction"], row["input"]): row["output"] for row in rows}
    for form in ("trl", "conversational"):
        dataset = read(save_pairs(tmp_path / f"{form}.jsonl", rows, form), tmp_path)
        again = tmp_path / f"again-{form}.jsonl"
        dataset.to_json(again, force_ascii=True)
        assert load_pairs(again, outputs) == rows


def test_the_folder_of_an_export_is_read_as_it_is(tmp_path):
    """By the head of the card alone: each configuration, part and line; also a column that is empty in a part."""
    pairs = load_rows(DATA / "instruction-data-with-preference.json")[:300]
    split = split_by_fact(pairs)
    origin = [pairs[i] | {"method": "rank", "seed": i, "temperature": 0.8, "verdicts": ["A"]} for i in split.test]
    unpaired = [{"prompt": format_prompt("Why?"), "completion": "So.", "label": True}]
    made = save_configurations(tmp_path / "set", pairs, split, provenance=origin, unpaired=unpaired)
    write_text(tmp_path / "set" / "README.md", "\n".join(["---", *configuration_header(made), "---", ""]))
    assert [one.name for one in made] == ["preferences", "trl", "conversational", "kto", "unpaired"]
    for one in made:
        parts = load_dataset(str(tmp_path / "set"), one.name, cache_dir=str(tmp_path / "cache"))
        assert {part: len(rows) for part, rows in parts.items()} == one.lines
        for part, rows in parts.items():
            assert list(rows) == read_jsonl(tmp_path / "set" / one.name / f"{part}.jsonl")
    default = load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    assert default["test"][0]["seed"] == split.test[0] and default["train"][0]["seed"] is None
