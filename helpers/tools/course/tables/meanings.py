"""What words mean: synonyms, antonyms and short definitions, from WordNet."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache

from helpers.tools.course.tables import wordnet as wn
from helpers.tools.course.tables.corrections import corrections, stopped, words_of
from helpers.tools.course.tables.words import british, common, zipf

OPEN_CLASSES = ("noun", "verb", "adjective", "adverb")
LONGEST = 12  # words of a definition
UNKIND = re.compile(r"\b(etc|offensive|disparaging|uncomplimentary|contemptible|Negro|Indian|stupid|inept)\b")
AT_MOST = 3  # synonyms or antonyms of a word


def usable(word: str, least: float = 3.2) -> bool:
    """A single common word in small letters that the stop list does not hold."""
    numeral = re.fullmatch("[ivxlc]+", word)
    return bool(re.fullmatch("[a-z]{3,}", word) and not numeral) and zipf(word) >= least and not stopped(word)


def akin(word: str, other: str) -> bool:
    """Spellings or derivations of one word: no learner takes one for a synonym of the other."""
    match = SequenceMatcher(None, word, other).find_longest_match()
    return match.size >= 0.75 * min(len(word), len(other)) and match.size >= 3


def synonyms_of(word: str, kind: str) -> list[str]:
    """Those that share the main sense of the word, and whose own main sense that is; the closest first."""
    pos, keys = wn.POS[kind], wn.senses().get((word, wn.POS[kind]), [])
    scores = {}
    for key in keys[:3]:
        own = wn.sense_share(word, pos, key)
        for lemma in {british(lemma, pos) for lemma in wn.synsets()[key].lemmas} - {word}:
            other = max(wn.sense_share(lemma, pos, key), 0)
            if own * other >= 0.3 and usable(lemma) and not akin(word, lemma):
                scores[lemma] = max(scores.get(lemma, 0), own * other + 0.02 * zipf(lemma))
    return sorted(scores, key=lambda lemma: (-scores[lemma], lemma))[:AT_MOST]


def synonyms(count: int) -> Iterator[tuple[str, str, str]]:
    """(word, kind, synonyms)."""
    return listed(count, synonyms_of, "synonyms")


def antonyms_of(word: str, kind: str) -> list[str]:
    """WordNet's antonyms of the word itself, from senses that count."""
    pos, found = wn.POS[kind], {}
    for key in wn.senses().get((word, pos), [])[:4]:
        synset = wn.synsets()[key]
        for sign, other, own_word, its_word in synset.pointers:
            if (
                sign == wn.ANTONYM
                and synset.lemmas[own_word - 1].lower() == word
                and wn.sense_share(word, pos, key) > 0.1
            ):
                lemma = british(wn.synsets()[other].lemmas[its_word - 1], pos)
                if usable(lemma, 2.6) and wn.sense_share(lemma, pos, other) > 0.1:
                    found[lemma] = None
    return list(found)[:AT_MOST]


def antonyms(count: int) -> Iterator[tuple[str, str, str]]:
    """(word, kind, antonyms)."""
    return listed(count, antonyms_of, "antonyms")


def listed(count: int, find, table: str) -> Iterator[tuple[str, str, str]]:
    """(word, kind, others) for common words of all kinds, less what corrections.toml takes away, with what it adds."""
    fixed, rows = corrections()[table], {}
    for kind in OPEN_CLASSES:
        dropped, replaced = fixed["dropped"].get(kind, {}), fixed["replaced"].get(kind, {})
        for word in filter(usable, common(kind)):
            unwanted = {*dropped.get(word, "").split(), *fixed["never"].split(), *unlike(word, fixed["pairs"])}
            others = [other for other in find(word, kind) if other not in unwanted]
            if others and not unwanted & {"*", word}:
                rows[word, kind] = "|".join(others)
        rows |= {(word, kind): others for word, others in replaced.items()}
    best = sorted(rows, key=lambda row: (-zipf(row[0]), row))[:count]
    return ((word, kind, rows[word, kind]) for word, kind in best)


@cache
def unlike(word: str, pairs: str) -> frozenset[str]:
    """The words that stand in one of the pairs with this word."""
    both = [pair.split(":") for pair in pairs.split()]
    return frozenset(b if a == word else a for a, b in both if word in (a, b))


def meanings(count: int) -> Iterator[tuple[str, str, str]]:
    """(noun, what it is a kind of, definition of at most twelve words)."""
    for noun in common("noun", 0.4):
        key = wn.senses()[noun, "n"][0]
        category, definition = category_of(noun, key), plain(wn.synsets()[key].definition)
        fixed = corrections()["meanings"]["replaced"].get(noun)
        if fixed:
            category, definition = fixed
        known = usable(noun, 3.0) and category and definition and not stopped(definition)
        if count and known and noun not in words_of("meanings", "dropped"):
            if fixed or wn.sense_share(noun, "n", key) >= 0.6 and not has_word(definition, noun):
                count -= 1
                yield noun, category, definition


def category_of(noun: str, key: str) -> str | None:
    """The nearest everyday kind above the meaning; None for names and for what is its own kind."""
    if noun not in wn.synsets()[key].lemmas or wn.synsets()[key].related(wn.INSTANCE_OF):
        return None
    for above in map(wn.synsets().get, wn.ancestors(key)):
        name = corrections()["categories"].get(above.lemmas[0], {}).get(str(above.field))
        if name:
            return None if has_word(name, noun) else name
    return None


def plain(definition: str) -> str | None:
    """The definition without brackets and second thoughts; None where it is still too long or not speakable."""
    text = re.sub(r"\s*\([^)]*\)", "", definition).split(";")[0].strip(" ,.")
    text = re.sub(r"^(any|one) of (several|various|numerous|many) ", "one of many ", text)
    if not re.fullmatch(r"[A-Za-z' ,-]+", text) or not 2 <= len(text.split()) <= LONGEST or UNKIND.search(text):
        return None
    text = " ".join(british(british(british(word, "n"), "a"), "v") for word in text.split())
    text = re.sub(r"\b(col|flav|tum|vap|lab|neighb|arm)or(s|ed|ing|less|ers)\b", r"\1our\2", text)
    return re.sub(r"\b(?!(?:over|under)?siz|seiz|priz|citiz)(\w{3,})iz(es|ed|ing|ers?|ations?)\b", r"\1is\2", text)


def has_word(text: str, word: str) -> bool:
    return word in text.split()
