"""MinHash: what is nearly the same is found, what is not is not, and sketches of long texts are fair samples."""

import random
import string

import numpy as np
import pytest

from helpers.pairs.near_duplicates import SKETCH, jaccard, near_duplicates, sketch_of


def random_text(rng, length):
    return "".join(rng.choices(string.ascii_lowercase + "     ", k=length))


def exact(a, b, size=5):
    a, b = ({text[i : i + size] for i in range(len(text) - size + 1)} for text in (a, b))
    return len(a & b) / len(a | b)


def test_short_texts_are_compared_exactly():
    a, b = "the capital of greece is athens", "the capital of greece is sparta"
    assert jaccard(sketch_of(a), sketch_of(b)) == pytest.approx(exact(a, b))
    assert jaccard(sketch_of(a), sketch_of(a)) == 1.0 and jaccard(sketch_of(a), sketch_of("nothing alike")) == 0.0


@pytest.mark.parametrize("changed", [2, 10, 40])
def test_long_texts_are_estimated(changed):
    rng = random.Random(changed)
    errors = []
    for _ in range(20):
        a = random_text(rng, 4000)
        b = "".join(c if rng.random() > changed / 1000 else rng.choice("xyz") for c in a)
        assert len(sketch_of(a)) == SKETCH
        errors.append(jaccard(sketch_of(a), sketch_of(b)) - exact(a, b))
    assert abs(np.mean(errors)) < 0.03 and np.max(np.abs(errors)) < 0.13


def test_a_long_and_a_short_text():
    rng = random.Random(0)
    long = random_text(rng, 600)
    short = long[:200]
    assert jaccard(sketch_of(long), sketch_of(short)) == pytest.approx(exact(long, short), abs=0.1)


def test_hidden_near_duplicates_are_found_and_nothing_else():
    rng = random.Random(1)
    texts = [random_text(rng, 150) for _ in range(400)]
    copies = {400 + n: i for n, i in enumerate(range(0, 400, 4))}
    texts += [texts[i][:70] + "!" + texts[i][71:] for i in copies.values()]
    found = near_duplicates(texts)
    assert {index: other for index, (other, _) in found.items()} == copies
    for index, (other, similarity) in found.items():
        assert similarity == pytest.approx(exact(texts[index], texts[other]))


def test_the_threshold_holds_near_itself():
    """Pairs from 0.73 to 0.97: named are those from 0.85 on, and only those."""
    rng = random.Random(2)
    texts, near = [], 0
    for _ in range(200):
        a = random_text(rng, 200)
        end = rng.randint(5, 30)
        b = a[:-end] + random_text(rng, end)
        texts += [a, b]
        near += exact(a, b) >= 0.85
    assert 0 < near < 200 and len(near_duplicates(texts)) == near


@pytest.mark.parametrize("text", ["", "a", "雅典", "🙂", "\ud800"])
def test_tiny_and_odd_texts(text):
    assert near_duplicates([text, "something else", text]) == {2: (0, 1.0)}


def test_many_equal_texts_are_quick():
    found = near_duplicates(["the same text again and again"] * 3000)
    assert len(found) == 2999 and {other for other, _ in found.values()} == {0}
