"""Which of two answers is better? A judge is asked in both orders; its bias and its agreement are measured.

A contest is (question, a, b). A judge is a function: a list of contests in, a list of verdicts out, each "A"
or "B", or anything else if it does not choose. So rules and language models judge through the same code.
"""

import re

import numpy as np
from sklearn.metrics import cohen_kappa_score

from helpers.files import CourseError
from helpers.stats import Estimate, estimate


def rule_judge(politeness):
    """A judge that goes by a measure: the higher one wins."""

    def judge(contests):
        levels = [(politeness(a), politeness(b)) for _, a, b in contests]
        return ["A" if a > b else "B" if b > a else "tie" for a, b in levels]

    return judge


def llm_judge(llm, judge_prompt):
    """A judge that asks a language model, at temperature 0, for a reply of a few tokens.

    A prompt that it refuses (too long, or foreign to a small model) gets the verdict "refused", and a line says so.
    """
    options = dict(temperature=0, num_predict=8)

    def judge(contests):
        prompts = [judge_prompt(*contest) for contest in contests]
        try:
            return [verdict(reply.text) for reply in llm.ask_many(prompts, label="judge", **options)]
        except CourseError as error:
            if not getattr(error, "refused", False):
                raise
            print(f"Some contests get no verdict. {error}")
        return [one_verdict(prompt) for prompt in prompts]

    def one_verdict(prompt):
        try:
            return verdict(llm.ask_many([prompt], **options)[0].text)
        except CourseError as error:
            if not getattr(error, "refused", False):
                raise
            return "refused"

    return judge


def verdict(reply):
    """The one letter, A or B, that stands alone in the reply; "unclear" if there is none, or both."""
    letters = set(re.findall(r"\b[AB]\b", reply))
    return letters.pop() if len(letters) == 1 else "unclear"


def both_orders(contests, judge):
    """A judge's verdicts on every contest as it stands, and with its two sides swapped."""
    swapped = [(question, b, a) for question, a, b in contests]
    return judge(contests), judge(swapped)


def scores(first, swapped):
    """1 where side a wins in both orders, 0 where side b does, else 0.5: a tie."""
    wins = {("A", "B"): 1.0, ("B", "A"): 0.0}
    return np.array([wins.get(verdicts, 0.5) for verdicts in zip(first, swapped, strict=True)])


def win_rate(contests, judge, seed=0) -> Estimate:
    """How often side a wins, ties counting half: the mean score, with its interval."""
    return estimate(scores(*both_orders(contests, judge)), seed)


def position_bias(first, swapped) -> dict[str, float]:
    """How the two verdicts on a contest go together, as shares of the contests.

    "A both times" and "B both times" follow the place and not the answer.
    """
    _need(first)
    kinds = {"the same answer": ["AB", "BA"], "A both times": ["AA"], "B both times": ["BB"]}
    found = ["".join(verdicts) for verdicts in zip(first, swapped, strict=True)]
    shares = {kind: sum(map(found.count, pairs)) / len(found) for kind, pairs in kinds.items()}
    return shares | {"no choice": 1 - sum(shares.values())}


def agreement(one, two) -> dict[str, float | None]:
    """How far two judges' scores agree: raw, and as Cohen's κ (1960): 0 is chance, 1 is perfect.

    Over all contests, and over those that neither calls a tie. What cannot be computed is None: there are no
    such contests, or both judges give all of them the same score, so that chance explains everything.
    """
    _need(one)
    one, two = np.asarray(one), np.asarray(two)
    same, decisive = one == two, (one != 0.5) & (two != 0.5)
    return {
        "contests": len(one),
        "agreement": float(same.mean()),
        "kappa": _kappa(one, two),
        "decisive": int(decisive.sum()),
        "decisive agreement": float(same[decisive].mean()) if decisive.any() else None,
        "decisive kappa": _kappa(one[decisive], two[decisive]),
    }


def _kappa(one, two) -> float | None:
    one, two = ((2 * values).astype(int) for values in (one, two))  # scikit-learn wants classes: 0, 1, 2
    return float(cohen_kappa_score(one, two)) if len({*one, *two}) > 1 else None


def _need(verdicts):
    if not len(verdicts):
        raise CourseError("There are no contests to judge. Check the records and the split.")
