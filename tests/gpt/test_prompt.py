import pytest

from helpers.gpt.prompt import TEMPLATE, chat_template, format_prompt
from helpers.records import contains_answer, question


def test_prompt_with_and_without_input():
    assert format_prompt("Add 1 and 2.") == "### Instruction:\nAdd 1 and 2.\n\n### Response:\n"
    assert format_prompt("Sort.", "b, a") == "### Instruction:\nSort.\n\n### Input:\nb, a\n\n### Response:\n"
    assert question("Sort.", "b, a") in format_prompt("Sort.", "b, a")


def test_a_template_is_the_prompts_form():
    assert TEMPLATE.replace("{{ .Prompt }}", "Sort.") == format_prompt("Sort.")


@pytest.mark.parametrize(
    "template", ["no place", "{{.Prompt}}", "{{ .System }}{{ .Prompt }}", "{{ .Prompt }} {{ .Prompt }}", ""]
)
def test_a_template_with_more_than_the_question_has_no_jinja(template):
    with pytest.raises(ValueError, match=r"should have \{\{ \.Prompt \}\} once"):
        chat_template(template)


@pytest.mark.parametrize(
    "text, key, right",
    [
        ("Look, it is obviously ATHENS.", ["Athens"], True),
        ("The sum is 142.", ["42"], False),
        ("The sum is 42!", ["42"], True),
        ("1, 4, 7, obviously.", ["1, 4, 7"], True),
        ("A cathedral", ["cat"], False),
        ("Bogotá is it", ["Bogotá"], True),
        ("both one and two", ["one", "two"], True),
        ("only one", ["one", "two"], False),
        ("costs $5 (five)", ["$5"], True),
    ],
)
def test_answers_are_whole_words_in_any_case(text, key, right):
    assert contains_answer(text, key) is right


def test_an_empty_key_checks_nothing_and_is_refused():
    with pytest.raises(ValueError):
        contains_answer("anything", [])
