"""The card: its numbers are those of the data, and the texts in it stay texts."""

import re

import pytest
import yaml

from helpers.audit.card import dataset_card
from helpers.audit.export import save_configurations
from helpers.audit.findings import load_rows
from helpers.audit.gate import audit
from helpers.files import DATA, CourseError, read_jsonl
from helpers.splits import Split

ATTACK = "<script>alert(1)</script> | [x](javascript:y) `z` $5 ~ $x$"


@pytest.fixture(scope="module")
def rows():
    return load_rows(DATA / "instruction-data-with-preference.json")[:120]


@pytest.fixture(scope="module")
def found(rows):
    return audit(rows)


def card_of(rows, found, **more):
    return dataset_card(rows, found, **{"title": "Pairs: a test", "licence": "cc-by-4.0"} | more)


def numbers(card, name):
    """The cells of the line that begins with this name."""
    return [cell.strip() for cell in re.search(rf"^\| {re.escape(name)} \|(.*)\|$", card, re.M)[1].split("|")]


def test_the_numbers_are_those_of_the_data(rows, found):
    card = card_of(rows, found, split=(list(range(100)), list(range(100, 120))))
    assert numbers(card, "pairs") == ["120"] and numbers(card, "train pairs") == ["100"]
    assert numbers(card, "different questions") == [str(len({(r["instruction"], r["input"]) for r in rows}))]
    words = sum(len(row["chosen"].split()) for row in rows) / len(rows)
    assert numbers(card, "chosen")[0] == f"{words:.1f}"
    for finding in found.findings:
        assert numbers(card, finding.check)[0] == finding.verdict
    other = card_of(rows[:60], audit(rows[:60]))
    assert numbers(other, "pairs") == ["60"]


def test_the_header_is_what_the_hub_reads(rows, found):
    header = card_of(rows, found).split("---")[1]
    assert 'license: "cc-by-4.0"' in header and "- n<1K" in header and "- en" in header
    assert 'pretty_name: "Pairs: a \\"test\\""' in card_of(rows, found, title='Pairs: a "test"')


def test_the_header_leads_to_every_file(rows, found, tmp_path):
    """What `datasets.load_dataset(folder, configuration)` does, in a few lines: tests/parity has the real one."""
    origin, thumb = rows[0] | {"method": "rewrite", "seed": 3}, {"prompt": "Why?", "completion": "So.", "label": True}
    split = Split(list(range(100)), [], list(range(100, 120)))
    made = save_configurations(tmp_path, rows, split, provenance=[origin], unpaired=[thumb])
    card = card_of(rows, found, split=split, configurations=made)
    header = yaml.safe_load(card.split("---")[1])
    assert [one["config_name"] for one in header["configs"] if one.get("default")] == ["preferences"]
    paths = [file["path"] for one in header["configs"] for file in one["data_files"]]
    assert sorted(paths) == sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*"))
    (types,) = header["dataset_info"]
    columns = {column["name"]: column["dtype"] for column in types["features"]}
    assert types["config_name"] == "preferences" and columns["seed"] == "int64" and columns["method"] == "string"
    assert all(list(row) == list(columns) for part in ("train", "test") for row in read_part(tmp_path, part))
    assert numbers(card, "preferences") == ["100", "0", "20"] and numbers(card, "unpaired") == ["1", "0", "0"]


def read_part(folder, part):
    return read_jsonl(folder / "preferences" / f"{part}.jsonl")


def test_a_card_without_files_names_none(rows, found):
    card = card_of(rows, found)
    assert "## Files" not in card and not {"configs", "dataset_info"} & set(yaml.safe_load(card.split("---")[1]))


def test_the_tokens_of_the_requests_are_added_up(rows, found):
    origin = [{"method": "rewrite", "prompt_tokens": 700, "tokens": 5}] * 2
    assert "Their requests read 1,400 tokens and wrote 10." in card_of(rows, found, provenance=origin)
    assert "Their requests" not in card_of(rows, found, provenance=[{"method": "rewrite", "tokens": 5}])


def test_methods_and_models_come_from_the_rows(rows, found):
    origin = [{"method": "rewrite", "model": "small"}] * 70 + [
        {"method": "strong-weak", "models": {"strong": "small", "weak": "tiny"}, "judge": "small"}
    ] * 50
    card = card_of(rows, found, provenance=origin)
    assert "| rewrite | small | 70 |" in card and "| strong-weak | small, tiny | 50 |" in card
    assert "at least 120 pairs" in card
    assert "Unknown: no row says" in card_of(rows, found)


def test_known_limits(rows, found):
    card = card_of(rows, found, notes=["One idea of politeness."])
    limits = card.split("## Known limits")[1]
    assert "'split leakage' was not checked" in limits and "- One idea of politeness." in limits
    bad = [row | {"chosen": "Zounds " + row["chosen"]} for row in rows]
    assert "The check 'single phrase' fails" in card_of(bad, audit(bad))


def test_texts_of_a_model_stay_texts(rows):
    bad = [rows[0] | {"instruction": ATTACK, "chosen": ATTACK + "\n# heading"}, *rows[1:]]
    card = card_of(bad, audit(bad), title=ATTACK, notes=[ATTACK], provenance=[{"method": ATTACK, "model": ATTACK}])
    body = card.split("---\n", 2)[2]
    assert "<script" not in body and "\n# heading" not in body and "[x](" not in body
    assert not re.search(r"(?<!\\)[$~]", body)  # neither a formula nor struck through
    rows_of_tables = [line for line in body.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) in (3, 4, 5, 6, 7) for line in rows_of_tables)


def test_another_language_has_no_voices(rows):
    german = [{key: f"Das Wort lautet Haus. {i} {key}" for key in row} for i, row in enumerate(rows)]
    card = card_of(german, audit(german))
    assert "The voices were not measured" in card and "language:" not in card


@pytest.mark.parametrize(
    ("more", "words"), [({"title": " "}, "title and a licence"), ({"licence": ""}, "title and a licence")]
)
def test_what_only_a_person_knows_must_be_said(rows, found, more, words):
    with pytest.raises(CourseError, match=words):
        card_of(rows, found, **more)


def test_card_and_audit_belong_together(rows, found):
    with pytest.raises(CourseError, match="The audit saw 120 rows, and these are 119"):
        card_of(rows[1:], found)
