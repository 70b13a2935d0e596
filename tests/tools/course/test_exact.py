"""The exact prompts of the pipeline over the wide world: the response is what the rules say."""

import json
import random

import pytest

from helpers.criterion import PROMPT_VERSIONS, rewrite_prompt
from helpers.politeness import POLITENESS
from helpers.politeness.voices import politeness
from helpers.tools.course import exact
from helpers.tools.course.directions import DIRECTIONS, agrees

SOURCE = ("What is the capital of Greece?", "The capital of Greece is Athens.", ("Athens", "Greece"))
WRONG = ("What is the capital of Japan?", "The capital of Japan is Tokyo.", ("Tokyo", "Japan"))
RECORDS = [
    {"instruction": "Name the plural.", "input": "mouse", "output": "The plural is 'mice'."},
    {"instruction": "What is 2 + 2?", "input": "", "output": "The sum is 4."},
]


def drawn(function, *arguments, times=200):
    rng = random.Random(0)
    return [function(*arguments, rng) for _ in range(times)]


def test_rewrites_go_in_the_direction_that_the_prompt_names():
    seen = set()
    for prompt, response in drawn(exact.exact_rewrite, SOURCE):
        before = prompt.split("\nAnswer: ")[1].split("\n\nRewrite")[0]
        (direction,) = [d for d in DIRECTIONS if prompt == rewrite_prompt(SOURCE[0], "", before, d)]
        assert agrees(direction, before, response) and "Athens" in response, (prompt, response)
        seen.add(direction)
    assert seen == set(DIRECTIONS) and PROMPT_VERSIONS["rewrite"] == 1, "another text wants other training"


@pytest.mark.parametrize("wrong", [None, WRONG])
def test_the_winner_of_a_contest_of_politeness_is_the_politer_one(wrong):
    rng, places, false = random.Random(1), set(), 0
    for _ in range(400):
        prompt, verdict = exact.exact_judge(SOURCE, rng, "train", wrong)
        winner = json.loads(verdict)["winner"] if verdict.startswith("{") else verdict
        a, b = (prompt.split(f"\nResponse {side}: ")[1].split("\n")[0] for side in "AB")
        if "Which response is more polite?" in prompt:
            assert winner == ("A" if politeness(a) > politeness(b) else "B")
            places.add(winner)
            false += "Tokyo" in a + b
    assert places == {"A", "B"} and bool(false) == bool(wrong)


def test_scores_are_those_of_the_rule():
    for prompt, response in drawn(exact.exact_score, SOURCE):
        text = prompt.split("\nAnswer: ")[1].split("\n\n")[0]
        score = json.loads(response)["score"] if response.startswith("{") else int(response)
        assert score == politeness(text)


def test_an_answer_is_in_the_manner_that_is_asked_before_the_question():
    for prompt, response in drawn(exact.in_a_manner, SOURCE):
        assert prompt.endswith(SOURCE[0]) and "Athens" in response
        if prompt.startswith(POLITENESS.requests[POLITENESS.preferred]):
            assert politeness(response) > 3


def test_the_thing_stands_in_the_input(world):
    fact = {"country": "Greece", "capital": "Athens"}
    for prompt, response in drawn(exact.with_input, world["capital"], fact, times=30):
        assert prompt.endswith("\n\n### Input:\nGreece") and "Greece" not in prompt.split("\n")[0]
        assert "Athens" in response


def test_two_records_are_answered_in_their_order():
    for prompt, response in drawn(exact.two_records, RECORDS, times=20):
        assert prompt.startswith("Answer both questions.\n1. ")
        assert ("mice" in response.split("\n")[0]) == ("mouse" in prompt.split("\n")[1])
