"""Checks of the whole set: can chosen be told from rejected by length, by a phrase, by anything but the preference?"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from helpers.audit.findings import AuditInput, Finding, Skipped, at_most, between
from helpers.criterion import Criterion
from helpers.pairs.checks import prompt_key

# A word, a punctuation mark, or one character of a script that puts no spaces between its words.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0eff]|[^\W_]+(?:['’][^\W_]+)*|[^\w\s]")
PHRASES = 20_000  # the most frequent words and pairs of words; bounds memory


def longer_wins(pairs: list[dict]) -> float:
    """How often the chosen side is the longer one, of the pairs that differ in length (in characters)."""
    lengths = [(len(pair["chosen"]), len(pair["rejected"])) for pair in pairs]
    longer = [chosen > rejected for chosen, rejected in lengths if chosen != rejected]
    return sum(longer) / len(longer) if longer else 0.5


def length_shortcut(data: AuditInput) -> Finding:
    """ "Take the longer one" must be as good as the criterion lets one expect: mostly, about as good as a coin."""
    differing = sum(len(row["chosen"]) != len(row["rejected"]) for row in data.rows)
    enough(data, differing, "pairs that differ in length")
    share = longer_wins(data.rows)
    message = f'"Take the longer one" is right on {share:.1%} of {differing:,} pairs.'
    return between(data.criterion.longer_chosen, share, message)


class Probe(NamedTuple):
    """How well a rule that sees no question separates chosen from rejected on unseen prompts."""

    accuracy: float  # of pairs, a tie counting half
    of_responses: float | None  # the same of single responses, one at a time
    strongest: list[str]  # the words behind it, for and against


def single_phrase(data: AuditInput) -> Finding:
    """One word, or one pair of words, that gives the chosen (or the rejected) side away."""
    return _phrase_check(data, 1, data.settings.max_phrase)


def keyword_list(data: AuditInput) -> Finding:
    """A short list of them: the lazy model's way."""
    return _phrase_check(data, data.settings.keywords, data.settings.max_keywords)


def _phrase_check(data: AuditInput, size: int, limit: float) -> Finding:
    probe = probe_phrases(sample_of(data), size, data.settings.folds)
    what = "The best single phrase tells" if size == 1 else f"The {size} best phrases tell"
    message = (
        f"{what} {probe.accuracy:.1%} of pairs with unseen prompts right, a pair without them counting half: "
        f"{', '.join(probe.strongest)}."
    )
    return at_most(limit, probe.accuracy, message)


def probe_phrases(pairs: list[dict], size: int, folds: int = 5) -> Probe:
    """Choose the `size` phrases that are most unevenly spread over the sides, on some prompts; test on others."""
    spread, names = phrase_sides(pairs)
    right = np.zeros(len(pairs))
    for train, test in folds_by_prompt(pairs, folds):
        score = spread[test] @ weights_of(spread[train], size)
        right[test] = (score > 0) + 0.5 * (score == 0)
    weights = weights_of(spread, size)
    best = sorted(np.flatnonzero(weights), key=lambda j: -abs(spread[:, [j]].sum()))
    return Probe(float(right.mean()), None, [f"{names[j]!r} {'for' if weights[j] > 0 else 'against'}" for j in best])


def phrase_sides(pairs: list[dict]) -> tuple[csr_matrix, np.ndarray]:
    """(pairs, phrases): 1 if a phrase is in the chosen side only, -1 in the rejected one only, else 0; the phrases."""
    texts = [pair[side] for side in ("chosen", "rejected") for pair in pairs]
    counter = CountVectorizer(binary=True, ngram_range=(1, 2), tokenizer=WORD.findall, token_pattern=None,
                              min_df=2, max_features=PHRASES, dtype=np.int32)  # fmt: skip
    try:
        counts = counter.fit_transform(texts)
    except ValueError:  # no phrase occurs twice
        return csr_matrix((len(pairs), 0), dtype=np.int32), np.array([])
    return (counts[: len(pairs)] - counts[len(pairs) :]).tocsr(), counter.get_feature_names_out()


def weights_of(spread: csr_matrix, size: int) -> np.ndarray:
    """+1 or -1 for the `size` most unevenly spread phrases, 0 for all others."""
    balance = np.asarray(spread.sum(axis=0)).ravel()
    best = np.argsort(-np.abs(balance), kind="stable")[:size]
    weights = np.zeros(len(balance), dtype=np.int32)
    weights[best] = np.sign(balance[best])
    return weights


def response_only(data: AuditInput) -> Finding:
    """How well all words together separate the sides. It has no limit: see the message."""
    probe = probe_classifier(sample_of(data), data.settings.folds)
    message = (
        f"A classifier that never sees the question is right on {probe.of_responses:.1%} of single responses and "
        f"{probe.accuracy:.1%} of pairs. This has no limit: a preference for a voice is in the words, so a high value "
        "does not tell a voice from a shortcut. It says that these pairs can teach little that the response alone "
        f"does not show. Strongest: {', '.join(probe.strongest)}."
    )
    return Finding(None, probe.accuracy, "", message)


def probe_classifier(pairs: list[dict], folds: int = 5) -> Probe:
    """Logistic regression on TF-IDF of words and pairs of words, trained on some prompts and tested on others."""
    n = len(pairs)
    texts = np.array([pair[side] for side in ("chosen", "rejected") for pair in pairs], dtype=object)
    chosen, scores = np.repeat([1, 0], n), np.zeros(2 * n)
    for train, test in folds_by_prompt(pairs, folds):
        train, test = np.r_[train, train + n], np.r_[test, test + n]
        scores[test] = classifier().fit(texts[train], chosen[train]).decision_function(texts[test])
    margin = scores[:n] - scores[n:]
    accuracy, of_responses = ((margin > 0) + 0.5 * (margin == 0)).mean(), ((scores > 0) == chosen).mean()
    return Probe(float(accuracy), float(of_responses), strongest_words(classifier().fit(texts, chosen)))


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


def sample_of(data: AuditInput) -> list[dict]:
    """Up to `settings.sample` rows with two sides, drawn with a seed. Raises Skipped if there are too few."""
    settings = data.settings
    rows = [row for row in data.rows if row["chosen"].strip() and row["rejected"].strip()]
    enough(data, len(rows), "pairs")
    if len(rows) > settings.sample:
        rows = random.Random(settings.seed).sample(rows, settings.sample)
    prompts = len({prompt_key(row) for row in rows})
    if prompts < settings.folds:
        raise Skipped(f"it has {prompts} different prompts, too few for {settings.folds} folds.")
    return rows


def enough(data: AuditInput, number: int, what: str) -> None:
    """Raise Skipped if a share of so few would say nothing."""
    if number < data.settings.min_rows:
        raise Skipped(f"{number} {what}, and a share of fewer than {data.settings.min_rows} says nothing.")


def voice_labels(data: AuditInput) -> Finding:
    """Where the pairs are about the criterion: by its rule, the chosen side must not be the worse one."""
    criterion, levels = data.criterion, sampled_levels(data)
    differing = {index: pair for index, pair in levels.items() if pair[0] != pair[1]}
    if len(differing) < len(levels) / 2:
        number = f"{len(differing):,} of {len(levels):,} pairs"
        raise Skipped(f"{number} differ in {criterion.name}, so it is not their subject.")
    bad = {index: f"chosen {chosen}, rejected {rejected} of 5" for index, (chosen, rejected) in differing.items()
           if chosen < rejected}  # fmt: skip
    pairs = f"{len(differing):,} pairs that differ in {criterion.name}"
    message = f"The side that is {criterion.directions[1]} is chosen in {len(bad):,} of {pairs}, by rule."
    return at_most(data.settings.max_voice_errors, len(bad) / len(differing), message, bad)


def voice_balance(data: AuditInput) -> Finding:
    """Neutral texts must be on either side, else "sounds like a rewrite" tells the sides apart as well."""
    neutral, counts = data.criterion.neutral, voice_counts(sampled_levels(data).values(), data.criterion)
    total = counts["chosen"][neutral] + counts["rejected"][neutral]
    enough(data, total, f"{neutral} texts")
    share = counts["chosen"][neutral] / total
    sides = "; ".join(f"{side}: " + ", ".join(f"{count:,} {voice}" for voice, count in of_side.most_common())
                      for side, of_side in counts.items())  # fmt: skip
    message = f"{share:.1%} of {total:,} {neutral} texts are chosen ({sides})."
    return between(data.settings.neutral_chosen, share, message)


def sampled_levels(data: AuditInput) -> dict[int, tuple[int, int]]:
    """Levels of the two sides of the rows, all or a sample, by the index of the row. Raises Skipped if not known."""
    if data.language != data.criterion.language:
        raise Skipped(f"the rule for {data.criterion.name} does not know the language of this set.")
    enough(data, len(data.rows), "rows")
    size = min(data.settings.voice_sample, len(data.rows))
    sample = sorted(random.Random(data.settings.seed).sample(range(len(data.rows)), size))
    return {index: levels_of(data.rows[index], data.criterion) for index in sample}


def levels_of(row: dict, criterion: Criterion) -> tuple[int, int]:
    """The levels (1 to 5) of the chosen and of the rejected side."""
    return _level(criterion.level, row["chosen"]), _level(criterion.level, row["rejected"])


@lru_cache(maxsize=10_000)
def _level(rule: Callable[[str], int], text: str) -> int:
    """A rule takes about a millisecond a text, and both voice checks and the card ask it."""
    return rule(text)


def voice_counts(levels: Iterable[tuple[int, int]], criterion: Criterion) -> dict[str, Counter]:
    """How many texts of each side have which voice."""
    sides = dict(zip(("chosen", "rejected"), zip(*levels, strict=True), strict=True))
    return {side: Counter(map(criterion.voice_at, of_side)) for side, of_side in sides.items()}
