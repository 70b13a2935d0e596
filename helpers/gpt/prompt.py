"""How a question becomes the text that the model reads."""

from helpers.records import question

HEADER = "### Instruction:\n"
FOOTER = "\n\n### Response:\n"
HOLE = "{{ .Prompt }}"  # where the question stands in a template of Ollama's
TEMPLATE = HEADER + HOLE + FOOTER


def chat_template(template: str = TEMPLATE) -> str:
    """The same template as Jinja, which chat programs read from the model's file.

    A system message stands before the question that it precedes; an answer ends with end-of-text. Raises ValueError
    for a template that is more than a text before the question and one behind it.
    """
    header, hole, footer = template.partition(HOLE)
    if not hole or "{{" in header + footer:
        raise ValueError(f"its template is {template!r}, and should have {HOLE} once and nothing else in braces")
    return (
        "{% for message in messages %}"
        "{% if message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% else %}"
        f"{{% if loop.first or messages[loop.index0 - 1]['role'] != 'system' %}}{{{{ {header!r} }}}}{{% endif %}}"
        f"{{{{ message['content'] + ('\\n\\n' if message['role'] == 'system' else {footer!r}) }}}}"
        "{% endif %}{% endfor %}"
    )


def format_prompt(instruction: str, input: str = "") -> str:
    """Everything the model sees before it answers; the answer starts right after the last newline."""
    return HEADER + question(instruction, input) + FOOTER
