"""A language model as judge: which of two answers is better, by how much, and how good is one answer?

A judge can follow the place in which an answer stands. So every contest is judged in both orders, and an answer
wins only if it wins in both; else it is a tie. (The practice of MT-Bench, arXiv:2306.05685, section 3.4.) Several
judges can vote (`jury`; PoLL, arXiv:2404.18796).

`llm` is anything that asks as `LLM.ask` does: an `LLM`, or the `Asker` of a method, which keeps each request.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scipy.special import expit, logsumexp

from helpers.files import CourseError
from helpers.llm.client import LLM, LLMError, Reply, in_parallel
from helpers.llm.recording import Asker, nth_seed
from helpers.politeness.prompts import judge_json_prompt, judge_prompt, score_json_prompt

Contest = tuple[str, str, str]  # question, answer a, answer b
JudgePrompt = Callable[[str, str, str], str]

LABELS = ("A", "B")
LEVELS = (1, 2, 3, 4, 5)
ANSWER_WITH = {  # the key of the reply -> its JSON schema
    key: {"type": "object", "properties": {key: value}, "required": [key]}
    for key, value in (
        ("winner", {"type": "string", "enum": list(LABELS)}),
        ("score", {"type": "integer", "enum": list(LEVELS)}),
    )
}
RETRY_TEMPERATURE = 0.7  # at temperature 0 another seed would give the same malformed reply again


@dataclass(frozen=True)
class Verdict:
    """What a judge said about answers a and b, in both orders."""

    first: str | None  # "A" or "B" when a stands first; None if no usable reply came
    swapped: str | None  # "A" or "B" when b stands first
    reason: str = ""  # why the contest was set aside

    @property
    def winner(self) -> str | None:
        """ "a" or "b" if it won in both orders, "tie" if the orders disagree, None if the contest was set aside."""
        if None in (self.first, self.swapped):
            return None
        return {("A", "B"): "a", ("B", "A"): "b"}.get((self.first, self.swapped), "tie")


@dataclass(frozen=True)
class Score:
    """How good one answer is, 1 to 5; None if no usable reply came, and why."""

    value: int | None
    reason: str = ""


def judge(
    llm: LLM | Asker,
    question: str,
    a: str,
    b: str,
    prompt: JudgePrompt = judge_json_prompt,
    *,
    seed: int = 0,
    max_retries: int = 2,
    num_predict: int = 200,
) -> Verdict:
    """Ask which answer is better, in both orders, at temperature 0, for JSON with the key "winner".

    `prompt` holds the criterion, politeness by default; see `prompts.criterion_prompt` for others. A malformed
    reply is asked for again; if none is usable, or the server refuses the prompt, the contest is set aside with
    the reason. Raises LLMError if the server fails otherwise.
    """
    found = []
    for number, sides in enumerate([(a, b), (b, a)]):
        asked, its_seed = prompt(question, *sides), nth_seed(seed, number)
        label, reason = _ask_for("winner", LABELS, llm, asked, its_seed, max_retries, num_predict)
        if label is None:
            return Verdict(*found, *[None] * (2 - len(found)), reason=reason)
        found.append(label)
    return Verdict(*found)


def judge_all(
    llm: LLM, contests: Iterable[Contest], prompt: JudgePrompt = judge_json_prompt, *, workers: int = 8, **options
) -> list[Verdict]:
    """`judge` on every contest, several at once, with a progress bar; verdicts in the order of the contests."""
    return _each(lambda contest: judge(llm, *contest, prompt, **options), contests, workers, "judging")


def soft_label(llm: LLM | Asker, question: str, a: str, b: str, prompt: JudgePrompt = judge_prompt) -> float:
    """The probability that a is better: softmax over the log-probs of "A" and "B", averaged over both orders.

    RLAIF, arXiv:2309.00267, section 2.1. The prompt must ask for the letter only. Raises CourseError
    if the server sends no log-probs, or neither letter is among the 20 likeliest tokens.
    """
    first, swapped = (label_probability(_first_token(llm, prompt(question, *s))) for s in ((a, b), (b, a)))
    return (first + 1 - swapped) / 2


def soft_labels(
    llm: LLM, contests: Iterable[Contest], prompt: JudgePrompt = judge_prompt, *, workers: int = 8
) -> list[float]:
    """`soft_label` of every contest, several at once, with a progress bar."""
    return _each(lambda contest: soft_label(llm, *contest, prompt), contests, workers, "soft labels")


def label_probability(logprobs: dict[str, float]) -> float:
    """The probability of "A" if the reply must be "A" or "B", from the log-probs of likely first tokens.

    A letter with blanks around it counts as the letter. A letter that is missing is at most as likely as the last
    token of the list, and counts as that.
    """
    likely = {label: [value for token, value in logprobs.items() if token.strip() == label] for label in LABELS}
    if not any(likely.values()):
        first = max(logprobs, key=logprobs.get, default="nothing")
        raise CourseError(
            f"The judge begins its reply with {first!r}, not with A or B. Say in the prompt that only the letter is "
            "wanted, or use judge()."
        )
    a, b = (logsumexp(likely[label] or [min(logprobs.values())]) for label in LABELS)
    return float(expit(a - b))  # the softmax over two


def score(
    llm: LLM | Asker,
    question: str,
    answer: str,
    prompt: Callable[[str, str], str] = score_json_prompt,
    *,
    seed: int = 0,
    max_retries: int = 2,
    num_predict: int = 200,
) -> Score:
    """Ask how good one answer is, 1 to 5, as JSON with the key "score"; see `prompts.rubric_prompt` for rubrics.

    A malformed reply is asked for again, then set aside with its reason, as in `judge`.
    """
    asked = prompt(question, answer)
    return Score(*_ask_for("score", LEVELS, llm, asked, seed, max_retries, num_predict))


def score_all(
    llm: LLM,
    asks: Iterable[tuple[str, str]],
    prompt: Callable[[str, str], str] = score_json_prompt,
    *,
    workers: int = 8,
    **options,
) -> list[Score]:
    """`score` of every (question, answer), several at once, with a progress bar."""
    return _each(lambda ask: score(llm, *ask, prompt, **options), asks, workers, "scoring")


def jury(winners: list[str | None]) -> str | None:
    """What more than half of the judges say: "a", "b" or "tie"; without such a majority it is a tie.

    A judge who set the contest aside (None) has no vote; None if no judge has one.
    """
    votes = Counter(winner for winner in winners if winner is not None)
    if not votes:
        return None
    favourite, count = votes.most_common(1)[0]
    return favourite if 2 * count > votes.total() else "tie"


def _ask_for(
    key: str, allowed: tuple, llm: LLM | Asker, prompt: str, seed: int, max_retries: int, num_predict: int
) -> tuple:
    """(value, "") of the first usable reply, or (None, reason)."""
    reason = "no reply"
    for attempt in range(max_retries + 1):
        temperature = RETRY_TEMPERATURE if attempt else 0
        options = {"seed": seed + attempt, "temperature": temperature, "num_predict": num_predict}
        try:
            reply = llm.ask(prompt, format=ANSWER_WITH[key], **options)
        except LLMError as error:
            if not error.refused:
                raise
            return None, f"refused by the server: {error}"
        value, reason = _read(reply, key, allowed)
        if value is not None:
            return value, ""
    return None, f"{reason}, after {max_retries + 1} tries"


def _read(reply: Reply, key: str, allowed: tuple) -> tuple:
    """(value, "") or (None, what is wrong with the reply). A server need not hold to the schema."""
    told = reply.text if len(reply.text) <= 60 else reply.text[:60] + "…"
    try:
        value = json.loads(reply.text)[key]
    except (ValueError, KeyError, TypeError, RecursionError):
        how = "cut off" if reply.done_reason == "length" else "malformed"
        return None, f'{how}: no JSON with the key "{key}" in {told!r}'
    if type(value) is not type(allowed[0]) or value not in allowed:
        return None, f"malformed: {key} is none of {', '.join(map(str, allowed))} in {told!r}"
    return value, ""


def _first_token(llm: LLM | Asker, prompt: str) -> dict[str, float]:
    """The likeliest first tokens of the reply and their log-probs. The same token can come twice; the better counts."""
    reply = llm.ask(prompt, temperature=0, num_predict=1, top_logprobs=20)
    places = reply.raw.get("logprobs")
    if not places:
        raise CourseError("The server sends no log-probabilities. Update Ollama, or use judge().")
    likely = sorted(places[0].get("top_logprobs") or places, key=lambda token: token["logprob"])
    return {token["token"]: token["logprob"] for token in likely}


def _each(function: Callable, items: Iterable, workers: int, label: str) -> list:
    items = list(items)
    results = [None] * len(items)
    for number, result in in_parallel(
        lambda number: function(items[number]), range(len(items)), workers=workers, total=len(items), label=label
    ):
        results[number] = result
    return results
