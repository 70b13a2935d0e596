"""Three voices for one answer: polite, neutral and blunt. The facts stay as they are.

`voiced` adds patterns of data/voices.json to an answer. `politeness` measures any text by the lexicon (lexicon.py).
It never looks at the patterns, so patterns of every tier and the rewrites of a large language model are measured in
the same way; but whoever wrote the lexicon knew the patterns (data/README.md measures what that is worth).
"""

import random
import re
from collections.abc import Collection
from functools import cache

from helpers.files import DATA, CourseError, read_json
from helpers.politeness.lexicon import BLUNT, POLITE

VOICES = ("polite", "neutral", "blunt")
TIERS = ("pairs", "crowd", "unseen")  # in the preference pairs; only in the student's crowd; never seen by the student
STUDENT = ("pairs", "crowd")
COMPOSITIONS = {  # per cent
    ("opener",): 45,
    ("closer",): 15,
    ("opener", "closer"): 15,
    ("insert",): 10,
    ("opener", "insert"): 15,
}
MIXTURE = {"neutral": 0.45, "polite": 0.20, "blunt": 0.35}

# A first word that loses its capital after "Look,": no name, no letter ("A is ..."), no symbol ("In is ...").
ORDINARY = re.compile(
    r"(?:A|An|The|This|That|These|Those|There|It|Its|They|We|You|Yes|Your|My|His|Her|She|Each|Every|All|Both|"
    r"Some|Most|When|If|To|In|On|From|After|One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten)"
    r"(?= (?!is\b|Hague\b)[a-zA-Z'\"0-9])"
)
FIRST_WORD_STAYS = re.compile(r"[\d'\"]|I\b")
VERBS = "is|are|was|were|means|has"
VERB = re.compile(rf" ({VERBS}) (?=\S)")
QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|(?<!\w)‘[^’]*’(?!\w)|(?<!\w)'[^'\n]*'(?!\w)")


@cache
def _patterns() -> dict:
    """data/voices.json: voice -> "openers", "closers" or "inserts" -> list of {"text", "tier"}."""
    return read_json(DATA / "voices.json")


def _choices(voice: str, kind: str, tiers: Collection[str]) -> list[str]:
    return [pattern["text"] for pattern in _patterns()[voice][kind] if pattern["tier"] in tiers]


@cache
def _known(kind: str) -> tuple[str, ...]:
    """All patterns of one kind, longest first."""
    texts = (pattern["text"] for voice in ("polite", "blunt") for pattern in _patterns()[voice][kind])
    return tuple(sorted(texts, key=len, reverse=True))


@cache
def _inserted() -> re.Pattern:
    """A known insert in its place: after a verb, or a plain adverb before "means" and "has"."""
    commas = "|".join(re.escape(word) for word in _known("inserts") if word.startswith(","))
    adverbs = "|".join(word for word in _known("inserts") if not word.startswith(","))
    return re.compile(rf"( (?:{VERBS}))(?:{commas}| (?:{adverbs}))(?= )|( )(?:{adverbs}) (?=(?:means|has) )")


def _verb(text: str) -> re.Match | None:
    """The first place outside quotation marks where a word can be inserted."""
    return VERB.search(QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text))


def _insert(text: str, word: str) -> str:
    verb = _verb(text)
    if word.startswith(","):
        return f"{text[: verb.end() - 1]}{word} {text[verb.end() :]}"
    place = verb.start() + 1 if verb[1] in ("means", "has") else verb.end()  # "clearly has", "is clearly"
    return f"{text[:place]}{word} {text[place:]}"


def _open(text: str, opener: str) -> str:
    lowered = opener.endswith(",") and ORDINARY.match(text)
    return f"{opener} {text[0].lower() + text[1:] if lowered else text}"


def voiced(text: str, voice: str, rng: random.Random, tiers: Collection[str] = ("pairs",)) -> str:
    """The answer in a voice: an opener, a closer, an inserted word, or two of these (see COMPOSITIONS).

    tiers: those of TIERS whose patterns are used. A text without a place for an insert, or without a full stop before
    a closer, gets an opener instead. Raises CourseError for an empty text, an unknown voice or an unknown tier.
    """
    if voice not in VOICES or not tiers or not set(tiers) <= set(TIERS):
        raise CourseError(f"Unknown voice {voice!r} or tiers {tiers!r}. Voices: {VOICES}; tiers: {TIERS}.")
    if not text.strip():
        raise CourseError("An empty answer has no voice. Give voiced() a text with at least one word.")
    if voice == "neutral":
        return text
    parts = rng.choices(list(COMPOSITIONS), weights=COMPOSITIONS.values())[0]
    possible = {"insert": _verb(text) is not None, "closer": text[-1] in ".!?", "opener": True}
    parts = {part if possible[part] else "opener" for part in parts}
    openers = _choices(voice, "openers", tiers)
    if not (ORDINARY.match(text) or FIRST_WORD_STAYS.match(text)):  # "Look, Birds sing." is wrong
        openers = [opener for opener in openers if not opener.endswith(",")]
    if "insert" in parts:
        text = _insert(text, rng.choice(_choices(voice, "inserts", tiers)))
    if "opener" in parts:
        text = _open(text, rng.choice(openers))
    if "closer" in parts:
        text = f"{text} {rng.choice(_choices(voice, 'closers', tiers))}"
    return text


def without_ends(text: str, openers: Collection[str], closers: Collection[str]) -> tuple[str, str]:
    """(opener, rest): the first opener that the text begins with, or "", and the text without it and a closer."""
    opener = next((known for known in openers if text.startswith(known + " ")), "")
    text = text[len(opener) :].lstrip() if opener else text
    closer = next((known for known in closers if text.endswith(" " + known)), "")
    return opener, text[: len(text) - len(closer)].rstrip() if closer else text


def strip_voice(text: str) -> str:
    """The answer without the known patterns (of all tiers) at its start, at its end and at a verb."""
    opener, text = without_ends(text, _known("openers"), _known("closers"))
    if opener.endswith(",") and ORDINARY.match(text[:1].upper() + text[1:]):
        text = text[0].upper() + text[1:]
    return _inserted().sub(r"\1\2", text, count=1)


def _cues(text: str) -> tuple[int, int]:
    """How many pieces of the text (up to the next punctuation) hold a polite cue, and how many a blunt one.

    What is quoted inside the text is left out: a synonym for 'glad' is not a polite word.
    """
    text = text.strip().replace("’", "'")
    if re.fullmatch(r"\"[^\"]*\"|“[^”]*”", text):  # language models like to quote the whole answer
        text = text[1:-1]
    pieces = re.findall(r"[^.!?;:,()\n—–]+[.!?;:,]?", QUOTED.sub("_", text))
    return tuple(sum(bool(cues.search(piece.strip(" ,;:"))) for piece in pieces) for cues in (POLITE, BLUNT))


def politeness(text: str) -> int:
    """1 very blunt (two or more pieces with a cue), 2 blunt, 3 neutral, 4 polite, 5 very polite."""
    polite, blunt = _cues(text)
    return 3 + max(-2, min(2, polite - blunt))


def voice_mixture(records, seed: int) -> list[str]:
    """The answers in a mixture of voices: 45 % neutral, 20 % polite, 35 % blunt, up to rounding.

    It has the patterns of the preference pairs and those that are only in the crowd, not those that stay unseen.
    records: dictionaries with the key "output", or objects with that attribute. Keeps their order.
    """
    rng, outputs = random.Random(seed), _outputs(records)
    polite, blunt = (round(MIXTURE[voice] * len(outputs)) for voice in ("polite", "blunt"))
    voices = ["polite"] * polite + ["blunt"] * blunt + ["neutral"] * (len(outputs) - polite - blunt)
    rng.shuffle(voices)
    return [voiced(output, voice, rng, STUDENT) for output, voice in zip(outputs, voices, strict=True)]


def requested_voices(records, seed: int) -> list[tuple[str, str]]:
    """(voice, answer) for questions that ask for a voice: polite or blunt, by a seeded coin; see `voice_mixture`."""
    rng = random.Random(f"on request {seed}")
    voices = [(rng.choice(("polite", "blunt")), output) for output in _outputs(records)]
    return [(voice, voiced(output, voice, rng, STUDENT)) for voice, output in voices]


def _outputs(records) -> list[str]:
    return [record["output"] if isinstance(record, dict) else record.output for record in records]
