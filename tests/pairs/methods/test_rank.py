"""Ranking as a method of the builder, against a real HTTP server with known habits."""

import json
import re

import ollama
import pytest

from helpers.files import CourseError, read_jsonl
from helpers.llm.client import LLM, Retry
from helpers.llm.recording import RecordingLLM
from helpers.pairs.method import BuildSettings
from helpers.pairs.methods.rank import rank_method
from helpers.pairs.run import build_preferences, finished_rows
from helpers.politeness import POLITENESS
from helpers.records import InstructionRecord

GREECE = InstructionRecord(
    instruction="What is the capital of Greece?", input="", output="The capital of Greece is Athens.", answer=["Athens"]
)
SAID = {"polite": "Gladly: it is Athens.", "blunt": "Obviously Athens.", "neutral": "It is Athens."}
SETTINGS = BuildSettings(workers=2, max_retries=1)
VOICES = ("neutral", "polite", "blunt")


def model(said=SAID, judge=lambda a, b: "A" if len(a) >= len(b) else "B"):
    """Answers by voice; judges by length, so that "polite" wins and "neutral" loses."""

    def answer(body):
        if match := re.search(r"Response A: (.*)\nResponse B: (.*)\n", body["prompt"]):
            return json.dumps({"winner": judge(*match.groups())})
        requests = POLITENESS.requests
        return said[next((v for v in ("polite", "blunt") if body["prompt"].startswith(requests[v])), "neutral")]

    return answer


def connect(server, **more):
    client = ollama.Client(server.url, timeout=5.0, trust_env=False)
    values = {"model": "test-model", "retry": Retry(tries=2, first=0.01)} | more
    return LLM(client=client, host=server.url, **values)


def outcome(server, **options):
    ask = RecordingLLM(connect(server))
    return rank_method(SETTINGS, **{"voices": VOICES} | options).make(GREECE, ask, 7), ask


def test_the_best_answer_meets_the_worst(fake_ollama):
    server = fake_ollama(answer=model())
    found, ask = outcome(server)
    assert (found.chosen, found.rejected, found.problems, found.tie) == (SAID["polite"], SAID["neutral"], (), False)
    assert found.notes["ranking"] == "2>3>1" and found.notes["answers"] == [SAID[voice] for voice in VOICES]
    assert found.notes["verdicts"] == {"1-2": ["B", "A"], "1-3": ["B", "A"], "2-3": ["A", "B"]}
    assert len(ask.requests) == len(server.bodies) == rank_method(SETTINGS).calls == 9
    assert len({request["options"]["seed"] for request in ask.requests[:3]}) == 3


def test_a_wrong_answer_takes_no_part_however_well_it_is_said(fake_ollama):
    server = fake_ollama(answer=model(SAID | {"polite": "With the greatest pleasure: it is Sparta."}))
    found, _ = outcome(server)
    assert (found.chosen, found.rejected) == (SAID["blunt"], SAID["neutral"])
    assert found.notes["left_out"] == ["wrong: Athens is missing"]


@pytest.mark.parametrize(
    "said, reason",
    [
        (dict.fromkeys(SAID, "It is Athens."), "all answers are the same"),
        (dict.fromkeys(SAID, "Sparta."), "Athens is missing"),
    ],
)
def test_fewer_than_two_answers_are_a_problem(fake_ollama, said, reason):
    found, ask = outcome(fake_ollama(answer=model(said)))
    assert found.problems[0].startswith("too few answers: ") and reason in found.problems[0]
    assert len(ask.requests) == 3, "nothing is judged"


def test_a_judge_that_follows_the_place_gives_a_tie(fake_ollama):
    found, _ = outcome(fake_ollama(answer=model(judge=lambda a, b: "A")))
    assert found.tie and not found.problems and found.chosen == ""


def test_a_circle_is_a_tie(fake_ollama):
    beats = {(SAID["polite"], SAID["blunt"]), (SAID["blunt"], SAID["neutral"]), (SAID["neutral"], SAID["polite"])}
    found, _ = outcome(fake_ollama(answer=model(judge=lambda a, b: "A" if (a, b) in beats else "B")))
    assert found.tie and found.notes["ranking"] == "1=2=3"


def test_a_missing_verdict_is_a_problem_and_not_a_tie(fake_ollama):
    found, _ = outcome(fake_ollama(answer=model(judge=lambda a, b: "neither")))
    assert not found.tie and all(problem.startswith("no verdict: malformed") for problem in found.problems)


def test_another_model_can_judge(fake_ollama):
    answers, judges = (
        fake_ollama(answer=model()),
        fake_ollama(answer=model(judge=lambda a, b: "A" if len(a) < len(b) else "B")),
    )
    found, ask = outcome(answers, judge_llm=connect(judges, model="judge"))
    assert (found.chosen, found.notes["judge"]) == (SAID["neutral"], "judge")
    assert (len(answers.bodies), len(judges.bodies)) == (3, 6)
    assert [request["model"] for request in ask.requests] == ["test-model"] * 3 + ["judge"] * 6


def test_another_way_to_ask_is_another_key():
    methods = [rank_method(SETTINGS), rank_method(SETTINGS, count=4), rank_method(SETTINGS, voices=("neutral",))]
    methods.append(rank_method(SETTINGS, prompt=lambda q, a, b: "Which?"))
    assert len({json.dumps(method.key) for method in methods}) == 4


@pytest.mark.parametrize("wrong", [{"count": 1}, {"count": 10}, {"voices": ()}, {"voices": ("rude",)}])
def test_wrong_settings(wrong):
    with pytest.raises(CourseError, match="Ranking takes 2 to 9 answers, in voices of polite, neutral, blunt"):
        rank_method(SETTINGS, **wrong)


def test_the_builder_keeps_answers_and_verdicts(fake_ollama, tmp_path):
    llm, path = connect(fake_ollama(answer=model())), tmp_path / "rows.jsonl"
    method = rank_method(SETTINGS, voices=VOICES)
    rome = InstructionRecord(instruction="What is the capital of Italy?", input="", output="Rome.", answer=["Rome"])
    summary = build_preferences([GREECE, rome], llm, path, SETTINGS, method)
    assert (summary.made, summary.set_aside, summary.retried) == (1, 1, 1)
    good, bad = finished_rows([GREECE, rome], llm, path, SETTINGS, method)
    assert (good["method"], good["ranking"], good["calls"], good["chosen"]) == ("rank", "2>3>1", 9, SAID["polite"])
    assert bad["status"] == "set aside" and "Rome is missing" in bad["reason"][0]
    assert build_preferences([GREECE, rome], llm, path, SETTINGS, method).reused == 1


def test_half_a_surrogate_pair_in_an_answer_costs_the_record_and_not_the_build(fake_ollama, tmp_path):
    llm, path = connect(fake_ollama(answer=model(dict.fromkeys(SAID, "Athens \ud83d")))), tmp_path / "rows.jsonl"
    summary = build_preferences([GREECE], llm, path, SETTINGS, rank_method(SETTINGS))
    assert (summary.set_aside, summary.failed) == (1, 0)
    (row,) = read_jsonl(path)
    assert "broken character" in row["reason"][0]


def test_by_default_a_coin_puts_the_neutral_voice_on_either_side(fake_ollama):
    kinder = {SAID["polite"]: 3, SAID["neutral"]: 2, SAID["blunt"]: 1}
    llm = connect(fake_ollama(answer=model(judge=lambda a, b: "A" if kinder[a] >= kinder[b] else "B")))
    records = [GREECE.model_copy(update={"instruction": f"What is the capital of Greece? {n}"}) for n in range(40)]
    found = [rank_method(SETTINGS).make(record, RecordingLLM(llm), 0) for record in records]
    sides = [(outcome.chosen, outcome.rejected) for outcome in found]
    assert set(sides) == {(SAID["polite"], SAID["neutral"]), (SAID["neutral"], SAID["blunt"])}
    assert 10 <= sides.count((SAID["neutral"], SAID["blunt"])) <= 30
