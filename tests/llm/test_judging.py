"""Judging by hand-worked cases, with rules and with fake language models."""

from types import SimpleNamespace

import numpy as np
import pytest

from helpers.files import CourseError
from helpers.llm import judging

LEVEL = {"rude": 1, "plain": 3, "kind": 5}
CONTESTS = [
    ("q1", "kind", "rude"),
    ("q2", "plain", "kind"),
    ("q3", "plain", "plain"),
    ("q4", "kind", "plain"),
]
RULE = judging.rule_judge(LEVEL.get)


def judge_prompt(question, a, b):
    return f"{question}|{a}|{b}"


class FakeLLM:
    """Replies with what `answer` makes of a prompt, and remembers what it was asked."""

    def __init__(self, answer):
        self.answer, self.prompts, self.options = answer, [], {}

    def ask_many(self, prompts, **options):
        self.prompts, self.options = self.prompts + prompts, options
        return [SimpleNamespace(text=self.answer(prompt)) for prompt in prompts]


def by_level(prompt):
    _, a, b = prompt.split("|")
    return "A" if LEVEL[a] > LEVEL[b] else "B"


def test_the_rule():
    assert RULE(CONTESTS) == ["A", "B", "tie", "A"]


def test_scores_and_win_rate_by_hand():
    first, swapped = judging.both_orders(CONTESTS, RULE)
    assert swapped == ["B", "A", "tie", "B"]
    assert judging.scores(first, swapped).tolist() == [1, 0, 0.5, 1]
    found = judging.win_rate(CONTESTS, RULE)
    assert found.value == 2.5 / 4 and found.low < found.value < found.high


def test_swapping_the_sides_of_every_contest_turns_the_win_rate_round():
    turned = [(question, b, a) for question, a, b in CONTESTS]
    assert judging.win_rate(turned, RULE).value == 1 - judging.win_rate(CONTESTS, RULE).value


def test_a_judge_that_is_wrong_wins_nothing():
    wrong = judging.rule_judge(lambda text: -LEVEL[text])
    contests = [("q", "kind", "rude"), ("q", "plain", "rude")]
    assert judging.win_rate(contests, wrong) == (0, 0, 0)


@pytest.mark.parametrize("letter", ["A", "B"])
def test_a_judge_that_always_names_one_side_gives_ties_only(letter):
    judge = judging.llm_judge(FakeLLM(lambda prompt: letter), judge_prompt)
    first, swapped = judging.both_orders(CONTESTS, judge)
    assert judging.scores(first, swapped).tolist() == [0.5] * 4
    bias = judging.position_bias(first, swapped)
    assert bias[f"{letter} both times"] == 1 and sum(bias.values()) == 1


def test_a_language_model_is_asked_in_both_orders_at_temperature_0():
    llm = FakeLLM(by_level)
    first, swapped = judging.both_orders(CONTESTS, judging.llm_judge(llm, judge_prompt))
    assert llm.prompts[0] == "q1|kind|rude" and llm.prompts[4] == "q1|rude|kind" and len(llm.prompts) == 8
    assert llm.options["temperature"] == 0
    assert judging.scores(first, swapped).tolist() == [1, 0, 0.5, 1]  # "B" twice for two equal answers: a tie


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("A", "A"),
        ("B.", "B"),
        ("**B**", "B"),
        ("Response A", "A"),
        ('{"winner": "A"}', "A"),
        ("Response B is more polite than A", "unclear"),
        ("a tie", "unclear"),
        ("Both", "unclear"),
        ("", "unclear"),
    ],
)
def test_verdict(reply, expected):
    assert judging.verdict(reply) == expected


def test_an_unclear_verdict_makes_a_tie():
    first, swapped = ["A", "unclear", "unclear"], ["unclear", "B", "unclear"]
    assert judging.scores(first, swapped).tolist() == [0.5] * 3
    assert judging.position_bias(first, swapped)["no choice"] == 1


def test_position_bias_by_hand():
    found = judging.position_bias(["A", "B", "A", "A", "B", "tie"], ["B", "A", "A", "A", "B", "tie"])
    assert {kind: round(6 * share) for kind, share in found.items()} == {
        "the same answer": 2, "A both times": 2, "B both times": 1, "no choice": 1
    }  # fmt: skip


def test_agreement_by_hand():
    one, two = np.array([1, 1, 1, 0, 0, 0.5]), np.array([1, 1, 0, 0, 0.5, 0.5])
    found = judging.agreement(one, two)
    # expected by chance: 3/6 · 2/6 (wins) + 2/6 · 2/6 (losses) + 1/6 · 2/6 (ties) = 12/36
    assert found["agreement"] == pytest.approx(4 / 6)
    assert found["kappa"] == pytest.approx((4 / 6 - 12 / 36) / (1 - 12 / 36))
    # decisive for both: (1, 1), (1, 1), (1, 0), (0, 0); chance 3/4 · 2/4 + 1/4 · 2/4 = 1/2
    assert (found["contests"], found["decisive"], found["decisive agreement"]) == (6, 4, 0.75)
    assert found["decisive kappa"] == pytest.approx((0.75 - 0.5) / 0.5)


def test_agreement_on_one_and_the_same_verdict_has_no_kappa():
    found = judging.agreement(np.ones(5), np.ones(5))
    assert found["agreement"] == 1 and found["kappa"] is None


def test_agreement_without_a_decisive_contest():
    found = judging.agreement(np.full(3, 0.5), np.array([1, 0, 0.5]))
    assert found["decisive"] == 0 and found["decisive agreement"] is None and found["decisive kappa"] is None


def test_no_contests():
    with pytest.raises(CourseError):
        judging.win_rate([], RULE)
    with pytest.raises(CourseError, match="no contests"):
        judging.position_bias([], [])
    with pytest.raises(CourseError, match="no contests"):
        judging.agreement([], [])


class Refusal(CourseError):
    refused = True


@pytest.mark.parametrize("refused", [True, False])
def test_a_refused_contest_has_no_verdict_and_another_failure_stops(refused, capsys):
    def answer(prompt):
        if "q2" in prompt:
            raise Refusal("refused: foreign") if refused else CourseError("the server is gone")
        return by_level(prompt)

    judge = judging.llm_judge(FakeLLM(answer), judge_prompt)
    if not refused:
        with pytest.raises(CourseError, match="the server is gone"):
            judge(CONTESTS)
        return
    first, swapped = judging.both_orders(CONTESTS, judge)
    assert first == ["A", "refused", "B", "A"] and swapped[1] == "refused"
    assert judging.scores(first, swapped)[1] == 0.5 and judging.position_bias(first, swapped)["no choice"] == 0.25
    assert "no verdict. refused: foreign" in capsys.readouterr().out
