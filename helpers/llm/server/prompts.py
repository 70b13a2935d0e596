"""From the messages of a request to the text that the model reads: Ollama's templates, and the Jinja of GGUF files."""

import re
from datetime import datetime
from functools import cache

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from helpers.llm.server.errors import ApiError

ACTION = re.compile(r"\{\{([^{}]*)\}\}")  # in linear time, whatever is sent
RESPONSE = "{{ .Response }}"
BLANKS = " \t\r\n"  # those of Go's templates
BARE = "{{ .Prompt }}"  # for a model that brings no template
ROLES = ("system", "user", "assistant")  # in the order in which they stand in a turn


def check_template(template: str):
    """Raises ApiError for a template that this engine cannot fill.

    Of Ollama's template language it knows only the variables System, Prompt and Response.
    """
    actions = actions_of(template)
    unknown = [f"{{{{ {action} }}}}" for action in actions if action not in (".System", ".Prompt", ".Response")]
    if "{{" in ACTION.sub("", template):
        unknown.append("an action with braces inside or without an end")
    if unknown:
        here = "templates of this engine know {{ .System }}, {{ .Prompt }} and {{ .Response }}"
        raise ApiError(501, f"{here}, not {unknown[0]}; use raw=true with a finished prompt instead")
    if ".Prompt" not in actions:
        raise ApiError(400, "the template has no {{ .Prompt }}, so the model would never see the prompt")


def actions_of(template: str) -> list[str]:
    return [action_name(action) for action in ACTION.findall(template)]


def action_name(inside: str) -> str:
    return inside.strip("-" + BLANKS)


def trimmed(template: str) -> str:
    """The template with "{{ .Name }}" as its only form of action: "{{-" and "-}}" have taken the blanks beside them."""
    parts = ACTION.split(template)  # text and what is inside of an action, in turns
    for place in range(1, len(parts), 2):
        inside = parts[place]
        parts[place] = f"{{{{ {action_name(inside)} }}}}"
        if inside.startswith("-"):
            parts[place - 1] = parts[place - 1].rstrip(BLANKS)
        if inside.endswith("-"):
            parts[place + 1] = parts[place + 1].lstrip(BLANKS)
    return "".join(parts)


def render(template: str, messages: list[dict]) -> list[str]:
    """The messages in Ollama's template, text by turn, up to where the model's answer begins. Raises ApiError.

    Where the template has no place for the system message, that goes before the prompt; without a place for the
    answer, that goes to the end.
    """
    check_template(template)
    template = trimmed(template)
    template = template if RESPONSE in template else template + RESPONSE
    *earlier, last = turns(messages)
    return [*(fill_turn(template, turn) for turn in earlier), fill_turn(template.split(RESPONSE)[0], last)]


def turns(messages: list[dict]) -> list[dict]:
    """The messages as turns, {"system": ..., "user": ..., "assistant": ...} or a part of it, in their order.

    As Ollama does it (template.go, collate): neighbours of one role are one message, and a turn ends where a system
    message follows any other, or a user's follows an answer.
    """
    grouped, before = [{}], None
    for role, content in ((message["role"], message["content"]) for message in messages):
        turn = grouped[-1]
        if role == before:
            content = f"{turn[role]}\n\n{content}"
        elif set(ROLES[ROLES.index(role) + 1 :]) & set(turn):
            grouped.append({})
        grouped[-1][role] = content
        before = role
    return grouped


def fill_turn(template: str, turn: dict) -> str:
    system, prompt, response = (turn.get(role, "") for role in ROLES)
    if system and ".System" not in actions_of(template):
        prompt = f"{system}\n\n{prompt}"
    values = {".System": system, ".Prompt": prompt, ".Response": response}
    return ACTION.sub(lambda match: values[action_name(match[1])], template)


def render_jinja(chat_template: str, messages: list[dict], special_tokens: dict) -> str:
    """The messages in the chat template of a GGUF file. Raises ApiError with what the template says."""
    try:
        return _compiled(chat_template).render(
            messages=messages, add_generation_prompt=True, enable_thinking=False, **special_tokens
        )
    except Exception as error:  # a template is a program: it can fail in any way
        raise ApiError(400, f"the model's chat template refuses these messages: {error}") from error


@cache
def _compiled(chat_template: str):
    """With what the field's templates expect (transformers, chat_template_utils.py)."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals |= {"raise_exception": _raise, "strftime_now": lambda format: datetime.now().strftime(format)}
    return environment.from_string(chat_template)


def _raise(message: str):
    raise TemplateError(message)
