"""Thinking is told from the answer, whichever of its tags is there."""

import pytest

from helpers.llm.thinking import split_thinking

ANSWER = "Athens is the capital."


@pytest.mark.parametrize(
    "reply",
    [
        f"<think>\nGreece? Athens.\n</think>\n\n{ANSWER}",
        f"<thinking>Greece?</thinking>{ANSWER}",
        f"<think></think>{ANSWER}",
        f"Okay, the user asks for Greece.\n</think>\n{ANSWER}",
        f"Thinking...\nGreece, so Athens.\n...done thinking.\n\n{ANSWER}",
        f"<|channel|>analysis<|message|>Athens.<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
    ],
)
def test_thinking_is_taken_off(reply):
    thinking, answer = split_thinking(reply)
    assert answer == ANSWER and thinking


def test_nothing_is_left_of_thinking_that_never_ends():
    assert split_thinking("<think>\nSo, Athens is") == ("<think>\nSo, Athens is", "")


@pytest.mark.parametrize("text", [ANSWER, "I think that it is Athens.", "Think. <b>Athens</b> is final.", "a < b > c"])
def test_an_answer_is_no_thinking(text):
    assert split_thinking(text) == ("", text)


def test_text_around_tags_stays():
    assert split_thinking(f"{ANSWER}<think>a</think> b <think>c") == ("<think>a</think><think>c", f"{ANSWER} b")
    assert split_thinking("a</thinking>b</think>c") == ("a</thinking>b</think>", "c")
