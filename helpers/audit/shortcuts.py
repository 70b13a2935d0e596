"""Checks of the whole set: can chosen be told from rejected by something that is not the preference?"""

import random
import re
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from helpers.audit.findings import AuditSettings, Finding, Material, skipped
from helpers.pairs.checks import prompt_key
from helpers.politeness.voices import politeness

# A word, a punctuation mark, or one character of a script that puts no spaces between its words.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0eff]|[^\W_]+(?:['’][^\W_]+)*|[^\w\s]")
PHRASES = 20_000  # the most frequent words and pairs of words; bounds memory


def longer_wins(pairs: list[dict]) -> float:
    """How often the chosen side is the longer one, of the pairs that differ in length (in characters)."""
    lengths = [(len(pair["chosen"]), len(pair["rejected"])) for pair in pairs]
    longer = [chosen > rejected for chosen, rejected in lengths if chosen != rejected]
    return sum(longer) / len(longer) if longer else 0.5


def length_shortcut(material: Material) -> Finding:
    """ "Take the longer one" must be about as good as a coin."""
    check, (low, high) = "length shortcut", material.settings.length
    differing = sum(len(row["chosen"]) != len(row["rejected"]) for row in material.rows)
    if differing < material.settings.min_rows:
        return too_few(check, differing, "pairs that differ in length", material.settings)
    share = longer_wins(material.rows)
    message = f'"Take the longer one" is right on {share:.1%} of {differing:,} pairs.'
    return Finding(check, low <= share <= high, share, f"{low:g} to {high:g}", message)


class Contest(NamedTuple):
    """How well something that knows no question tells chosen from rejected on unseen prompts."""

    accuracy: float  # of pairs, a tie counting half
    of_responses: float | None  # the same of single responses, one at a time
    strongest: list[str]  # the words behind it, for and against


def single_phrase(material: Material) -> Finding:
    """One word, or one pair of words, that gives the chosen (or the rejected) side away."""
    return phrase_check(material, "single phrase", 1, material.settings.max_phrase)


def keyword_list(material: Material) -> Finding:
    """A short list of them: the lazy model's way."""
    settings = material.settings
    return phrase_check(material, "keyword list", settings.keywords, settings.max_keywords)


def phrase_check(material: Material, check: str, size: int, limit: float) -> Finding:
    pairs, reason = sample_of(material)
    if reason:
        return skipped(check, reason)
    found = told_by_phrases(pairs, size, material.settings.folds)
    what = "The best single phrase tells" if size == 1 else f"The {size} best phrases tell"
    message = (
        f"{what} {found.accuracy:.1%} of pairs with unseen prompts right, a pair without them counting half: "
        f"{', '.join(found.strongest)}."
    )
    return Finding(check, found.accuracy <= limit, found.accuracy, f"at most {limit:g}", message)


def told_by_phrases(pairs: list[dict], size: int, folds: int = 5) -> Contest:
    """Choose the `size` phrases that are most unevenly spread over the sides, on some prompts; test on others."""
    spread, names = only_in(pairs)
    right = np.zeros(len(pairs))
    for train, test in folds_by_prompt(pairs, folds):
        score = spread[test] @ weights_of(spread[train], size)
        right[test] = (score > 0) + 0.5 * (score == 0)
    weights = weights_of(spread, size)
    best = sorted(np.flatnonzero(weights), key=lambda j: -abs(spread[:, [j]].sum()))
    return Contest(float(right.mean()), None, [f"{names[j]!r} {'for' if weights[j] > 0 else 'against'}" for j in best])


def only_in(pairs: list[dict]) -> tuple[csr_matrix, np.ndarray]:
    """(pairs, phrases): 1 if a phrase is in the chosen side only, -1 in the rejected one only, else 0; the phrases."""
    texts = [pair[side] for side in ("chosen", "rejected") for pair in pairs]
    counter = CountVectorizer(binary=True, ngram_range=(1, 2), tokenizer=WORD.findall, token_pattern=None,
                              min_df=2, max_features=PHRASES, dtype=np.int32)  # fmt: skip
    try:
        seen = counter.fit_transform(texts)
    except ValueError:  # no phrase occurs twice
        return csr_matrix((len(pairs), 0), dtype=np.int32), np.array([])
    return (seen[: len(pairs)] - seen[len(pairs) :]).tocsr(), counter.get_feature_names_out()


def weights_of(spread: csr_matrix, size: int) -> np.ndarray:
    """+1 or -1 for the `size` most unevenly spread phrases, 0 for all others."""
    balance = np.asarray(spread.sum(axis=0)).ravel()
    best = np.argsort(-np.abs(balance), kind="stable")[:size]
    weights = np.zeros(len(balance), dtype=np.int32)
    weights[best] = np.sign(balance[best])
    return weights


def response_only(material: Material) -> Finding:
    """What all words together can do. It has no limit: see the message."""
    check = "response-only classifier"
    pairs, reason = sample_of(material)
    if reason:
        return skipped(check, reason)
    found = told_by_classifier(pairs, material.settings.folds)
    message = (
        f"A classifier that never sees the question is right on {found.of_responses:.1%} of single responses and "
        f"{found.accuracy:.1%} of pairs. This has no limit: a preference for a manner is in the words, so a high value "
        "does not tell a manner from a shortcut. It says that these pairs can teach little that the response alone "
        f"does not show. Strongest: {', '.join(found.strongest)}."
    )
    return Finding(check, None, found.accuracy, "", message)


def told_by_classifier(pairs: list[dict], folds: int = 5) -> Contest:
    """Logistic regression on TF-IDF of words and pairs of words, trained on some prompts and tested on others."""
    n = len(pairs)
    texts = np.array([pair[side] for side in ("chosen", "rejected") for pair in pairs], dtype=object)
    chosen, scores = np.repeat([1, 0], n), np.zeros(2 * n)
    for train, test in folds_by_prompt(pairs, folds):
        train, test = np.r_[train, train + n], np.r_[test, test + n]
        scores[test] = classifier().fit(texts[train], chosen[train]).decision_function(texts[test])
    margin = scores[:n] - scores[n:]
    accuracy, of_responses = ((margin > 0) + 0.5 * (margin == 0)).mean(), ((scores > 0) == chosen).mean()
    return Contest(float(accuracy), float(of_responses), strongest_words(classifier().fit(texts, chosen)))


def classifier():
    tfidf = TfidfVectorizer(ngram_range=(1, 2), tokenizer=WORD.findall, token_pattern=None, max_features=PHRASES)
    return make_pipeline(tfidf, LogisticRegression(C=10, solver="liblinear"))


def strongest_words(model, each: int = 5) -> list[str]:
    """The words with the largest weights for and against."""
    names, weights = model[0].get_feature_names_out(), model[1].coef_[0]
    order = np.argsort(weights)
    return [f"{names[j]!r} for" for j in order[::-1][:each]] + [f"{names[j]!r} against" for j in order[:each]]


def folds_by_prompt(pairs: list[dict], folds: int):
    """(train, test) indices. A prompt is never in both: the answers to one question share its words."""
    groups = [prompt_key(pair) for pair in pairs]
    return GroupKFold(folds).split(np.zeros(len(pairs)), groups=groups)


def sample_of(material: Material) -> tuple[list[dict], str]:
    """Up to `settings.sample` rows with two sides, drawn with a seed; or the reason why there are too few."""
    settings = material.settings
    rows = [row for row in material.rows if row["chosen"].strip() and row["rejected"].strip()]
    if len(rows) < settings.min_rows:
        return [], too_few("", len(rows), "pairs", settings).message.removeprefix("Skipped: ")
    if len(rows) > settings.sample:
        rows = random.Random(settings.seed).sample(rows, settings.sample)
    prompts = len({prompt_key(row) for row in rows})
    if prompts < settings.folds:
        return [], f"it has {prompts} different prompts, too few for {settings.folds} folds."
    return rows, ""


def voice_labels(material: Material) -> Finding:
    """Where the pairs are about tone: the chosen side must not be the ruder one."""
    check, limit = "voice labels", material.settings.max_voice_errors
    rows, reason = voiced_rows(material)
    if reason:
        return skipped(check, reason)
    tones = {index: [tone(material.rows[index][side]) for side in ("chosen", "rejected")] for index in rows}
    differing = {index: pair for index, pair in tones.items() if pair[0] != pair[1]}
    if len(differing) < len(rows) / 2:
        return skipped(
            check, f"{len(differing):,} of {len(rows):,} pairs differ in tone, so tone is not their subject."
        )
    bad = {index: f"chosen {chosen}, rejected {rejected} of 5" for index, (chosen, rejected) in differing.items()
           if chosen < rejected}  # fmt: skip
    share = len(bad) / len(differing)
    message = f"The ruder side is chosen in {len(bad):,} of {len(differing):,} pairs that differ in tone, by rule."
    return Finding(check, share <= limit, share, f"at most {limit:g}", message, bad)


def voice_balance(material: Material) -> Finding:
    """The plain text must be on either side, else "sounds like a rewrite" tells the sides apart as well as tone."""
    check, (low, high) = "voice balance", material.settings.neutral_chosen
    rows, reason = voiced_rows(material)
    if reason:
        return skipped(check, reason)
    shares = voice_counts([material.rows[index] for index in rows])
    neutral = shares["chosen"]["neutral"] + shares["rejected"]["neutral"]
    if neutral < material.settings.min_rows:
        return too_few(check, neutral, "neutral texts", material.settings)
    share = shares["chosen"]["neutral"] / neutral
    said = "; ".join(f"{side}: " + ", ".join(f"{count:,} {voice}" for voice, count in counts.most_common())
                     for side, counts in shares.items())  # fmt: skip
    message = f"{share:.1%} of {neutral:,} neutral texts are chosen ({said})."
    return Finding(check, low <= share <= high, share, f"{low:g} to {high:g}", message)


def voiced_rows(material: Material) -> tuple[list[int], str]:
    """Indices of the rows whose voice is measured, all or a sample; or why it cannot be."""
    if not material.english:
        return [], "the voice measure knows English only, and this set is something else."
    if len(material.rows) < material.settings.min_rows:
        return [], too_few("", len(material.rows), "rows", material.settings).message.removeprefix("Skipped: ")
    size = min(material.settings.voice_sample, len(material.rows))
    return sorted(random.Random(material.settings.seed).sample(range(len(material.rows)), size)), ""


def voice_counts(rows: list[dict]) -> dict[str, Counter]:
    """How many texts of each side have which voice (as `voices.voice_of`)."""
    return {
        side: Counter(("blunt", "neutral", "polite")[(tone(row[side]) > 2) + (tone(row[side]) > 3)] for row in rows)
        for side in ("chosen", "rejected")
    }


@lru_cache(maxsize=10_000)
def tone(text: str) -> int:
    """`voices.politeness`, remembered: it takes about a millisecond, and both voice checks ask."""
    return politeness(text)


def too_few(check: str, number: int, what: str, settings: AuditSettings) -> Finding:
    return skipped(check, f"{number} {what}, and a share of fewer than {settings.min_rows} says nothing.")
