"""One answer sentence in its parts: what it is about (its topic) and what it says of that (its value).

"The capital of Greece is Athens." and "Athens is the capital of Greece." have the same parts. Rewriting needs them:
the short answer is the value alone, and the same in other words begins with the other part.
"""

import re
from typing import NamedTuple

from helpers.politeness.voices import ORDINARY, QUOTED
from helpers.tools.course.families import article

LINKING_VERB = re.compile(r" (is|are|was|were|means|equals)( called| spelled| written| named| known as| located)?(?= )")
BEFORE_A_PLACE = re.compile(r"(?:in|at|on|near|between|from|part of|one of|made of|home to|worth)\b")
PASSIVE = re.compile(r"\w+ (?:by|in|with|into|for|as|to) (?!')")  # "built in 1920": no value that can stand alone
NOT_A_TOPIC = re.compile(r"(?:it|this|that|he|she|they|we|you|i|there|here)\b(?! \w+ [a-z])", re.IGNORECASE)
IN_PART = re.compile(r"In ([^,]+?),? (it|the numbers|the sentence|[\dA-Za-z']+) (is|are) (.+)")
SAME_WORD = re.compile(r"(?:an?|another|the) (?:synonym|antonym|opposite|other word|word|name)\b.* (?:for|of|to)\b")
A_PERSON = re.compile(
    r"the (?:person|author|writer|painter|composer|inventor|king|queen|president|founder|man|woman)\b"
)
MORE_LOWERED = re.compile(
    r"(?:Another|Sorted|He|It is|It was|This is|That is|These are|They are|There (?:is|are)|Guests|Tomorrow|Tell|"
    r"Add|Wash|From|Honey|Rice|Young|Too|Other|People|Somebody)\b"
)


class Parts(NamedTuple):
    """A sentence taken apart; the verb may have a participle ("is called")."""

    topic: str  # "the capital of Greece", as it stands inside a sentence
    verb: str
    value: str  # "Athens"
    kind: str  # "name", or "place" and "quality", which cannot be turned round
    left: str  # what stands before the verb in the sentence itself, and after it
    right: str


def masked(text: str) -> str:
    """The text with everything in quotation marks blotted out, as long as before."""
    return QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text)


def lowered(text: str) -> str:
    """The sentence as it stands after a comma: a first word that is no name loses its capital."""
    return text[:1].lower() + text[1:] if ORDINARY.match(text) or MORE_LOWERED.match(text) else text


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def count_words(text: str) -> int:
    return len(text.split())


def with_right_articles(text: str) -> str:
    """ "a apple" -> "an apple" and back, before words in small letters; "a" may be a letter that something is."""

    def right(found):
        return ("An" if found[1] == "A" else "an") if article(found[2]) == "an" else found[1]

    return re.sub(r"\b([Aa])n?(?= ((?!(?:one|is|in|are|and|or|of|on|at|as|if)\b)[a-z]\w+))", right, text)


def parse(text: str) -> Parts | None:
    """The parts of one plain sentence, or None if it is none, or has no value that can stand alone."""
    blotted = masked(text)
    if not text.endswith(".") or re.search(r"[.;:?!](?= )|[;?!]", blotted[:-1]) or ", and " in blotted:
        return None
    body = text[:-1]
    if match := re.fullmatch(r"There (?:are|is) (\d\S*) (.+?) in (.+)", body):
        return Parts(f"the number of {match[2]} in {match[3]}", "is", match[1], "name", "", "")
    if match := IN_PART.fullmatch(body):
        what = "the sentence" if match[2] == "it" else match[2]
        return Parts(f"{what} in {match[1]}", match[3], match[4], "name", "", "")
    verb = LINKING_VERB.search(blotted)
    if not verb or blotted.startswith("In ") or NOT_A_TOPIC.fullmatch(text[: verb.start()]):
        return None
    left, right = text[: verb.start()], body[verb.end() + 1 :]
    return None if not verb[2] and PASSIVE.match(right) else _arranged(left, verb[0].strip(), right)


def _arranged(left: str, verb: str, right: str) -> Parts:
    """The parts with the topic first, whichever side it stood on."""
    proper = not re.match(r"(?:The|An?|Another) [a-z'\d]", left)
    if re.match(r"The word '", left) and SAME_WORD.match(right):
        return Parts(right, verb, left.removeprefix("The word "), "name", left, right)
    if verb == "is" and proper and (re.match(r"the [a-z].* (?:of|for|in|from|on|to|used|that)\b", right)):
        return Parts(right, verb, left, "name", left, right)
    if verb == "is" and proper and re.match(r"[A-Z][^']*'s? [a-z]", right):
        return Parts(right, verb, left, "name", left, right)
    if BEFORE_A_PLACE.match(right):
        kind = "place"
    elif verb == "means" or re.match(r"[a-z]", right) and not re.match(r"(?:an?|the) ", right):
        kind = "name" if re.match(r"The (?:.* (?:of|for|used)\b|sentiment$)", left) and verb != "means" else "quality"
    else:
        kind = "name"
    return Parts(lowered(left), verb, right, kind, left, right)


def inverse(parts: Parts) -> str | None:
    """The sentence with its other part first, without a full stop; None where no person would turn it round."""
    topic, verb, value, kind, left, _ = parts
    if kind != "name" or verb not in ("is", "are", "was", "were") or not topic.startswith("the "):
        return f"{value} is what {topic} is called" if verb == "is called" and kind == "name" else None
    return f"{value} {verb} {topic}" if left and lowered(left) == topic or not left else f"{topic} {verb} {value}"


def slots(text: str) -> dict[str, str]:
    """What can fill a shape of manners.toml, from a sentence; only {text} if it cannot be taken apart."""
    parts = parse(text)
    if not parts:
        return {"text": text}
    topic, verb, value = parts[:3]
    pronoun = "they" if verb.startswith(("are", "were")) else "it"
    short = re.sub(r"^(it|they) (is|are)\b", lambda m: m[1] + {"is": "'s", "are": "'re"}[m[2]], f"{pronoun} {verb}")
    be = verb.split()[0]
    filled = {"text": text, "topic": topic, "Topic": capitalised(topic), "value": value, "kind": parts.kind}
    filled |= {"it": f"{pronoun} {verb} {value}", "its": f"{short} {value}", "Value": bare(value)}
    filled |= {"It": capitalised(filled["it"]), "Its": capitalised(filled["its"])}
    if parts.kind == "name":
        filled["That"] = f"{'Those are' if pronoun == 'they' else 'That is'} {topic}"
        filled["Ask"] = f"{'Who' if A_PERSON.match(topic) else 'What'} {be}"
        filled |= {"known": topic} if topic.startswith("the ") else {}
        if turned := inverse(parts):
            filled["inverse"] = turned
    return filled


def bare(value: str) -> str:
    """A value that stands alone, with a capital and without quotation marks around it."""
    quoted = re.fullmatch(r"'([^']*)'", value)
    return capitalised(quoted[1] if quoted else value)
