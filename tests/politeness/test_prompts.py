"""The prompts, word for word: the embedded model was trained on them, so a change must be on purpose."""

import pytest

from helpers.criterion import PROMPT_VERSIONS, rewrite_prompt
from helpers.politeness import POLITENESS
from helpers.records import fingerprint


def test_rewrite_prompt():
    assert rewrite_prompt("Sort the numbers.", "3, 1", "1, 3", "more polite") == (
        "Question: Sort the numbers. 3, 1\nAnswer: 1, 3\n\n"
        "Rewrite the answer so that it is more polite. Keep every fact. Reply with the rewritten answer only."
    )
    assert rewrite_prompt("Who?", "", "I.", "less polite").startswith("Question: Who?\nAnswer: I.\n\n")


def test_judge_and_score_prompts():
    assert POLITENESS.judge_prompt("Who?", "I.", "You.") == (
        "Question: Who?\nResponse A: I.\nResponse B: You.\n\nWhich response is more polite? Reply with A or B only."
    )
    assert POLITENESS.judge_json_prompt("Who?", "I.", "You.").endswith('polite? Reply as JSON with the key "winner".')
    assert POLITENESS.score_prompt("Who?", "I.") == (
        "Question: Who?\nAnswer: I.\n\n"
        "How polite is the answer, from 1 (rude) to 5 (very polite)? Reply with the number only."
    )
    assert POLITENESS.score_json_prompt("Who?", "I.").endswith('(very polite)? Reply as JSON with the key "score".')


def test_answer_prompt():
    assert POLITENESS.answer_prompt("Sort.", "3, 1") == "Sort.\n\n### Input:\n3, 1"
    assert POLITENESS.answer_prompt("Sort.", voice="blunt") == "Answer bluntly. Sort."


# (prompt name, version): fingerprint of its text. A new text needs a new version and a new line here.
VERSIONED = {
    ("answer", 1): "55db248eabb87bdb",
    ("rewrite", 1): "d02c7aea70cb7194",
    ("judge", 1): "46ea96f1659bffa7",
    ("judge-json", 1): "7f27afa2a4f8a54e",
    ("score", 1): "2c3464e5751deea3",
    ("score-json", 1): "bb2b110750ee747a",
    ("rubric", 1): "2c3c7fd4c2c09aa9",
    ("long-judge", 1): "01011ca5fd790515",
}


@pytest.mark.parametrize("name", PROMPT_VERSIONS)
def test_a_new_text_has_a_new_version(name):
    texts = {
        "answer": "".join(POLITENESS.answer_prompt("q", "i", voice) for voice in POLITENESS.voices),
        "rewrite": rewrite_prompt("q", "i", "o", "d"),
        "judge": POLITENESS.judge_prompt("q", "a", "b"),
        "judge-json": POLITENESS.judge_json_prompt("q", "a", "b"),
        "score": POLITENESS.score_prompt("q", "a"),
        "score-json": POLITENESS.score_json_prompt("q", "a"),
        "rubric": POLITENESS.rubric_prompt("q", "a"),
        "long-judge": POLITENESS.long_judge_prompt("q", "a", "b"),
    }
    assert VERSIONED[name, PROMPT_VERSIONS[name]] == fingerprint(texts[name])
