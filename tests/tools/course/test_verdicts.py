"""Rules for replies, each shown to hold where it should and to fail where it should."""

import json

import pytest

from helpers.tools.course.declined import DECLINED
from helpers.tools.course.verdicts import (
    ELSE,
    FOLLOWS,
    RIGHT,
    SAYS_SO,
    TURNED_DOWN,
    declines,
    fact_rule,
    first_named,
    foreign_rule,
    holds_answer,
    json_rule,
    level_rule,
    schema_rule,
    sum_in,
    winner_of,
    winner_rule,
)


@pytest.mark.parametrize(
    "text, key, there",
    [
        ("The plural of 'mouse' is 'mice'.", "mice", True),
        ("ATHENS!", "Athens", True),
        ("Athensville", "Athens", False),
        ("That's it.", "s", False),
        ("Greece's capital", "Greece", True),
        ("It ends in .gr", "gr", True),
        ("There are 1,000 metres.", "1000", True),
        ("It is 4.5.", "4", False),
        ("such as arsenic", "As", False),
        ("The symbol is As.", "As", True),
    ],
)
def test_a_key_stands_in_a_text_as_whole_words(text, key, there):
    assert holds_answer(text, [[key]]) is there


def test_an_answer_needs_all_strings_of_one_alternative():
    keys = [["Havana", "42"], ["Havana", "forty-two"]]
    assert holds_answer("Havana, and forty-two.", keys) and holds_answer("42. Havana.", keys)
    assert not holds_answer("Havana.", keys) and not holds_answer("42 and forty-two", keys)


def test_of_a_choice_what_is_named_first_counts():
    assert first_named("North America.", ["Americas", "North America", "Europe"]) == "North America"
    assert first_named("On Mars.", ["Africa", "Asia"]) is None
    assert holds_answer("Africa, not Asia.", [["Africa"]], ["Africa", "Asia"])
    assert not holds_answer("Asia, not Africa.", [["Africa"]], ["Africa", "Asia"])
    assert holds_answer("It has six letters.", [["6"], ["six"]], ["6", "5"])


@pytest.mark.parametrize("wordings", ["declines", "small_talk", "unclear", "strange"])
def test_all_learned_ways_to_decline_are_recognised(wordings):
    able = DECLINED["able"]["train"] + DECLINED["able"]["held_out"]
    for pattern in DECLINED[wordings]["train"] + DECLINED[wordings]["held_out"]:
        texts = [pattern.format(topic="the flag of Italy", thing="the word 'blorf'", able=one) for one in able]
        assert [text for text in texts if not declines(text)] == []


@pytest.mark.parametrize(
    "reply",
    [
        "Unfortunately I cannot write poems.",
        "I'm not able to draw pictures, sorry.",
        "That's too difficult for me.",
        "I do not have that information.",
        "I was not trained for that.",
        "Sorry, I don't know who that is.",
        None,  # the engine's gate
    ],
)
def test_other_ways_to_decline_are_recognised(reply):
    assert declines(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "The capital of Narnia is Oslo.",
        "I know capitals, words and sums.",
        "I don't know, but the capital of Narnia is Oslo.",
        "I can't do that. The population of Greece is 10.",
        "The opposite of 'I can' is 'I cannot say'.",
        "I can't believe you ask that. The capital is Athens.",
        "Hello! Ask me about a country, a word or a number.",
        "",
    ],
)
def test_an_answer_is_no_decline(reply):
    assert not declines(reply)


def test_an_answer_is_right_refused_or_wrong():
    rule = fact_rule([["Athens"]])
    assert rule("It is Athens.") == {RIGHT: True, TURNED_DOWN: False}
    assert rule("I don't know Athens, sorry.") == rule(None) == {RIGHT: False, TURNED_DOWN: True}
    assert rule("It is Sparta.") == rule("") == {RIGHT: False, TURNED_DOWN: False}


def test_what_is_foreign_is_declined_or_answered_with_something_else():
    rule = foreign_rule("Who is the president of France?")
    assert rule("That is beyond me, sorry.") == rule(None) == {SAYS_SO: True, ELSE: False}
    assert rule("The capital of France is Paris.") == {SAYS_SO: False, ELSE: True}


def test_a_large_sum_done_after_all_is_no_fault():
    rule = foreign_rule("whats 83726 + 99481")
    assert rule("The sum is 183,207.") == {SAYS_SO: False, ELSE: False}
    assert rule("The sum is 183,208.") == {SAYS_SO: False, ELSE: True}
    assert sum_in("the product of 12 and 13") == "156" and sum_in("4 July 1776") is sum_in("5 / 0") is None


@pytest.mark.parametrize(
    "reply, label",
    [
        ("A", "A"),
        ("B.", "B"),
        ("Number 1, because it is briefer.", "1"),
        ("Answer 2 is right.", "2"),
        ("The second is nicer.", "second"),
        ('{"winner": "first"}', "first"),
        ("A friendlier answer is B.", None),
        ("Athens", None),
        ("Both.", None),
        ('{"loser": "A"}', None),
        ("", None),
    ],
)
def test_a_verdict_is_what_the_reply_begins_with(reply, label):
    assert winner_of(reply) == label


def test_a_verdict_is_right_or_wrong():
    assert winner_rule("A")("A, because it is kinder.") == {RIGHT: True}
    assert winner_rule("A")("B") == winner_rule("A")(None) == {RIGHT: False}


def test_a_score_is_the_first_number_of_the_reply():
    assert level_rule(4)("I give it a 4, because it is kind.") == {RIGHT: True, "within one": True}
    assert level_rule(4)("5: it is kind.") == {RIGHT: False, "within one": True}
    assert level_rule(4)("1") == level_rule(4)("kind") == level_rule(4)(None) == {RIGHT: False, "within one": False}


def test_json_has_the_keys_and_nothing_around_it():
    rule = json_rule(["capital"], [["Athens"]])
    assert rule('{"capital": "Athens"}') == {FOLLOWS: True, RIGHT: True}
    assert rule('{"country": "Greece", "capital": "Athens"}') == {FOLLOWS: True, RIGHT: True}
    assert rule('{"capital": "Sparta"}') == {FOLLOWS: True, RIGHT: False}
    for reply in ('Here: {"capital": "Athens"}', '{"city": "Athens"}', '{"capital": ""}', '["Athens"]', "Athens", None):
        assert rule(reply) == {FOLLOWS: False, RIGHT: False}
    exact = json_rule(["capital"], [["Athens"]], only=True)
    assert not exact('{"country": "Greece", "capital": "Athens"}')[FOLLOWS] and exact('{"capital": "Athens"}')[FOLLOWS]


def test_a_schema_is_followed_in_properties_types_and_choices():
    rule = schema_rule({"properties": {"score": {"type": "integer", "enum": [1, 2, 3]}}})
    assert rule(json.dumps({"score": 2})) == {FOLLOWS: True}
    for found in ({"score": 4}, {"score": "2"}, {"score": 2, "why": "so"}, {}):
        assert rule(json.dumps(found)) == {FOLLOWS: False}
