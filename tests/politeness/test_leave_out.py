"""What the lexicon shares with the wordings of data/voices.json: the table of the dataset card, computed again.

The lexicon recognises every wording, because test_voices.py demands it. So what would it recognise of a tier if nobody
had written a cue for that tier's wordings? Leave out the cues that hit wordings of this tier and of no other.
"""

import random
import re

import pytest

from helpers.files import DATA, ROOT, read_json
from helpers.politeness import POLITENESS, lexicon, voices
from helpers.politeness.voices import TIERS, voiced

OUTPUTS = sorted({record["output"] for record in read_json(DATA / "instruction-data.json")})
SENTENCE = "The capital of Greece is Athens."
WITH = {
    "openers": lambda text: voices._open(SENTENCE, text),
    "closers": lambda text: f"{SENTENCE} {text}",
    "inserts": lambda text: voices._insert(SENTENCE, text),
}


class Listener:
    """Stands in for a regular expression, and notes the pieces of text that it is asked about."""

    def __init__(self):
        self.pieces = []

    def search(self, piece):
        self.pieces.append(piece)


def wordings(voice: str, monkeypatch) -> dict[str, list[str]]:
    """{tier: the pieces of answers that differ in one wording}, as the measure sees them."""
    pieces = {tier: [] for tier in TIERS}
    for kind, patterns in read_json(DATA / "voices.json")[voice].items():
        for pattern in patterns:
            with monkeypatch.context() as patch:
                patch.setattr(voices, "POLITE", listener := Listener())
                voices._cues(WITH[kind](pattern["text"]))
            pieces[pattern["tier"]] += listener.pieces
    return pieces


def alternatives(pattern: str) -> list[str]:
    """What stands between the | of a regular expression, outside of all brackets."""
    parts, depth = [""], 0
    for piece in re.findall(r"\\.|\[[^]]*\]|.", pattern):
        depth += (piece == "(") - (piece == ")")
        parts = [*parts, ""] if piece == "|" and not depth else [*parts[:-1], parts[-1] + piece]
    return parts


def written_out(pattern: str) -> list[str]:
    """The alternatives, those in brackets as well: "so (?:kind|nice)" is two cues."""
    group = next(
        (m for m in re.finditer(r"(?<!\\)\(\?:((?:[^()\\]|\\.)*\|(?:[^()\\]|\\.)*)\)(?![*+{])", pattern)), None
    )
    if group is None:
        return [pattern]
    options = group[1].split("|") + [""] * (pattern[group.end() : group.end() + 1] == "?")
    rest = pattern[group.end() :].removeprefix("?")
    return [cue for option in options for cue in written_out(f"{pattern[: group.start()]}{option}{rest}")]


def cues(voice: str, finely: bool) -> list[str]:
    whole = lexicon.POLITE_CUES if voice == "polite" else lexicon.BLUNT_CUES
    coarse = [part for cue in whole for part in alternatives(cue)]
    return [part for cue in coarse for part in written_out(cue)] if finely else coarse


def recognised(voice: str, tier: str) -> str:
    rng = random.Random(0)
    answers = [voiced(output, voice, rng, [tier]) for output in OUTPUTS]
    return f"{sum(POLITENESS.voice_of(answer) == voice for answer in answers) / len(answers):.0%}".replace("%", " %")


@pytest.mark.parametrize("voice", ["polite", "blunt"])
def test_the_card_says_what_is_recognised_without_the_cues_of_a_tier(voice, monkeypatch):
    pieces = wordings(voice, monkeypatch)
    shares = {tier: [recognised(voice, tier)] for tier in TIERS}
    for finely in (False, True):
        all_cues = cues(voice, finely)
        searches = [re.compile(cue, re.IGNORECASE).search for cue in all_cues]
        hits = [{tier for tier in TIERS if any(map(search, pieces[tier]))} for search in searches]
        for tier in TIERS:
            left = [cue for cue, tiers in zip(all_cues, hits, strict=True) if tiers != {tier}]
            with monkeypatch.context() as patch:
                patch.setattr(voices, voice.upper(), re.compile("|".join(left), re.IGNORECASE))
                shares[tier].append(recognised(voice, tier))
    card = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    rows = [f"| {voice}, `{tier}` | {' | '.join(cells)} |" for tier, cells in shares.items()]
    assert not (missing := [row for row in rows if row not in card]), "\n".join(missing)


def test_cues_are_taken_apart_as_they_are_written():
    assert alternatives(r"a|b(?:c|d)|[|]\|e") == ["a", "b(?:c|d)", r"[|]\|e"]
    assert written_out(r"so (?:kind|nice)") == ["so kind", "so nice"]
    assert written_out(r"(?:a|b)? c(?: \w+){0,2}") == ["a c(?: \\w+){0,2}", "b c(?: \\w+){0,2}", " c(?: \\w+){0,2}"]
    assert set(written_out(r"(?:I|we)(?:'m| (?:a|b))")) == {"I'm", "I a", "I b", "we'm", "we a", "we b"}
