"""What a reply is worth: rules for answers, for declining in words, for verdicts, scores and JSON.

A rule takes a reply, or None where the engine refused the prompt, and says of each measure whether it holds. A measure
that it does not name is not counted.
"""

import json
import operator
import re
from collections.abc import Callable, Iterable
from functools import cache

from helpers.pairs.checks import STOP_WORDS
from helpers.tools.course.sentences import masked

Rule = Callable[[str | None], dict[str, bool]]

RIGHT, TURNED_DOWN, ELSE, SAYS_SO, FOLLOWS = "right", "refused", "answered with something else", "says so", "follows"
CUT = " [cut off]"  # stands behind a reply that reached the limit of tokens

CANNOT_DO = "do|help|answer|tell|say that|chat|make sense|place|give|provide|assist|write|draw|know|judge"
DECLINING = re.compile(
    r"\bI(?: really| just| simply| do)? (?:can't|cannot|can not|could not|couldn't)(?: really)? "
    rf"(?:{CANNOT_DO})\b|"
    r"\b(?:not something|nothing|not anything) (?:that )?I (?:can|could|learned|know|do)\b|"
    r"\bsomething (?:that )?I (?:can't|cannot|don't|never)\b|"
    r"\bI(?: really| simply| just)? (?:don't|do not|didn't|did not) (?:know|understand|follow|have)\b|"
    r"\bdo not know\b|\bI(?: have|'ve)? never (?:learned|learnt|heard|met|read)\b|"
    r"\bI have (?:no|nothing)\b|\bI know nothing\b|"
    r"\bI(?: am|'m) (?:only )?(?:not able|unable|no good|not made|not sure what|too small|the wrong)\b|"
    r"\bI(?: would|'d) rather not\b|\bI have to pass\b|\bI (?:can )?only know\b|\ball (?:that )?I know\b|"
    r"\bI know [^.]*\bnot that\b|^(?:but )?not that\b|"
    r"\b(?:is|are|goes|lies) beyond (?:me|a small|what I)\b|\btoo (?:much|hard|large|difficult) for me\b|"
    r"\bmore than I can\b|\boutside (?:of )?what I\b|\bnot (?:a )?part of it\b|\bis not in it\b|"
    r"\bmy world is small\b|\bask (?:somebody|someone) else\b|\bno good at\b|\bI was (?:not|never) (?:made|trained)\b|"
    r"\bmeans nothing to me\b|\b(?:un|not )known to me\b|\b(?:is|are) new to me\b|\bno entry for\b|"
    r"\bnot my strength\b|\bsay that in other words\?|\bnothing I learned\b|\bask me about [^.]* instead\b",
    re.IGNORECASE,
)
OF_ITSELF = re.compile(
    r"\b(?:I|I'm|I've|I'd|me|my)\b|^(?:sorry|no|yes|please|hello|hi|thank you|you asked)\b", re.IGNORECASE
)
OPERATORS = {"times": operator.mul, "x": operator.mul, "*": operator.mul, "plus": operator.add, "+": operator.add}
OPERATORS |= {"minus": operator.sub, "-": operator.sub, "divided by": operator.truediv, "/": operator.truediv}
OF_TWO = {"product": operator.mul, "sum": operator.add, "difference": operator.sub}
NUMERAL = r"(\d[\d,]*(?:\.\d+)?)"
OTHER_LABEL = dict(("AB", "BA", "12", "21")) | {"first": "second", "second": "first"}
WINNER = re.compile(
    r"(?i:(?:it is|it's|that is|that's|I (?:would )?(?:pick|choose|say|take)) )?"
    r"(?i:(?:the|number|response|answer|option|letter) )*['\"(]?(A|B|1|2|(?i:first|second))\b['\")]?"
    r"(?! (?!is\b|are\b|because\b|since\b|as\b|and\b|answer\b|response\b|option\b|one\b|has\b|sounds\b)\w)"
)


def straight(text: str) -> str:
    """The text with typewriter's apostrophes, and without commas between thousands."""
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text.replace("’", "'").replace("‘", "'"))


@cache
def _key_pattern(key: str) -> re.Pattern:
    # "as" is no arsenic, nor "a" a letter of the alphabet
    exact = len(key) < 3 and not key.islower() and key.lower() in STOP_WORDS | {"no", "us"}
    start = r"(?<!\w)(?<!\w')(?<!\d\.)"
    return re.compile(rf"{start}{re.escape(key)}(?!\w)(?!'(?!s\b)\w)(?!\.\d)", 0 if exact else re.IGNORECASE)


def place_of(key: str, text: str) -> int | None:
    """Where the key first stands in the text as whole words, in any case; an apostrophe in a word is a letter of it."""
    found = _key_pattern(straight(key)).search(straight(text))
    return found.start() if found else None


def says_all(text: str, keys: Iterable[str]) -> bool:
    """True if every key stands in the text."""
    return all(place_of(key, text) is not None for key in keys)


def first_named(text: str, among: Iterable[str]) -> str | None:
    """Which of these the text names first; of two at one place the longer."""
    places = {key: place for key in among if (place := place_of(key, text)) is not None}
    return min(places, key=lambda key: (places[key], -len(key)), default=None)


def holds_answer(text: str, alternatives, among=()) -> bool:
    """True if the text has all strings of one alternative; of a choice between some, the first that it names counts."""
    if chosen := first_named(text, among):
        return any(chosen.lower() == key.lower() for keys in alternatives for key in keys)
    return any(says_all(text, keys) for keys in alternatives)


def declines(reply: str | None) -> bool:
    """True if the reply says that the model cannot do that, and nothing that is neither this nor about itself."""
    if reply is None:
        return True
    pieces = re.split(r"(?<=[.!?;])\s+|, but (?!(?:I|do) )", masked(straight(reply)).strip())
    found = [bool(DECLINING.search(piece)) for piece in pieces]
    return any(found) and all(
        declining or OF_ITSELF.search(piece) for declining, piece in zip(found, pieces, strict=True)
    )


def fact_rule(alternatives, among=()) -> Rule:
    """Right if the answer is there, refused if the reply declines; else it is wrong."""

    def rule(reply):
        refused = declines(reply)
        return {RIGHT: not refused and holds_answer(reply, alternatives, among), TURNED_DOWN: refused}

    return rule


def sum_in(request: str) -> str | None:
    """The result of the sum of two numbers that the request asks for, if it does."""
    if found := re.search(rf"{NUMERAL} ?({'|'.join(map(re.escape, OPERATORS))}) ?{NUMERAL}", request):
        sign, first, second = OPERATORS[found[2]], found[1], found[3]
    elif found := re.search(rf"({'|'.join(OF_TWO)}) of {NUMERAL} and {NUMERAL}", request):
        sign, first, second = OF_TWO[found[1]], found[2], found[3]
    else:
        return None
    first, second = (float(number.replace(",", "")) for number in (first, second))
    return None if sign is operator.truediv and not second else f"{sign(first, second):.10g}"


def foreign_rule(request: str) -> Rule:
    """For what the model cannot do: it says so. A sum that it does after all is no fault."""

    def rule(reply):
        result = sum_in(request)
        return {SAYS_SO: declines(reply), ELSE: not declines(reply) and not (result and says_all(reply, [result]))}

    return rule


def winner_of(reply: str) -> str | None:
    """The label that a verdict names: "A", "1", "first", ...; None if it does not begin with one."""
    verdict = json_object(reply)
    value = verdict.get("winner") if verdict else reply
    found = WINNER.match(str(value).strip())
    return (found[1].lower() if len(found[1]) > 1 else found[1]) if found else None


def winner_rule(label: str) -> Rule:
    return lambda reply: {RIGHT: winner_of(reply or "") == label}


def level_rule(level: int) -> Rule:
    """For a score from 1 to 5: the first number of the reply."""

    def rule(reply):
        found = re.search(r"(?<![\w.])[1-5](?![\w])", reply or "")
        return {
            RIGHT: bool(found) and int(found[0]) == level,
            "within one": bool(found) and abs(int(found[0]) - level) < 2,
        }

    return rule


def json_object(reply: str | None) -> dict | None:
    """The reply as an object of JSON, if it is one and nothing else."""
    try:
        value = json.loads(reply or "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def json_rule(keys: Iterable[str], alternatives, only=False) -> Rule:
    """Follows: an object of JSON with these keys (`only`: and no other), no value empty. Right: it has the answer."""
    keys = set(keys)

    def rule(reply):
        found = json_object(reply)
        follows = bool(found) and (set(found) == keys if only else set(found) >= keys)
        follows = follows and all(str(value).strip() for value in found.values())
        values = " | ".join(map(str, found.values())) if follows else ""
        return {FOLLOWS: follows, RIGHT: any(says_all(values, strings) for strings in alternatives)}

    return rule


def schema_rule(schema: dict) -> Rule:
    """Follows: an object with the properties of the schema, each of its type and among its enum."""
    kinds = {"string": str, "integer": int}

    def fits(value, wanted):
        return isinstance(value, kinds[wanted["type"]]) and value in wanted.get("enum", [value])

    def rule(reply):
        found, wanted = json_object(reply), schema["properties"]
        return {FOLLOWS: bool(found) and set(found) == set(wanted) and all(fits(found[k], wanted[k]) for k in wanted)}

    return rule
