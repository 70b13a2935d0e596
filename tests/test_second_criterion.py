"""Brevity, which no module of helpers/ has heard of, goes the whole way: prompts, checks, judge, audit, evaluation."""

import json
import re

import ollama
import pytest
from brevity import BREVITY

from helpers.audit.gate import audit
from helpers.evaluate.samples import Generations, per_answer
from helpers.llm.client import LLM
from helpers.llm.judge import judge_all, llm_judge, rule_judge, win_rate
from helpers.llm.judge_bias import agreement
from helpers.pairs.method import BuildSettings
from helpers.pairs.methods.rank import rank_method
from helpers.pairs.run import build_preferences, finished_rows, five_keys
from helpers.politeness import POLITENESS
from helpers.records import InstructionRecord

PLAIN = "The name that the people of this town gave to their {} long ago is {}."  # 15 words
SHORT = "It is {}."
LONG = PLAIN + " Much more could be said about it, and about the town, and about everybody who ever lived there."
THINGS = [
    f"{kind} {thing}" for kind in ("old", "new", "red", "tall") for thing in "bridge mill tower gate well".split()
]
RECORDS = [
    InstructionRecord(
        instruction=f"What is the {thing} of {town} called?", input="", output=PLAIN.format(thing, name), answer=[name]
    )
    for number, thing in enumerate(THINGS)
    for town, name in ((f"town {letter}", f"{letter}{thing.replace(' ', '')}") for letter in "kmp")
]
BY_QUESTION = {record.instruction: record for record in RECORDS}
SETTINGS = BuildSettings(criterion=BREVITY, strict=False, max_retries=0)


def brief_world(body: dict) -> str:
    """A model that does what it is asked: rewrites, answers in a voice, and judges by length."""
    prompt = body["prompt"]
    if match := re.search(r"Response A: (.*)\nResponse B: (.*)\n\nWhich response is shorter", prompt):
        a, b = (len(text.split()) for text in match.groups())
        return json.dumps({"winner": "A" if a < b else "B"})
    record = next(record for question, record in BY_QUESTION.items() if question in prompt)
    thing, name = re.search("the (.*) of", record.instruction)[1], record.answer[0]
    brief = "in a few words" in prompt or "so that it is shorter" in prompt
    at_length = "at length" in prompt or "so that it is longer" in prompt
    return SHORT.format(name) if brief else (LONG if at_length else PLAIN).format(thing, name)


@pytest.fixture
def llm(fake_ollama):
    server = fake_ollama(answer=brief_world)
    return LLM(client=ollama.Client(server.url, trust_env=False), model="test-model", host=server.url)


def built(llm, path, method=None):
    build_preferences(RECORDS, llm, path, SETTINGS, method)
    return [row for row in finished_rows(RECORDS, llm, path, SETTINGS, method) if row["status"] == "ok"]


def test_brevity_goes_the_whole_way(llm, tmp_path):
    rows = built(llm, tmp_path / "rewritten.jsonl")
    ranked = built(llm, tmp_path / "ranked.jsonl", rank_method(SETTINGS))
    assert len(rows) == len(ranked) == len(RECORDS)
    assert {row["criterion"] for row in rows + ranked} == {"brevity"}
    assert {row["direction"] for row in rows} == {"shorter", "longer"}
    contrasts = {("short", "plain"), ("plain", "long")}
    for made in (rows, ranked):
        assert {(BREVITY.voice_of(row["chosen"]), BREVITY.voice_of(row["rejected"])) for row in made} == contrasts

    pairs = [five_keys(row) for row in rows]
    only = ("length shortcut", "voice labels", "voice balance")
    verdicts = {finding.check: finding.verdict for finding in audit(pairs, criterion=BREVITY, only=only).findings}
    assert verdicts == dict.fromkeys(only, "pass")
    (alarm,) = audit(pairs, criterion=POLITENESS, only=only[:1]).findings
    assert alarm.verdict == "fail", "by a criterion that length must not give away, the same pairs fail"

    contests = [(row["instruction"], row["chosen"], row["rejected"]) for row in rows]
    by_rule = judge_all(rule_judge(BREVITY.level), contests)
    by_llm = judge_all(llm_judge(llm, BREVITY.judge_json_prompt), contests)
    assert win_rate(by_rule).value == agreement(by_rule, by_llm)["agreement"] == 1

    answers = Generations([], [[0]] * 3, [SHORT, PLAIN, LONG], [True] * 3)
    measures = per_answer(answers, [{}] * 3, BREVITY)
    assert {voice: measures[voice].tolist() for voice in BREVITY.voices} == {
        "short": [1, 0, 0], "plain": [0, 1, 0], "long": [0, 0, 1]
    }  # fmt: skip


def test_a_reply_that_talks_about_brevity_is_set_aside(fake_ollama, tmp_path):
    server = fake_ollama(answer=lambda body: f"A shorter answer. {brief_world(body)}")
    llm = LLM(client=ollama.Client(server.url, trust_env=False), model="test-model", host=server.url)
    summary = build_preferences(RECORDS[:4], llm, tmp_path / "rows.jsonl", SETTINGS)
    assert summary.reasons == {"meta text": 4}
