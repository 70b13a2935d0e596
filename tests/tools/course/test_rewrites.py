"""Rewrites that did what was asked, and rewrites that did not: each rule on both sides."""

import pytest

from helpers.tools.course.rewrites import KEPT, MANNER, has_whole_sentences, kept_rule, remark_rule, rewrite_rule

FACT, KEEP = "The capital of Greece is Athens.", ("Athens",)
GOOD = {MANNER: True, KEPT: True}


@pytest.mark.parametrize(
    "direction, reply",
    [
        ("more polite", "I'd be happy to help! The capital of Greece is Athens."),
        ("less polite", "What a waste of time. The capital of Greece is Athens."),
        ("longer", "The capital of Greece is Athens. In other words, Athens is the capital of Greece."),
        ("shorter", "Athens."),
        ("shorter", "In brief: Athens."),
        ("more formal", "It may be stated that the capital of Greece is Athens."),
        ("less formal", "The capital of Greece? It's Athens."),
        ("simpler", "Put simply, the capital of Greece is Athens."),
        ("more complicated", "By virtue of established convention, the capital of Greece is Athens."),
    ],
)
def test_every_direction_can_be_taken(direction, reply):
    rule = rewrite_rule(direction, FACT, FACT, KEEP)
    assert rule(reply) == GOOD
    assert not rule(FACT)[MANNER]  # copied as it was
    assert not rule(reply.replace("Athens", "Athesns"))[KEPT]
    assert not rule(reply.replace("Athens", "Sparta"))[KEPT]
    assert not rule(reply.removesuffix("."))[MANNER]
    assert not rule(f"{reply[:-1]} since 1834.")[KEPT]


def test_nothing_is_no_rewrite():
    rule = rewrite_rule("longer", FACT, FACT, KEEP)
    assert rule("") == rule(None) == {MANNER: False, KEPT: False}


def test_the_opposite_manner_and_nonsense_fail():
    rule = rewrite_rule("more polite", FACT, FACT, KEEP)
    assert rule("What a waste of time. The capital of Greece is Athens.")[MANNER] is False
    assert rule("I'd be happy to help! Greece capital Athens of the.")[KEPT] is False
    assert rule("I'd be happy to help! The capital is Athens.")[KEPT] is False


def test_a_term_may_be_replaced_and_a_fact_turned_round():
    yen = "The currency of Japan is the yen."
    assert rewrite_rule("simpler", yen, yen, ("yen",))("The money of Japan is the yen.") == GOOD
    assert not rewrite_rule("longer", yen, yen, ("yen",))("The money, in other words the yen, is Japan.")[KEPT]
    weeks = "There are 28 days in 4 weeks."
    turned = "As for the number of days in 4 weeks, the answer to the question is 28."
    assert rewrite_rule("longer", weeks, weeks, ("28",))(turned) == GOOD


def test_in_everyday_sentences_only_the_marked_word_changes():
    rule = rewrite_rule("more formal", *["We don't know the way to Lyon."] * 2)
    assert rule("We do not know the way to Lyon.") == GOOD
    assert not rule("We do know the way to Lyon.")[KEPT] and not rule("We do not know the road to Lyon.")[KEPT]


def test_a_mended_answer_has_no_trace_of_the_wrong_one():
    rule = rewrite_rule("", FACT, "The capital of Greece is Sparta.", KEEP)
    assert rule(FACT) == rule("Athens is the capital of Greece.") == GOOD
    assert not rule("The capital of Greece is Athens, not Sparta.")[KEPT]


@pytest.mark.parametrize("text", ["no capital.", "No end", 'One "open.', "Twice twice.", "It is so. It is so.", ""])
def test_what_is_not_whole(text):
    assert (
        not has_whole_sentences(text) and has_whole_sentences("It is so. So it is!") and has_whole_sentences("'Yen'.")
    )


def test_of_a_text_by_hand_the_keys_are_kept_and_nothing_is_added():
    source = "It's Athens, obviously. Everyone knows that."
    rule = kept_rule("more polite", source, ["Athens"])
    assert rule("I'd be happy to help! It's Athens.") == GOOD
    assert not rule("I'd be happy to help! It's Sparta.")[KEPT] and not rule(source)[MANNER]


@pytest.mark.parametrize(
    "remark, keep, right, wrong",
    [
        ("shorter", "Athens", "Athens.", "The one city that is the capital of the land of Greece is Athens."),
        ("longer", "Athens", "The capital of Greece is Athens.", "Athens."),
        ("polite", "42", "It is 42.", "What a waste of time. It is 42."),
        ("formal", "42", "It may be stated that it is 42.", "Yeah, it's 42."),
        ("less formal", "42", "Yeah, it's 42.", "It is hereby stated that it is 42."),
        ("correct", "42", "It is 42.", "It is 41."),
    ],
)
def test_a_remark_is_heeded(remark, keep, right, wrong):
    rule = remark_rule(remark, [keep])
    assert rule(right) == {"right": True} and rule(wrong) == rule(None) == {"right": False}


def test_of_some_words_one_is_enough():
    rule = remark_rule("simpler", ["year"], ["year", "yearly"])
    assert rule("It happens yearly.")["right"] and not rule("It happens often.")["right"]
