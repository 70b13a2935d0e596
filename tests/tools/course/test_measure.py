"""Asking a model and keeping what it replied, with a client that is none; no trained model is needed."""

import argparse
import json
import threading

import pytest

from helpers.files import CourseError
from helpers.llm.client import LLMError, Reply
from helpers.tools.course import measure
from helpers.tools.course.trials import GREEDY, SAMPLED, Trial
from helpers.tools.course.verdicts import CUT, fact_rule, winner_rule


class FakeLLM:
    """Replies by a function of the prompt; remembers the settings and how many requests were under way."""

    model, digest, engine = "fake", "0123456789abcdef", "none"

    def __init__(self, reply, done_reason="stop"):
        self.reply, self.done_reason, self.asked = reply, done_reason, []
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def ask(self, prompt, **settings):
        with self.lock:
            self.asked.append((prompt, settings))
            self.now += 1
            self.most = max(self.most, self.now)
        text = self.reply(prompt)
        with self.lock:
            self.now -= 1
        return Reply(text, self.done_reason, 1, 1, 0.1, {})


def refusing(prompt):
    raise LLMError("foreign", refused=True)


def broken(prompt):
    raise LLMError("no answer")


CAPITAL = Trial("known", "capital", (("capital greece", fact_rule([["Athens"]])),), "Athens")
CONTEST = Trial("judge", "x", (("one", winner_rule("A")), ("two", winner_rule("B"))), "A, B", GREEDY)


def test_a_contest_is_right_only_if_both_orders_are():
    right = measure.tried(FakeLLM({"one": "A", "two": "B"}.get), 7, CONTEST)
    assert right["verdict"] == {"right": True} and right["replies"] == ["A", "B"]
    for always in "AB":  # a judge that always takes the same place
        assert measure.tried(FakeLLM(lambda prompt, one=always: one), 7, CONTEST)["verdict"] == {"right": False}


def test_answers_are_sampled_with_a_seed_and_verdicts_are_greedy():
    llm = FakeLLM(lambda prompt: "Athens.")
    measure.tried(llm, 7, CAPITAL)
    measure.tried(llm, 8, CONTEST)
    settings = [settings for _, settings in llm.asked]
    assert settings[0] == SAMPLED | {"seed": 7, "num_predict": measure.REPLY_TOKENS} and SAMPLED["temperature"] == 0.8
    assert settings[1]["temperature"] == 0 and settings[1]["seed"] == 8


def test_what_the_engine_refuses_counts_as_refused_and_a_failure_ends_the_run():
    assert measure.tried(FakeLLM(refusing), 0, CAPITAL)["verdict"] == {"right": False, "refused": True}
    with pytest.raises(LLMError, match="no answer"):
        measure.tried(FakeLLM(broken), 0, CAPITAL)


def test_a_reply_that_was_cut_off_is_marked():
    assert measure.reply_of(FakeLLM(lambda prompt: "Athens, and", "length"), "x", {}) == "Athens, and" + CUT


def test_every_reply_is_kept_with_its_verdict(capsys):
    llm = FakeLLM(lambda prompt: "Athens.")
    found = measure.evaluated(llm, {"known": [CAPITAL] * 9, "judge": [CONTEST]}, {})
    assert len(found["replies"]) == 10 and found["replies"][0]["verdict"] == {"right": True, "refused": False}
    assert found["rows"] == [["known", "right", 9, 9], ["known", "refused", 0, 9], ["judge", "right", 0, 1]]
    assert found["model"] == "fake" and found["digest"] == llm.digest and llm.most <= measure.AT_ONCE
    assert "100.0 % (9/9" in capsys.readouterr().out and json.dumps(found)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(CourseError, match="no course model"):
        measure.model_called(str(tmp_path))


@pytest.mark.parametrize("quick", [True, False])
def test_the_command_asks_all_or_an_eighth_and_writes_one_file_a_model(tmp_path, monkeypatch, quick):
    llm, written = FakeLLM(lambda prompt: "Athens."), []
    monkeypatch.setattr(measure, "BUILD", tmp_path)
    monkeypatch.setattr(measure, "Talk", lambda *settings: argparse.Namespace(world={}))
    monkeypatch.setattr(measure, "trials", lambda talk: {"known": [CAPITAL] * 16})
    monkeypatch.setattr(measure, "model_called", lambda name: llm)
    monkeypatch.setattr(measure, "write_readme", written.append)
    measure.measure_course_models(argparse.Namespace(models=["some/my.gguf"], quick=quick))
    (file,) = (tmp_path / "course-models").iterdir()
    assert file.name == ("evaluation-my-quick.json" if quick else "evaluation-my.json")
    assert len(llm.asked) == (2 if quick else 16) and len(written) == (0 if quick else 1)
