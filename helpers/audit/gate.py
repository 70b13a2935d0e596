"""The gate: would I train on this? It reports, it can clean, and it never deletes silently."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from helpers.audit import rows as row_checks
from helpers.audit import shortcuts
from helpers.audit.findings import AuditInput, AuditSettings, Finding, Skipped, as_rows, language_of
from helpers.criterion import Criterion
from helpers.files import CourseError
from helpers.politeness import POLITENESS

CHECKS = {
    "equal sides": row_checks.equal_sides,
    "contradictions": row_checks.contradictions,
    "empty": row_checks.empty,
    "truncated": row_checks.truncated,
    "refused": row_checks.refused,
    "leaked meta-text": row_checks.leaked_meta_text,
    "changed facts": row_checks.changed_facts,
    "wrong rejected": row_checks.wrong_rejected,
    "near-duplicates": row_checks.repeated_rows,
    "split leakage": row_checks.split_leakage,
    "unusual characters": row_checks.unusual_characters,
    "length shortcut": shortcuts.length_shortcut,
    "single phrase": shortcuts.single_phrase,
    "keyword list": shortcuts.keyword_list,
    "response-only classifier": shortcuts.response_only,
    "voice labels": shortcuts.voice_labels,
    "voice balance": shortcuts.voice_balance,
}
# A row that one of these names is of no use. What the other checks name is for a person to judge.
CLEANED = ("equal sides", "contradictions", "empty", "truncated", "refused", "leaked meta-text", "changed facts",
           "near-duplicates", "unusual characters")  # fmt: skip


@dataclass(frozen=True)
class Audit:
    """The findings about a set of `total` rows, in the order of CHECKS."""

    findings: tuple[Finding, ...]
    total: int
    criterion: Criterion
    language: str | None  # None: not known, so the checks of phrases and voices could not be done

    @property
    def passed(self) -> bool:
        """True if no check failed. Skipped checks neither pass nor fail: look at them."""
        return not self.failed

    @property
    def failed(self) -> list[str]:
        return [finding.check for finding in self.findings if finding.verdict == "fail"]

    @property
    def skipped(self) -> list[str]:
        return [finding.check for finding in self.findings if finding.verdict == "skipped"]

    def __getitem__(self, check: str) -> Finding:
        findings = {finding.check: finding for finding in self.findings}
        if check not in findings:
            raise CourseError(f"The audit did not run {check!r}, but {', '.join(findings)}.")
        return findings[check]

    def __str__(self) -> str:
        verdict = f"fails: {', '.join(self.failed)}" if self.failed else "passes"
        skipped = f"; skipped: {', '.join(self.skipped)}" if self.skipped else ""
        return f"The set of {self.total:,} rows {verdict}{skipped}."


@dataclass(frozen=True)
class Cleaned:
    """kept and removed together are the rows that came in; kept in their order, removed with the reasons."""

    kept: list[dict]
    removed: list[dict]  # {"record": number from 1, "reasons": ["check: what"], "row": the row itself}

    def __str__(self) -> str:
        return f"{len(self.kept):,} rows kept, {len(self.removed):,} removed"


def audit(
    records: Iterable,
    criterion: Criterion = POLITENESS,
    *,
    settings: AuditSettings | None = None,
    answers: dict[tuple[str, str], list[str]] | None = None,
    split: Sequence[Sequence[int]] | None = None,
    only: Iterable[str] = CHECKS,
) -> Audit:
    """Check five-key records (dicts or PreferenceRecords).

    criterion: what the pairs prefer; it says which share of longer chosen sides is to be expected, and has the rule
    by which the voices are checked. answers: what a right answer must contain, by (instruction, input); see
    `answer_keys`. split: of split_by_fact, or (training, validation) as indices. only: names of the checks to run.
    Raises CourseError for a record without the five texts, a split that names rows that are not there, or an unknown
    check.
    """
    rows, settings, only = as_rows(records), settings or AuditSettings(), tuple(only)
    if split is not None and not all(0 <= index < len(rows) for part in split for index in part):
        raise CourseError(f"The split names rows outside of 0 to {len(rows) - 1}. Split these very rows.")
    if unknown := [check for check in only if check not in CHECKS]:
        raise CourseError(f"There is no check {unknown[0]!r}. There is: {', '.join(CHECKS)}.")
    language = settings.language or language_of(rows)
    data = AuditInput(rows, criterion, settings, language, answers or {}, split)
    return Audit(tuple(run_check(check, data) for check in only), len(rows), criterion, language)


def run_check(name: str, data: AuditInput) -> Finding:
    """The finding of one check; a check that cannot be done is skipped, which is neither passed nor failed."""
    try:
        return replace(CHECKS[name](data), check=name)
    except Skipped as reason:
        return Finding(None, None, "", f"Skipped: {reason}", check=name)


def answer_keys(records: Iterable) -> dict[tuple[str, str], list[str]]:
    """The answer keys of instruction records, by question."""
    return {(record.instruction, record.input): record.answer for record in records if record.answer}


def audited_rows(records: Iterable, report: Audit) -> list[dict]:
    """The records as rows. Raises CourseError unless they are as many as the audit saw."""
    rows = as_rows(records)
    if len(rows) != report.total:
        raise CourseError(f"The audit saw {report.total} rows, and these are {len(rows)}. Pass the rows it saw.")
    return rows


def clean(records: Iterable, report: Audit, checks: Iterable[str] = CLEANED) -> Cleaned:
    """Set aside every row that one of these checks names, with all reasons. The records must be those of the audit.

    Shortcuts and balance are properties of the whole set: no row is at fault, so nothing is removed for them.
    """
    rows, checks = audited_rows(records, report), tuple(checks)
    reasons: dict[int, list[str]] = {}
    for check in checks:
        for index, what in report[check].rows.items():
            reasons.setdefault(index, []).append(f"{check}: {what}")
    kept = [row for index, row in enumerate(rows) if index not in reasons]
    removed = [{"record": index + 1, "reasons": reasons[index], "row": rows[index]} for index in sorted(reasons)]
    return Cleaned(kept, removed)
