"""How people type what they ask: slips of the keyboard, small letters, missing marks, chat words, greetings.

Every manner is a function of a `Draft` of the request and of the part, "train" or "held out"; a manner that does not
fit gives the text back. Whole manners are held out, and of the others some wordings of data/course/world/keyboard.toml.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from helpers.files import read_toml
from helpers.tools.course.parts import check_part, toml_key
from helpers.tools.course.world import WORLD

TYPING = read_toml(WORLD / "keyboard.toml")
NEIGHBOURS = {
    letter: near
    for row in (
        "q:wa w:qes e:wrd r:etf t:ryg y:tuh u:yij i:uok o:ipl p:ol a:qsz s:awdx d:sefc f:drgv g:fthb h:gyjn",
        "j:hukm k:jil l:kop z:asx x:zsdc c:xdfv v:cfgb b:vghn n:bhjm m:njk",
    )
    for letter, near in (pair.split(":") for pair in row.split())
}
# First words that may be written small after "Hi,".
SMALL_AFTER_COMMA = set(
    "what which who how tell give can could please do does is the where name say would will write find put on in if may"
    " spell add sort".split()
)
OPENINGS = re.compile(r"(hi|hello|hey|good|greetings|howdy|yo|excuse|dear|morning)\b", re.I)
QUOTED_WORD = re.compile(r"(?<!\w)'([^']+)'(?!\w)")
FACT_SLIPS = 0.04  # how often a slip may fall on a word of the fact itself


@dataclass(frozen=True)
class Draft:
    """What a manner must know of the request that it changes."""

    text: str
    rng: random.Random
    part: str = "train"
    fact_words: frozenset[str] = frozenset()  # in small letters
    known: frozenset[str] | set[str] = frozenset()  # words of other facts, which no slip may make
    fragile: bool = False  # the words of the fact are numbers, letters or the like: no slip falls on them
    keeps_case: bool = False  # small and large letters matter

    def entry(self, name: str):
        """A list or table of keyboard.toml, of this part."""
        return TYPING[name][toml_key(self.part)]


def dropped(word, at, rng):
    return word[:at] + word[at + 1 :]


def doubled(word, at, rng):
    if word[at] in word[at - 1 : at] + word[at + 1 : at + 2]:  # three in a row are no slip
        return word
    return twice(word, at)


def twice(word, at):
    return word[: at + 1] + word[at:]


def neighbour(word, at, rng):
    return word[:at] + rng.choice(NEIGHBOURS.get(word[at].lower(), word[at])) + word[at + 1 :]


def swapped(word, at, rng):
    at = max(at, 2)  # the first letter stays
    return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]


def stretched(word, at, rng):
    return word[: at + 1] + word[at] * rng.randint(2, 3) + word[at + 1 :]


def slip(draft: Draft, kind: Callable) -> str:
    """The text with one word mistyped, not at its first letter."""
    words = re.split(r"(\s+)", draft.text)
    spare = {
        at for at, word in enumerate(words) if word.isalpha() and len(word) > 3 and word.lower() not in draft.fact_words
    }
    own = {at for at, word in enumerate(words) if bare_word(word) in draft.fact_words and len(bare_word(word)) > 3}
    places = own if own and not draft.fragile and draft.rng.random() < FACT_SLIPS else spare
    if not places:
        return draft.text
    at = draft.rng.choice(sorted(places))
    core = max(re.findall(r"\w+", words[at]), key=len)
    wrong = kind(core, draft.rng.randrange(1, len(core)), draft.rng)
    if wrong.lower() in draft.known or wrong == core:
        return draft.text
    return "".join(words[:at] + [words[at].replace(core, wrong, 1)] + words[at + 1 :])


def bare_word(word: str) -> str:
    """The word in small letters without quotation and other marks; "" if it has a digit."""
    return "" if re.search(r"\d", word) else re.sub(r"^\W+|\W+$", "", word.lower())


def slip_of(kind: Callable) -> Callable[[Draft], str]:
    """The manner that makes one slip of that kind."""
    return lambda draft: slip(draft, kind)


def greeting(draft):
    if OPENINGS.match(draft.text):
        return draft.text
    words = draft.text.split(maxsplit=1)
    small = draft.text[0].lower() + draft.text[1:] if words[0].lower() in SMALL_AFTER_COMMA else draft.text
    return draft.rng.choice(draft.entry("greetings")).format(text=draft.text, small=small)


def thanks(draft):
    if not re.search(r"[A-Za-z0-9][')\]]*[?!.]$", draft.text):  # "... is ___." is not the end of a sentence
        return draft.text
    return f"{draft.text} {draft.rng.choice(draft.entry('thanks'))}"


def quotes(draft):
    marks = draft.rng.choice(draft.entry("quotes"))
    return QUOTED_WORD.sub(lambda found: marks[:1] + found[1] + marks[-1:], draft.text)


def chat_words(draft):
    text = draft.text
    for word, short in draft.entry("words").items():
        if not set(word.lower().split()) & draft.fact_words:
            text = re.sub(rf"(?<![\w'-]){re.escape(word)}(?![\w'-])", short, text)
    return text


def no_apostrophe(draft):
    return re.sub(r"(?<=[a-z])['’](?=(s|m|d|t|re|ve|ll)\b)", "", draft.text, flags=re.I)


def no_marks(draft):
    return re.sub(r"(?<=[\w'\"])[.,?!:;]+(?=\s|$)", "", draft.text)


def other_end(draft):
    ends = draft.entry("ends").get(draft.text[-1])
    if not ends or not re.search(r"[\w'\")]\W$", draft.text):
        return draft.text
    return draft.text[:-1] + draft.rng.choice(ends)


def double_blanks(draft):
    return re.sub(r" ", lambda _: "  " if draft.rng.random() < 0.3 else " ", draft.text)


def small_start(draft):
    return draft.text[0].lower() + draft.text[1:] if not draft.keeps_case else draft.text


def small(draft):
    return draft.text if draft.keeps_case else draft.text.lower()


def capitals(draft):
    return draft.text if draft.keeps_case else draft.text.upper()


def title(draft):
    if draft.keeps_case:
        return draft.text
    return re.sub(r"(?<![\w'])[a-z](?=[a-z])", lambda found: found[0].upper(), draft.text)


def dots(draft):
    return re.sub(r"(?<=\w\w) (?=\w)", lambda _: "... " if draft.rng.random() < 0.25 else " ", draft.text)


# In the order in which they are applied, with how often they are chosen.
TYPING_MANNERS: dict[str, tuple[Callable[[Draft], str], int]] = {
    "quotes": (quotes, 8),
    "greeting": (greeting, 6),
    "thanks": (thanks, 6),
    "chat words": (chat_words, 4),
    "no apostrophe": (no_apostrophe, 6),
    "dropped letter": (slip_of(dropped), 5),
    "doubled letter": (slip_of(doubled), 4),
    "neighbouring key": (slip_of(neighbour), 5),
    "swapped letters": (slip_of(swapped), 5),
    "stretched": (slip_of(stretched), 3),
    "other end": (other_end, 7),
    "no marks": (no_marks, 9),
    "dots": (dots, 3),
    "double blanks": (double_blanks, 2),
    "small start": (small_start, 6),
    "small": (small, 14),
    "capitals": (capitals, 4),
    "title": (title, 3),
}
HELD_OUT = ("swapped letters", "stretched", "dots", "title")


def manners(part: str) -> list[str]:
    """The names of the manners of a part: "train" has those that are not held out, "held out" has all."""
    check_part(part)
    return [name for name in TYPING_MANNERS if part == "held out" or name not in HELD_OUT]


def choose(rng: random.Random, part: str, plain: float = 0.35) -> list[str]:
    """The manners of one request, in the order of TYPING_MANNERS: none with probability `plain`, else one to three."""
    if rng.random() < plain:
        return []
    names = manners(part)
    weights = [TYPING_MANNERS[name][1] * (3 if name in HELD_OUT else 1) for name in names]
    chosen = set(rng.choices(names, weights, k=rng.choice((1, 1, 2, 2, 3))))
    return [name for name in TYPING_MANNERS if name in chosen]


def type_like(draft: Draft, names: list[str]) -> str:
    """The text as somebody with these manners would type it."""
    for name in names:
        typed = TYPING_MANNERS[name][0](draft)
        draft = replace(draft, text=typed)
    return draft.text
