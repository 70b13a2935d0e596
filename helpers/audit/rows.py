"""Checks that find single bad rows: each takes the AuditInput and names the rows, with the reason."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

from helpers.audit.findings import ENGLISH, AuditInput, Finding, Skipped, by_rows
from helpers.criterion import Criterion
from helpers.pairs.checks import ends_well, is_cut, kind, meta_text, normalised, prompt_key, refusals
from helpers.pairs.cleaning import clean_reply
from helpers.pairs.denial import negated
from helpers.pairs.meaning import has_key, other_numbers
from helpers.pairs.near_duplicates import near_repeats
from helpers.records import FIVE_KEYS
from helpers.splits import Split, shared

SIDES = ("chosen", "rejected")
LATIN, CYRILLIC = r"A-Za-z\u00c0-\u024f", r"\u0400-\u04ff"
# Greek letters that look like Latin ones.
GREEK = r"\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd"
LOOKALIKE = f"[{CYRILLIC}{GREEK}]"
UNUSUAL = {
    "control character": re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)"),
    "invisible character": re.compile(
        r"[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]|"
        rf"(?<=[{LATIN}])[\u200c\u200d]|[\u200c\u200d](?=[{LATIN}])"  # joiners have their place in other alphabets
    ),
    # UTF-8 that was read as Latin-1 or Windows-1252: "Ã©" for "é", "â€™" for "’", "Â " before a no-break space.
    "damaged encoding": re.compile(
        r"\u00c3[\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\u00e2(?:\u20ac|\u0080|\u201a)|"
        r"\u00c2[\u00a0-\u00bf]|\u00ef\u00bb\u00bf|\u00f0\u0178"
    ),
    "two alphabets in one word": re.compile(rf"[{LATIN}]{LOOKALIKE}|{LOOKALIKE}[{LATIN}]"),
}


def equal_sides(data: AuditInput) -> Finding:
    """Nothing is preferred if both sides say the same, up to case and punctuation."""
    bad = {}
    for index, row in enumerate(data.rows):
        if row["chosen"].strip() and normalised(row["chosen"]) == normalised(row["rejected"]):
            bad[index] = f"both sides say {shortened(row['chosen'])}"
    return by_rows(bad, len(data.rows), "have two equal sides")


def contradictions(data: AuditInput) -> Finding:
    """The same two answers to the same question, preferred the other way round in another row."""
    first, bad = {}, {}
    for index, row in enumerate(data.rows):
        question, *sides = prompt_key(row), *(normalised(row[side]) for side in SIDES)
        other = first.get((question, *reversed(sides)))
        if other is not None and sides[0] != sides[1]:
            bad[index] = f"record {other + 1} prefers the other side"
        first.setdefault((question, *sides), index)
    return by_rows(bad, len(data.rows), "contradict an earlier row")


def empty(data: AuditInput) -> Finding:
    """An answer or a question without a word."""
    wordless = [[key for key in ("instruction", *SIDES) if not re.search(r"\w", row[key])] for row in data.rows]
    bad = {index: "empty: " + ", ".join(keys) for index, keys in enumerate(wordless) if keys}
    return by_rows(bad, len(data.rows), "have an empty text")


def truncated(data: AuditInput) -> Finding:
    """An answer that stops in the middle: by its `done_reason` if the row has one, else by how it ends.

    A missing end mark says something only where nearly all answers have one, and the original, too.
    """
    texts = [row[side] for row in data.rows for side in SIDES if len(row[side].split()) > 3]
    by_end = bool(texts) and sum(map(ends_well, texts)) >= 0.9 * len(texts)
    known = any("done_reason" in row for row in data.rows)
    if not (by_end or known):
        raise Skipped("fewer than nine answers in ten end with a mark, and no row has a done_reason.")
    bad = {}
    for index, row in enumerate(data.rows):
        cut = [side for side in SIDES if by_end and len(row[side].split()) > 3 and is_cut(row["output"], row[side])]
        if row.get("done_reason") == "length":
            bad[index] = "the reply reached the token limit"
        elif cut:
            bad[index] = f"{cut[0]} ends with {shortened(row[cut[0]][-30:])}"
    return by_rows(bad, len(data.rows), "have an answer that is cut off")


def refused(data: AuditInput) -> Finding:
    """The model declined to answer, and the original does not."""
    return _talk(data, refusals, "have a side that refuses to answer")


def leaked_meta_text(data: AuditInput) -> Finding:
    """A side talks about the task, or its model wrote something around it: "Here is the rewritten answer: …"."""
    look = partial(around, criterion=data.criterion)
    return _talk(data, look, "have a side that talks about the task")


def around(original: str, side: str, criterion: Criterion) -> list[str]:
    """What `meta_text` finds, and what cleaning would take off; unless the original has the like."""
    removed = [what for what in clean_reply(side, criterion).removed if kind(what) != "emphasis"]
    if removed:
        own = set(map(kind, clean_reply(original, criterion).removed))
        removed = [what for what in removed if kind(what) not in own]
    return meta_text(original, side, criterion) or [f"meta text: {what}" for what in removed]


def _talk(data: AuditInput, look: Callable[[str, str], list[str]], fault: str) -> Finding:
    """A check of English phrases on both sides; `look(original, side)` names what the side should not say."""
    if data.language != ENGLISH:
        raise Skipped("the phrases that it looks for are English, and this set is not.")
    talk = [[f"{side}: {phrase}" for side in SIDES for phrase in look(row["output"], row[side])] for row in data.rows]
    bad = {index: "; ".join(phrases) for index, phrases in enumerate(talk) if phrases}
    return by_rows(bad, len(data.rows), fault)


def changed_facts(data: AuditInput) -> Finding:
    """The chosen answer lacks a word of the answer key, or has a number that nobody mentioned."""
    return _facts(data, "chosen", "have a chosen side with a changed fact", 0.0)


def wrong_rejected(data: AuditInput) -> Finding:
    """The same on the rejected side. A few teach correctness as well; many hide what else is preferred."""
    limit = data.settings.max_wrong_rejected
    return _facts(data, "rejected", "have a rejected side with a changed fact", limit)


def _facts(data: AuditInput, side: str, fault: str, limit: float) -> Finding:
    """The check of one side against the answer keys; rows without a key are not looked at."""
    keys = {index: data.answers.get((row["instruction"], row["input"])) for index, row in enumerate(data.rows)}
    keys = {index: key for index, key in keys.items() if key}
    if not keys:
        raise Skipped("no row has an answer key. Pass answers={(instruction, input): [words]}.")
    bad = {}
    for index, key in keys.items():
        row = data.rows[index]
        known = f"{row['instruction']} {row['input']} {row['output']}"
        changes = [f"fact lost: {word}" for word in key if not has_key(row[side], word)]
        changes += [f"new number: {number}" for number in other_numbers(known, row[side])]
        changes += [f"negated: {what}" for what in negated(row["output"], row[side])]
        if changes:
            bad[index] = "; ".join(changes)
    return by_rows(bad, len(keys), "with an answer key " + fault, limit)


def repeated_rows(data: AuditInput) -> Finding:
    """Question and both answers nearly the same as in an earlier row: it counts twice in training."""
    repeats = near_repeats(data.rows, data.settings.similarity)
    bad = {index: f"{similarity:.0%} like record {other + 1}" for index, (other, similarity) in repeats.items()}
    fault, limit = "nearly repeat an earlier row", data.settings.max_near_duplicates
    return by_rows(bad, len(data.rows), fault, limit)


def split_leakage(data: AuditInput) -> Finding:
    """A row of the validation or test part that has a question, a neutral answer or a side of a part before it."""
    if data.split is None:
        raise Skipped("no split was given. Pass split=split_by_fact(rows), or (training, validation) as indices.")
    bad, kinds = {}, {}
    for earlier, later in combinations(range(len(data.split)), 2):
        for row, other, sort, text in shared(data.rows, data.split[earlier], data.split[later]):
            bad.setdefault(row, f"{sort} {shortened(text)}, as record {other + 1} ({Split._fields[earlier]})")
            kinds.setdefault(sort, set()).add(row)
    counts = ", ".join(f"{sort} {len(rows):,}" for sort, rows in kinds.items())
    fault = "of the held-out parts share a text with another part" + (f" ({counts})" if counts else "")
    return by_rows(bad, sum(map(len, data.split[1:])), fault)


def unusual_characters(data: AuditInput) -> Finding:
    """Control and invisible characters, a damaged encoding, two alphabets within a word."""
    strange = [{f"{key}: {what}" for key in FIVE_KEYS for what in unusual(row[key])} for row in data.rows]
    bad = {index: "; ".join(sorted(names)) for index, names in enumerate(strange) if names}
    return by_rows(bad, len(data.rows), "have unusual characters")


def unusual(text: str) -> Iterator[str]:
    """What is unusual about the characters of a text, in words."""
    if text.isascii() and text.isprintable():
        return
    for name, pattern in UNUSUAL.items():
        if match := pattern.search(text):
            yield f"{name} {match.group()!r}"
    for character in set(text):
        if character == "\ufffd" or unicodedata.category(character) in ("Co", "Cn", "Cs"):
            yield f"no readable character U+{ord(character):04X}"


def shortened(text: str, length: int = 60) -> str:
    """The text in quotation marks, on one line, cut where it is long."""
    line = " ".join(text.split())
    return f'"{line if len(line) <= length else line[: length - 1] + "…"}"'
