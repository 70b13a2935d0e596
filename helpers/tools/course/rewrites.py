"""Whether a rewrite did what was asked: the manner by the rules of directions.py, the fact word by word.

A rewrite may add nothing but the words of its direction's own lists, and lose nothing but what these lists replace.
"""

import re
from functools import cache

from helpers.files import DATA, read_json
from helpers.pairs.checks import STOP_WORDS, content, out_of_order, words
from helpers.politeness import POLITENESS
from helpers.tools.course.directions import agrees, measure
from helpers.tools.course.manners import MANNERS, WORD_POLES
from helpers.tools.course.sentences import parse, slots
from helpers.tools.course.verdicts import Rule, says_all

MANNER, KEPT = "asked manner", "fact kept"
SAID_BY_VERBS = set("called spelled written named known located it's they're that's there's".split())
REMARKS = {"correct": "", "formal": "more formal", POLITENESS.preferred: POLITENESS.better}
FLOORS = {"longer": 4, "shorter": -8}  # of `measure`, for a text whose source is not known; else a level of 3


@cache
def own_words(direction: str) -> frozenset[str]:
    """Every word that the lists have for this direction."""
    if direction in POLITENESS.targets:
        lists = read_json(DATA / "voices.json")[POLITENESS.targets[direction]].values()
        texts = [one["text"] for entries in lists for one in entries]
    else:
        entry = MANNERS.get(direction, {})
        texts = [text for key in ("openers", "closers", "inserts", "shapes") for text in entry.get(key, [])]
        texts += [new for _, new in entry.get("terms", [])]
        kind, marks = WORD_POLES.get(direction, ("hard", None))
        texts += [] if marks is None else [row[1 - marks] for row in MANNERS["words"][kind]]
    return frozenset(words(re.sub(r"\{\w+\}|\\\d", " ", " . ".join(texts))))


def said_otherwise(fact: str, direction: str) -> list[str]:
    """The fact, and what its words may be after a rewrite: turned round, with a term or a word replaced."""
    versions, parts = [fact], parse(fact)
    if parts:
        versions += [f"{parts.topic} {parts.value}", f"{parts.value} {parts.topic}"]
    for pattern, term in MANNERS.get(direction, {}).get("terms", []):
        versions.append(re.sub(pattern, term, fact, count=1, flags=re.IGNORECASE))
    if direction in WORD_POLES:
        kind, marks = WORD_POLES[direction]
        for row in MANNERS["words"][kind]:
            old = rf"(?<![\w'-]){re.escape(row[marks])}(?![\w'-])"
            versions.append(re.sub(old, row[1 - marks], fact, flags=re.IGNORECASE))
    return list(dict.fromkeys(versions))


def carrying(text: str) -> list[str]:
    """The words of the text that carry facts."""
    return [word for word in content(words(text)) if word not in SAID_BY_VERBS]


def words_lost(fact: str, reply: str, direction: str) -> list[str]:
    """Words of the fact that the reply lacks or has in another order, in the version that fits it best."""
    given = words(reply)
    return min((out_of_order(carrying(version), given) for version in said_otherwise(fact, direction)), key=len)


def words_added(texts: list[str], reply: str, direction: str) -> list[str]:
    """Words of the reply that are in none of the texts, nor in any list of the direction."""
    known = own_words(direction) | STOP_WORDS | SAID_BY_VERBS
    return [word for word in words(reply) if word not in known.union(*map(words, texts))]


def has_whole_sentences(reply: str, before: str = "") -> bool:
    """Whole sentences: a capital, an end, closed quotation marks, no word or sentence twice in a row."""
    sentences = [piece for piece in re.split(r"(?<=[.!?])\s+", reply) if piece]
    stutter = re.search(r"\b(\w+) \1\b", reply, re.IGNORECASE)
    return (
        bool(re.search(r"[.!?]['\"”’)]*$", reply))
        and (not reply[0].islower() or before[:1].islower())
        and reply.count('"') % 2 == 0
        and len(set(sentences)) == len(sentences)
        and (not stutter or stutter[0] in before)
    )


def rewrite_rule(direction: str, fact: str, before: str, keep=()) -> Rule:
    """For an answer `before` that says a fact: the reply went in the direction, and the fact is kept.

    A shorter answer need only have `keep`; any other has all words of the fact, in an order that it can have. Without a
    direction ("") nothing is changed but what was wrong.
    """
    texts = [before] * bool(direction) + [*said_otherwise(fact, direction), *slots(fact).values()]

    def rule(reply):
        reply = reply or ""
        lost = [] if direction == "shorter" and keep else words_lost(fact, reply, direction)
        kept = bool(reply) and not lost and says_all(reply, keep) and not words_added(texts, reply, direction)
        moved = not direction or agrees(direction, before, reply)
        return {MANNER: moved and has_whole_sentences(reply, before), KEPT: kept}

    return rule


def kept_rule(direction: str, source: str, keep) -> Rule:
    """For an answer written by hand, of whose words a rewrite must keep `keep` and add none of its own."""

    def rule(reply):
        reply = reply or ""
        kept = says_all(reply, keep) and not words_added([source], reply, direction)
        return {MANNER: has_whole_sentences(reply) and agrees(direction, source, reply), KEPT: kept}

    return rule


def remark_rule(remark: str, keep, any_of=()) -> Rule:
    """For an answer revised after a remark: it has what it must keep, and is not on the wrong side of the remark."""
    direction = REMARKS.get(remark, remark)

    def rule(reply):
        reply = reply or ""
        kept = any(says_all(reply, [word]) for word in any_of) if any_of else says_all(reply, keep)
        floor = FLOORS.get(direction, -3 if direction == "less formal" else 3)
        return {"right": kept and has_whole_sentences(reply) and (not direction or measure(reply, direction) >= floor)}

    return rule
