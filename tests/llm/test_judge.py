"""Judging by fake models with known habits, over real HTTP where the client matters, and by hand-worked log-probs."""

import json
import math
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import ollama
import pytest

from helpers.files import CourseError
from helpers.llm.client import LLM, LLMError, Retry
from helpers.llm.judge import (
    NoVerdict,
    Score,
    SoftLabel,
    Verdict,
    both_orders,
    first_token,
    judge_all,
    jury,
    label_probability,
    llm_judge,
    rule_judge,
    score_all,
    score_one,
    scores,
    soft_label,
    soft_labels,
    win_rate,
)
from helpers.llm.recording import RecordingLLM
from helpers.politeness import POLITENESS

LEVEL = {"rude": 1, "plain": 3, "kind": 5}
WINNERS = {"kind": "a", "rude": "b"}


def responses(prompt):
    return re.search(r"Response A: (.*)\nResponse B: (.*)\n", prompt).groups()


def by_level(prompt):
    a, b = (LEVEL[text] for text in responses(prompt))
    return json.dumps({"winner": "A" if a >= b else "B"})


class FakeLLM:
    """Replies with what `answer(prompt, attempt)` says, and remembers what it was asked."""

    def __init__(self, answer, raw=None, done_reason="stop"):
        self.answer, self.raw, self.done_reason, self.asked = answer, raw or {}, done_reason, []

    def ask(self, prompt, **options):
        attempt = sum(asked == prompt for asked, _ in self.asked)
        self.asked.append((prompt, options))
        text = self.answer(prompt, attempt)
        if isinstance(text, Exception):
            raise text
        return SimpleNamespace(text=text, thinking="", raw=self.raw, done_reason=self.done_reason)


def fake(answer, **more):
    return FakeLLM(lambda prompt, attempt: answer(prompt), **more)


def judged(llm, a, b, **options):
    return both_orders(llm_judge(llm, **options), "q", a, b)


@pytest.mark.parametrize("a, b, winner", [("kind", "rude", "a"), ("plain", "kind", "b"), ("plain", "plain", "tie")])
def test_the_better_answer_wins_in_both_orders(a, b, winner):
    assert judged(fake(by_level), a, b).winner == winner


@pytest.mark.parametrize("place", "AB")
def test_a_judge_that_follows_the_place_finds_ties_only(place):
    verdict = judged(fake(lambda prompt: f'{{"winner": "{place}"}}'), "kind", "rude")
    assert (verdict.first, verdict.swapped, verdict.winner, verdict.reason) == (place, place, "tie", "")


def test_the_request_holds_to_a_schema_at_temperature_0_with_the_sides_swapped():
    llm = fake(by_level)
    judged(llm, "kind", "rude", seed=5)
    (first, options), (swapped, _) = llm.asked
    assert first == POLITENESS.judge_json_prompt("q", "kind", "rude") and swapped == POLITENESS.judge_json_prompt(
        "q", "rude", "kind"
    )
    assert options["temperature"] == 0 and options["seed"] == 5
    assert options["format"]["properties"]["winner"]["enum"] == ["A", "B"]
    assert options["format"]["required"] == ["winner"]


def test_another_criterion_goes_into_the_prompt():
    llm = fake(by_level)
    helpful = replace(POLITENESS, directions=("more helpful", "less helpful"))
    assert judged(llm, "rude", "kind", prompt=helpful.long_judge_prompt).winner == "b"
    assert "which response is more helpful?" in llm.asked[0][0]


MALFORMED = ["A", '{"winner": "C"}', '{"winner": ["A"]}', '{"best": "A"}', "[]", '{"winner": tr', "", "null"]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_verdict_is_asked_again_and_then_set_aside_with_its_reason(text):
    llm = fake(lambda prompt: text)
    verdict = judged(llm, "kind", "rude", max_retries=2)
    assert verdict.winner is None and verdict.first is None and verdict.swapped is None
    assert "malformed" in verdict.reason and "after 3 tries" in verdict.reason
    assert len(llm.asked) == 3, "once the first order is lost, the second need not be asked"
    assert [options["seed"] for _, options in llm.asked] == [0, 1, 2]
    assert [options["temperature"] > 0 for _, options in llm.asked] == [False, True, True]


def test_a_retry_can_mend_a_verdict():
    llm = FakeLLM(lambda prompt, attempt: by_level(prompt) if attempt else "Well, it depends.")
    assert judged(llm, "kind", "rude").winner == "a"
    assert len(llm.asked) == 4


def test_only_the_second_order_is_lost():
    swapped = POLITENESS.judge_json_prompt("q", "rude", "kind")
    verdict = judged(fake(lambda prompt: "?" if prompt == swapped else by_level(prompt)), "kind", "rude")
    assert (verdict.first, verdict.swapped, verdict.winner) == ("A", None, None) and "malformed" in verdict.reason


def test_a_cut_off_verdict_says_so():
    assert "cut off" in judged(fake(lambda prompt: '{"win', done_reason="length"), "a", "b").reason


def test_a_refused_prompt_is_set_aside_at_once_and_other_failures_are_raised():
    refusing = fake(lambda prompt: LLMError("too long", refused=True))
    assert "refused by the server: too long" == judged(refusing, "a", "b").reason and len(refusing.asked) == 1
    with pytest.raises(LLMError, match="gone"):
        judged(fake(lambda prompt: LLMError("gone", transient=True)), "a", "b")


def test_judge_all_keeps_the_order(capsys):
    contests = [("q", a, b) for a in LEVEL for b in LEVEL] * 3
    winners = [verdict.winner for verdict in judge_all(llm_judge(fake(by_level)), contests, workers=4)]
    sign = {1: "a", 0: "tie", -1: "b"}
    assert winners == [sign[(LEVEL[a] > LEVEL[b]) - (LEVEL[a] < LEVEL[b])] for _, a, b in contests]
    assert judge_all(llm_judge(fake(by_level)), []) == []


# --- a rule, and many contests --------------------------------------------------------------------------------

CONTESTS = [("q1", "kind", "rude"), ("q2", "plain", "kind"), ("q3", "plain", "plain"), ("q4", "kind", "plain")]
NONE = Verdict(None, None, "malformed")


def by_rule(contests, level=LEVEL.get):
    return judge_all(rule_judge(level), contests)


def test_a_rule_judges_as_a_language_model_does():
    assert by_rule(CONTESTS) == [Verdict("A", "B"), Verdict("B", "A"), Verdict("tie", "tie"), Verdict("A", "B")]
    by_model = judge_all(llm_judge(fake(by_level)), CONTESTS)
    assert [v.winner for v in by_rule(CONTESTS)] == [v.winner for v in by_model] == ["a", "b", "tie", "a"]


def test_scores_and_win_rate_by_hand():
    assert scores(by_rule(CONTESTS)).tolist() == [1, 0, 0.5, 1]
    rate = win_rate(by_rule(CONTESTS))
    assert (rate.value, rate.judged, rate.missing) == (2.5 / 4, 4, 0) and rate.low < rate.value < rate.high
    assert str(rate).startswith("0.625 [") and "without" not in str(rate)


def test_swapping_the_sides_of_every_contest_turns_the_win_rate_round():
    turned = [(question, b, a) for question, a, b in CONTESTS]
    assert win_rate(by_rule(turned)).value == 1 - win_rate(by_rule(CONTESTS)).value


def test_a_judge_that_is_wrong_wins_nothing():
    contests = [("q", "kind", "rude"), ("q", "plain", "rude")]
    rate = win_rate(by_rule(contests, lambda text: -LEVEL[text]))
    assert rate.value == rate.low == 0 < rate.high  # two contests do not prove that it always loses


def test_a_missing_verdict_is_no_tie_but_left_out_and_counted():
    verdicts = [*by_rule(CONTESTS), NONE, NONE]
    assert np.isnan(scores(verdicts)).tolist() == [False] * 4 + [True] * 2
    rate = win_rate(verdicts)
    assert rate[:3] == win_rate(by_rule(CONTESTS))[:3] and (rate.judged, rate.missing) == (4, 2)
    assert str(rate).endswith("2 of 6 contests without a verdict")


def test_a_win_rate_needs_verdicts():
    for verdicts in ([], [NONE] * 5):
        with pytest.raises(CourseError, match="at least 2"):
            win_rate(verdicts)


# --- soft labels ----------------------------------------------------------------------------------------------


def test_label_probability_is_the_softmax_over_the_two_letters():
    assert label_probability({"A": math.log(0.6), "B": math.log(0.2), "x": math.log(0.1)}) == pytest.approx(0.75)
    assert label_probability({"A": -1.0, " B": -1.0}) == pytest.approx(0.5)
    both = {"A": math.log(0.2), " A": math.log(0.1), "B": math.log(0.1)}
    assert label_probability(both) == pytest.approx(0.75), "a letter with a blank is the same letter"


def test_a_letter_that_is_not_listed_counts_as_the_least_likely_token():
    assert label_probability({"A": math.log(0.9), "x": math.log(0.1)}) == pytest.approx(0.9)
    assert label_probability({"B": 0.0, "x": -2000.0}) == 0.0


@pytest.mark.parametrize("tokens", [{"The": -0.1, "a": -3.0}, {}])
def test_a_judge_that_names_no_letter_is_told(tokens):
    with pytest.raises(CourseError, match="not with A or B"):
        label_probability(tokens)


def raw(a, b):
    listed = [{"token": "A", "logprob": math.log(a)}, {"token": "B", "logprob": math.log(b)}]
    return {"logprobs": [listed[0] | {"top_logprobs": listed}]}


def test_a_soft_label_averages_both_orders():
    class Sure:
        def ask(self, prompt, **options):
            assert options["top_logprobs"] == 20 and options["num_predict"] == 1 and options["temperature"] == 0
            return SimpleNamespace(
                text="A",
                thinking="",
                raw=raw(0.9, 0.1) if prompt == POLITENESS.judge_prompt("q", "x", "y") else raw(0.3, 0.7),
            )

    assert soft_label(Sure(), "q", "x", "y") == pytest.approx((0.9 + 0.7) / 2)
    labels = soft_labels(Sure(), [("q", "x", "y"), ("q", "y", "x")])
    assert [label.value for label in labels] == pytest.approx([0.8, 0.2])
    assert {label.reason for label in labels} == {""}


def test_a_taste_for_a_place_cancels_out():
    assert soft_label(fake(lambda prompt: "A", raw=raw(0.99, 0.01)), "q", "x", "y") == pytest.approx(0.5)


@pytest.mark.parametrize(
    "raw", [{}, {"logprobs": None}, {"logprobs": []}, {"logprobs": {"content": []}}, {"logprobs": [7]}]
)
def test_a_server_without_logprobs_is_told(raw):
    with pytest.raises(NoVerdict, match="sends no log-probabilities"):
        soft_label(fake(lambda prompt: "A", raw=raw), "q", "x", "y")
    assert (
        soft_labels(fake(lambda prompt: "A", raw=raw), [("q", "x", "y")] * 2)
        == [
            SoftLabel(
                None,
                "The server sends no log-probabilities. Update Ollama, or go by the verdicts of llm_judge() alone.",
            )
        ]
        * 2
    )


def test_one_odd_contest_leaves_the_others_their_labels():
    """One begins with a word, another is refused; the third has a label."""

    class Odd:
        def ask(self, prompt, **options):
            if "odd" in prompt:
                return SimpleNamespace(raw={"logprobs": [{"token": "Well", "logprob": -0.1}]}, text="Well", thinking="")
            if "foreign" in prompt:
                raise LLMError("foreign to it", refused=True)
            return SimpleNamespace(raw=raw(0.5, 0.5), text="A", thinking="")

    odd, foreign, good = soft_labels(Odd(), [("q", "odd", "y"), ("q", "foreign", "y"), ("q", "x", "y")])
    assert odd.value is None and "begins its reply with 'Well', not with A or B" in odd.reason
    assert foreign == SoftLabel(None, "refused by the server: foreign to it")
    assert good == SoftLabel(pytest.approx(0.5))


def test_a_server_in_trouble_is_no_missing_label():
    def broken(prompt):
        return LLMError("busy", transient=True)

    with pytest.raises(LLMError, match="busy"):
        soft_labels(fake(broken), [("q", "x", "y")])


def test_the_likeliest_first_tokens():
    assert first_token(fake(lambda prompt: "A", raw=raw(0.9, 0.1)), "?") == {"A": math.log(0.9), "B": math.log(0.1)}
    bare = {"logprobs": [{"token": "A", "logprob": -0.1}]}
    assert first_token(fake(lambda prompt: "A", raw=bare), "?") == {"A": -0.1}, "the written token alone"


# --- scores and juries ----------------------------------------------------------------------------------------


def test_scores():
    llm = fake(lambda prompt: '{"score": 4}')
    assert score_one(llm, "q", "kind") == Score(4)
    assert llm.asked[0][0] == POLITENESS.score_json_prompt("q", "kind")
    assert llm.asked[0][1]["format"]["properties"]["score"]["enum"] == [1, 2, 3, 4, 5]
    score_one(llm, "q", "kind", POLITENESS.rubric_prompt)
    assert "1: rude: it scolds, mocks or belittles the reader\n2: blunt" in llm.asked[-1][0]
    assert score_all(llm, [("q", "kind")] * 3) == [Score(4)] * 3


@pytest.mark.parametrize(
    "text", ['{"score": 10}', '{"score": 0}', '{"score": "4"}', '{"score": true}', '{"score": 4.0}']
)
def test_a_score_off_the_scale_is_set_aside(text):
    found = score_one(fake(lambda prompt: text), "q", "kind")
    assert found.value is None and "1, 2, 3, 4, 5" in found.reason


@pytest.mark.parametrize(
    "winners, said",
    [
        (["a", "a", "b"], "a"),
        (["b", "b", "tie"], "b"),
        (["a", "b", "tie"], "tie"),
        (["a", "tie", "tie"], "tie"),
        (["a", "b"], "tie"),
        (["a", "a", "b", "b"], "tie"),
        ([None, "b"], "b"),
        ([None, None], None),
        ([], None),
    ],
)
def test_a_jury_needs_a_majority_of_those_who_vote(winners, said):
    assert jury(winners) == said


def test_winners_of_verdicts():
    found = [Verdict(first, swapped).winner for first in ("A", "B", None) for swapped in ("A", "B", None)]
    assert found == ["tie", "a", None, "b", "tie", None, None, None, None]


# --- over HTTP ------------------------------------------------------------------------------------------------


def connected(server, **settings):
    client = ollama.Client(server.url, timeout=5.0, trust_env=False)
    return LLM(client=client, model="test-model", host=server.url, retry=Retry(tries=2, first=0.01), **settings)


def test_a_real_request_asks_for_the_schema_and_for_logprobs_at_the_top_level(fake_ollama):
    server = fake_ollama(answer=lambda body: by_level(body["prompt"]))
    llm = connected(server)
    assert judged(llm, "rude", "kind").winner == "b"
    assert server.bodies[0]["format"]["required"] == ["winner"] and "logprobs" not in server.bodies[0]
    (label,) = soft_labels(llm, [("q", "rude", "kind")])
    assert label.value is None and "no log-probabilities" in label.reason
    assert server.bodies[-1]["logprobs"] is True and server.bodies[-1]["top_logprobs"] == 20
    assert "top_logprobs" not in server.bodies[-1]["options"]


def test_a_busy_server_is_no_verdict(fake_ollama):
    server = fake_ollama(trouble=lambda body: (503, "busy"))
    with pytest.raises(LLMError, match="busy"):
        judged(connected(server), "rude", "kind")


def test_a_recording_client_keeps_every_request_of_a_judge(fake_ollama):
    server = fake_ollama(answer=lambda body: by_level(body["prompt"]))
    client = RecordingLLM(connected(server))
    judged(client, "rude", "kind")
    assert [request["raw_reply"] for request in client.requests] == ['{"winner": "B"}', '{"winner": "A"}']


def test_a_judges_thinking_is_not_its_verdict():
    thought = '<think>{"winner": "A"}? No, the other.</think>{"winner": "B"}'
    assert llm_judge(fake(lambda prompt: thought))("q", "x", "y") == "B"
    with pytest.raises(NoVerdict, match="cut off"):
        llm_judge(fake(lambda prompt: '<think>{"winner": "A"}', done_reason="length"))("q", "x", "y")


@pytest.mark.parametrize(("text", "thinking"), [("<think>", ""), ("", "A")])
def test_the_first_token_of_thinking_is_no_soft_label(text, thinking):
    class Thinker:
        def ask(self, prompt, **options):
            return SimpleNamespace(text=text, thinking=thinking, raw=raw(0.9, 0.1))

    with pytest.raises(CourseError, match="thinks before it answers"):
        soft_label(Thinker(), "q", "x", "y")
