"""What the audit of a preference set looks at, by which limits it judges, and how a finding looks."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from helpers.criterion import Criterion
from helpers.files import CourseError
from helpers.pairs.checks import STOP_WORDS
from helpers.politeness import POLITENESS
from helpers.records import FiveTexts, checked_records, read_records

ENGLISH = "en"


@dataclass(frozen=True)
class AuditSettings:
    """The limits of the gate. Shares are in 0..1. Faults without a limit here must not occur at all."""

    language: str | None = None  # "en", another code, or None: recognised by the share of English function words
    similarity: float = 0.85  # of character 5-grams (Jaccard), from which two rows count as nearly the same
    max_near_duplicates: float = 0.01  # of the rows: a few happen by chance and cost little
    max_wrong_rejected: float = 0.1  # of the rows with a key: more, and "is right" is what the pairs teach
    # Accuracy on unseen prompts, a pair without the phrases counting half. 0.65: one phrase decides three pairs
    # of ten. 0.8: ten phrases decide six of ten. Above that the pairs teach phrases and not what they stand for.
    max_phrase: float = 0.65
    max_keywords: float = 0.8
    keywords: int = 10
    neutral_chosen: tuple[float, float] = (0.3, 0.7)  # neutral texts that are the chosen side
    max_voice_errors: float = 0.05  # pairs whose chosen side is less preferred, of those whose levels differ
    min_rows: int = 50  # a share of fewer rows says nothing; such a check is skipped
    sample: int = 5_000  # pairs that the word checks learn from; a share of so many is sure to 1.5 percentage points
    voice_sample: int = 2_000  # pairs that the voice checks read; sure to 2.2 percentage points
    folds: int = 5  # of the cross-validation
    seed: int = 0  # of the samples

    def __post_init__(self):
        bounds = dict.fromkeys(("similarity", "max_near_duplicates", "max_wrong_rejected", "max_phrase"), (0, 1))
        bounds |= dict.fromkeys(("max_keywords", "max_voice_errors"), (0, 1))
        bounds |= {name: (1, inf) for name in ("keywords", "min_rows", "voice_sample")}
        for name, (least, most) in (bounds | {"sample": (10, inf), "folds": (2, inf)}).items():
            if not least <= getattr(self, name) <= most:
                raise CourseError(f"AuditSettings: {name} is {least} to {most:g}, not {getattr(self, name)!r}.")
        low, high = self.neutral_chosen
        if not 0 <= low < high <= 1:
            raise CourseError(f"AuditSettings: neutral_chosen is (low, high), shares from 0 to 1, not {low, high}.")


@dataclass(frozen=True)
class Finding:
    """The result of one check. `passed` is None if it was skipped (no value) or only reports (with a value)."""

    passed: bool | None
    value: float | None
    threshold: str  # in words: "0", "at most 0.01", "0.3 to 0.7"; "" if there is none
    message: str
    rows: dict[int, str] = field(default_factory=dict)  # index of a row, from 0: what is wrong with it
    check: str = ""  # its name

    @property
    def verdict(self) -> str:
        """ "pass", "fail", "skipped" or "reported"."""
        if self.passed is None:
            return "skipped" if self.value is None else "reported"
        return "pass" if self.passed else "fail"


@dataclass(frozen=True)
class AuditInput:
    """What every check gets: the rows as dictionaries, the criterion, the limits, and what else is known of the set."""

    rows: list[dict]
    criterion: Criterion = POLITENESS
    settings: AuditSettings = AuditSettings()
    language: str | None = ENGLISH  # None: not known
    answers: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # what a right answer must contain
    split: Sequence[Sequence[int]] | None = None  # indices of the training, validation and, if there are any, test rows


class Skipped(Exception):
    """Raised by a check that cannot be done, with the reason: it is not a check that was passed."""


def at_most(limit: float, value: float, message: str, rows: dict[int, str] | None = None) -> Finding:
    """A finding whose value must not exceed the limit."""
    return Finding(value <= limit, value, f"at most {limit:g}" if limit else "0", message, rows or {})


def between(limits: tuple[float, float], value: float, message: str) -> Finding:
    """A finding whose value must lie within the limits."""
    low, high = limits
    return Finding(low <= value <= high, value, f"{low:g} to {high:g}", message)


def by_rows(bad: dict[int, str], total: int, fault: str, limit: float = 0.0) -> Finding:
    """A finding about single rows: the share of `total` rows that have a fault, and which these are."""
    message = f"{len(bad):,} of {total:,} rows {fault}." if bad else f"None of {total:,} rows {fault}."
    return at_most(limit, len(bad) / total if total else 0.0, message, bad)


def is_english(texts: Iterable[str]) -> bool:
    """True if at least a fifth of the words are English function words: English has about two fifths.

    Languages that share some of these words, such as German or Dutch, stay below a tenth.
    """
    tokens = [word for text in texts for word in re.findall(r"[^\W\d_]+(?:'\w+)?", text.casefold())]
    return bool(tokens) and sum(word in STOP_WORDS for word in tokens) >= 0.2 * len(tokens)


def language_of(rows: Sequence[dict]) -> str | None:
    """ "en", or None for any other language, by about a thousand rows."""
    sample = rows[:: len(rows) // 1000 + 1]
    return ENGLISH if is_english(row[key] for row in sample for key in ("instruction", "chosen")) else None


def as_rows(records: Iterable) -> list[dict]:
    """The records as dictionaries, five texts each. Texts may be empty or equal: the audit is there to say so.

    Raises CourseError naming the record if a key is missing or is no text, or if there is no record at all.
    """
    return [row.model_dump() for row in checked_records(records, FiveTexts)]


def load_rows(path) -> list[dict]:
    """Read any five-key file (a JSON list or .jsonl) for an audit; it lets empty and equal sides in.

    Raises CourseError for a file that is missing or malformed, and naming the record without one of the keys.
    """
    return [row.model_dump() for row in read_records(path, FiveTexts)]
