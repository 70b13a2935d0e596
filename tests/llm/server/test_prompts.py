"""Messages become the text that the model reads: as Ollama puts them together, and as the Jinja of a GGUF file does."""

import pytest

from helpers.gpt.prompt import TEMPLATE, chat_template, format_prompt
from helpers.llm.server.api import ApiError
from helpers.llm.server.prompts import check_template, render, render_jinja, turns

CHAT = "{{ .System }}>{{ .Prompt }}={{ .Response }};"
TOKENS = {"bos_token": "", "eos_token": "<|endoftext|>"}


def messages(text):
    """ "s:a u:b" -> messages with the contents a and b."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[word[0]], "content": word[2:]} for word in text.split()]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("u:b", [{"user": "b"}]),
        ("s:a u:b", [{"system": "a", "user": "b"}]),
        ("u:a u:b", [{"user": "a\n\nb"}]),
        ("s:a s:b u:c", [{"system": "a\n\nb", "user": "c"}]),
        ("u:a a:b u:c", [{"user": "a", "assistant": "b"}, {"user": "c"}]),
        ("u:a s:b u:c", [{"user": "a"}, {"system": "b", "user": "c"}]),
        ("a:a u:b", [{"assistant": "a"}, {"user": "b"}]),
        ("s:a u:b a:c a:d u:e", [{"system": "a", "user": "b", "assistant": "c\n\nd"}, {"user": "e"}]),
    ],
)
def test_turns_are_ollamas(said, expected):
    assert turns(messages(said)) == expected


def test_the_callers_messages_are_left_alone():
    said = messages("u:a u:b")
    turns(said)
    assert said == messages("u:a u:b")


@pytest.mark.parametrize(
    ("template", "said", "text"),
    [
        (CHAT, "s:a u:b", "a>b="),
        (CHAT, "s:a u:b a:c u:d", "a>b=c;>d="),
        ("{{ .Prompt }}", "s:a u:b", "a\n\nb"),
        ("{{ .Prompt }}", "u:a a:b u:c", "abc"),
        ("<{{- .Prompt -}}>", "u:a a:b u:c", "<a>b<c>"),
        ("{{.Prompt}}\n{{.Response}}\n", "u:a", "a\n"),
        ("< \n{{- .Prompt -}}\t > \n{{- .Response }} ;", "u:a a:b u:c", "<a>b ;<c>"),
        ("{{ .System -}}  {{- .Prompt }} =", "s:a u:b", "ab ="),
        ("a\u00a0{{- .Prompt -}}\u3000b{{ .Response }}", "u:x", "a\u00a0x\u3000b"),
    ],
)
def test_render(template, said, text):
    assert "".join(render(template, messages(said))) == text


def test_what_people_write_is_no_template():
    said = [{"role": "user", "content": "x {{ .System }} \\1 {% if x %}"}]
    assert render("a{{- .Prompt -}}b", said) == ["ax {{ .System }} \\1 {% if x %}b"]
    assert render_jinja("{{ messages[0].content }}", said, {}) == said[0]["content"]


@pytest.mark.parametrize(
    ("template", "status", "sentence"),
    [
        ("{{ range .Messages }}{{ .Prompt }}{{ end }}", 501, "not {{ range .Messages }}; use raw=true"),
        ("{{ if .System }}{{ .System }}{{ end }}{{ .Prompt }}", 501, "not {{ if .System }}"),
        ("{{ .Prompt | upper }}", 501, "not {{ .Prompt | upper }}"),
        ("{{ .Prompt }}{{ }}", 501, "not {{  }}"),
        ("hello", 400, "no {{ .Prompt }}"),
        ("{{ .System", 501, "without an end"),
    ],
)
def test_templates_that_cannot_be_filled(template, status, sentence):
    with pytest.raises(ApiError) as error:
        check_template(template)
    assert error.value.status == status and sentence in str(error.value)


@pytest.mark.parametrize("template", [TEMPLATE, "{{ .Prompt }}\n###\n", 'it\'s "{% x %}" {{ .Prompt }}'])
@pytest.mark.parametrize("said", ["u:a", "s:a u:b", "s:a s:b u:c", "u:a a:b u:c", "s:a u:b a:c u:d a:e u:f"])
def test_the_courses_two_templates_agree(said, template):
    """Jinja marks the end of an answer; for Ollama's template the engine puts it between the turns."""
    in_jinja = render_jinja(chat_template(template), messages(said), TOKENS)
    assert in_jinja.split("<|endoftext|>") == render(template, messages(said))


def test_a_question_is_put_as_in_training():
    said = [{"role": "user", "content": "What?"}]
    assert render(TEMPLATE, said) == [render_jinja(chat_template(), said, TOKENS)] == [format_prompt("What?")]


REAL = """{{ bos_token }}{% for m in messages %}
    {%- if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}
    {%- if loop.index0 > 8 %}{% break %}{% endif %}
    {{- '<|' + m.role + '|>' + m.content | trim + eos_token }}
{%- endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}{{ strftime_now('%Y') | length }}"""


def test_jinja_as_models_bring_it():
    text = render_jinja(REAL, [{"role": "user", "content": " hi "}], {"bos_token": "<s>", "eos_token": "</s>"})
    assert text == "<s><|user|>hi</s><|assistant|>4"


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        (REAL, "no system role"),
        ("{{ messages[", "unexpected"),
        ("{{ nothing.here }}", "undefined"),
        ("{{ messages | unknown }}", "unknown"),
        ("{{ 'a' + 1 }}", "can only concatenate"),
        ("{{ messages[0].missing.more }}", "no attribute 'missing'"),
        ("{{ 1 // 0 }}", "zero"),
        ("{{ ().__class__.__bases__[0].__subclasses__() }}", "unsafe"),
    ],
)
def test_a_chat_template_that_fails(template, sentence):
    with pytest.raises(ApiError, match=f"the model's chat template refuses these messages: .*{sentence}") as error:
        render_jinja(template, messages("s:a u:b"), {"bos_token": ""})
    assert error.value.status == 400
