"""What a sentence says: the numbers in it, the comparisons that it makes, the sections and notebooks that it names."""

import re
from typing import NamedTuple

SMALL = {word: n for n, word in enumerate("one two three four five six seven eight nine ten".split(), start=1)}
TENS = {word: n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}
LARGE = "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
LARGE = {word: n for n, word in enumerate(LARGE.split(), start=11)} | {"dozen": 12, "one hundred": 100}
LARGE |= {word: 10 * n for word, n in TENS.items()}
LARGE |= {f"{ten}-{unit}": 10 * n + m for ten, n in TENS.items() for unit, m in SMALL.items() if m < 10}
PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
WORDS = SMALL | LARGE


def either(words) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


DIGITS = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[-+]?\d+)?"
UNITS = {"%": (100, 1), "percent": (100, 1), "per cent": (100, 1), "point": (100, 1), "points": (100, 1)}
UNITS |= {"million": (1e-6,), "thousand": (1e-3,)}
UNIT = rf"(?:\s?(?P<unit>%|(?:{either(UNITS.keys() - {'%'})})\b))?"
NUMBER = re.compile(
    r"(?P<about>\b(?:about|around|almost|nearly|over|roughly|some) )?"
    rf"(?<![\w.,/])(?<!\w[-–:])(?P<sign>[-+])?(?P<digits>{DIGITS})(?!\w|[.,:]\d){UNIT}"
)
MEASURE = r"%|per ?cent|points?|nats?|times|seconds?|minutes?"
WORD = re.compile(rf"\b(?P<word>{either(LARGE)}|(?:{either(SMALL)})(?=[ -](?:{MEASURE})\b))\b{UNIT}", re.IGNORECASE)
COUNT = rf"{either(WORDS)}|\d+"
RATIO = re.compile(
    rf"\b(?!one of)(?P<a>{COUNT}) (?:\w+ )?(?:in|of|out of) (?:the |every )?(?P<b>{COUNT})\b", re.IGNORECASE
)
PART = re.compile(
    rf"\b(?:(?P<a>{either(SMALL)}) )?(?P<half>half an? )?(?P<b>{either(PARTS)})s?\b(?= (?:of|as|the)\b)", re.IGNORECASE
)
NAMES = re.compile(  # what looks like a number and names something
    r"\b(?:equations?|eq\.|question|exercise|chapter|appendix|figure|Python|arXiv) \d+(?:\.\d+)?(?:[–-]\d+(?:\.\d+)?)?"
    r"|(?:\(|\b[A-Z]\w+ )(?:19|20)\d\d(?=[)\]])|\b95 %(?= (?:confidence )?intervals?)|^\*\*\d+\.\*\*",
)


class Number(NamedTuple):
    """A number in prose: how it is written, its value, half a unit of its last digit, the scales it may be told in."""

    text: str
    value: float
    slack: float
    scales: tuple[float, ...] = (1,)

    def is_one_of(self, values: set[float]) -> bool:
        """Whether one of the values, rounded as the prose rounds, is this number. A minus in the prose counts."""
        told = (scale * (value if self.value < 0 else abs(value)) for value in values for scale in self.scales)
        return any(abs(value - self.value) <= self.slack + 1e-9 for value in told)

    def is_exactly_one_of(self, values: set[float]) -> bool:
        return self._replace(slack=0).is_one_of(values)


def numbers(sentence: str) -> list[Number]:
    """Digits; words from eleven on, or before a unit ("two points"); shares such as "five of six" and "a third of"."""
    rest, found = NAMES.sub(" ", sentence.replace("−", "-")), []
    for match in RATIO.finditer(rest):
        a, b = (WORDS.get(match[side].lower()) or int(match[side]) for side in "ab")
        if a <= b and not (match["a"].isdigit() and match["b"].isdigit()):  # digits speak for themselves
            found.append(Number(match[0], a / b, 0.03))
            rest = rest.replace(match[0], " ", 1)
    for match in PART.finditer(rest):
        share = SMALL[(match["a"] or "one").lower()] / PARTS[match["b"].lower()]
        found.append(Number(match[0], share / 2 if match["half"] else share, 0.03))
    for match in NUMBER.finditer(rest):
        digits, unit = match["digits"].replace(",", ""), match["unit"] or ""
        value = -float(digits) if match["sign"] == "-" else float(digits)
        found.append(Number(match[0].strip(), value, slack(digits, unit, match["about"]), UNITS.get(unit, (1,))))
    for match in WORD.finditer(rest):
        unit = match["unit"] or ""
        found.append(Number(match[0], WORDS[match["word"].lower()], 0.5 if unit else 0, UNITS.get(unit, (1,))))
    return found


def slack(digits: str, unit: str, about: str | None) -> float:
    """Half a unit of the last digit, "about 1,500" has two; a count below ten is exact."""
    whole, _, decimals = digits.partition(".")
    if "e" in digits or (not decimals and not unit and len(whole) == 1):
        return 0
    zeros = len(whole) - len(whole.rstrip("0")) if about and len(whole) > 2 and not decimals else 0
    return 0.5 * 10 ** (zeros - len(decimals))


# Comparisons ---------------------------------------------------------------------------------------------------------

COMPARISONS = {  # words that compare by themselves ...
    "nearly all": r"(?:nearly|almost) (?:all|every|always|everything|none|nothing|never|no)",
    "most": r"most of|(?<!the )most (?:\w+ )?(?:are|is|were|was|lie|have)",
    "fewer": r"fewer",
    "as much as": r"(?:about|nearly|just|at least|half) as \w+(?: \w+){0,2} as"
    r"|as (?:much|many|often|good|high|low) as",
    "times": r"twice as|(?:two|three|four|five|six|eight|ten|\d+) times (?:as|more|the)",
    "rises": r"rises?|rose|risen|grows?|grew|grown|increases?|increased|(?:goes|went) up|improves?|improved",
    "falls": r"falls?|fell|fallen|shrinks?|shrank|decreases?|decreased|(?:goes|went) down|vanish(?:es|ed)"
    r"|drop(?:s|ped)?(?= to| by| from| again|[.,;])",
    "beats": r"beats?|beaten|outperforms?|overtakes?|wins? (?:over|against|most)",
    "difference": r"no (?:\w+ )?difference|differs? (?:from|by|most|little|clearly)|told apart|overlap",
}
# ... and words that do so after "is" or "far", or before "than": "is longer" compares, "the longer answer" names.
DEGREES = """higher highest, lower lowest, larger largest bigger biggest greater greatest, smaller smallest,
longer longest, shorter shortest, better best, worse worst, closer closest nearer nearest, further farther,
faster fastest, slower slowest, stronger strongest, weaker weakest, more, less"""
DEGREES = {words.split()[0]: either(words.split()) for words in DEGREES.split(",")}
VERBS = """is are was were be been becomes become became stays stay gets scores score ranks looks ends ended moves moved
does did works needs need takes took costs cost keeps keep kept has have had shows show holds
not far much clearly slightly somewhat even still little no any"""
AFTER = re.compile(rf"\b(?:{either(VERBS.split())})(?: (?:the|an?|its|not|no|\w+ly))? $", re.IGNORECASE)
BEFORE = re.compile(r"(?: [\w-]+){0,4} than\b| (?:to|from)\b| often\b| likely\b")
NEGATED = re.compile(r"\b(?:not|no|never|neither|nor|cannot|\w+n't)(?: \w+){0,2} $", re.IGNORECASE)
PATTERNS = {name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in (COMPARISONS | DEGREES).items()}


def claims(text: str, anywhere: bool = False) -> set[str]:
    """The comparisons that a text makes: "more", "not longer", "nearly all"; or all its words that could be one."""
    found = set()
    for name, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            before, after = text[: match.start()], text[match.end() :]
            if anywhere or name in COMPARISONS or AFTER.search(before) or BEFORE.match(after):
                found.add("not " * bool(NEGATED.search(before)) + name)
    return found


# References ----------------------------------------------------------------------------------------------------------

LIST = r"((?:(?:, | and |, and |–| or | to ){0}(?!\d))*)"
NOTEBOOK = re.compile(r"\b[Nn]otebooks? (\d\d)" + LIST.format(r"\d\d"))
SECTION = re.compile(r"\b[Ss]ections? (\d+)" + LIST.format(r"\d+"))
ELSEWHERE = re.compile(r"\b[Nn]otebook (\d\d), sections? (\d+)|\bsections? (\d+) of notebook (\d\d)")


class References(NamedTuple):
    """What a sentence names: sections of its own notebook, other notebooks, (notebook, section); and what is left."""

    rest: str
    sections: list[str]
    notebooks: list[str]
    elsewhere: list[tuple[str, str]]


def references(sentence: str) -> References:
    elsewhere = [(a or d, b or c) for a, b, c, d in ELSEWHERE.findall(sentence)]
    rest = ELSEWHERE.sub(" ", sentence)
    notebooks = listed(NOTEBOOK.findall(rest)) + [notebook for notebook, _ in elsewhere]
    rest = NOTEBOOK.sub(" ", rest)
    return References(SECTION.sub(" ", rest), listed(SECTION.findall(rest)), notebooks, elsewhere)


def listed(found: list[tuple[str, str]]) -> list[str]:
    """ "06–09" names all four, "06 and 09" two."""
    names = []
    for first, others in found:
        names.append(first)
        for sign, last in re.findall(r"(–| to )?\D*(\d+)", others):
            start = int(names[-1]) + 1 if sign else int(last)
            names += [str(n).zfill(len(last)) for n in range(start, int(last) + 1)]
    return names
