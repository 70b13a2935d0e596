"""Near-duplicates: what is nearly the same is found, and what is not is not."""

import random
import string

import pytest

from helpers.pairs.near_duplicates import jaccard, near_duplicates, near_repeats


def random_text(rng, length):
    return "".join(rng.choices(string.ascii_lowercase + "     ", k=length))


def test_jaccard_by_hand():
    """ "abcdef" has the pieces abcde and bcdef, "abcdeg" abcde and bcdeg: one of three is common."""
    assert jaccard("abcdef", "abcdeg") == 1 / 3
    assert jaccard("abcdef", "abcdef") == jaccard("ab", "ab") == 1.0 and jaccard("abcdef", "uvwxyz") == 0.0


def test_a_long_text_that_is_nearly_repeated():
    rng = random.Random(0)
    long = random_text(rng, 20_000)
    changed = "".join(c if rng.random() > 0.005 else "#" for c in long)
    assert list(near_duplicates([long, random_text(rng, 20_000), changed])) == [2]


def test_hidden_near_duplicates_are_found_and_nothing_else():
    rng = random.Random(1)
    texts = [random_text(rng, 150) for _ in range(400)]
    copies = {400 + n: i for n, i in enumerate(range(0, 400, 4))}
    texts += [texts[i][:70] + "!" + texts[i][71:] for i in copies.values()]
    found = near_duplicates(texts)
    assert {index: other for index, (other, _) in found.items()} == copies
    for index, (other, similarity) in found.items():
        assert similarity == jaccard(texts[index], texts[other])


def test_the_threshold_holds_near_itself():
    """Pairs from 0.73 to 0.97: named are those from 0.85 on, and only those."""
    rng = random.Random(2)
    texts, near = [], 0
    for _ in range(200):
        a = random_text(rng, 200)
        end = rng.randint(5, 30)
        b = a[:-end] + random_text(rng, end)
        texts += [a, b]
        near += jaccard(a, b) >= 0.85
    assert 0 < near < 200 and len(near_duplicates(texts)) == near


@pytest.mark.parametrize("text", ["", "a", "雅典", "🙂", "\ud800"])
def test_tiny_and_odd_texts(text):
    assert near_duplicates([text, "something else", text]) == {2: (0, 1.0)}


def test_many_equal_texts_are_quick():
    found = near_duplicates(["the same text again and again"] * 3000)
    assert len(found) == 2999 and {other for other, _ in found.values()} == {0}


def test_texts_that_all_meet_are_not_compared_two_by_two():
    long, calls = random_text(random.Random(3), 300), []
    texts = [f"{long} {number}" for number in range(400)]
    assert near_duplicates(texts, alike=lambda *pair: calls.append(pair)) == {}
    assert len(calls) < 400 * 60, "and not 400 * 399 / 2"


def test_a_repeated_text_is_found_however_many_others_are_alike():
    long = random_text(random.Random(3), 300)
    texts = [f"{long} {number}" for number in range(200)]
    repeats = near_duplicates([*texts, *texts[::-1]], alike=lambda index, other: index + other == 399)
    assert repeats == {399 - index: (index, 1.0) for index in range(200)}


def test_the_same_question_with_another_answer_is_no_repetition():
    long = {"instruction": random_text(random.Random(3), 500), "input": ""}
    rows = [
        long | {"chosen": "It is Athens.", "rejected": "Sparta."},
        long | {"chosen": "It is Rome.", "rejected": "Ostia."},
    ]
    assert near_repeats(rows) == {} and list(near_repeats([*rows, rows[1]])) == [2]
