"""How a question becomes the text that the model reads, and how an answer is checked."""

import re

HEADER = "### Instruction:\n"
INPUT = "\n\n### Input:\n"
FOOTER = "\n\n### Response:\n"


def question(instruction: str, input: str = "") -> str:
    """The instruction, followed by its input if it has one."""
    return instruction + INPUT + input if input else instruction


def format_prompt(instruction: str, input: str = "") -> str:
    """Everything the model sees before it answers; the answer starts right after the last newline."""
    return HEADER + question(instruction, input) + FOOTER


def contains_answer(text: str, answer: list[str]) -> bool:
    """True if every string of the answer key stands in the text as whole words, in any case.

    An empty key cannot be checked and counts as missing: ValueError.
    """
    if not answer:
        raise ValueError("the answer key is empty")
    return all(re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text, re.IGNORECASE) for key in answer)
