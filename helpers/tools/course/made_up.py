"""Made-up content, so that the course models learn to copy what they read and not what they know.

A third of it are invented words (`invented_word`): no list could hold what learners will type.
"""

import random

from helpers.files import DATA, read_toml

LISTS = read_toml(DATA / "course" / "made_up.toml")
SKELETONS = LISTS["skeletons"].strip().splitlines()
NOUN_LIST, ADJECTIVE_LIST, VERB_LIST, NAME_LIST = (
    LISTS[key].split() for key in ("nouns", "adjectives", "verbs", "names")
)
ONSETS, VOWELS, CODAS, ENDINGS = (LISTS["syllables"][key].split() for key in ("onsets", "vowels", "codas", "endings"))
NOTHING = [""] * 4  # a syllable may go without a coda, a word without an ending


def invented_word(rng: random.Random) -> str:
    """A pronounceable word that most likely nobody has written before, mostly 3 to 12 letters."""
    count = rng.choice((1, 1, 2, 2, 3))
    syllables = [rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(NOTHING + CODAS) for _ in range(count)]
    word = "".join(syllables) + rng.choice(NOTHING + ENDINGS)
    return word if len(word) > 2 else word + rng.choice("lmnrst")


def words_in_a_row(rng: random.Random) -> str:
    """Up to a dozen words without sense, every other one invented: only what is read says what comes next."""
    listed = NOUN_LIST + ADJECTIVE_LIST + VERB_LIST
    words = (invented_word(rng) if rng.random() < 0.5 else rng.choice(listed) for _ in range(rng.randint(1, 12)))
    return " ".join(words)


def made_up(rng: random.Random, invented: float = 0.35) -> tuple[str, str]:
    """A question and a neutral answer about nothing; `invented` is the share of words that exist nowhere."""

    def word(words):
        return invented_word(rng) if rng.random() < invented else rng.choice(words)

    slots = {slot: word(NOUN_LIST) for slot in "nm"} | {slot: word(ADJECTIVE_LIST) for slot in "ab"}
    slots |= {slot: word(NOUN_LIST + ADJECTIVE_LIST) for slot in "wxy"} | {"v": rng.choice(VERB_LIST)}
    slots |= {slot: word(NAME_LIST).capitalize() for slot in "NM"} | {"W": word(NAME_LIST + NOUN_LIST).capitalize()}
    slots |= {slot: rng.randrange(10 ** rng.choice((1, 2, 3, 4))) for slot in "DEF"}
    ask, answer = (part.format(**slots) for part in rng.choice(SKELETONS).split("|"))
    return ask, answer[0].upper() + answer[1:]
