"""What is wrong with an answer that a model gave by itself."""

import pytest

from helpers.llm.client import Reply
from helpers.pairs.answers import answer_problems, side_problems
from helpers.records import InstructionRecord

ATHENS = InstructionRecord(
    instruction="What is the capital of Greece?", input="", output="The capital of Greece is Athens.", answer=["Athens"]
)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("It is Athens, of course.", []),
        ("ATHENS", []),
        ("It is Sparta.", ["wrong"]),
        ("It is Athensville.", ["wrong"]),
        (" \n", ["empty"]),
        ("Athens \ud83d", ["broken character"]),
        ("I'm sorry, but I can't help with Athens.", ["refused"]),
        ("Here is a more polite version: Athens.", ["meta text"]),
    ],
)
def test_each_fault_is_named(text, kinds):
    assert [problem.partition(":")[0] for problem in answer_problems(ATHENS, text)] == kinds


def test_an_answer_that_was_cut_off_is_a_problem_even_if_it_is_right():
    assert answer_problems(ATHENS, "Athens is the", "length") == ["cut off: the reply reached the token limit"]


def test_without_a_key_facts_are_not_checked():
    record = ATHENS.model_copy(update={"answer": []})
    assert answer_problems(record, "It is Sparta.") == []


def test_every_missing_word_of_the_key_is_named():
    record = ATHENS.model_copy(update={"answer": ["1", "2"]})
    assert answer_problems(record, "Sorted: 12") == ["wrong: 1 is missing", "wrong: 2 is missing"]


def test_problems_of_two_sides_say_whose_they_are():
    cut = Reply("Athens is", "length", 1, 1, 0.0, {})
    assert side_problems(ATHENS, {"strong": cut, "weak": "Sparta."}) == (
        "cut off: strong: the reply reached the token limit",
        "wrong: weak: Athens is missing",
    )
    assert side_problems(ATHENS, {"strong": "Athens.", "weak": "It is Athens."}) == ()
