"""The judge of the course: which of two answers is better, how sure is that, and how good is one answer?

A contest is (question, a, b). A judge is a function of a contest that returns "A" or "B", the place of the better
answer, or "tie"; it raises `NoVerdict` if it has none. A rule and a language model are judges alike.

A judge can follow the place in which an answer stands. So every contest is judged in both orders, and an answer wins
only if it wins in both; else it is a tie (MT-Bench, arXiv:2306.05685, section 3.4). A contest without a verdict is no
tie: it is left out, and counted. Several judges can vote (`jury`; PoLL, arXiv:2404.18796).

`llm` is anything that asks as `LLM.ask` does: an `LLM`, or the `RecordingLLM` of a method.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp

from helpers.files import CourseError
from helpers.llm.client import LLM, LLMError, Reply
from helpers.llm.parallel import in_order
from helpers.llm.recording import RecordingLLM
from helpers.llm.thinking import split_thinking
from helpers.politeness import POLITENESS
from helpers.stats import estimate

Contest = tuple[str, str, str]  # question, answer a, answer b
Judge = Callable[[str, str, str], str]
JudgePrompt = Callable[[str, str, str], str]

LABELS = ("A", "B")
ALLOWED = {"winner": LABELS, "score": (1, 2, 3, 4, 5)}  # the key of a reply -> its values
SCHEMAS = {  # the key of a reply -> the JSON schema that the server holds it to
    key: {"type": "object", "properties": {key: {"type": kind, "enum": list(ALLOWED[key])}}, "required": [key]}
    for key, kind in (("winner", "string"), ("score", "integer"))
}
RETRY_TEMPERATURE = 0.7  # at temperature 0 another seed would give the same malformed reply again


class NoVerdict(CourseError):
    """A judge has no verdict on a contest, and says why: no usable reply came, or the server refused the prompt."""


# --- Two answers ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What a judge said about answers a and b, in both orders."""

    first: str | None  # "A", "B" or "tie" when a stands first; None if there is no verdict
    swapped: str | None  # the same when b stands first
    reason: str = ""  # why there is no verdict

    @property
    def winner(self) -> str | None:
        """ "a" or "b" if it won in both orders, else "tie"; None if there is no verdict."""
        if None in (self.first, self.swapped):
            return None
        return {("A", "B"): "a", ("B", "A"): "b"}.get((self.first, self.swapped), "tie")


def rule_judge(level: Callable[[str], float]) -> Judge:
    """A judge that goes by a measure, such as `Criterion.level`: the higher answer is better."""

    def judge(question: str, a: str, b: str) -> str:
        return "A" if level(a) > level(b) else "B" if level(b) > level(a) else "tie"

    return judge


def llm_judge(llm: LLM | RecordingLLM, prompt: JudgePrompt = POLITENESS.judge_json_prompt, **options) -> Judge:
    """A judge that asks a language model for JSON with the key "winner"; see `ask_for_json` for the options.

    `prompt` holds the criterion and asks for JSON; a course model knows `Criterion.judge_json_prompt` only.
    """

    def judge(question: str, a: str, b: str) -> str:
        return ask_for_json(llm, prompt(question, a, b), "winner", **options)

    return judge


def both_orders(judge: Judge, question: str, a: str, b: str) -> Verdict:
    """A judge's verdict on a contest as it stands, and with its two sides swapped."""
    labels = []
    try:
        for first, second in ((a, b), (b, a)):
            labels.append(judge(question, first, second))
    except NoVerdict as error:
        return Verdict(*labels, *[None] * (2 - len(labels)), reason=str(error))
    return Verdict(*labels)


def judge_all(judge: Judge, contests: Iterable[Contest], *, workers: int = 8) -> list[Verdict]:
    """`both_orders` of every contest, several at once, with a progress bar; in the order of the contests."""
    return in_order(lambda contest: both_orders(judge, *contest), contests, workers=workers, label="judging")


# --- Many contests --------------------------------------------------------------------------------------------


class WinRate(NamedTuple):
    """How often side a wins, ties counting half, with the 95 % interval; and what it rests on."""

    value: float
    low: float
    high: float
    judged: int  # contests with a verdict
    missing: int  # contests without: they count for neither side

    def __str__(self):
        without = f", {self.missing} of {self.judged + self.missing} contests without a verdict" if self.missing else ""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]{without}"


def scores(verdicts: Sequence[Verdict]) -> np.ndarray:
    """1 where a wins, 0 where b does, 0.5 for a tie; NaN where there is no verdict. (n,)"""
    points = {"a": 1.0, "tie": 0.5, "b": 0.0, None: np.nan}
    return np.array([points[verdict.winner] for verdict in verdicts])


def win_rate(verdicts: Sequence[Verdict], seed: int = 0) -> WinRate:
    """The mean score of the contests that have a verdict, with its interval. CourseError for fewer than two."""
    points = scores(verdicts)
    missing = np.isnan(points)
    return WinRate(*estimate(points[~missing], seed), int((~missing).sum()), int(missing.sum()))


def jury(winners: list[str | None]) -> str | None:
    """What more than half of the judges say: "a", "b" or "tie"; without such a majority it is a tie.

    A judge without a verdict (None) has no vote; None if no judge has one.
    """
    votes = Counter(winner for winner in winners if winner is not None)
    if not votes:
        return None
    favourite, count = votes.most_common(1)[0]
    return favourite if 2 * count > votes.total() else "tie"


# --- How sure -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SoftLabel:
    """The probability that answer a is better, 0 to 1; None if the judge gave none, and why."""

    value: float | None
    reason: str = ""


def soft_label(
    llm: LLM | RecordingLLM, question: str, a: str, b: str, prompt: JudgePrompt = POLITENESS.judge_prompt
) -> float:
    """The probability that a is better: softmax over the log-probs of "A" and "B", averaged over both orders.

    RLAIF, arXiv:2309.00267, section 2.1. The prompt must ask for the letter only. Raises NoVerdict if the server
    sends no log-probs or refuses the prompt, or neither letter is among the 20 likeliest tokens.
    """
    first, swapped = (label_probability(first_token(llm, prompt(question, *s))) for s in ((a, b), (b, a)))
    return (first + 1 - swapped) / 2


def soft_labels(
    llm: LLM, contests: Iterable[Contest], prompt: JudgePrompt = POLITENESS.judge_prompt, *, workers: int = 8
) -> list[SoftLabel]:
    """`soft_label` of every contest, several at once, with a progress bar; a contest without one says why."""

    def label(contest: Contest) -> SoftLabel:
        try:
            return SoftLabel(soft_label(llm, *contest, prompt))
        except NoVerdict as error:
            return SoftLabel(None, str(error))

    return in_order(label, contests, workers=workers, label="soft labels")


def label_probability(logprobs: dict[str, float]) -> float:
    """The probability of "A" if the reply must be "A" or "B", from the log-probs of likely first tokens.

    A letter with blanks around it counts as the letter. A letter that is missing is at most as likely as the last
    token of the list, and counts as that.
    """
    likely = {label: [value for token, value in logprobs.items() if token.strip() == label] for label in LABELS}
    if not any(likely.values()):
        first = max(logprobs, key=logprobs.get, default="nothing")
        advice = "Say in the prompt that only the letter is wanted, or use llm_judge()."
        raise NoVerdict(f"The judge begins its reply with {first!r}, not with A or B. {advice}")
    a, b = (logsumexp(likely[label] or [min(logprobs.values())]) for label in LABELS)
    return float(expit(a - b))  # the softmax over two


def first_token(llm: LLM | RecordingLLM, prompt: str) -> dict[str, float]:
    """The likeliest first tokens of the reply and their log-probs. The same token can come twice; the better counts.

    Raises NoVerdict if the server sends none, or refuses the prompt.
    """
    try:
        reply = llm.ask(prompt, temperature=0, num_predict=1, top_logprobs=20)
    except LLMError as error:
        if not error.refused:
            raise
        raise NoVerdict(f"refused by the server: {error}") from error
    if reply.thinking or split_thinking(reply.text)[0]:
        raise NoVerdict("The judge thinks before it answers: its first token is no verdict. Use llm_judge().")
    try:
        places = reply.raw["logprobs"]
        likely = sorted(places[0].get("top_logprobs") or places, key=lambda token: token["logprob"])
        return {token["token"]: token["logprob"] for token in likely}
    except (KeyError, IndexError, TypeError, AttributeError) as error:  # none, or in another form than Ollama's
        advice = "Update Ollama, or go by the verdicts of llm_judge() alone."
        raise NoVerdict(f"The server sends no log-probabilities. {advice}") from error


# --- One answer -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """How good one answer is, 1 to 5; None if no usable reply came, and why."""

    value: int | None
    reason: str = ""


def score_one(
    llm: LLM | RecordingLLM,
    question: str,
    answer: str,
    prompt: Callable[[str, str], str] = POLITENESS.score_json_prompt,
    **options,
) -> Score:
    """Ask how good one answer is, 1 to 5, as JSON with the key "score"; see `ask_for_json` for the options."""
    try:
        return Score(ask_for_json(llm, prompt(question, answer), "score", **options))
    except NoVerdict as error:
        return Score(None, str(error))


def score_all(
    llm: LLM,
    answers: Iterable[tuple[str, str]],
    prompt: Callable[[str, str], str] = POLITENESS.score_json_prompt,
    *,
    workers: int = 8,
    **options,
) -> list[Score]:
    """`score_one` of every (question, answer), several at once, with a progress bar."""
    return in_order(lambda pair: score_one(llm, *pair, prompt, **options), answers, workers=workers, label="scoring")


# --- Asking ---------------------------------------------------------------------------------------------------


def ask_for_json(
    llm: LLM | RecordingLLM, prompt: str, key: str, *, seed: int = 0, max_retries: int = 2, num_predict: int = 200
) -> str | int:
    """The value under `key` of a JSON reply, at temperature 0.

    A malformed reply is asked for again, with another seed. Raises NoVerdict if none is usable or the server refuses
    the prompt, LLMError if the server fails otherwise.
    """
    for attempt in range(max_retries + 1):
        temperature = RETRY_TEMPERATURE if attempt else 0
        options = {"seed": seed + attempt, "temperature": temperature, "num_predict": num_predict}
        try:
            return _value(llm.ask(prompt, format=SCHEMAS[key], **options), key)
        except NoVerdict as error:
            reason = error
        except LLMError as error:
            if not error.refused:
                raise
            raise NoVerdict(f"refused by the server: {error}") from error
    raise NoVerdict(f"{reason}, after {max_retries + 1} tries")


def _value(reply: Reply, key: str) -> str | int:
    """The value, or NoVerdict with what is wrong with the reply: a server need not hold to the schema."""
    text = split_thinking(reply.text)[1]
    start = text if len(text) <= 60 else text[:60] + "…"
    try:
        value = json.loads(text)[key]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        how = "cut off" if reply.done_reason == "length" else "malformed"
        raise NoVerdict(f'{how}: no JSON with the key "{key}" in {start!r}') from error
    if type(value) is not type(ALLOWED[key][0]) or value not in ALLOWED[key]:
        raise NoVerdict(f"malformed: {key} is none of {', '.join(map(str, ALLOWED[key]))} in {start!r}")
    return value
