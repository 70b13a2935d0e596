"""Thumbs, and what becomes of them."""

import random
from collections import Counter

import pytest

from helpers.files import DATA, CourseError
from helpers.gpt.prompt import format_prompt
from helpers.pairs.judgements import SHOWN, UNDO
from helpers.pairs.method import BuildSettings
from helpers.pairs.methods.feedback import (
    Opinion,
    compared_with,
    kto_records,
    opinions,
    simulated_vote,
    thumb,
    votes_method,
)
from helpers.pairs.run import build_preferences, finished_rows
from helpers.politeness import POLITENESS
from helpers.records import load_instructions

RECORDS = load_instructions(DATA / "instruction-data.json")[:6]
SETTINGS = BuildSettings(workers=2, max_retries=1)


def row(verdict, answer="It is so.", annotator="ada", instruction="Why?"):
    return thumb(annotator, instruction, "", answer, verdict)


def test_opinions_count_people_not_clicks():
    rows = [row("up"), row("up"), row("down", annotator="bob"), row("down", annotator="eve"), row("up", "Else.")]
    rows += [row(SHOWN), row("up", "Taken back."), row(UNDO, "Taken back.")]
    assert opinions(rows) == [
        Opinion("Why?", "", "It is so.", up=1, down=2),
        Opinion("Why?", "", "Else.", up=1, down=0),
    ]
    assert [one.label for one in opinions(rows)] == [False, True]
    assert Opinion("Why?", "", "It is so.", 2, 2).label is None


def test_a_judgement_that_is_no_thumb_is_named():
    for wrong in (row("love"), {"annotator": "ada", "item": "i", "verdict": "up"}):
        with pytest.raises(CourseError, match="by ada is no thumb"):
            opinions([wrong])


def test_kto_records_are_unpaired_and_leave_out_divided_opinions():
    found = [Opinion("Why?", "x", "A", 1, 0), Opinion("Why?", "x", "B", 1, 1), Opinion("How?", "", "C", 0, 2)]
    assert kto_records(found) == [
        {"prompt": format_prompt("Why?", "x"), "completion": "A", "label": True},
        {"prompt": format_prompt("How?", ""), "completion": "C", "label": False},
    ]


def voted(record, answer, up=0, down=0):
    return Opinion(record.instruction, record.input, answer, up, down)


def built(fake_ollama, llm_of, tmp_path, found, **server):
    llm, path = llm_of(fake_ollama(**server)), tmp_path / "rows.jsonl"
    method = votes_method(found, SETTINGS)
    summary = build_preferences(RECORDS, llm, path, SETTINGS, method)
    return summary, list(finished_rows(RECORDS, llm, path, SETTINGS, method))


def test_both_sides_from_people_need_no_model(fake_ollama, llm_of, tmp_path):
    found = [voted(r, f"Gladly: {r.output}", up=1) for r in RECORDS]
    found += [voted(r, f"Look, {r.output}", down=1) for r in RECORDS]
    summary, rows = built(fake_ollama, llm_of, tmp_path, found)
    assert summary.made == len(RECORDS) and all(row["calls"] == 0 and row["synthetic"] is None for row in rows)
    assert all(row["chosen"].startswith("Gladly") and row["rejected"].startswith("Look") for row in rows)


def test_a_missing_side_is_written_by_the_model_and_marked(fake_ollama, llm_of, tmp_path):
    found = [
        voted(RECORDS[0], f"Gladly: {RECORDS[0].output}", up=1),
        voted(RECORDS[1], f"Look, {RECORDS[1].output}", down=1),
    ]
    summary, rows = built(fake_ollama, llm_of, tmp_path, found)
    liked, disliked, *others = rows
    assert liked["synthetic"] == "rejected" and liked["rejected"].startswith("Come on")
    assert "less polite" in liked["prompt"] and found[0].answer in liked["prompt"]
    assert disliked["synthetic"] == "chosen" and disliked["chosen"].startswith("I am glad")
    assert "more polite" in disliked["prompt"] and disliked["rejected"] == found[1].answer
    assert all(row["status"] == "set aside" and row["reason"][0].startswith("no vote") for row in others)
    assert summary.made == 2


def test_a_rewrite_that_loses_the_fact_is_set_aside(fake_ollama, llm_of, tmp_path):
    found = [voted(RECORDS[0], f"Gladly: {RECORDS[0].output}", up=1)]
    summary, rows = built(fake_ollama, llm_of, tmp_path, found, answer=lambda body: "Look it up.")
    assert summary.made == 0 and rows[0]["reason"][0].startswith("fact lost")


def test_a_liked_answer_that_is_wrong_is_not_chosen(fake_ollama, llm_of, tmp_path):
    record = RECORDS[0]
    found = [voted(record, "Gladly: I have no idea.", up=5), voted(record, f"Gladly: {record.output}", up=1)]
    _, rows = built(fake_ollama, llm_of, tmp_path, found)
    assert rows[0]["chosen"] == f"Gladly: {record.output}"
    _, rows = built(fake_ollama, llm_of, tmp_path, found[:1])
    assert rows[0]["status"] == "set aside"


def test_the_clearest_opinion_is_taken_and_a_new_vote_makes_a_new_row(fake_ollama, llm_of, tmp_path):
    record = RECORDS[0]
    texts = {name: f"{name}: {record.output}" for name in ("Gladly", "Kindly", "Look")}
    found = [
        voted(record, texts["Gladly"], up=1),
        voted(record, texts["Kindly"], up=3),
        voted(record, texts["Look"], down=1),
    ]
    _, rows = built(fake_ollama, llm_of, tmp_path, found)
    assert rows[0]["chosen"] == texts["Kindly"]
    summary, rows = built(fake_ollama, llm_of, tmp_path, [voted(record, texts["Gladly"], up=9), *found[1:]])
    assert rows[0]["chosen"] == texts["Gladly"] and summary.made == 1


def share(texts, noise):
    rng = random.Random(0)
    votes = Counter(simulated_vote(text, POLITENESS, rng, noise) for text in texts * 1000)
    return {vote: votes[vote] / 1000 / len(texts) for vote in ("up", "down", None)}


def test_simulated_people_mind_the_voice_complain_more_and_err_at_times():
    polite, blunt, plain = ["I am glad to help: so."], ["Obviously so."], ["So."]
    assert share(polite, 0.0)["down"] == 0 and share(blunt, 0.0)["up"] == 0
    assert share(blunt, 0.0)["down"] > share(polite, 0.0)["up"] > 0.4 and share(plain, 0.0)[None] > 0.85
    noisy = share(blunt, 0.1)
    assert 0.07 < noisy["up"] / (noisy["up"] + noisy["down"]) < 0.13


def test_a_rewrite_is_compared_with_the_answer_that_was_voted_on_if_that_says_something_else():
    record = RECORDS[0].model_copy(update={"output": "The capital of Greece is Athens.", "answer": ["Athens"]})
    assert compared_with(record, "Look, the capital of Greece is Athens.") == record
    other = "Athens, since 1834; before that it was Nafplio."
    assert compared_with(record, "Sparta was the capital of Laconia.").output == "Sparta was the capital of Laconia."
    assert compared_with(record.model_copy(update={"output": other}), "It is Athens.").output == "It is Athens."
