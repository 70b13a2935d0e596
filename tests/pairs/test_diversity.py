"""How alike texts are, and how to choose some that are not."""

import random

import pytest

from helpers.files import CourseError
from helpers.pairs.diversity import mean_similarity, similarities, spread_out

FAMILIES = [
    [f"What is the capital of {place}?" for place in ("Greece", "France", "Spain", "Italy", "Norway", "Ghana")],
    [f"Add {n} and {n + 3}." for n in (10, 20, 30, 40, 50, 60)],
    [f"Spell the word '{word}' backwards." for word in ("cat", "dog", "tree", "moon", "star", "rain")],
]
TEXTS = [text for family in FAMILIES for text in family]


def test_equal_texts_are_alike_and_others_are_not():
    assert mean_similarity(["One two three."] * 4) == pytest.approx(1)
    assert mean_similarity(["aaaa bbbb", "cccc dddd"]) == 0
    assert 0.2 < mean_similarity(FAMILIES[0]) < 1


def test_the_mean_is_over_pairs_of_different_places():
    # Two equal texts and one that shares nothing: of three pairs one is alike.
    assert mean_similarity(["aaaa", "aaaa", "bbbb"]) == pytest.approx(1 / 3)


def test_similarity_is_symmetric_and_blind_to_order():
    alike = similarities(TEXTS)
    assert alike.shape == (18, 18) and (abs(alike - alike.T) < 1e-12).all()
    assert mean_similarity(TEXTS) == pytest.approx(mean_similarity(TEXTS[::-1]))


@pytest.mark.parametrize("seed", range(5))
def test_spread_out_takes_every_family_before_it_takes_one_twice(seed):
    chosen = spread_out(TEXTS, 3, seed)
    assert {place // 6 for place in chosen} == {0, 1, 2}


def test_spread_out_is_more_diverse_than_chance_and_never_takes_a_text_twice():
    chosen = spread_out(TEXTS, 8)
    assert len(set(chosen)) == 8 and chosen == spread_out(TEXTS, 8)
    by_chance = [mean_similarity(random.Random(seed).sample(TEXTS, 8)) for seed in range(20)]
    assert mean_similarity([TEXTS[i] for i in chosen]) < sum(by_chance) / 20
    assert sorted(spread_out(TEXTS, 18)) == list(range(18))


def test_repeated_texts_come_last():
    assert set(spread_out(["the same text"] * 5 + ["another one", "a third thing"], 3, seed=1)) >= {5, 6}


def test_wrong_inputs_are_named():
    with pytest.raises(CourseError, match="at least 2 texts"):
        mean_similarity(["one"])
    with pytest.raises(CourseError, match="all of its texts are empty"):
        mean_similarity(["", " "])
    for n in (0, 19):
        with pytest.raises(CourseError, match=f"{n} texts cannot be chosen from 18"):
            spread_out(TEXTS, n)
