"""One form for what can be written in several: contractions, possessives, numbers, times, dates and forms of a word.

`spelled_out("It isn't 1,000 €.")` is "it is not 1000 euro."; `base` and `substitutes` read the tables of the
world for verbs, plurals and synonyms.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

from helpers.files import DATA

FRACTIONS = {"½": "0.5", "¼": "0.25", "¾": "0.75", "⅛": "0.125", "⅓": "1/3", "⅔": "2/3", "⅕": "0.2"}
SMALL_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}
SMALL = {word: n for n, word in enumerate(SMALL_NUMBERS)} | TENS | {"dozen": 12}
BIG_NUMBERS = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
ORDINALS = {word: str(n) for n, word in enumerate(ORDINALS, start=3)} | {"twice": "2", "thrice": "3", "half": "0.5"}
NUMBER_WORD = "|".join((*SMALL, *BIG_NUMBERS))
NUMBER_WORDS = re.compile(
    rf"\b(?:a (?={'|'.join(BIG_NUMBERS)}\b))?(?:\d+(?:\.\d+)? (?={'|'.join(BIG_NUMBERS)}\b))?(?:{NUMBER_WORD})\b"
    rf"(?:(?:[ -]|,? and )(?:{NUMBER_WORD})\b)*"
)
TIME = re.compile(r"\b(\d{1,2})(?:[:.](\d\d))? ?(am|pm)\b|\b(\d{1,2}):(\d\d)\b(?!:)")


def compiled(*forms) -> tuple[tuple[re.Pattern, str | Callable], ...]:
    return tuple((re.compile(pattern), form) for pattern, form in forms)


CONTRACTIONS = compiled(  # in this order; only in texts with one of their marks
    (r"\b([ap])\.m\b\.?", r"\1m"),
    (r"\bcannot\b|\bcan't\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"\bshan't\b", "shall not"),
    (r"\bain't\b", "is not"),
    (r"n't\b", " not"),
    (r"\b(i)'m\b", r"\1 am"),
    (r"'re\b", " are"),
    (r"'ll\b", " will"),
    (r"'ve\b", " have"),
    (r"'d\b", " would"),
    (r"(?<=\w)'s\b|(?<=s)'(?=\s|$)", ""),
)
CONTRACTED = re.compile(r"'|cannot|[ap]\.m")
AMOUNT_FORMS = compiled(  # numbers are in digits by now
    (r"\b(\d{1,3})((?:[ ,]\d{3})+)(?![\d.]?\d)", lambda match: match[1] + re.sub(r"\D", "", match[2])),
    (r"\b(\d+)\.0+\b", r"\1"),
    (r"(?<=\d)(?:st|nd|rd|th)\b", ""),
    (r"\b1/2\b", "0.5"),
    (r"\b1/4\b", "0.25"),
    (r"\b3/4\b", "0.75"),
    (r"\bkilos?\b", "kilogram"),
    (r"\bper ?cent(?:age)?\b", "%"),
    (r"(?<=\d)%", " %"),
    (r"°(?! ?[cf]\b)|\bdegrees?\b(?! (?:celsius|fahrenheit))", " degree "),
    (r"\bdegrees? celsius\b|° ?c\b", " °c "),
    (r"\bdegrees? fahrenheit\b|° ?f\b", " °f "),
    (r"€ ?(\d[\d.]{0,20})|(?<!\d)(\d[\d.]{0,20}) ?(?:€|eur\b)", r"\1\2 euro"),
    (r"\$ ?(\d[\d.]{0,20}\d|\d)|(?<!\d)(\d[\d.]{0,20}) ?\$", r"\1\2 dollar"),
    (r"£ ?(\d[\d.]{0,20}\d|\d)|(?<!\d)(\d[\d.]{0,20}) ?£", r"\1\2 pound"),
    (r"(\d) ?m\b(?!/)", r"\1 metre"),
    (r"(\d) ?g\b", r"\1 gram"),
    (r"(\d) ?(?:l|lit(?:er|re)s?)\b", r"\1 litre"),
    (r"(\d) ?(?:h|hrs?)\b", r"\1 hour"),
    (r"(\d) ?mins?\b", r"\1 minute"),
)
AMOUNT = re.compile(r"[\d°€$£%]|kilo|per ?cent|degree")
SPELLINGS = compiled(  # British and American
    (r"(?<=met)er(?=s?\b)|(?<=cent)er(?=s?\b)|(?<=theat)er(?=s?\b)", "re"),
    (r"\b(\w{3,})our(?=s?\b|ed\b|ing\b|ful\b)", r"\1or"),
    (r"\b(\w{3,})is(?=e[sd]?\b|ing\b|ation)", r"\1iz"),
    (r"\bgrey", "gray"),
    (r"\bkm/h\b", "kilometre per hour"),
    (r"\bkm/s\b", "kilometre per second"),
    (r"\bu\.s\.(?:a\.)?|\bunited states(?: of america)?\b|\busa\b", "us"),
    (r"\bunited kingdom\b|\bu\.k\.", "uk"),
)
ORDINAL = re.compile(rf"\b(?:{'|'.join(ORDINALS)})\b")
MIDDAY, MIDNIGHT = re.compile(r"\bnoon\b|\bmidday\b"), re.compile(r"\bmidnight\b")
SHORT_UNITS = {"km": "kilometre", "cm": "centimetre", "mm": "millimetre", "kg": "kilogram", "mph": "mile"}
SIGNED = re.compile(r"(?:(?<![\d)] )(?<![\w)])-|\bminus |\bnegative )(\d+(?:\.\d+)?)")
PAST_HOUR = re.compile(r"\b(?:(0\.5 past |quarter past |quarter to )(\d{1,2})|()(\d{1,2}) o'clock)\b( ?[ap]m\b)?")
LIST_NUMBER = re.compile(r"(^|[.:;\n][ \t]*)\d{1,2}[.)]\s+(?=\S)")
FIRST_LISTED, NEXT_LISTED = re.compile(r"(?:^|[:.;\n] ?)1[.)]\s"), re.compile(r"(?:[.:;\n]|\w ) ?2[.)]\s")
WORD_OR_NUMBER = re.compile(r"\d+(?::\d\d|(?:\.\d+)+)?|[^\W\d_]+(?:['-][^\W\d_]+)*|°[cf]|%")
FUNCTION_WORDS = set(
    "a an the this that these those it its is are was were be been being am do does did has have had having i my me "
    "you your we our us they their them he she his her him of in on at to for from by with as and or but so if then "
    "than there here who whom whose which what when where how why can could will would shall should may might must "
    "about into onto up out off over under between through during before after also too very just only more most much "
    "many some any each all both other such own same let let's get got one".split()
)
WORLD_TABLES = DATA / "course" / "world"


@lru_cache(maxsize=8)  # a reply is read by several checks, one after the other
def spelled_out(text: str) -> str:
    """The text in lower case with one spelling of what has several; sentences and clauses stay."""
    for sign, number in FRACTIONS.items():
        text = text.replace(sign, f" {number}")
    text = unicodedata.normalize("NFKC", text).translate(str.maketrans("’‘ʼ−–", "'''--")).casefold()
    text = "\n".join(" ".join(line.split()) for line in text.splitlines())  # no pattern meets a long run of blanks
    if (first := FIRST_LISTED.search(text)) and NEXT_LISTED.search(text, first.end()):
        text = LIST_NUMBER.sub(r"\1", text)
    for pattern, form in CONTRACTIONS if CONTRACTED.search(text) else ():
        text = pattern.sub(form, text)
    text = ORDINAL.sub(lambda match: ORDINALS[match[0]], NUMBER_WORDS.sub(_in_digits, text))
    for pattern, form in (*(AMOUNT_FORMS if AMOUNT.search(text) else ()), *SPELLINGS):
        text = pattern.sub(form, text)
    text = MIDDAY.sub("12:00", MIDNIGHT.sub("0:00", PAST_HOUR.sub(_past_hour, text)))
    return TIME.sub(_in_24_hours, text)


def _in_digits(match: re.Match) -> str:
    """ "one million two hundred and fifty thousand" -> "1250000"; "9 million" -> "9000000"."""
    total, part = 0.0, 0.0
    for word in re.findall(r"\d+(?:\.\d+)?|[a-z]+", match[0]):
        if word in SMALL or word[0].isdigit():
            part += SMALL[word] if word in SMALL else float(word)
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in BIG_NUMBERS:
            total, part = total + (part or 1) * BIG_NUMBERS[word], 0.0
    return f"{total + part:.10g}" if total + part < 1e10 else f"{total + part:.0f}"


def _past_hour(match: re.Match) -> str:
    """ "half past 7" -> "7:30", "quarter to 8" -> "7:45", "7 o'clock" -> "7:00"."""
    how, hour = match[1] or match[3] or "", int(match[2] or match[4])
    minute = {"0.5 past ": 30, "quarter past ": 15, "quarter to ": -15}.get(how, 0)
    return f"{(60 * hour + minute) // 60}:{minute % 60:02d}" + (match[5] or "")


def _in_24_hours(match: re.Match) -> str:
    hour, minute, half, plain_hour, plain_minute = match.groups()
    if half is None:
        return f"{int(plain_hour)}:{plain_minute}"
    return f"{int(hour) % 12 + 12 * (half == 'pm')}:{minute or '00'}"


def word_list(text: str) -> list[str]:
    """The words and numbers of a text that is spelled out, in order."""
    return [SHORT_UNITS.get(word, word) for word in WORD_OR_NUMBER.findall(text)]


def words_from(text: str, place: int) -> Iterator[str]:
    """Those that begin at this place or later, one by one."""
    return (SHORT_UNITS.get(found[0], found[0]) for found in WORD_OR_NUMBER.finditer(text, place))


@cache
def _table(name: str) -> tuple[list[str], ...]:
    lines = (WORLD_TABLES / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    return tuple(line.split(",") for line in lines[1:])


@cache
def base_forms() -> dict[str, str]:
    """Form -> base form, of about a thousand verbs and 2,500 nouns; a comparative is a word of its own."""
    bases = {form: row[0] for row in _table("verbs") for form in row}
    return {row[1]: row[0] for row in _table("nouns")} | bases


@cache
def noun_forms() -> frozenset[str]:
    """The nouns of the table, one and many."""
    return frozenset(form for row in _table("nouns") for form in row)


@cache
def verb_forms() -> frozenset[str]:
    """All forms of the verbs of the table."""
    return frozenset(form for row in _table("verbs") for form in row)


@cache
def substitutes() -> dict[str, frozenset[str]]:
    """Base form -> words that can stand for it."""
    near: dict[str, set[str]] = {}
    for word, _, others in _table("synonyms"):
        for other in others.split("|"):
            near.setdefault(word, set()).add(other)
            near.setdefault(other, set()).add(word)
    for row in _table("countries"):  # Greece, Greek
        near.setdefault(row[0].casefold(), set()).add(row[5].casefold())
        near.setdefault(row[5].casefold(), set()).add(row[0].casefold())
    return {word: frozenset(others) for word, others in near.items()}


@cache
def opposites() -> dict[str, frozenset[str]]:
    """Word -> its opposites."""
    pairs = [(row[0], other) for row in _table("antonyms") for other in row[2].split("|")]
    pairs += [(other, word) for word, other in pairs]
    return {word: frozenset(other for one, other in pairs if one == word) for word, _ in pairs}


@lru_cache(maxsize=10_000)
def base(word: str) -> str:
    """The base form of a word, by the tables, else without the ending of a plural, a verb form or an adverb."""
    if word in base_forms():
        return base_forms()[word]
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("edly", ""), ("ed", ""), ("ly", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith(("ss", "us", "is")):
            word = word.removesuffix(ending) + instead
            break
    return base_forms().get(word, base_forms().get(word + "e", word)).removesuffix("e")


def near_words(words: set[str]) -> set[str]:
    """The base forms of these words, and what can stand for them."""
    found = {base(word) for word in words}
    full = {base_forms().get(word, word) for word in words} | words
    return found | {base(other) for word in full for other in substitutes().get(word, ())}
