import random

import pytest

from helpers.tools.course.faults import FAULTS, misspelled

GREECE = ("What is the capital of Greece?", "The capital of Greece is Athens.", ("Athens", "Greece"))
FRANCE = ("Name the capital of France.", "Paris is the capital of France.", ("Paris", "France"))


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_is_mended(kind):
    for seed in range(30):
        question, before, after, slots = FAULTS[kind](GREECE, random.Random(seed), "train", FRANCE)
        assert before != after and "{" not in before + after
        assert kind == "hard_word" or (question == GREECE[0] and "Athens" in after)
        assert all(slots.values())


def test_what_each_fault_is():
    rng = random.Random(0)
    assert FAULTS["wrong"](GREECE, rng, "train", FRANCE)[1] == "The capital of Greece is Paris."
    assert FAULTS["no_sentence"](GREECE, rng, "train", None)[1] == "Athens."
    assert FAULTS["forgotten"](GREECE, rng, "train", None)[1:] == (
        "It is the capital of Greece.",
        "The capital of Greece is Athens.",
        {"right": "Athens"},
    )
    _, hard, easy, slots = FAULTS["hard_word"](GREECE, rng, "train", None)
    assert slots["hard"].lower() in hard.lower() and slots["hard"].lower() not in easy.lower()


def test_a_source_that_does_not_allow_a_fault():
    source, rng = ("?", "Ben has 4 cats.", ("4",)), random.Random(0)
    for kind in ("wrong", "no_sentence", "forgotten", "misspelled"):
        assert FAULTS[kind](source, rng, "train", None) is None


def test_typos_keep_the_first_letter():
    rng = random.Random(0)
    typos = {misspelled("Athens", rng) for _ in range(80)}
    assert len(typos) > 5 and "Athens" not in typos and all(typo[0] == "A" for typo in typos)
