"""Manners of an answer besides politeness: longer or shorter, more or less formal, simpler or more complicated.

`in_manner` says a neutral sentence in such a manner, by the patterns of data/course/world/manners.toml, and leaves its
facts alone. `manner_of` measures any text by lexicon and length, and never looks at openers, closers or shapes. Each
fifth pattern is held out.
"""

import random
import re
from functools import cache

from helpers.files import CourseError, read_toml
from helpers.politeness.voices import without_ends
from helpers.tools.course.made_up import NAME_LIST
from helpers.tools.course.parts import of_part
from helpers.tools.course.sentences import (
    capitalised,
    count_words,
    lowered,
    masked,
    parse,
    slots,
    with_right_articles,
)
from helpers.tools.course.world import WORLD

MANNERS = read_toml(WORLD / "manners.toml")
POLES = {  # pole -> what it changes, and towards which end of its scale from 1 to 5
    "longer": ("length", 1),
    "shorter": ("length", -1),
    "more formal": ("formality", 1),
    "less formal": ("formality", -1),
    "simpler": ("simplicity", 1),
    "more complicated": ("simplicity", -1),
}
FIRST_NAMES, CITIES = NAME_LIST[: NAME_LIST.index("Boston")], NAME_LIST[NAME_LIST.index("Boston") :]
SCALES = {"length": ("longer", "shorter"), "formality": ("more formal", "less formal")}
SCALES |= {"simplicity": ("simpler", "more complicated")}
WORD_POLES = {"less formal": ("casual", 1), "more formal": ("casual", 0), "more complicated": ("hard", 1)}
WORD_POLES |= {"simpler": ("hard", 0)}  # pole -> list of words, and whether it marks (1) or unmarks (0) a sentence
WAYS = {"opener": 5, "closer": 2, "both": 2, "insert": 2, "shape": 6}
ONLY_NAMES = re.compile(r"\{(?:value|Value|That|Ask|inverse|known)\}")
LENGTHS = (2, 3, 14, 20)  # words: the most that level 1, 2, 3 and 4 of an answer have whose source is not known


def in_manner(text: str, pole: str, rng: random.Random, part: str = "train", keep=()) -> str:
    """The sentence in the manner of a pole; `keep` are words that no other may replace (the answer itself).

    Any manner that it has is taken off first. It comes back as it was if it cannot be shortened. CourseError for an
    unknown pole or part.
    """
    if pole not in POLES:
        raise CourseError(f"There is no manner {pole!r}: choose one of {', '.join(POLES)}.")
    neutral = without_manner(text)
    if pole == "shorter":
        return shorter(text, neutral, rng, part, keep)
    replaced = with_words(neutral, pole, part, keep)
    if replaced != neutral:
        return replaced
    ready = with_terms(neutral, pole, part, keep)
    if ready != neutral and (pole != "longer") and rng.random() < 0.5:
        return ready
    return decorated(neutral, pole, rng, part)


def decorated(text: str, pole: str, rng: random.Random, part: str) -> str:
    """The sentence with an opener, a closer or an insert, or said anew by a shape."""
    lists, filled, parts = MANNERS[pole], slots(text), parse(text)
    shapes = [shape for shape in of_part(lists.get("shapes", []), part) if fits(shape, filled, pole)]
    can = {way: weight for way, weight in WAYS.items() if way != "shape" or shapes}
    if "inserts" not in lists or not parts or not parts.left or parts.kind != "name":
        del can["insert"]
    way = rng.choices(list(can), list(can.values()))[0]
    if way == "shape":
        return said(rng.choice(shapes), filled)
    if way == "insert":
        return f"{parts.left} {parts.verb}{rng.choice(of_part(lists['inserts'], part))} {parts.right}."
    if way in ("opener", "both"):
        text = opened(text, rng.choice(of_part(lists["openers"], part)))
    return text if way == "opener" else f"{text} {rng.choice(of_part(lists['closers'], part))}"


def fits(shape: str, filled: dict, pole: str) -> bool:
    """Whether the sentence has what the shape needs."""
    if filled.get("kind") != "name" and pole != "shorter" and ONLY_NAMES.search(shape):
        return False
    return all(slot in filled for slot in re.findall(r"\{(\w+)\}", shape))


def said(shape: str, filled: dict) -> str:
    """The shape, filled. A quoted sentence at the end keeps one full stop."""
    return re.sub(r"([.!?])\.$", r"\1", capitalised(shape.format(**filled)))


def opened(text: str, opener: str) -> str:
    """The opener and the sentence, which loses its capital where it goes on."""
    return f"{opener} {text if opener[-1] in '.!?:' else lowered(text)}"


def shorter(text: str, neutral: str, rng: random.Random, part: str, keep=()) -> str:
    """Fewer words: without what made it longer, or its bare value; unchanged if it has neither."""
    filled, most = slots(neutral), count_words(text)
    shapes = of_part(MANNERS["shorter"]["shapes"], part)
    said_anew = [said(shape, filled) for shape in shapes if fits(shape, filled, "shorter")]
    kept = [short for short in said_anew if all(word.lower() in short.lower() for word in keep)]
    fewer = [short for short in kept if count_words(short) < most]
    if fewer and part == "train" and rng.random() < 0.5:
        fewer = fewer[:2]
    core = with_terms(neutral, "shorter", part, keep)
    if count_words(neutral) < most:
        fewer = [neutral] * max(1, len(fewer)) + fewer
    elif count_words(core) < most:
        fewer.append(core)
    return rng.choice(fewer) if fewer else text


def with_terms(text: str, pole: str, part: str, keep=()) -> str:
    """The sentence with the first term of the pole that it has replaced, if its facts survive that."""
    for pattern, term in of_part(MANNERS[pole].get("terms", []), part):
        changed = re.sub(pattern, term, text, count=1, flags=re.IGNORECASE)
        if changed != text and facts_kept(text, changed) and all(word in changed for word in keep):
            return capitalised(changed)
    return text


def with_words(text: str, pole: str, part: str, keep=()) -> str:
    """The sentence with hard words made easy, casual ones standard, and back where the list's own sentence has them."""
    if pole not in WORD_POLES:
        return text
    kept = {word.lower() for word in keep}
    for match in reversed(list(_words(pole, part).finditer(masked(text)))):
        (start, end), old = match.span(), match[0].lower()
        for new in [] if old in kept else _replacements(pole, part, old, text[:start], text[end:]):
            new = capitalised(new) if start == 0 else new
            text = with_right_articles(text[:start] + new + text[end:])
    return text


def _replacements(pole: str, part: str, old: str, before: str, after: str) -> list[str]:
    """The one word that stands for `old`, if there is one; marked words only where their own sentence has them."""
    kind, marks = WORD_POLES[pole]
    for marked, plain, sentence in of_part(MANNERS["words"][kind], part):
        if not marks and marked.lower() == old:
            return [plain]
        if marks and plain.lower() == old and in_its_place(sentence, before, after):
            return [marked]
    return []


def in_its_place(sentence: str, before: str, after: str) -> bool:
    """Whether the words on both sides are those that the sentence has on both sides of {w}; any fits a slot."""
    left, right = sentence.split("{w}")
    left, right = left.split()[-1:], right.split()[:1]
    pairs = zip(left + right, before.split()[-1:] + after.split()[:1], strict=False)
    articles = {"a", "an"}
    return bool(left) == bool(before.strip()) and all(
        want[0] == "{" or want == word or {want.lower(), word.lower()} <= articles for want, word in pairs
    )


@cache
def _words(pole: str, part: str) -> re.Pattern:
    """The words that the pole replaces."""
    kind, marks = WORD_POLES[pole]
    words = sorted({row[marks] for row in of_part(MANNERS["words"][kind], part)}, key=len, reverse=True)
    either = "|".join(map(re.escape, words))
    return re.compile(rf"(?<![\w'-])(?:{either})(?![\w'-])", re.IGNORECASE)


def everyday(rng: random.Random, kind: str, part: str) -> tuple[str, str, str]:
    """A sentence of everyday life with a marked word ("hard", "casual"), the same with the plain one, and the word."""
    word, plain, sentence = rng.choice(of_part(MANNERS["words"][kind], part))
    n, m = rng.sample(FIRST_NAMES, 2)
    slots = {"N": n, "M": m, "C": rng.choice(CITIES), "D": rng.randint(2, 12)}
    marked, plain = (with_right_articles(capitalised(sentence.format(w=choice, **slots))) for choice in (word, plain))
    return marked, plain, word


def manner_of(text: str, source: str | None = None) -> dict[str, int]:
    """Scale ("length", "formality", "simplicity") -> level from 1 to 5 of any text; 3 is neutral.

    More is longer, more formal, simpler. Length is measured against the source, or by itself if there is none.
    """
    return {scale: level_of(text, scale, source) for scale in SCALES}


def level_of(text: str, scale: str, source: str | None = None) -> int:
    """One level of `manner_of`."""
    if scale == "length":
        words, before = count_words(text), count_words(source) if source else 0
        if not before:
            return 1 + sum(words > most for most in LENGTHS)
        return 3 + (words > before) - (words < before) + (words >= 2 * before) - (2 * words <= before)
    up, down = ("formal", "informal") if scale == "formality" else ("simple", "complicated")
    return 3 + max(-2, min(2, cues(text, up) - cues(text, down)))


def cues(text: str, kind: str) -> int:
    """How many pieces of the text, each up to the next punctuation, have a cue of this kind; quoted words have none."""
    pieces = re.findall(r"[^.!?;:,()\n]+[.!?;:,]?", masked(text.replace("’", "'")))
    return sum(bool(_manner_cues(kind).search(piece.strip(" "))) for piece in pieces)


@cache
def _manner_cues(kind: str) -> re.Pattern:
    words = {"complicated": "hard", "informal": "casual"}.get(kind)
    listed = [rf"\b{re.escape(word)}\b" for word, _, _ in MANNERS["words"][words]] if words else []
    return re.compile("|".join(MANNERS["cues"][kind] + listed), re.IGNORECASE)


def facts(text: str) -> list[str]:
    """What no manner may change: numbers, what is quoted, and names (capitals inside the sentence)."""
    quoted = re.findall(r"(?<!\w)'([^'\n]+)'(?!\w)", text)
    return quoted + re.findall(r"\d[\d.,]*\d|\d", text) + re.findall(r"(?<=[\w,] )[A-Z][\w-]*", masked(text))


def facts_kept(text: str, changed: str) -> bool:
    """True if all facts of the text stand in the changed one."""
    return all(fact in changed for fact in facts(text))


def without_manner(text: str) -> str:
    """The text without the known openers, closers, inserts and shapes. Replaced words stay as they are."""
    for _ in range(3):
        stripped = _without_shape(_without_ends(_manner_inserts().sub(r"\1", text)))
        if stripped == text:
            break
        text = stripped
    return text


def _without_ends(text: str) -> str:
    opener, text = without_ends(text, _known_ends("openers"), _known_ends("closers"))
    return capitalised(text) if opener else text


def _without_shape(text: str) -> str:
    for shape in _shapes():
        if match := shape.fullmatch(text):
            found = match.groupdict()
            if found.get("text"):
                return found["text"]
            if found.get("topic") and found.get("value"):
                verb = (found.get("verb") or "is").replace("'s", "is").replace("'re", "are")
                return f"{capitalised(found['topic'])} {verb} {found['value']}."
    return text


@cache
def _known_ends(kind: str) -> tuple[str, ...]:
    """All patterns of one kind, longest first."""
    return tuple(sorted((known for pole in POLES for known in MANNERS[pole].get(kind, [])), key=len, reverse=True))


@cache
def _manner_inserts() -> re.Pattern:
    commas = "|".join(map(re.escape, _known_ends("inserts")))
    return re.compile(rf"( (?:is|are|was|were|means|equals)(?: called| spelled| written| named)?)(?:{commas})(?= )")


@cache
def _shapes() -> tuple[re.Pattern, ...]:
    """Each shape as a regular expression with the groups text, or topic, verb and value; the longest first."""
    it = r"(?:it|they) (?P<verb>(?:is|are|was|were)(?: called| spelled| written| named)?|means|equals) (?P<value>.+)"
    its = it.replace("(?:it|they) ", "(?:it|they)(?: |(?='))").replace("(?:is|are|", "(?:'s|'re|is|are|")
    groups = {"text": "(?P<text>.+?[.])", "topic": "(?P<topic>.+?)", "value": "(?P<value>.+?)", "inverse": ".+?"}
    groups |= {"Topic": groups["topic"], "it": it, "It": it.replace("it|they", "It|They"), "its": its}
    groups |= {"Its": its.replace("it|they", "It|They"), "That": r"(?:That is|Those are) (?P<topic>the .+?)"}
    groups |= {"known": groups["topic"], "Ask": r"(?:What|Who) (?:is|are|was|were)"}
    shapes = (shape for pole in POLES if pole != "shorter" for shape in MANNERS[pole]["shapes"])
    return tuple(re.compile(_grouped(shape, groups)) for shape in sorted(shapes, key=len, reverse=True))


def _grouped(shape: str, groups: dict) -> str:
    pieces = re.split(r"\{(\w+)\}", shape)
    pattern = "".join(groups[p] if i % 2 else re.escape(p) for i, p in enumerate(pieces))
    if "{text}" in shape:  # only the sentence counts
        pattern = re.sub(r"\(\?P<(?:topic|value|verb)>", "(?:", pattern)
    return pattern
