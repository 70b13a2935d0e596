"""What can be wrong with an answer that a model wrote, found by rules: facts, numbers, a cut end, talk about the task.

`problems` compares a rewrite to its original; `answer_problems` has nothing to compare to but the answer key.
"""

import re
import unicodedata
from collections import Counter
from functools import cache

from helpers.criterion import Criterion
from helpers.pairs.meaning import has_key, lost_meaning
from helpers.pairs.task_talk import REFUSAL, TASK_TALK, is_quoted, plain_marks, plain_quotes
from helpers.politeness import POLITENESS
from helpers.records import InstructionRecord, is_writable, one_line_question

# A number with its point, comma or sign; a word with its apostrophe; a symbol that carries meaning.
TOKEN = re.compile(r"(?<!\w)[-−]?\d+(?:[.,]\d+){0,20}(?!\w)|\w+(?:['’]\w+)*|[+\-−×÷*/=<>%°$€£]")
NUMBER = re.compile(r"[-−]?\d+(?:[.,]\d+)*")

# Words that a rewrite may change without changing a fact. "not" and "no" are facts.
STOP_WORDS = set(
    "a an the this that these those it its is are was were be been being am do does did has have had "
    "i i'm i'd i'll i've you your we our they their he she his her of in on at to for from by with as "
    "and or but so if then than there here which who what when where how "
    "can could will would shall should may might must".split()
)
LEADS_ON = set("a an the of in on at to for from by with as and or but if than which when because may and".split())
CLOSING = set("*_~`$€£%°|/=")  # besides punctuation: what Markdown, formulas and amounts may end with
NOT_CLOSING = set(",;:-–—、，；：")
LIST_ITEM = re.compile(r"\s*(?:[-*•]|\d+[.)])\s")


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
    """Strings of the answer key that the rewrite lacks; if strict, all words of the original that carry facts."""
    keys = [key for key in record.answer if has_key(record.output, key)]
    lost = [key for key in keys if not has_key(reply, key)]
    if strict:
        lost += out_of_order(content(words(record.output)), words(reply))
    return list(dict.fromkeys(word.casefold() for word in lost))


def new_numbers(known: str, reply: str) -> list[str]:
    """Numbers of the reply that do not stand in `known`, or stand there less often."""
    return list((Counter(numbers(reply)) - Counter(numbers(known))).elements())


def refusals(original: str, reply: str) -> list[str]:
    """The phrase by which the reply declines to answer, unless the original declines, too."""
    refusal = REFUSAL.search(plain_marks(reply))
    return [refusal.group()] if refusal and not REFUSAL.search(plain_marks(original)) else []


def meta_text(original: str, reply: str, criterion: Criterion = POLITENESS) -> list[str]:
    """Talk about the task in place of an answer, unless the original talks that way itself."""
    reply, original, found = plain_quotes(reply), plain_quotes(original), []
    for pattern in (meta_pattern(criterion.task_words), TASK_TALK):
        talk = pattern.search(reply)
        if talk and out_of_order(words(talk.group()), words(original)):
            found = [f"meta text: {talk.group().strip()}"]
    if is_quoted(reply.strip()) and not is_quoted(original.strip()):
        found.append("in quotation marks: the whole reply is quoted")
    return found


@cache
def meta_pattern(task_words: tuple[str, ...]) -> re.Pattern:
    """Phrases in which a reply talks about the task; `task_words` are the criterion's: "a more polite version"."""
    adjective = "|".join(map(re.escape, task_words)) or r"(?!)"  # without a word, none
    return re.compile(
        r"\bre-?writ|\bhere(?:'s| is| are) (?:the|a|an|your|my) (?:\w+ ){0,9}(?:version|revision)\b|"
        rf"\b(?:revised|improved|{adjective}) (?:answer|response|version|tone)|\b(?:more|less) (?:{adjective})|"
        r"^[^\w\n]*(?:answer|question|response) ?:|\bkeep every fact\b",
        re.IGNORECASE | re.MULTILINE,
    )


def ends_well(text: str) -> bool:
    """True if the last character is an end mark, a closing quote or bracket, or a symbol such as an emoji."""
    last = text.rstrip()[-1:]
    return last not in NOT_CLOSING and (last in CLOSING or unicodedata.category(last)[0] in "PSM") if last else False


def is_cut(original: str, text: str) -> bool:
    """True if the text stops in the middle: no end mark where the original has one, or a last word that leads on."""
    *_, line = text.strip().splitlines() or [""]
    last = (words(line) or [""])[-1]
    signed = line != text.strip() and len(line.split()) <= 4 and line[:1].isupper() and last not in LEADS_ON
    if ends_well(text) or LIST_ITEM.match(line) or signed:
        return False
    return text.rstrip()[-1:] in NOT_CLOSING or last in LEADS_ON or ends_well(original)


def changed_numbers(record: InstructionRecord, reply: str) -> list[str]:
    """Numbers that the original has not, or less often: for a model that only adds words."""
    return [f"new number: {number}" for number in new_numbers(record.output, reply)]


def changed_meaning(record: InstructionRecord, reply: str, criterion: Criterion) -> list[str]:
    """What a model that says it in other words has changed or left out.

    Where the criterion is about length, words are there to be left out: of a record with a key, only that must stay.
    """
    changes = lost_meaning(record, reply) + (["cut off: it ends in the middle"] if is_cut(record.output, reply) else [])
    about_length = not criterion.longer_chosen[0] <= 0.5 <= criterion.longer_chosen[1]
    return [change for change in changes if not (about_length and record.answer and kind(change) == "fact lost")]


def problems(
    record: InstructionRecord,
    reply: str,
    done_reason: str = "stop",
    strict: bool = True,
    criterion: Criterion = POLITENESS,
) -> list[str]:
    """Say all that speaks against this rewrite of `record.output`, each as "kind: detail".

    Strict: every content word of the original must stand in the rewrite, in the same order. This suits a
    model that only adds words. Not strict: the answer key must, and the rewrite must say the same in its own words
    (`lost_meaning`) and end as it should. `criterion`: by which the rewrite was asked to be better or worse.
    """
    if not re.search(r"\w", reply):
        return ["empty: there is no text"]
    unchanged = words(reply) == words(record.output)
    return [
        *(["cut off: the reply reached the token limit"] if done_reason == "length" else []),
        *(["unchanged: it equals the original up to case and punctuation"] if unchanged else []),
        *meta_text(record.output, reply, criterion),
        *(f"refused: {phrase}" for phrase in refusals(record.output, reply)),
        *(f"fact lost: {word}" for word in lost_facts(record, reply, strict)),
        *(changed_numbers(record, reply) if strict else changed_meaning(record, reply, criterion)),
    ]


def answer_problems(
    record: InstructionRecord, text: str, done_reason: str = "stop", criterion: Criterion = POLITENESS
) -> list[str]:
    """Say what speaks against this answer to the record, each as "kind: detail"; none is a usable answer.

    Facts are checked by the record's answer key; without a key they are not checked.
    """
    if not re.search(r"\w", text):
        return ["empty: there is no text"]
    if not is_writable(text):  # no file can hold it, and no request can send it to a judge
        return ["broken character: the text holds half of a surrogate pair"]
    return [
        *(["cut off: the reply reached the token limit"] if done_reason == "length" else []),
        *meta_text(record.output, text, criterion),
        *(f"refused: {phrase}" for phrase in refusals(record.output, text)),
        *(f"wrong: {key} is missing" for key in record.answer if not has_key(text, key)),
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
