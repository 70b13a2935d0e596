"""What a model says, in numbers: measured on its own answers, with intervals.

A measure is an array with one number per answer. So means, intervals and differences between two models are
the same few lines for all of them. Reading order: answers, measures, intervals, distance, all at once.
"""

import re
from dataclasses import dataclass

import numpy as np
import torch

from helpers.dpo.data import Batch
from helpers.dpo.logprobs import sequence_logprobs
from helpers.files import CourseError
from helpers.gpt.prompt import format_prompt
from helpers.gpt.sampling import UNTRUNCATED, complete_ids, strip_eot
from helpers.gpt.sft import collate
from helpers.records import contains_answer
from helpers.stats import Estimate, difference, estimate

VOICES = ("polite", "neutral", "blunt")


@dataclass(frozen=True)
class Answers:
    """One sampled answer to each prompt, as token ids and as text."""

    prompts: list[list[int]]
    responses: list[list[int]]  # with the end-of-text token where the model wrote it
    texts: list[str]
    stopped: list[bool]  # False where the answer was cut at max_new_tokens or at the end of the context


def answer(model, tok, records, max_new_tokens=64, seed=0, sampling=UNTRUNCATED) -> Answers:
    """Sample one answer to each record. Raises CourseError if there are none, or if one fills the whole context."""
    _need(records, "prompts to answer")
    prompts = [tok.encode_ordinary(format_prompt(r["instruction"], r["input"])) for r in records]
    for number, (ids, record) in enumerate(zip(prompts, records, strict=True), start=1):
        if len(ids) >= model.config.block_size:
            raise CourseError(
                f"Question {number} ({record['instruction'][:40]!r}) has {len(ids)} tokens, and the model reads "
                f"{model.config.block_size} with the answer. Shorten it, leave it out, or use a model with a larger "
                "context (GPTConfig.block_size, notebook 06)."
            )
    responses = complete_ids(model, prompts, tok.eot_token, max_new_tokens, sampling, seed)
    texts = [tok.decode(strip_eot(ids, tok.eot_token)) for ids in responses]
    return Answers(prompts, responses, texts, [ids[-1] == tok.eot_token for ids in responses])


def per_answer(answers, records, voice_of) -> dict[str, np.ndarray]:
    """Every measure of the single answers: its voice, right or wrong, length in tokens, stopped by itself."""
    voices = [voice_of(text) for text in answers.texts]
    measures = {voice: [found == voice for found in voices] for voice in VOICES}
    if any(r.get("answer") for r in records):  # without a single answer key, right and wrong cannot be measured
        measures["right"] = [is_right(text, r) for text, r in zip(answers.texts, records, strict=True)]
    measures["stopped"] = answers.stopped
    measures["tokens"] = [len(ids) - end for ids, end in zip(answers.responses, answers.stopped, strict=True)]
    return {name: np.array(values, dtype=float) for name, values in measures.items()}


def is_right(text, record) -> bool:
    """True if the text holds every string of the record's answer key; CourseError if the record has none."""
    if not record.get("answer"):
        raise CourseError(
            f"The record {record['instruction'][:40]!r} has no answer key, so right and wrong cannot be told "
            'apart. Add "answer": a list of the words that a right answer must contain.'
        )
    return contains_answer(text, record["answer"])


def diversity(texts) -> dict[str, float]:
    """How much a set of answers repeats itself: distinct words and word pairs, and how the answers begin."""
    _need(texts, "texts to measure")
    words = [re.findall(r"[\w']+", text.lower()) for text in texts]
    openers = [" ".join(row[:3]) for row in words]
    return {
        "distinct-1": distinct(words, 1),
        "distinct-2": distinct(words, 2),
        "openers": len(set(openers)),
        "top opener": max(map(openers.count, set(openers))) / len(openers),
    }


def distinct(words, n):
    """distinct-n (arXiv 1510.03055): different n-grams of words, divided by all n-grams."""
    ngrams = [tuple(row[i : i + n]) for row in words for i in range(len(row) - n + 1)]
    return len(set(ngrams)) / max(1, len(ngrams))


@torch.no_grad()
def response_logprobs(model, prompts, responses, batch_size=64) -> torch.Tensor:
    """log π(response | prompt) of every row, (N,), summed over the response tokens."""
    logprobs, device = torch.empty(len(prompts)), next(model.parameters()).device
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]) + len(responses[i]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        pairs = [(prompts[i], responses[i]) for i in rows]
        idx, mask = collate([(p + r, [0] * len(p) + [1] * len(r)) for p, r in pairs], pad=0)
        batch = Batch(idx[:, :-1], idx[:, 1:], mask[:, 1:]).to(device)
        logprobs[rows] = sequence_logprobs(model, batch).cpu()
    return logprobs


def log_ratios(policy, reference, answers):
    """log π(y|x) - log π_ref(y|x) of the policy's own answers y, (N,). Their mean estimates KL(π‖π_ref)."""
    logps = response_logprobs(policy, answers.prompts, answers.responses)
    return logps - response_logprobs(reference, answers.prompts, answers.responses)


def ranked_right(policy_logps, reference_logps):
    """1 for each pair whose chosen side has the higher DPO reward, else 0. Inputs: (n, 2), chosen first."""
    chosen, rejected = (policy_logps - reference_logps).unbind(dim=1)
    return (chosen > rejected).float()


def compare(before, after) -> list[dict]:
    """Rows for a table: each measure before and after, the paired difference and its 95 % interval."""
    rows = []
    for name in before:
        change = difference(after[name], before[name])
        row = {"measure": name, "before": before[name].mean(), "after": after[name].mean()}
        rows.append(row | {"difference": change.value, "low": change.low, "high": change.high})
    return rows


def evaluate(policy, tok, records, voice_of, reference=None, seed=0, max_new_tokens=64, reward=None) -> dict:
    """One flat row about a model: an Estimate of every measure, KL from the reference (nats), diversity.

    reward: a function of an answer's text; its mean is measured, too.
    """
    answers = answer(policy, tok, records, max_new_tokens, seed)
    row = summary(answers, records, voice_of, reward)
    if reference is not None:
        row["kl"] = estimate(log_ratios(policy, reference, answers))
    return row | diversity(answers.texts)


def summary(answers, records, voice_of, reward=None) -> dict[str, Estimate]:
    """An Estimate of every measure of these answers, and of their reward if there is one."""
    row = {name: estimate(values) for name, values in per_answer(answers, records, voice_of).items()}
    return row if reward is None else row | {"reward": estimate([reward(text) for text in answers.texts])}


def _need(things, what):
    if not len(things):
        raise CourseError(f"There are no {what}. Check the records and the split.")
