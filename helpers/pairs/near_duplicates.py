"""Texts that are nearly the same, found in time and memory that grow with their number and not with its square.

MinHash (Broder 1997, "On the resemblance and containment of documents") with locality-sensitive hashing: two
texts are compared only if they meet in a bucket.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

import numpy as np

from helpers.pairs.checks import normalised, prompt_key

SIMILARITY = 0.85  # of character 5-grams (Jaccard), from which two texts count as nearly the same
GRAM = 5  # characters
SKETCH = 256  # different 5-grams that are kept: all of a short text, a fair sample of a long one
BANDS, IN_BAND = 12, 5  # at similarity 0.85 two texts meet with probability 1 - (1 - 0.85^5)^12 = 0.9991
IN_BUCKET = 50  # the latest texts of a bucket are compared with a new one, so that no bucket is ever slow

_random = np.random.default_rng(0)
_FACTORS = _random.integers(2**62, size=(BANDS * IN_BAND, 1), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_OFFSETS = _random.integers(2**63, size=(BANDS * IN_BAND, 1), dtype=np.uint64)
_POWERS = np.uint64(0x9E3779B97F4A7C15) ** np.arange(1, GRAM + 1, dtype=np.uint64)  # wraps at 2^64, as hashes do


def near_duplicates(
    texts: Iterable[str], similarity: float = SIMILARITY, alike: Callable[[int, int], bool] = lambda index, other: True
) -> dict[int, tuple[int, float]]:
    """Index of each text that is nearly the same as an earlier one: the earlier one's index, and the similarity.

    alike: has the last word on two indices that are similar enough.

    Similarity is the Jaccard index of the sets of character 5-grams, |A ∩ B| / |A ∪ B|. Of texts with more than
    256 different ones it is estimated from samples (standard error 0.02 at 0.85).
    """
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    sketches, found = {}, {}  # sketches of the texts that are not a duplicate themselves
    for index, text in enumerate(texts):
        sketch = sketch_of(text)
        keys = band_keys(sketch)
        met = {other for key in keys for other in buckets[key]}
        near = sorted((-jaccard(sketch, sketches[other]), other) for other in met)
        twin = next(((o, -s) for s, o in near if -s >= similarity and alike(index, o)), None)
        if twin:
            found[index] = twin
            continue
        sketches[index] = sketch
        for key in keys:
            buckets[key] = [*buckets[key][1 - IN_BUCKET :], index]
    return found


def sketch_of(text: str) -> np.ndarray:
    """The smallest hashes of a text's character 5-grams, sorted, without repetition: (up to 256,) uint32."""
    codes = np.frombuffer(text.ljust(GRAM).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    grams = np.lib.stride_tricks.sliding_window_view(codes + np.uint64(1), GRAM)
    hashes = (grams * _POWERS).sum(axis=1, dtype=np.uint64)
    hashes = (hashes ^ (hashes >> np.uint64(29))) * _POWERS[0]  # mixed once more, since neighbours share characters
    return np.unique((hashes >> np.uint64(32)).astype(np.uint32))[:SKETCH]


def band_keys(sketch: np.ndarray) -> list[tuple[int, bytes]]:
    """The buckets of a text: each band of its MinHash signature is one."""
    hashes = (sketch.astype(np.uint64) * _FACTORS + _OFFSETS) >> np.uint64(32)
    bands = hashes.min(axis=1).astype(np.uint32).reshape(BANDS, IN_BAND)
    return [(number, band.tobytes()) for number, band in enumerate(bands)]


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Similarity of two sketches: exact if both hold all of their text's hashes, else of the smallest of both."""
    union = np.union1d(a, b)
    if len(a) == SKETCH or len(b) == SKETCH:  # what lies above was not kept, so it may be missing by cutting only
        union = union[:SKETCH]
    common = np.intersect1d(a, b, assume_unique=True)
    return float((common <= union[-1]).sum() / len(union))


def near_repeats(rows: list[dict], similarity: float = SIMILARITY) -> dict[int, tuple[int, float]]:
    """Index of each row that nearly repeats an earlier one: the earlier one's index, and the similarity of the whole.

    The same question with another answer is no repetition, however much the rest of the row is alike.
    """

    def same_answers(index: int, other: int) -> bool:
        sketches = ([sketch_of(normalised(rows[i][side])) for i in (index, other)] for side in ("chosen", "rejected"))
        return all(jaccard(*pair) >= similarity for pair in sketches)

    return near_duplicates(map(as_one_text, rows), similarity, same_answers)


def as_one_text(row: dict) -> str:
    """Question and answers; the rejected one in capitals, so that a pair with its sides swapped is another text."""
    return "\n".join([prompt_key(row), normalised(row["chosen"]), normalised(row["rejected"]).upper()])
