"""The gate as a whole: the shipped set, spoiled sets, cleaning with a receipt, other languages, wrong input."""

import random

import pytest
from brevity import BREVITY

from helpers.audit.card import dataset_card
from helpers.audit.findings import AuditSettings, load_rows
from helpers.audit.gate import CHECKS, CLEANED, Audit, answer_keys, audit, clean
from helpers.files import DATA, CourseError
from helpers.politeness import POLITENESS
from helpers.records import load_instructions, load_preferences
from helpers.splits import split_by_fact

SHIPPED = DATA / "instruction-data-with-preference.json"


@pytest.fixture(scope="module")
def rows():
    return load_rows(SHIPPED)


@pytest.fixture(scope="module")
def answers():
    return answer_keys(load_instructions(DATA / "instruction-data.json"))


@pytest.fixture(scope="module")
def found(rows, answers) -> Audit:
    return audit(rows, answers=answers, split=split_by_fact(rows))


def test_the_shipped_set_passes_every_check(found):
    assert found.failed == [] and found.skipped == [] and found.passed
    assert [finding.check for finding in found.findings] == list(CHECKS)
    assert str(found) == f"The set of {found.total:,} rows passes."


def test_the_shipped_set_is_far_from_the_limits_of_the_shortcuts(found):
    assert 0.45 < found["length shortcut"].value < 0.55
    assert found["single phrase"].value < 0.6 and found["keyword list"].value < 0.75
    assert found["response-only classifier"].value > 0.95  # and this is reported, not hidden


def test_every_fault_at_once_is_named_and_cleaned(rows, answers):
    rows = rows[:300]
    faults = {
        "equal sides": {"rejected": rows[0]["chosen"].lower()},
        "empty": {"chosen": ""},
        "refused": {"rejected": "I'm sorry, but I can't help."},
        "leaked meta-text": {"chosen": "Here's a polite version: " + rows[3]["chosen"]},
        "changed facts": {"chosen": "Gladly! It is Sparta."},
        "unusual characters": {"rejected": rows[5]["rejected"] + "\x00"},
    }
    spoiled = [row | change for row, change in zip(rows, faults.values(), strict=False)] + rows[len(faults) :]
    spoiled.append(rows[50])
    found = audit(spoiled, answers=answers, only=CLEANED)
    for place, name in enumerate(faults):
        assert place in found[name].rows, name
    assert 300 in found["near-duplicates"].rows
    cleaned = clean(spoiled, found)
    assert cleaned.kept + [one["row"] for one in cleaned.removed] == rows[len(faults) :] + [
        spoiled[place] for place in (*range(len(faults)), 300)
    ]
    assert [one["record"] for one in cleaned.removed] == [1, 2, 3, 4, 5, 6, 301]
    assert all(one["reasons"] for one in cleaned.removed)
    assert audit(cleaned.kept, answers=answers, only=CLEANED).passed


def test_cleaning_can_be_told_what_to_remove(rows):
    spoiled = [rows[0] | {"rejected": rows[0]["chosen"]}, rows[1] | {"chosen": " "}, *rows[2:60]]
    found = audit(spoiled, only=CLEANED)
    assert [one["record"] for one in clean(spoiled, found, ["empty"]).removed] == [2]
    assert clean(spoiled, found, []).kept == spoiled
    with pytest.raises(CourseError, match="did not run 'voice labels'"):
        clean(spoiled, found, ["voice labels"])
    with pytest.raises(CourseError, match="the audit saw 60 rows|The audit saw 60 rows"):
        clean(spoiled[1:], found)


def test_records_and_rows_are_audited_alike(rows):
    only = ("equal sides", "length shortcut")
    assert audit(load_preferences(SHIPPED), only=only) == audit(rows, only=only)


def test_another_language_and_no_keys_are_skipped_and_not_passed():
    rng = random.Random(0)
    nouns = "Haus Baum Fluss Berg Stadt Hund Katze Vogel Schiff Wagen".split()
    rows = []
    for i in range(120):
        plain = f"Das Wort Nummer {i} lautet {rng.choice(nouns)} und {rng.choice(nouns)}."
        sides = [f"Sehr gern: {plain}", plain]
        rng.shuffle(sides)
        rows.append({"instruction": f"Wie lautet das Wort Nummer {i}?", "input": "", "output": plain,
                     "chosen": sides[0], "rejected": sides[1]})  # fmt: skip
    found = audit(rows)
    assert found.language is None
    assert set(found.skipped) == {"refused", "leaked meta-text", "changed facts", "wrong rejected", "split leakage",
                                  "voice labels", "voice balance"}  # fmt: skip
    assert found.passed and "skipped: refused" in str(found)
    assert audit(rows, settings=AuditSettings(language="en"), only=["refused"])["refused"].verdict == "pass"


def test_long_answers(rows):
    long = [row | {side: f"{row[side]} " + "And so it goes on and on. " * 80 for side in ("chosen", "rejected")}
            for row in rows[:60]]  # fmt: skip
    assert audit(long, only=("truncated", "unusual characters", "length shortcut")).passed


@pytest.mark.parametrize("split", [([0], [5]), ([-1], [0])])
def test_a_split_of_other_rows_is_refused(rows, split):
    with pytest.raises(CourseError, match="outside of 0 to 4"):
        audit(rows[:5], split=split)


def test_an_unknown_check_and_no_records(rows):
    with pytest.raises(CourseError, match="no check 'lenght'"):
        audit(rows[:5], only=["lenght"])
    with pytest.raises(CourseError, match="no records"):
        audit([])


def test_one_row_is_enough_to_be_audited(rows):
    found = audit(rows[:1])
    assert found.passed and "response-only classifier" in found.skipped


def test_another_criterion_from_the_audit_to_the_card(rows):
    """Pairs that prefer the shorter text: clean by the criterion that wants it, and the card knows its voices."""
    short = [
        row | {"chosen": row["output"].split()[-1], "rejected": " ".join([row["output"]] * 3)} for row in rows[:150]
    ]
    only = ("length shortcut", "voice labels", "response-only classifier")
    assert audit(short, POLITENESS, only=only).failed == ["length shortcut"]
    report = audit(short, BREVITY, only=only)
    assert report.passed and report["voice labels"].value == 0 and report.criterion is BREVITY
    card = dataset_card(short, report, title="Short", licence="cc-by-4.0")
    assert (
        "| side | short | plain | long |" in card
        and BREVITY.limits in card
        and "polite" not in card.split("## Texts")[1]
    )
