"""How a question becomes the text that the model reads."""

from helpers.records import question

HEADER = "### Instruction:\n"
FOOTER = "\n\n### Response:\n"


def format_prompt(instruction: str, input: str = "") -> str:
    """Everything the model sees before it answers; the answer starts right after the last newline."""
    return HEADER + question(instruction, input) + FOOTER
