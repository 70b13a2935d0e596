"""The gate finds faults in many forms, also in those that the checks were not written with."""

import pytest

from helpers.audit.findings import load_rows
from helpers.audit.gate import CHECKS, answer_keys
from helpers.audit.self_test import FAULT_FORMS, GROUPS, fault, self_test
from helpers.files import DATA, CourseError
from helpers.records import load_instructions

ROWS = load_rows(DATA / "instruction-data-with-preference.json")
ANSWERS = answer_keys(load_instructions(DATA / "instruction-data.json"))


@pytest.fixture(scope="module")
def shares():
    result = {(row["fault"], row["forms"]): row["found"] / row["hidden"] for row in self_test(ROWS, ANSWERS)}
    print(*(f"{check} ({group}): {share:.0%}" for (check, group), share in result.items()), sep="\n")
    return result


def test_every_fault_has_forms_of_both_groups(shares):
    assert set(shares) == {(check, group) for check in FAULT_FORMS for group in GROUPS} and set(FAULT_FORMS) <= set(
        CHECKS
    )


def test_known_forms_are_found(shares):
    known = {check: share for (check, group), share in shares.items() if group == "known"}
    assert {check: share for check, share in known.items() if share < 0.95} == {}


def test_most_forms_that_were_further_are_found(shares):
    further = [share for (_, group), share in shares.items() if group == "further"]
    assert sum(further) / len(further) >= 0.8


def test_a_form_that_does_not_suit_a_row_is_not_hidden_there():
    row = {"instruction": "Q", "input": "", "output": "Yes.", "chosen": "Yes.", "rejected": "Yes!"}
    assert fault(row, "chosen", "{half},", "yes", "no") is fault(row, "chosen", "{denied}", "yes", "no") is None
    assert fault(row, "chosen", "It is {other}.", "yes", "no")["chosen"] == "It is no."


def test_too_few_rows_are_refused():
    with pytest.raises(CourseError, match="hides .* faults, and there are 5 rows"):
        self_test(ROWS[:5], ANSWERS)
