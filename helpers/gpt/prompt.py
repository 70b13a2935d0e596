"""How a question becomes the text that the model reads."""

from helpers.records import question

HEADER = "### Instruction:\n"
FOOTER = "\n\n### Response:\n"
# The same as Jinja, which chat programs read from the model's file. A system message stands before the question that
# it precedes; an answer ends with end-of-text.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% else %}"
    f"{{% if loop.first or messages[loop.index0 - 1]['role'] != 'system' %}}{{{{ {HEADER!r} }}}}{{% endif %}}"
    f"{{{{ message['content'] + ('\\n\\n' if message['role'] == 'system' else {FOOTER!r}) }}}}"
    "{% endif %}{% endfor %}"
)


def format_prompt(instruction: str, input: str = "") -> str:
    """Everything the model sees before it answers; the answer starts right after the last newline."""
    return HEADER + question(instruction, input) + FOOTER
