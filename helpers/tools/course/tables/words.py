"""Word forms: plurals, the forms of verbs, the degrees of adjectives. From lemminflect, chosen with wordfreq."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice

from helpers.tools.course.tables import wordnet as wn
from helpers.tools.course.tables.corrections import corrections, stopped, words_of

SHOWN_TO = 30_000  # how far down wordfreq's list the search for words goes
# What British English writes otherwise: counts only where WordNet knows the other spelling in the same first meaning.
BRITISH = [
    (r"or$", "our"), (r"or(s|ed|ing|able|ite|less|ful)$", r"our\1"), (r"er$", "re"),
    (r"iz(e|ed|ing|er|ation)$", r"is\1"),
    (r"yz(e|ed|ing)$", r"ys\1"), (r"ense$", "ence"), (r"og$", "ogue"), (r"el(er|ing|ed)$", r"ell\1"), (r"ay$", "ey"),
    (r"elry$", "ellery"), (r"illful$", "ilful"), (r"mold", "mould"), (r"l$", "ll"), (r"ill$", "il"), (r"ow$", "ough"),
    (r"eum$", "aeum"), (r"ment$", "ement"), (r"e", "ae"), (r"o", "ou"),
]  # fmt: skip


@cache
def zipf(word: str) -> float:
    """How common a word is: 3 is once in a million words, 6 once in a thousand."""
    import wordfreq

    return wordfreq.zipf_frequency(word, "en")


def british(word: str, pos: str) -> str:
    """The British spelling, where WordNet has both in the word's first sense."""
    keys = wn.senses().get((word, pos))
    if keys:
        same = set(wn.synsets()[keys[0]].lemmas)
        for pattern, other in BRITISH:
            spelling = re.sub(pattern, other, word, count=1)
            if spelling != word and spelling in same:
                return spelling
    return word


@cache
def common(kind: str, least: float = 0.25) -> list[str]:
    """British words whose uses are to this share of the kind, none of the stop list; the most common first."""
    import wordfreq

    pos, found = wn.POS[kind], {}
    for word in wordfreq.top_n_list("en", SHOWN_TO):
        if not re.fullmatch("[a-z]{2,}", word) or (word, pos) not in wn.senses() or share_of(word, pos) < least:
            continue
        word = british(word, pos)
        if not stopped(word) and word not in words_of("words", "left_out") and not inflected(word):
            found[word] = None
    return list(found)


def share_of(word: str, pos: str) -> float:
    """The share of this part of speech among the uses that WordNet's authors tagged; even where they tagged few."""
    uses = {p: wn.uses(word, p) + 0.5 for p in wn.FILES if (word, p) in wn.senses()}
    return uses.get(pos, 0) / sum(uses.values())


def inflected(word: str) -> bool:
    """Is it a plural, a past tense or a comparative rather than the plain form?"""
    import lemminflect

    lemmas = {lemma for forms in lemminflect.getAllLemmas(word).values() for lemma in forms}
    return word not in lemmas and any(zipf(lemma) > 2 for lemma in lemmas)


def form(word: str, tag: str) -> str | None:
    """The word's form for a Penn Treebank tag, or None where there is none: the one people write most."""
    import lemminflect

    fixed = corrections()["forms"].get(tag, {}).get(word)
    if fixed:
        return fixed
    forms = [f for f in lemminflect.getInflection(word, tag, inflect_oov=False) if f.isalpha()]
    if tag == "NNS":
        forms = [f for f in forms if f != word]  # sheep and its like are named in corrections.toml
    if re.search("[aeiou]l$", word) and word + "l" + tag_ending(tag) in forms:
        return word + "l" + tag_ending(tag)  # British: travelled
    return max(forms, key=zipf, default=None)


def tag_ending(tag: str) -> str:
    return {"VBD": "ed", "VBN": "ed", "VBG": "ing"}.get(tag, "")


def chosen(kind: str, count: int, good) -> list[str]:
    """The `count` most common words that are `good`, and those that corrections.toml adds."""
    words = list(islice(filter(good, common(kind, 0.15 if kind == "adjective" else 0.25)), count))
    added = corrections()["words"].get(f"{kind}s_too", "").split()
    return list(dict.fromkeys(words + added))


def counted(noun: str) -> bool:
    """Has it a plural that people write? Otherwise it is a noun that is not counted, or hardly."""
    plural = form(noun, "NNS")
    return bool(plural) and (plural == noun or zipf(plural) >= max(2.6, zipf(noun) - 1.7))


def nouns(count: int) -> Iterator[tuple[str, str]]:
    """(noun, plural)."""
    return ((noun, form(noun, "NNS")) for noun in chosen("noun", count, counted))


def verbs(count: int) -> Iterator[tuple[str, str, str, str, str]]:
    """(verb, past, participle, -ing form, third person)."""
    tags = ("VBD", "VBN", "VBG", "VBZ")

    def complete(verb):
        return all(form(verb, tag) for tag in tags) and min(zipf(form(verb, "VBD")), zipf(form(verb, "VBG"))) >= 2.6

    return ((verb, *(form(verb, tag) for tag in tags)) for verb in chosen("verb", count, complete))


def adjectives(count: int) -> Iterator[tuple[str, str, str]]:
    """(adjective, comparative, superlative), where people write both."""

    def graded(adjective):
        degrees = [form(adjective, tag) for tag in ("JJR", "JJS")]
        return all(degrees) and zipf(degrees[0]) >= 1.3 and zipf(degrees[1]) >= 1.0

    return ((word, form(word, "JJR"), form(word, "JJS")) for word in chosen("adjective", count, graded))
