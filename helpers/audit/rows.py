"""Checks that find single bad rows: each takes the Material and names the rows, with the reason."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from types import SimpleNamespace

from helpers.audit.findings import Finding, Material, by_rows, skipped
from helpers.pairs.checks import REFUSAL, meta_text, new_numbers, normalised, prompt_key
from helpers.pairs.near_duplicates import near_repeats
from helpers.records import contains_answer

SIDES = ("chosen", "rejected")
CLOSING = set("*_~`$€£%°|/=")  # besides punctuation: what Markdown, formulas and amounts may end with
NOT_CLOSING = set(",;:-–—、，；：")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
INVISIBLE = re.compile(r"[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
JOINER_IN_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f][\u200c\u200d]|[\u200c\u200d][A-Za-z\u00c0-\u024f]")
# UTF-8 that was read as Latin-1 or Windows-1252: "Ã©" for "é", "â€™" for "’", "Â " before a no-break space.
MOJIBAKE = re.compile(
    r"\u00c3[\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\u00e2(?:\u20ac|\u0080|\u201a)|\u00c2[\u00a0-\u00bf]|\u00ef\u00bb\u00bf|\u00f0\u0178"
)
LATIN, CYRILLIC = "A-Za-z\u00c0-\u024f", "\u0400-\u04ff"
GREEK_LOOKALIKE = "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd"
MIXED = re.compile(
    rf"[{LATIN}][{CYRILLIC}{GREEK_LOOKALIKE}]|[{CYRILLIC}{GREEK_LOOKALIKE}][{LATIN}]"
)  # one word in two alphabets


def equal_sides(material: Material) -> Finding:
    """Nothing is preferred if both sides say the same, up to case and punctuation."""
    bad = {}
    for index, row in enumerate(material.rows):
        if row["chosen"].strip() and normalised(row["chosen"]) == normalised(row["rejected"]):
            bad[index] = f"both sides say {shortened(row['chosen'])}"
    return by_rows("equal sides", bad, len(material.rows), "have two equal sides")


def contradictions(material: Material) -> Finding:
    """The same two answers to the same question, preferred the other way round in another row."""
    seen, bad = {}, {}
    for index, row in enumerate(material.rows):
        question, *sides = prompt_key(row), *(normalised(row[side]) for side in SIDES)
        other = seen.get((question, *reversed(sides)))
        if other is not None and sides[0] != sides[1]:
            bad[index] = f"record {other + 1} prefers the other side"
        seen.setdefault((question, *sides), index)
    return by_rows("contradictions", bad, len(material.rows), "contradict an earlier row")


def empty(material: Material) -> Finding:
    """An answer or a question without a word."""
    bad = {
        index: "empty: " + ", ".join(keys)
        for index, row in enumerate(material.rows)
        if (keys := [key for key in ("instruction", *SIDES) if not row[key].strip()])
    }
    return by_rows("empty", bad, len(material.rows), "have an empty text")


def truncated(material: Material) -> Finding:
    """An answer that stops in the middle: by its `done_reason` if the row has one, else by how it ends.

    A missing end mark says something only where nearly all answers have one.
    """
    texts = [row[side] for row in material.rows for side in SIDES if len(row[side].split()) > 3]
    by_end = bool(texts) and sum(map(ends_well, texts)) >= 0.9 * len(texts)
    known = any("done_reason" in row for row in material.rows)
    if not (by_end or known):
        return skipped("truncated", "fewer than nine answers in ten end with a mark, and no row has a done_reason.")
    bad = {}
    for index, row in enumerate(material.rows):
        cut = [side for side in SIDES if by_end and len(row[side].split()) > 3 and not ends_well(row[side])]
        if row.get("done_reason") == "length":
            bad[index] = "the reply reached the token limit"
        elif cut:
            bad[index] = f"{cut[0]} ends with {shortened(row[cut[0]][-30:])}"
    return by_rows("truncated", bad, len(material.rows), "have an answer that is cut off")


def ends_well(text: str) -> bool:
    """True if the last character is an end mark, a closing quote or bracket, or a symbol such as an emoji."""
    last = text.rstrip()[-1:]
    return last not in NOT_CLOSING and (last in CLOSING or unicodedata.category(last)[0] in "PSM") if last else False


def refused(material: Material) -> Finding:
    """The model declined to answer, and the original does not."""
    return talk(material, "refused", refusal, "have a side that refuses to answer")


def leaked_meta_text(material: Material) -> Finding:
    """A side talks about the task, or is quoted as a whole: "Here is the rewritten answer: …"."""
    return talk(material, "leaked meta-text", said_about_the_task, "have a side that talks about the task")


def talk(material: Material, check: str, look: Callable[[dict, str], list[str]], fault: str) -> Finding:
    """A check of English phrases on both sides; `look` names what one side of a row says that it should not."""
    if not material.english:
        return skipped(check, "the phrases that it looks for are English, and this set is not.")
    bad = {}
    for index, row in enumerate(material.rows):
        if found := [f"{side}: {problem}" for side in SIDES for problem in look(row, side)]:
            bad[index] = "; ".join(found)
    return by_rows(check, bad, len(material.rows), fault)


def refusal(row: dict, side: str) -> list[str]:
    """The phrase of refusal in one side, unless the original answer refuses, too."""
    found = REFUSAL.search(row[side])
    return [found.group()] if found and not REFUSAL.search(row["output"]) else []


def said_about_the_task(row: dict, side: str) -> list[str]:
    """`checks.meta_text` of one side, without refusals; an original that talks that way itself excuses it."""
    if not row[side].strip() or row[side] == row["output"]:
        return []
    original = SimpleNamespace(output=row["output"] or " ")
    return [problem for problem in meta_text(original, row[side]) if not problem.startswith("refused")]


def changed_facts(material: Material) -> Finding:
    """The chosen answer lacks a word of the answer key, or has a number that nobody mentioned."""
    return facts(material, "changed facts", "chosen", "have a chosen side with a changed fact", 0.0)


def wrong_rejected(material: Material) -> Finding:
    """The same on the rejected side. A few teach correctness as well; many hide what else is preferred."""
    limit = material.settings.max_wrong_rejected
    return facts(material, "wrong rejected", "rejected", "have a rejected side with a changed fact", limit)


def facts(material: Material, check: str, side: str, fault: str, limit: float) -> Finding:
    """The check of one side against the answer keys; rows without a key are not looked at."""
    keys = {index: material.answers.get((row["instruction"], row["input"])) for index, row in enumerate(material.rows)}
    keys = {index: key for index, key in keys.items() if key}
    if not keys:
        return skipped(check, "no row has an answer key. Pass answers={(instruction, input): [words]}.")
    bad = {}
    for index, key in keys.items():
        row = material.rows[index]
        if found := [*lost(row, side, key), *added(row, side)]:
            bad[index] = "; ".join(found)
    return by_rows(check, bad, len(keys), "with an answer key " + fault, limit)


def lost(row: dict, side: str, key: list[str]) -> list[str]:
    """Words of the answer key that the side does not have."""
    return [f"fact lost: {word}" for word in key if not contains_answer(row[side], [word])]


def added(row: dict, side: str) -> list[str]:
    """Numbers that stand neither in the question nor in the answer."""
    record = SimpleNamespace(**{name: row[name] for name in ("instruction", "input", "output")})
    return [f"new number: {number}" for number in new_numbers(record, row[side], strict=False)]


def repeated_rows(material: Material) -> Finding:
    """Question and both answers nearly the same as in an earlier row: it counts twice in training."""
    found = near_repeats(material.rows, material.settings.similarity)
    bad = {index: f"{similarity:.0%} like record {other + 1}" for index, (other, similarity) in found.items()}
    fault, limit = "nearly repeat an earlier row", material.settings.max_near_duplicates
    return by_rows("near-duplicates", bad, len(material.rows), fault, limit)


def split_leakage(material: Material) -> Finding:
    """A question of the validation rows that is asked in the training rows, too, up to case and punctuation."""
    if material.split is None:
        return skipped("split leakage", "no split was given. Pass split=(training, validation), indices of rows.")
    train, held_out = material.split
    trained = {}
    for index in train:
        trained.setdefault(prompt_key(material.rows[index]), index)
    bad = {}
    for index in held_out:
        if (other := trained.get(prompt_key(material.rows[index]))) is not None:
            bad[index] = f"asked in training record {other + 1}, too"
    return by_rows("split leakage", bad, len(held_out), "of the validation part ask a training question")


def unusual_characters(material: Material) -> Finding:
    """Control and invisible characters, a damaged encoding, two alphabets within a word."""
    bad = {}
    for index, row in enumerate(material.rows):
        found = {f"{key}: {what}" for key in ("instruction", "input", "output", *SIDES) for what in unusual(row[key])}
        if found:
            bad[index] = "; ".join(sorted(found))
    return by_rows("unusual characters", bad, len(material.rows), "have unusual characters")


def unusual(text: str) -> Iterator[str]:
    """What is unusual about the characters of a text, in words."""
    if text.isascii() and text.isprintable():
        return
    for pattern, name in ((CONTROL, "control character"), (INVISIBLE, "invisible character"),
                          (JOINER_IN_LATIN, "invisible joiner")):  # fmt: skip
        if found := pattern.search(text):
            strange = max(found.group(), key=lambda character: unicodedata.category(character)[0] == "C")
            yield f"{name} U+{ord(strange):04X}"
    if found := MOJIBAKE.search(text):
        yield f"damaged encoding {found.group()!r}"
    if found := MIXED.search(text):
        yield f"two alphabets in one word {found.group()!r}"
    for character in set(text):
        if character == "\ufffd" or unicodedata.category(character) in ("Co", "Cn", "Cs"):
            yield f"no readable character U+{ord(character):04X}"


def shortened(text: str, length: int = 60) -> str:
    """The text in quotation marks, on one line, cut where it is long."""
    line = " ".join(text.split())
    return f'"{line if len(line) <= length else line[: length - 1] + "…"}"'
