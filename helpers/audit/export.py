"""Preference pairs in the formats of other libraries, and back.

TRL (https://huggingface.co/docs/trl/dataset_formats) takes pairs with an explicit prompt, as strings or as chat
messages, and for KTO single responses with a label. All are JSONL: one object a line. A folder for each of these
configurations, with a file for each part of the split, is what `datasets.load_dataset(folder, name)` reads
(https://huggingface.co/docs/hub/datasets-manual-configuration).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from helpers.files import CourseError, display_path, write_jsonl
from helpers.gpt.prompt import FOOTER, HEADER, format_prompt
from helpers.pairs.provenance import provenance_columns, with_provenance
from helpers.records import FIVE_KEYS, INPUT, PreferenceRecord, checked_records, json_items, json_name, question
from helpers.splits import Split, split_like

UNPAIRED_KEYS = {"prompt": str, "completion": str, "label": bool}


@dataclass(frozen=True)
class Configuration:
    """One form of a set: a folder of this name with a file for each part."""

    name: str
    lines: dict[str, int]  # part -> lines of its file; a part without lines has no file
    columns: dict[str, str] = field(default_factory=dict)  # column -> type, if some are empty in whole files


def configuration_header(configurations: Sequence[Configuration]) -> list[str]:
    """Lines of a card's YAML: where `datasets` finds each configuration, and the types of columns that may be empty."""
    configs, features = [], []
    for number, one in enumerate(configurations):
        configs += [f"- config_name: {one.name}", *(["  default: true"] if number == 0 else []), "  data_files:"]
        configs += [f"  - split: {part}\n    path: {one.name}/{part}.jsonl" for part in one.lines]
        if one.columns:
            features += [f"- config_name: {one.name}", "  features:"]
            features += [f"  - name: {column}\n    dtype: {kind}" for column, kind in one.columns.items()]
    return [*(["configs:", *configs] if configs else []), *(["dataset_info:", *features] if features else [])]


def to_trl(row: dict) -> list[dict]:
    """Explicit prompt, as strings; the prompt is all that the model sees before it answers."""
    prompt = format_prompt(row["instruction"], row["input"])
    return [{"prompt": prompt, "chosen": row["chosen"], "rejected": row["rejected"]}]


def to_conversational(row: dict) -> list[dict]:
    """The same as chat messages: the template around the question is left to the tokenizer of the model."""
    return [
        {
            "prompt": [{"role": "user", "content": question(row["instruction"], row["input"])}],
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}],
        }
    ]


def to_kto(row: dict) -> list[dict]:
    """Two unpaired responses, a liked and a disliked one (KTO, arXiv 2402.01306)."""
    prompt = format_prompt(row["instruction"], row["input"])
    return [
        {"prompt": prompt, "completion": row["chosen"], "label": True},
        {"prompt": prompt, "completion": row["rejected"], "label": False},
    ]


FORMS = {"trl": to_trl, "conversational": to_conversational, "kto": to_kto}  # the lines of one pair


def checked_pairs(records: Iterable) -> Iterator[dict]:
    """The records as dictionaries. CourseError names one that is no pair."""
    return (row.model_dump() for row in checked_records(records, PreferenceRecord))


def save_pairs(path, records: Iterable, form: str) -> Path:
    """Write the pairs in one of the FORMS. CourseError names a record that is no pair."""
    return write_jsonl(path, (line for row in checked_pairs(records) for line in FORMS[form](row)))


def save_configurations(
    folder,
    pairs: Sequence[dict],
    split: Sequence[Sequence[int]],
    *,
    provenance: Sequence[dict] = (),
    unpaired: Sequence[dict] = (),
) -> list[Configuration]:
    """Write `folder`/configuration/part.jsonl for each configuration and each part of the split that has rows.

    "preferences" has the five keys and the columns of `provenance` (the builders' rows); "trl", "conversational" and
    "kto" have the same pairs in the same order. "unpaired" are lines {"prompt", "completion", "label"} of single
    answers, each in the part of the pairs about its fact. The card lists what is returned, and the folder can be read.
    Raises CourseError for a record that is no pair, or a line that is no labelled answer.
    """
    pairs = list(checked_pairs(pairs))
    columns = dict.fromkeys(FIVE_KEYS, "string") | provenance_columns(provenance)
    rows = [[{key: row[key] for key in columns}] for row in with_provenance(pairs, provenance)]
    made = [Configuration("preferences", _save(folder, "preferences", rows, split), columns)]
    for form, lines_of in FORMS.items():
        made.append(Configuration(form, _save(folder, form, list(map(lines_of, pairs)), split)))
    alike = split_like([_labelled(number, line) for number, line in enumerate(unpaired, start=1)], pairs, split)
    made.append(Configuration("unpaired", _save(folder, "unpaired", [[line] for line in unpaired], alike)))
    return [configuration for configuration in made if configuration.lines]


def _save(folder, name: str, rows: Sequence[list[dict]], split: Sequence[Sequence[int]]) -> dict[str, int]:
    """One file a part, and how many lines it has. A part without lines loses the file of an earlier export."""
    counts = {}
    for part, places in zip(Split._fields, split, strict=False):
        path = Path(folder) / name / f"{part}.jsonl"
        lines = [line for place in places for line in rows[place]]
        if lines:
            write_jsonl(path, lines)
            counts[part] = len(lines)
        else:
            path.unlink(missing_ok=True)
    return counts


def _labelled(number: int, line: dict) -> dict:
    """A labelled answer as a row that `split_like` can compare with pairs."""
    for key, kind in UNPAIRED_KEYS.items():
        if not isinstance(line.get(key), kind):
            raise CourseError(
                f'Unpaired answer {number}: the key "{key}" must be {"true or false" if kind is bool else "a text"}.'
            )
    instruction, given = taken_apart(line["prompt"])
    return {"instruction": instruction, "input": given, "chosen": line["completion"]}


def load_pairs(path, outputs: dict[tuple[str, str], str] | None = None) -> list[dict]:
    """Read explicit-prompt pairs, whose texts are strings or lists of one chat message, as five-key records.

    A prompt in the form of `format_prompt` is taken apart; another one becomes the instruction as a whole. The format
    has no neutral answer: "output" is that of `outputs` for (instruction, input), else the chosen side.
    Raises CourseError for bad JSON, a missing or wrong key, or a file without records.
    """
    records = []
    for place, row in json_items(path):
        where = f"{display_path(path)}, {place}"
        prompt, chosen, rejected = (_one_text(row, key, where) for key in ("prompt", "chosen", "rejected"))
        instruction, given = taken_apart(prompt)
        output = (outputs or {}).get((instruction, given), chosen)
        records.append(dict(zip(FIVE_KEYS, (instruction, given, output, chosen, rejected), strict=True)))
    if not records:
        raise CourseError(f"{display_path(path)} holds no records.")
    return records


def taken_apart(prompt: str) -> tuple[str, str]:
    """(instruction, input) of a prompt made by `format_prompt` or `question`; other texts have no input."""
    if prompt.startswith(HEADER) and prompt.endswith(FOOTER) and len(prompt) > len(HEADER + FOOTER):
        prompt = prompt[len(HEADER) : -len(FOOTER)]
    instruction, _, given = prompt.partition(INPUT)
    return (instruction, given) if instruction and given else (prompt, "")


def _one_text(row, key: str, place: str) -> str:
    """A text, or the content of the only message in a list."""
    if not isinstance(row, dict):
        raise CourseError(f"{place} must be an object with prompt, chosen and rejected, but is {json_name(row)}.")
    value = row.get(key)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = value[0].get("content")
    if not isinstance(value, str) or not value.strip():
        raise CourseError(f'{place}: the key "{key}" must be a text, or a list with one message. Correct it.')
    return value
