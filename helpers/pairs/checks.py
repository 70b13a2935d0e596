"""What can be wrong with an answer that a model wrote, found by rules: facts, numbers, a cut end, talk about the task.

`problems` compares a rewrite to its original; `answer_problems` has nothing to compare to but the answer key.
"""

import re
import unicodedata
from collections import Counter
from functools import cache

from helpers.criterion import Criterion
from helpers.politeness import POLITENESS
from helpers.records import InstructionRecord, contains_answer, is_writable, one_line_question

# A number with its point, comma or sign; a word with its apostrophe; a symbol that carries meaning.
TOKEN = re.compile(r"(?<!\w)[-−]?\d+(?:[.,]\d+)*(?!\w)|\w+(?:['’]\w+)*|[+\-−×÷*/=<>%°$€£]")
NUMBER = re.compile(r"[-−]?\d+(?:[.,]\d+)*")
INSIDE_NAME = re.compile(r"(?<=[\w,;] )[A-Z]\w*(?:['’]\w+)*")  # a capital that does not begin a sentence

# Words that a rewrite may change without changing a fact. "not" and "no" are facts.
STOP_WORDS = set(
    "a an the this that these those it its is are was were be been being am do does did has have had "
    "i i'm i'd i'll i've you your we our they their he she his her of in on at to for from by with as "
    "and or but so if then than there here which who what when where how "
    "can could will would shall should may might must".split()
)
REFUSAL = re.compile(
    r"\bas an ai\b|\bi(?:'m| am) (?:sorry|afraid),? but i\b|"
    r"\bi (?:can't|cannot|won't) (?:help|assist|comply|do|write)",
    re.IGNORECASE,
)
QUOTES = ('""', "''", "“”", "‘’", "``")


def words(text: str) -> list[str]:
    """Numbers, words and symbols in lower case, without punctuation; 1,000 and 1000 are the same number."""
    tokens = TOKEN.findall(text.replace("’", "'").replace("−", "-"))
    return [(re.sub(r",(?=\d{3}\b)", "", token) if "," in token else token).casefold() for token in tokens]


def normalised(text: str) -> str:
    """The text up to case, punctuation and spacing: what is left are its words, numbers and symbols."""
    return " ".join(words(unicodedata.normalize("NFC", text))) or " ".join(text.split())


def prompt_key(row: dict) -> str:
    """Equal for rows that ask the same question, up to case, punctuation and spacing."""
    return normalised(one_line_question(row["instruction"], row["input"]))


def numbers(text: str) -> list[str]:
    """Everything written in digits."""
    return [word for word in words(text) if NUMBER.fullmatch(word)]


def names(text: str) -> list[str]:
    """Capitalised words inside a sentence."""
    return [name for name in INSIDE_NAME.findall(text) if name.casefold() not in STOP_WORDS]


def content(tokens: list[str]) -> list[str]:
    """The words that carry facts."""
    return [token for token in tokens if token not in STOP_WORDS]


def out_of_order(needed: list[str], given: list[str]) -> list[str]:
    """The needed words that are not found when `given` is read once from left to right."""
    lost, place = [], 0
    for word in needed:
        if word in given[place:]:
            place = given.index(word, place) + 1
        else:
            lost.append(word)
    return lost


def lost_facts(record: InstructionRecord, reply: str, strict: bool) -> list[str]:
    """Words of the original that the rewrite lacks: those that carry facts, or if not strict keys, numbers, names."""
    keys = [key for key in record.answer if contains_answer(record.output, [key])]
    lost = [key for key in keys if not contains_answer(reply, [key])]
    if strict:
        lost += out_of_order(content(words(record.output)), words(reply))
    else:
        must = numbers(record.output) + names(record.output)
        lost += [word for word in must if word.casefold() not in words(reply)]
    return list(dict.fromkeys(word.casefold() for word in lost))


def new_numbers(known: str, reply: str, as_often: bool = False) -> list[str]:
    """Numbers of the reply that do not stand in `known`; as_often: or stand there less often."""
    if as_often:
        return list((Counter(numbers(reply)) - Counter(numbers(known))).elements())
    return [number for number in numbers(reply) if number not in numbers(known)]


def refusals(original: str, reply: str) -> list[str]:
    """The phrase by which the reply declines to answer, unless the original declines, too."""
    refusal = REFUSAL.search(reply)
    return [refusal.group()] if refusal and not REFUSAL.search(original) else []


def meta_text(original: str, reply: str, criterion: Criterion = POLITENESS) -> list[str]:
    """Talk about the task in place of an answer, unless the original talks that way itself."""
    talk, reply = meta_pattern(criterion.task_words).search(reply), reply.strip()
    problems = []
    if talk and talk.group().casefold() not in original.casefold():
        problems.append(f"meta text: {talk.group().strip()}")
    if reply and reply[0] + reply[-1] in QUOTES and not original.startswith(reply[0]):
        problems.append("in quotation marks: the whole reply is quoted")
    return problems


@cache
def meta_pattern(task_words: tuple[str, ...]) -> re.Pattern:
    """Phrases in which a reply talks about the task; `task_words` are the criterion's: "a more polite version"."""
    adjective = "|".join(map(re.escape, task_words)) or r"(?!)"  # without a word, none
    return re.compile(
        r"\bre-?writ|\bhere(?:'s| is| are) (?:the|a|an|your|my) (?:\w+ )*(?:version|revision)\b|"
        rf"\b(?:revised|improved|{adjective}) (?:answer|response|version|tone)|\b(?:more|less) (?:{adjective})|"
        r"^\W*(?:answer|question|response)\s*:|\bkeep every fact\b",
        re.IGNORECASE | re.MULTILINE,
    )


def problems(
    record: InstructionRecord,
    reply: str,
    done_reason: str = "stop",
    strict: bool = True,
    criterion: Criterion = POLITENESS,
) -> list[str]:
    """Say all that speaks against this rewrite of `record.output`, each as "kind: detail".

    Strict: every content word of the original must stand in the rewrite, in the same order. This suits a
    model that only adds words. Not strict: answer keys, numbers and names must. This suits a model that says
    it in other words. `criterion`: by which the rewrite was asked to be better or worse.
    """
    if not reply.strip():
        return ["empty: there is no text"]
    unchanged = words(reply) == words(record.output)
    known = record.output if strict else f"{record.instruction} {record.input} {record.output}"
    return [
        *(["cut off: the reply reached the token limit"] if done_reason == "length" else []),
        *(["unchanged: it equals the original up to case and punctuation"] if unchanged else []),
        *meta_text(record.output, reply, criterion),
        *(f"refused: {phrase}" for phrase in refusals(record.output, reply)),
        *(f"fact lost: {word}" for word in lost_facts(record, reply, strict)),
        *(f"new number: {number}" for number in new_numbers(known, reply, as_often=strict)),
    ]


def answer_problems(
    record: InstructionRecord, text: str, done_reason: str = "stop", criterion: Criterion = POLITENESS
) -> list[str]:
    """Say what speaks against this answer to the record, each as "kind: detail"; none is a usable answer.

    Facts are checked by the record's answer key; without a key they are not checked.
    """
    if not text.strip():
        return ["empty: there is no text"]
    if not is_writable(text):  # no file can hold it, and no request can send it to a judge
        return ["broken character: the text holds half of a surrogate pair"]
    return [
        *(["cut off: the reply reached the token limit"] if done_reason == "length" else []),
        *meta_text(record.output, text, criterion),
        *(f"refused: {phrase}" for phrase in refusals(record.output, text)),
        *(f"wrong: {key} is missing" for key in record.answer if not contains_answer(text, [key])),
    ]


def side_problems(
    record: InstructionRecord, sides: dict[str, tuple[str, str]], criterion: Criterion = POLITENESS
) -> tuple[str, ...]:
    """The problems of several answers to one record, each with the name of its side: "wrong: weak: Na is missing".

    sides: name of the side -> (text, done_reason).
    """
    return tuple(
        problem.replace(": ", f": {side}: ", 1)
        for side, (text, done_reason) in sides.items()
        for problem in answer_problems(record, text, done_reason, criterion)
    )


def kind(problem: str) -> str:
    """The part of a problem before the colon, for counting."""
    return problem.partition(":")[0]
