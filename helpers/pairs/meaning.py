"""Whether a free rewrite still says what the original says: its facts, numbers and names, and what is denied.

`lost_meaning` needs no answer key. What an answer adds to its question is what it is there for: these words must be
found again, in some form; words of the question may go.
"""

import re

from helpers.pairs.denial import CLAUSE, PREFIXES, negated, opposite_words, turned_sides
from helpers.pairs.same_words import (
    FUNCTION_WORDS,
    SIGNED,
    base,
    base_forms,
    near_words,
    noun_forms,
    spelled_out,
    substitutes,
    verb_forms,
    word_list,
)
from helpers.records import InstructionRecord, contains_answer

# Words around facts that a rewrite may exchange or leave out.
PADDING = set(
    "call called name named know known say said mean means meaning equal equals make makes made go goes use used "
    "using be come comes give gives take takes put keep find please kindly approximately roughly around nearly almost "
    "exactly currently typically usually generally often sometimes always normally mostly mainly several various "
    "certain correct right answer example word form sentence question thing way type kind part number lot time first "
    "second last total result consist consists contain contains include includes including contain become becomes "
    "located place case person people someone something anyone want need like order amount due because since while "
    "although however therefore thus well now today really actually simply still already even again yes no not never "
    "longer "
    # courtesies: they may come and go
    "thank thanks sorry apologise apologize apologies hello hi dear regards sincerely welcome appreciate hope happy "
    "glad pleased delighted unfortunately afraid wish enjoy excuse pardon patience inconvenience kind mr mrs ms dr °c "
    "degree celsius indeed".split()
)
PARTICLES = {"de", "da", "van", "von", "der", "la", "of"}
FULL_NAME = re.compile(r"(?<![\w-])[A-Z][\w-]+(?:(?: (?:de|da|van|von|der|la|of))* [A-Z][\w-]+)+")
OPERATION = re.compile(
    r"\d\s*(?:times|plus|minus|multiplied|divided|x|×|[*+/÷=^-])|(?:times|plus|minus|by|multiply|"
    r"divide|add|[*+/÷=×])\s*\d"
)
INSIDE_SENTENCE = re.compile(r"(?<=[a-z,;'’\"”] )[\"“'‘]?([A-Z][\w-]+)(?:['’]s)?")
BELOW = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)(?: \S+){0,2} below")
VOCATIVE = re.compile(
    r",\s+(?:(?:my|dear|you|Mr|Mrs|Professor|Captain|Little|Miss|Sir|"
    r"Madam)\.?\s+)*[A-Z][\w-]+(?: [A-Z][\w-]+)?\s*(?=[.!?,]|$)"
)
AFFIRMED = re.compile(
    r"(?:of course|sure|certainly|yes|no|absolutely|gladly)\b[,!.]? i(?: would| will| can| am| have)?\b"
)


def carries(word: str) -> bool:
    """True for a word that carries a fact."""
    return (
        word not in FUNCTION_WORDS and word not in PADDING and (len(word) > 1 or not word.isascii() or word.isdigit())
    )


def has_key(text: str, key: str) -> bool:
    """True if the text has this string of an answer key, as whole words; numbers, dates and times in any spelling."""
    if contains_answer(text, [key]):
        return True
    wanted, given = word_list(spelled_out(key)), set(word_list(spelled_out(text)))
    if len(wanted) > 6 or not wanted or len(wanted) == 1 and not wanted[0][0].isdigit() and wanted[0] not in given:
        return False
    known = {base(one) for one in given} if len(wanted) > 1 else set()
    return all(_is_said(word, given, known, set()) for word in wanted)


# --- Words ------------------------------------------------------------------------------------------------------


def lost_words(record: InstructionRecord, reply: str) -> list[str]:
    """Words that the original adds to its question and that the reply has in no form, if they are too many to be
    mere rephrasing; a name or a number always counts, a verb half, and a lone verb not where all else is kept."""
    names = {name.casefold() for name in INSIDE_SENTENCE.findall(record.output)}
    asked = set(word_list(spelled_out(f"{record.instruction} {record.input}")))
    said = list(dict.fromkeys(word for word in word_list(spelled_out(record.output)) if carries(word)))
    added = [word for word in said if not {word, word.removesuffix("s")} & asked] or said
    forms = set(map(base, asked))
    added = [word for word in added if base(word) not in forms] or added  # classified, after "classify"
    given = set(word_list(spelled_out(reply)))
    known = near_words(given) | given
    lost = [word for word in added if not _is_said(word, given, known, asked)]
    of_names = parts_of_kept_names(record.output, lost)
    lost = [word for word in lost if word not in of_names]
    parts = [[word for word in word_list(part) if word in added] for part in CLAUSE.split(spelled_out(record.output))]
    least = 1 if len(added) <= MANY_WORDS else 3
    gone = [part for part in parts if len(part) >= least and set(part) <= set(lost) and not all(map(is_verb, part))]
    must = [word for word in lost if word[0].isdigit() and word != "1" or word in names]
    must += [word for part in gone for word in part]
    kept = [word for word in said if word not in lost and _is_said(word, given, known, set())]
    if all(map(is_verb, lost)) and len(kept) >= max(1, len(said) - len(lost)):
        return must
    weight = sum(0.5 if is_verb(word) or word.endswith("ly") else 1 for word in lost)
    allowed = next(share for most, share in ALLOWED_LOSS if len(added) <= most)
    return lost if lost and weight >= allowed * len(added) else list(dict.fromkeys(must))


MANY_WORDS = 8  # words that carry facts
ALLOWED_LOSS = ((4, 0.25), (MANY_WORDS, 0.34), (10**6, 0.5))  # of at most so many words that carry facts, this share


def parts_of_kept_names(original: str, lost: list[str]) -> set[str]:
    """Words of names of which another word is kept: "Cervantes" stands for "Miguel de Cervantes"."""
    names = [set(name.casefold().split()) for name in FULL_NAME.findall(original)]
    return {word for name in names if name - PARTICLES - set(lost) for word in name}


def is_verb(word: str) -> bool:
    """True for a form of a verb that is no noun as well: people say it in other words."""
    return word in verb_forms() and (word not in noun_forms() or word.endswith(("ed", "ing")))


def _is_said(word: str, given: set[str], known: set[str], asked: set[str]) -> bool:
    """True if the word stands in the reply; another form counts, unless the question has that form."""
    if any(prefix + word in given for prefix in PREFIXES):  # whether it is denied is another matter
        return True
    if word in given or given.intersection(SAME_NUMBER.get(word, ())) or word[0].isdigit() and _hour(word) & given:
        return True
    if word[0].isdigit() or base(word) in {base(other) for other in asked if other != word}:
        return False
    near = {base(other) for other in substitutes().get(base_forms().get(word, word), ())}
    return base(word) in known or bool(near & known) or any(_same_root(word, other) for other in given)


SAME_NUMBER = {"1": ("a", "an", "first", "once", "single"), "2": ("both", "second", "pair", "couple", "double")}
SAME_NUMBER |= {"50": ("0.5",), "25": ("0.25", "quarter"), "75": ("0.75",), "0.25": ("quarter",), "0": ("no", "none")}


def _hour(word: str) -> set[str]:
    """How an hour of the day can be said without its half of the day: 15:00 as 3:00 and 3."""
    hour, colon, minute = word.partition(":")
    if not colon:
        return set()
    short = str(int(hour) % 12 or 12)
    return {f"{short}:{minute}"} | ({hour, short} if minute == "00" else set())


def _same_root(one: str, other: str) -> bool:
    """True for words such as refund and refunded, sphere and spherical: five letters that begin both, or most."""
    length = max(5, min(len(one), len(other)) - 3)
    return one[:length] == other[:length] and not one[0].isdigit()


def other_names(record: InstructionRecord, reply: str) -> list[str]:
    """Names that nobody mentioned, if a name of the original is gone."""
    known, given = f"{record.instruction} {record.input} {record.output}".casefold(), reply.casefold()
    gone = [name for name in INSIDE_SENTENCE.findall(record.output) if name.casefold() not in given]
    new = [name.casefold() for name in INSIDE_SENTENCE.findall(VOCATIVE.sub("", reply))]
    plain = spelled_out(known)
    new = [name for name in new if name[:4] not in known and spelled_out(name) not in plain and carries(name)]
    return [name for name in new if name not in TAUNTS] if gone else []


TAUNTS = set(
    "united states kingdom einstein sherlock google wikipedia genius captain newton god jesus monday "
    "english internet ok mr mrs dr".split()
)


NUMBER_OR_TIME = re.compile(r"\d|noon|midday|midnight|clock|past|quarter|\b[ap]\.?m\b", re.IGNORECASE)


def other_numbers(known: str, reply: str) -> list[str]:
    """Numbers in digits that `known` has not in any spelling; those of a sum that the reply explains do not count."""
    if not NUMBER_OR_TIME.search(reply):
        return []
    plain = spelled_out(reply)
    explained = {
        number
        for found in OPERATION.finditer(plain)
        for number in re.findall(r"\d+(?:\.\d+)?", plain[found.start() - 8 : found.end() + 24])
    }
    there = set(word_list(spelled_out(known))) | explained | {"1"}
    in_digits = re.sub(r"(?<=\d)[, ](?=\d)", "", reply)
    written = {number for form in (r"\d+", r"\d+(?:\.\d+)?") for number in re.findall(form, in_digits)}
    written |= set(word_list(re.sub(r"[^\W\d]+", " ", reply)))
    return [
        word
        for word in word_list(plain)
        if word[0].isdigit() and word not in there and (word in written or ":" in word)
    ]


def other_signs(original: str, reply: str) -> list[str]:
    """Numbers below zero that the reply has above it, or the other way round."""
    one, two = spelled_out(original), spelled_out(reply)
    below = [set(SIGNED.findall(text)) | set(BELOW.findall(text)) for text in (one, two)]
    return sorted((below[0] ^ below[1]) & set(word_list(one)) & set(word_list(two)))


# --- Other replies ----------------------------------------------------------------------------------------------


OTHER_FUNCTION_WORDS = set(
    "der das und ist nicht ein eine dem mit auf für von zu sich auch es aus im el la los las una un es en de del que "
    "por con para se le les des est dans du et au aux avec sur qui il lo gli che di è per della sono non os um uma é "
    "dos em ao het een van voor niet och att det som på med av og til av å".split()
)


def another_language(original: str, reply: str) -> bool:
    """True if the original is English and the reply is not, by its letters or its function words."""
    letters = [[mark for mark in text if mark.isalpha()] for text in (original, reply)]
    latin = [sum(mark < "ɐ" for mark in marks) / max(1, len(marks)) for marks in letters]
    if latin[0] > 0.9 and latin[1] < 0.6:
        return True
    one, two = (re.findall(r"[^\W\d_]+", text.casefold()) for text in (original, reply))
    foreign, english = (
        [word for word in two if word in words and word not in one] for words in (OTHER_FUNCTION_WORDS, FUNCTION_WORDS)
    )
    return len(two) >= 3 and len(foreign) > len(english) + (len(english) > 0)


def answered(original: str, reply: str) -> bool:
    """True if the reply answers a request that the original makes, in place of making it."""
    return original.rstrip().endswith("?") and "?" not in reply and bool(AFFIRMED.match(spelled_out(reply)))


def lost_meaning(record: InstructionRecord, reply: str) -> list[str]:
    """What a free rewrite has changed, each as "kind: detail"."""
    known = f"{record.instruction} {record.input} {record.output}"
    return [
        *(f"fact lost: {word}" for word in lost_words(record, reply)),
        *(f"new name: {name}" for name in other_names(record, reply)),
        *(f"new number: {number}" for number in other_numbers(known, reply)),
        *(f"new number: the sign of {number} has changed" for number in other_signs(record.output, reply)),
        *(f"negated: {fault}" for fault in negated(record.output, reply)),
        *(f"swapped: {trio}" for trio in turned_sides(record.output, reply)),
        *(f"opposite: {pair}" for pair in opposite_words(f"{record.instruction} {record.input}", record.output, reply)),
        *(["another language: it is not the original's"] if another_language(record.output, reply) else []),
        *(["answered: the original asks, and the reply answers"] if answered(record.output, reply) else []),
    ]
