"""How alike texts are, and how to choose a few that are not."""

import random
from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from helpers.files import CourseError


def similarities(texts: Sequence[str]) -> np.ndarray:
    """Cosine similarity of every two texts, (n, n): TF-IDF of character n-grams (2 to 4) inside words.

    Raises CourseError if no text has a letter or a digit.
    """
    try:
        vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True).fit_transform(texts)
    except ValueError as error:
        raise CourseError("There is no text to compare. Check the list: all of its texts are empty.") from error
    return (vectors @ vectors.T).toarray()


def mean_similarity(texts: Sequence[str]) -> float:
    """The mean over all pairs of different places in the list: 1 if all texts are equal, 0 if they share nothing.

    Raises CourseError for fewer than two texts.
    """
    if len(texts) < 2:
        raise CourseError(f"Similarity needs at least 2 texts, and there are {len(texts)}.")
    return float(similarities(texts)[np.triu_indices(len(texts), k=1)].mean())


def spread_out(texts: Sequence[str], n: int, seed: int = 0) -> list[int]:
    """Places of `n` texts that are far from each other, by farthest-first traversal (Gonzalez 1985).

    The first is drawn; each next one is the text whose nearest chosen neighbour is the least similar. Raises
    CourseError if there are fewer than `n` texts.
    """
    if not 0 < n <= len(texts):
        raise CourseError(f"{n} texts cannot be chosen from {len(texts)}.")
    alike = similarities(texts)
    chosen = [random.Random(seed).randrange(len(texts))]
    nearest = alike[chosen[0]].copy()  # of every text to the chosen ones
    while len(chosen) < n:
        nearest[chosen] = np.inf
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, alike[chosen[-1]])
    return chosen
