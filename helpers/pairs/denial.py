"""What is denied and who does what: "not", "unsafe", "decrease", "Wood is heavier than iron"."""

import re
from itertools import islice

from helpers.pairs.same_words import FUNCTION_WORDS, base, opposites, spelled_out, verb_forms, word_list, words_from

NEGATORS = re.compile(r"\b(?:not|no|never|neither|nor|without|cannot|hardly|nothing|nobody|none)\b")
# What looks like a denial and is none; and denials of something else than the fact.
NO_DENIAL = re.compile(
    r"\bnot (?:only|just|to mention|exactly|surprising\w*|bad|that (?:hard|difficult|complicated)|so (?:hard|"
    r"difficult))\b|\bno (?:doubt|problem|wonder|later than|fewer than|less than|more than|matter|idea|need|rush|clue|"
    r"kidding|offen[cs]e|excuses?|surprise|trouble|worries|question|hurry|thanks?)\b|\bcan not (?:help but|wait|"
    r"believe|stress|thank|be bothered)\b|\bwhy not\b|\b(?:do|would|did|should|does|could|can|have|has) (?:you|i|we|"
    r"he|she|they|anyone|everyone|it) not\b|\b(?:do|does|did|would|could|should|can|have|has) not (?:you|we|they|he|"
    r"she|anyone|everyone|everybody)\b|\b(?:is|are|was) not (?:it|that|this|he|she) \w+\b|\bif (?:\w+ "
    r"){1,3}not\b[^,]*|\bwhether or not\b|\blike it or not\b|\bnot (?:rocket science|brain surgery|the \w+est)\b|"
    r"\bnever (?:mind|ever ask)\b|\bnone of your\b|\bnothing (?:else|more|simpler|easier)\b"
)
ELSEWHERE = set(
    base(word)
    for word in "know believe remember forget ask understand think tell see bother waste figure expect imagine guess "
    "hesitate worry learn listen hear care mind repeat explain pretend embarrass act hard difficult complicated "
    "obvious clear feel look wonder notice bore tire joke kid thank welcome apologise doubt realise pay".split()
)
CLAUSE = re.compile(r"[.!?;:,](?=\s|$)|\n|[()—\"“”]| - | - |\bbut\b|\band\b|\bor\b|\bbecause\b|\balthough\b|\bthough\b")
SENTENCE = re.compile(r"[^.!?\n]+(?:\.(?=\w)[^.!?\n]+)*[.!?]*")
PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis", "non-")


def clauses(text: str) -> list[list[str]]:
    """The words of each clause, of the sentences that are no question."""
    sentences = [found.group() for found in SENTENCE.finditer(spelled_out(text))]
    return [word_list(clause) for sentence in sentences for clause in CLAUSE.split(sentence) if clause.strip()]


def denied(plain: str) -> list[list[str]]:
    """For each denial in a text that is spelled out the next words that carry facts, up to three, within the clause."""
    found = []
    for sentence in (match.group() for match in SENTENCE.finditer(plain)):
        for clause in CLAUSE.split(sentence):
            for match in NEGATORS.finditer(clause):
                after = (word for word in words_from(clause, match.end()) if word not in FUNCTION_WORDS)
                if first := list(islice(after, 3)):
                    found.append(first)
    return found


def of_facts(plain: str) -> list[list[str]]:
    """The denials that may deny a fact: in no question, no set phrase, and not of what somebody knows or minds."""
    stated = " ".join(found.group() for found in SENTENCE.finditer(plain) if not found.group().rstrip().endswith("?"))
    denials = denied(NO_DENIAL.sub(" ", stated))
    return [denial for denial in denials if not {base(word) for word in denial[:2]} & ELSEWHERE]


def negated(original: str, reply: str) -> list[str]:
    """Facts that the reply denies and the original does not, or the other way round."""
    one, two, faults = spelled_out(original), spelled_out(reply), []
    if not (NEGATORS.search(one) or NEGATORS.search(two)):
        return _turned_round(one, two)
    for here, there, how in ((two, one, "is denied"), (one, two, "is no longer denied")):
        said = {base(word) for word in word_list(there)}
        elsewhere = {
            base(word) for clause in CLAUSE.split(there) if NEGATORS.search(clause) for word in word_list(clause)
        }
        for denial in of_facts(here):
            first = base(denial[0])
            if first in said and first not in elsewhere and not _has_opposite(there, denial):
                faults.append(f"{' '.join(denial)} {how}")
    return faults + _turned_round(one, two)


def _has_opposite(text: str, denial: list[str]) -> bool:
    """True if the text has a negative word for what is denied: "unsafe" for "not safe", "forbidden", "stop"."""
    words = set(word_list(text))
    negative = {prefix + word for prefix in PREFIXES for word in denial} & words
    return bool(negative or words & NEGATIVES)


NEGATIVES = set(
    "unable unlike avoid stop forbidden prohibited banned refuse refused fail fails failed lack lacks lacking hate "
    "hates dislike dislikes rather free nope zero except impossible false wrong incorrect far refrain without keep "
    "away".split()
)


def _turned_round(original: str, reply: str) -> list[str]:
    """ "unsafe" for "safe", or the other way round, without a denial that makes up for it."""
    one, two = ({part for word in word_list(text) for part in (word, *word.split("-"))} for text in (original, reply))
    pairs = [
        (word, word[len(prefix) :])
        for word in one ^ two
        for prefix in PREFIXES
        if word.startswith(prefix) and len(word) > len(prefix) + 3
    ]
    denials = NEGATORS.search(original) or NEGATORS.search(reply)
    return [
        f"{negative} against {plain}"
        for negative, plain in pairs
        if not denials and ((negative in one and plain in two - one) or (negative in two and plain in one - two))
    ]


def turned_sides(original: str, reply: str) -> list[str]:
    """ "Iron is heavier than wood" as "Wood is heavier than iron": the two sides of a verb or a comparison changed."""
    given = set(_triples(reply))
    return [
        f"{right} {middle} {left}"
        for left, middle, right in _triples(original)
        if (middle in verb_forms() or middle.endswith("er"))
        and left != right
        and (right, middle, left) in given
        and (left, middle, right) not in given
    ]


def _triples(text: str) -> list[tuple[str, str, str]]:
    """Each three words that carry facts, or are "by", in a row within a clause."""
    kept = [[word for word in clause if word not in FUNCTION_WORDS or word == "by"] for clause in clauses(text)]
    return [trio for words in kept for trio in zip(words, words[1:], words[2:], strict=False)]


def opposite_words(question: str, original: str, reply: str) -> list[str]:
    """Words of the original that are gone while their opposite has come."""
    known = set(word_list(spelled_out(f"{question} {original}")))
    plain = spelled_out(reply)
    given = set(word_list(plain))
    if NEGATORS.search(plain):
        return []
    gone = [word for word in word_list(spelled_out(original)) if word not in given]
    return [f"{word} against {other}" for word in gone for other in opposites().get(word, ()) if other in given - known]
