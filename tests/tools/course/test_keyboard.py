import random
import re

import pytest

from helpers.tools.course import keyboard
from helpers.tools.course.keyboard import HELD_OUT, TYPING, TYPING_MANNERS, Draft, choose, type_like
from helpers.tools.course.people import fact_words, phrasings, request

TEXT = "What's the capital of Greece?"


def typed(name, text=TEXT, part="train", seed=0, **more):
    return type_like(Draft(text, random.Random(seed), part, **more), [name])


def test_every_manner_changes_what_it_is_for():
    text = "Please tell me what's the opposite of the word 'hot'."
    for name in TYPING_MANNERS:
        part = "held out" if name in HELD_OUT else "train"
        texts = {typed(name, text, part, seed) for seed in range(30)}
        assert texts - {text}, name


@pytest.mark.parametrize(
    "name,expected",
    [
        ("small", "what's the capital of greece?"),
        ("capitals", "WHAT'S THE CAPITAL OF GREECE?"),
        ("no marks", "What's the capital of Greece"),
        ("no apostrophe", "Whats the capital of Greece?"),
        ("small start", "what's the capital of Greece?"),
    ],
)
def test_plain_manners(name, expected):
    assert typed(name) == expected


def test_no_marks_leaves_what_stands_inside_of_words():
    assert typed("no marks", "Is it .gr, or 3.5, or 1,000?") == "Is it .gr or 3.5 or 1,000"


def test_quotes_change_around_words_and_not_in_them():
    texts = {typed("quotes", "What's the plural of 'child'?", seed=seed) for seed in range(40)}
    assert {"What's the plural of child?", 'What\'s the plural of "child"?'} <= texts
    assert all("What's" in text for text in texts)


def test_held_out_manners_are_never_chosen_in_train():
    rng = random.Random(1)
    names = {name for _ in range(3000) for name in choose(rng, "train")}
    assert names == set(TYPING_MANNERS) - set(HELD_OUT) and len(HELD_OUT) == 4
    assert {name for _ in range(3000) for name in choose(rng, "held out")} == set(TYPING_MANNERS)


def test_held_out_wordings_of_manners_are_not_trained():
    def wordings(entries):
        if isinstance(entries, list):
            return set(entries)
        return {(key, value) for key, values in entries.items() for value in ([values] if key[0].isalpha() else values)}

    for table in TYPING.values():
        train, held_out = wordings(table["train"]), wordings(table["held_out"])
        assert train and held_out and not train & held_out


def test_requests_of_train_never_look_typed_in_a_held_out_way(world, known):
    rng = random.Random(2)
    for _ in range(2000):
        one = request(world, rng, "train", known=known)
        assert not re.search(r"([a-hj-lnop-wyz])\1\1", one.text), one.text  # i, m, x and c stand thrice in numerals
        for greeting in TYPING["greetings"]["held_out"]:
            assert not one.text.startswith(greeting.split("{")[0])


def test_a_slip_is_one_word_and_spares_the_fact(world, known):
    question = world["capital"]
    fact = question.facts[0]
    texts = [text for _, text in phrasings(question, fact, "train")]
    for seed in range(300):
        text = random.Random(seed).choice(texts)
        slipped = typed("neighbouring key", text, seed=seed, fact_words=fact_words(fact), known=known)
        before, after = text.split(), slipped.split()
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert len(changed) <= 1
        assert not any(re.search(r"\d", a) for a, _ in changed)


def test_slips_in_the_words_of_the_fact_are_rare_and_make_no_other_fact(world):
    draft = {"fact_words": frozenset({"greece", "austria"}), "known": {"gree", "greece"}}
    own = sum("Greece" not in typed("dropped letter", seed=seed, **draft) for seed in range(2000))
    assert 20 < own < 160
    texts = {typed("dropped letter", "What about Greece?", seed=seed, **draft) for seed in range(2000)}
    assert any("Grece" in text for text in texts)
    without = {typed("dropped letter", "Greece", seed=seed, known={"grece", "greec", "geece"}) for seed in range(200)}
    assert without == {"Greece", "Greee"}


def test_slips_never_fall_on_fragile_words():
    for seed in range(500):
        text = typed(
            "dropped letter", "Write forty in digits.", seed=seed, fact_words=frozenset({"forty"}), fragile=True
        )
        assert "forty" in text


def test_a_greeting_is_not_put_before_a_greeting():
    assert {typed("greeting", "Hello! What is it?", seed=seed) for seed in range(50)} == {"Hello! What is it?"}


def test_thanks_follow_only_whole_sentences():
    assert typed("thanks", "The capital of Greece is ___.") == "The capital of Greece is ___."
    assert typed("thanks") != TEXT


def test_neighbouring_keys_are_letters_beside_each_other():
    assert set(keyboard.NEIGHBOURS) == set("abcdefghijklmnopqrstuvwxyz")
    for letter, near in keyboard.NEIGHBOURS.items():
        assert letter not in near and near.isalpha()
