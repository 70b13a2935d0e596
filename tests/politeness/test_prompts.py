"""The prompts, word for word: the embedded model was trained on them, so a change must be on purpose."""

import pytest

from helpers.politeness import prompts
from helpers.records import fingerprint


def test_rewrite_prompt():
    assert prompts.rewrite_prompt("Sort the numbers.", "3, 1", "1, 3", "more polite") == (
        "Question: Sort the numbers. 3, 1\nAnswer: 1, 3\n\n"
        "Rewrite the answer so that it is more polite. Keep every fact. Reply with the rewritten answer only."
    )
    assert prompts.rewrite_prompt("Who?", "", "I.", "less polite").startswith("Question: Who?\nAnswer: I.\n\n")


def test_judge_and_score_prompts():
    assert prompts.judge_prompt("Who?", "I.", "You.") == (
        "Question: Who?\nResponse A: I.\nResponse B: You.\n\nWhich response is more polite? Reply with A or B only."
    )
    assert prompts.judge_json_prompt("Who?", "I.", "You.").endswith('more polite? Reply as JSON with the key "winner".')
    assert prompts.score_prompt("Who?", "I.") == (
        "Question: Who?\nAnswer: I.\n\n"
        "How polite is the answer, from 1 (rude) to 5 (very polite)? Reply with the number only."
    )
    assert prompts.score_json_prompt("Who?", "I.").endswith('(very polite)? Reply as JSON with the key "score".')


def test_answer_prompt():
    assert prompts.answer_prompt("Sort.", "3, 1") == "Sort.\n\n### Input:\n3, 1"
    assert prompts.answer_prompt("Sort.", style="blunt") == "Answer bluntly. Sort."


# (prompt name, version): fingerprint of its text. A new text needs a new version and a new line here.
VERSIONED = {
    ("rewrite", 1): "d02c7aea70cb7194",
    ("judge", 1): "46ea96f1659bffa7",
    ("judge-json", 1): "7f27afa2a4f8a54e",
    ("score", 1): "2c3464e5751deea3",
    ("score-json", 1): "bb2b110750ee747a",
    ("criterion", 1): "3ecbe19e3e1d220c",
    ("rubric", 1): "2c3c7fd4c2c09aa9",
}


@pytest.mark.parametrize("name", prompts.VERSIONS)
def test_a_new_text_has_a_new_version(name):
    texts = {
        "rewrite": prompts.rewrite_prompt("q", "i", "o", "d"),
        "judge": prompts.judge_prompt("q", "a", "b"),
        "judge-json": prompts.judge_json_prompt("q", "a", "b"),
        "score": prompts.score_prompt("q", "a"),
        "score-json": prompts.score_json_prompt("q", "a"),
        "criterion": prompts.criterion_prompt("q", "a", "b", "c"),
        "rubric": prompts.rubric_prompt("q", "a"),
    }
    assert VERSIONED[name, prompts.VERSIONS[name]] == fingerprint(texts[name])
