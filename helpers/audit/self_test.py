"""Does the gate see? Faults of many forms are hidden in good rows, and counted where the audit finds them.

The forms stand in faults.toml: those with which the checks were written, and further ones by the same authors.
"""

import random
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from helpers.audit.gate import audit
from helpers.criterion import Criterion
from helpers.files import CourseError
from helpers.politeness import POLITENESS

FAULT_FORMS = tomllib.loads((Path(__file__).parent / "faults.toml").read_text(encoding="utf-8"))
FIRST_VERB = re.compile(r"\b(is|are|was|were|can|will|has|have)\b")
GROUPS = ("known", "further")


def fault(row: dict, side: str, form: str, key: str, other: str) -> dict | None:
    """The row with this form of a fault on a side; None if the form does not suit it."""
    text = row[side]
    parts = {"text": text, "chosen": row["chosen"], "key": key, "other": other}
    parts["half"] = " ".join(text.split()[: max(4, len(text.split()) // 2)])
    parts["denied"] = FIRST_VERB.sub(r"\1 not", row["output"], count=1)
    unsuited = (
        "{denied}" in form and parts["denied"] == row["output"] or not key and ("{key}" in form or "{other}" in form)
    )
    if unsuited or "{half}" in form and len(text.split()) < 6:
        return None
    return row | {side: re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], form)}


def hide(rows: Sequence[dict], answers: dict, each: int = 5, seed: int = 0) -> tuple[list[dict], dict]:
    """(the rows with each form hidden in `each` of them, {(check, group): [(place, form), ...]}).

    Raises CourseError if there are fewer rows than faults to hide.
    """
    rng = random.Random(seed)
    forms = [(check, group, form) for check, lists in FAULT_FORMS.items() for group in GROUPS for form in lists[group]]
    if len(rows) < each * len(forms):
        raise CourseError(f"The self-test hides {each * len(forms)} faults, and there are {len(rows)} rows.")
    places = iter(rng.sample(range(len(rows)), len(rows)))
    spoiled, where = list(rows), {(check, group): [] for check, group, _ in forms}
    for check, group, form in [one for one in forms for _ in range(each)]:
        for place in places:
            key, other = _answers_of(rows, place, answers, rng)
            if row := fault(rows[place], FAULT_FORMS[check]["side"], form, key, other):
                spoiled[place] = row
                where[check, group].append((place, form))
                break
    return spoiled, where


def self_test(
    rows: Sequence[dict], answers: dict, criterion: Criterion = POLITENESS, each: int = 5, seed: int = 0
) -> list[dict]:
    """Hide faults in good rows (`hide`), audit these, and count what is found; answers: see `answer_keys`.

    Returns one row for each check and group of forms: {"fault", "forms" ("known" or "further"), "hidden", "found",
    "missed": the forms that were not found everywhere}.
    """
    spoiled, where = hide(rows, answers, each, seed)
    report = audit(spoiled, criterion, answers=answers, only=tuple(FAULT_FORMS))
    result = []
    for (check, group), hidden in where.items():
        named = set(report[check].rows)
        missed = [form for place, form in hidden if place not in named]
        counts = {"hidden": len(hidden), "found": len(hidden) - len(missed)}
        result.append({"fault": check, "forms": group} | counts | {"missed": sorted(set(missed))})
    return result


def _answers_of(rows: Sequence[dict], place: int, answers: dict, rng: random.Random) -> tuple[str, str]:
    """The first string of the row's answer key, and that of another row which says something else."""
    keys = [answers.get((row["instruction"], row["input"]), [""])[0] for row in (rows[place], *rng.sample(rows, 20))]
    return keys[0], next(
        (key for key in keys[1:] if key and key.casefold() not in rows[place]["output"].casefold()), ""
    )
