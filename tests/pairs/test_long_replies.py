"""A small model that repeats itself writes until the token limit: what reads its reply takes time in proportion."""

import time

import pytest

from helpers.llm.thinking import split_thinking
from helpers.pairs.checks import problems
from helpers.pairs.cleaning import clean_reply
from helpers.records import InstructionRecord

# A number below zero, names, a denial: each is looked for.
RECORD = InstructionRecord(
    instruction="How cold was Miguel de Cervantes?",
    input="",
    output="Miguel de Cervantes was not safe at -3 °C, said Mary Ann Evans.",
    answer=["-3"],
)
READERS = {
    "thinking": split_thinking,
    "cleaning": clean_reply,
    "checks": lambda reply: problems(RECORD, reply) + problems(RECORD, reply, strict=False),
}
# What is repeated.
UNITS = [
    " ", "\n", " \n", "a", "A", "7", "*", "(", "[", "]", "\"", "'", "\"'", "“", "<", "-", ".", "!", "…", "`",
    "word and other ", "Name Of ", "A-", "__a ", "1,234 ", "1.1.", "-3 ", "5 € ", "one hundred and ",
    "- item one\n", "1. item\n", "Option 1: yes\n", "a: ", "Note: it\n", "---\n", "(a) ", "((a)", "```\n",
    "<think>", "</think>", "<|channel|>", "Thinking... ", "Or:\n", "Sure! ", "Here is the ", "I'd like to keep ",
    "this is not ", "I hope this ", "Let me know. ", "! ", "isn't ", ", dear Sir ", "2 + ", "文",
]  # fmt: skip


def seconds(read, text):
    start = time.process_time()
    read(text)
    return time.process_time() - start


def grown(read, unit, end):
    """(seconds before, seconds now) where ten times the text takes more than 20 times as long, else ()."""
    before = 0.005  # what takes less is not told from noise
    for count in (300, 3_000, 30_000):
        text = "Dear friend, " + (unit * count)[:count] + end
        now = seconds(read, text)
        if now > 20 * before:  # once more: something may have been in the way
            now = min(now, seconds(read, text))
        if now > 20 * before:
            return before, now
        before = max(before, now)
    return ()


@pytest.mark.parametrize("name", READERS)
def test_ten_times_the_text_takes_about_ten_times_as_long(name):
    read = READERS[name]
    read("The first reply loads the tables.")
    for unit in UNITS:
        assert not grown(read, unit, ""), unit
        assert name != "cleaning" or not grown(read, unit, " then x."), unit


def test_growth_that_is_too_steep_is_noticed():
    assert grown(lambda text: [text[place:].count("b") for place in range(len(text))], "a", "")
    assert not grown(lambda text: [text.count("b") for _ in range(50)], "a", "")
