"""Texts that are nearly the same, found in time that grows with their number and not with its square.

MinHash (Broder 1997, "On the resemblance and containment of documents") with locality-sensitive hashing, by
`datasketch`: two texts are compared only if they meet in a bucket.
"""

from collections.abc import Callable, Iterable

from datasketch import MinHash, MinHashLSH

from helpers.pairs.checks import normalised, prompt_key

SIMILARITY = 0.85  # of character 5-grams (Jaccard), from which two texts count as nearly the same
GRAM = 5  # characters
BANDS, IN_BAND = 20, 9  # at similarity 0.85 two texts meet with probability 1 - (1 - 0.85^9)^20 = 0.995
MOST_MET = 50  # a text that meets so many is found again only if it is equal: it is in no bucket, so none is ever slow


def grams(text: str) -> set[str]:
    """The pieces of GRAM characters of a text; a shorter text is a piece itself."""
    return {text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1))}


def jaccard(a: str, b: str) -> float:
    """|A ∩ B| / |A ∪ B| of the pieces of two texts."""
    a, b = grams(a), grams(b)
    return len(a & b) / len(a | b)


def near_duplicates(
    texts: Iterable[str], similarity: float = SIMILARITY, alike: Callable[[int, int], bool] = lambda index, other: True
) -> dict[int, tuple[int, float]]:
    """Index of each text that is nearly the same as an earlier one: the earlier one's index, and their similarity.

    alike: whether two indices may count as the same at all.
    """
    texts, duplicates = list(texts), {}
    first: dict[str, int] = {}  # text -> where it stands first
    buckets = MinHashLSH(num_perm=BANDS * IN_BAND, params=(BANDS, IN_BAND))
    pieces = ([gram.encode("utf-8", "surrogatepass") for gram in grams(text)] for text in texts)
    for index, sketch in enumerate(MinHash.generator(pieces, num_perm=BANDS * IN_BAND)):
        # Earlier texts that are no duplicates themselves.
        met = {*buckets.query(sketch), first.get(texts[index], index)} - {index}
        twins = [(-jaccard(texts[index], texts[other]), other) for other in met if alike(index, other)]
        negative, twin = min(twins, default=(0.0, None))  # of equally similar ones the first
        if twin is not None and -negative >= similarity:
            duplicates[index] = twin, -negative
            continue
        first.setdefault(texts[index], index)
        if len(met) < MOST_MET:
            buckets.insert(index, sketch, check_duplication=False)
    return duplicates


def near_repeats(rows: list[dict], similarity: float = SIMILARITY) -> dict[int, tuple[int, float]]:
    """Index of each row that nearly repeats an earlier one: the earlier one's index, and the similarity of the whole.

    The same question with another answer is no repetition, however much the rest of the row is alike.
    """

    def same_answers(index: int, other: int) -> bool:
        sides = ((normalised(rows[index][side]), normalised(rows[other][side])) for side in ("chosen", "rejected"))
        return all(jaccard(*pair) >= similarity for pair in sides)

    return near_duplicates(map(as_one_text, rows), similarity, same_answers)


def as_one_text(row: dict) -> str:
    """Question and answers; the rejected one in capitals, so that a pair with its sides swapped is another text."""
    return "\n".join([prompt_key(row), normalised(row["chosen"]), normalised(row["rejected"]).upper()])
