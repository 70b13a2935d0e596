"""The criterion as an object: voices, contrasts and prompts of any of them."""

import pytest
from brevity import BREVITY

from helpers.criterion import rewrite_prompt
from helpers.files import CourseError
from helpers.politeness import POLITENESS

CRITERIA = pytest.mark.parametrize("criterion", [POLITENESS, BREVITY], ids=lambda criterion: criterion.name)


@CRITERIA
def test_each_direction_asks_two_neighbouring_voices(criterion):
    assert criterion.contrasts == {
        criterion.directions[0]: (criterion.preferred, criterion.neutral),
        criterion.directions[1]: (criterion.neutral, criterion.dispreferred),
    }


@CRITERIA
def test_a_voice_is_asked_for_in_front_of_the_question(criterion):
    for voice, request in criterion.requests.items():
        assert criterion.answer_prompt("Why?", "", voice) == f"{request}Why?"
    assert criterion.answer_prompt("Why?") == "Why?"


def test_an_unknown_voice_is_refused():
    with pytest.raises(CourseError, match="'purple' is no voice of brevity. Choose one of short, plain, long"):
        BREVITY.answer_prompt("Why?", "", "purple")


@pytest.mark.parametrize(
    ("text", "voice"), [("Athens.", "short"), ("word " * 15, "plain"), ("word " * 40, "long"), ("word " * 25, "long")]
)
def test_the_level_gives_the_voice(text, voice):
    assert BREVITY.voice_of(text) == voice


def test_no_prompt_of_another_criterion_speaks_of_politeness():
    prompts = [BREVITY.judge_prompt, BREVITY.judge_json_prompt, BREVITY.long_judge_prompt]
    texts = [prompt("q", "x", "y") for prompt in prompts]
    texts += [prompt("q", "x") for prompt in (BREVITY.score_prompt, BREVITY.score_json_prompt, BREVITY.rubric_prompt)]
    texts += [rewrite_prompt("q", "", "x", direction) for direction in BREVITY.directions]
    assert not [text for text in texts if "polite" in text]
    assert all("shorter" in text for text in texts[:3]) and "1: it rambles\n" in texts[5]
