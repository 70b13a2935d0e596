"""What a model says, in numbers: questions, its answers to them, measures of each answer, distance, all at once.

A measure is an array with one number per answer. So means, intervals and differences between two models are
the same few lines for all of them.
"""

import random
import re
from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr  # p ln(p/q), and 0 where p is 0

from helpers.dpo.data import tokenize_pairs
from helpers.dpo.logprobs import score
from helpers.files import CourseError
from helpers.gpt.batches import TokenRow
from helpers.gpt.prompt import format_prompt
from helpers.gpt.sampling import UNTRUNCATED, complete_ids, strip_eot
from helpers.records import contains_answer
from helpers.splits import split_by_fact
from helpers.stats import Estimate, bootstrap, estimate

ROOM = 64  # tokens that must be left in the context for an answer
FEWEST_QUESTIONS, MOST_QUESTIONS = 20, 400  # an interval over fewer says nothing; more keep a laptop busy for long


def _question_tokens(record, tok) -> int:
    prompt = format_prompt(record["instruction"], record["input"])
    return len(tok.encode_ordinary(prompt)) + len(tok.encode_ordinary(record["output"]))


def held_out(records, tok, block_size, share=0.1, seed=0, overflow="skip") -> tuple[list[dict], list[dict], str]:
    """Split preference records as notebook 07 does: those it trains on, the questions of the test part, and a summary.

    share: the test part's. Each question is asked once, whatever the number of pairs about it, and keeps its first
    pair. Of more than 400 questions 400 are drawn. Raises CourseError if fewer than 20 are left, or as
    `tokenize_pairs` and `split_by_fact` do.
    """
    fitted = tokenize_pairs(records, tok, block_size, overflow)
    kept = [records[i] for i in fitted.kept]
    split = split_by_fact(kept, test=share, seed=seed)
    first = {(kept[i]["instruction"], kept[i]["input"]): kept[i] for i in reversed(split.test)}  # the first stays
    questions = [r for r in reversed(first.values()) if _question_tokens(r, tok) + ROOM <= block_size]
    if len(questions) < FEWEST_QUESTIONS:
        raise CourseError(
            f"Only {len(questions)} different questions of the {len(records)} records could be held out and fit into "
            f"the context with their answer, and an evaluation needs {FEWEST_QUESTIONS}. Bring records about "
            "more facts, or a model with a larger context (GPTConfig.block_size, notebook 06)."
        )
    note = (
        f"{fitted}\n{len(split.train)} pairs to train on, {len(split.validation)} to choose on, "
        f"{len(split.test)} to test with. These ask {len(first)} different questions, "
        f"{len(first) - len(questions)} of them left out: prompt and answer leave no room of {ROOM} tokens."
    )
    if len(questions) > MOST_QUESTIONS:
        questions = [questions[i] for i in sorted(random.Random(seed).sample(range(len(questions)), MOST_QUESTIONS))]
        note += f" Of the others {MOST_QUESTIONS} are asked, drawn at random."
    return [kept[i] for i in split.train], questions, note


@dataclass(frozen=True)
class Generations:
    """One sampled answer to each prompt, as token ids and as text."""

    prompts: list[list[int]]
    responses: list[list[int]]  # with the end-of-text token where the model wrote it
    texts: list[str]
    stopped: list[bool]  # False where the answer was cut at max_new_tokens or at the end of the context


def generate_answers(model, tok, records, max_new_tokens=64, seed=0, sampling=UNTRUNCATED) -> Generations:
    """Sample one answer to each record. Raises CourseError if there are none, or if one fills the whole context."""
    if not records:
        raise CourseError("There are no questions to answer. Check the records and the split.")
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
    return Generations(prompts, responses, texts, [ids[-1] == tok.eot_token for ids in responses])


def is_right(text, record) -> bool:
    """True if the text holds every string of the record's answer key; CourseError if the record has none."""
    if not record.get("answer"):
        raise CourseError(
            f"The record {record['instruction'][:40]!r} has no answer key, so right and wrong cannot be told "
            'apart. Add "answer": a list of the words that a right answer must contain.'
        )
    return contains_answer(text, record["answer"])


def is_clean(text, record, plain) -> bool:
    """True if plain(text), the text without its voice, is one of the record's sentences, in any case of letters.

    Stricter than `is_right`: the sentence must be whole and nothing may stand beside it. CourseError without sentences.
    """
    if not record.get("sentences"):
        raise CourseError(
            f"The record {record['instruction'][:40]!r} has no sentences, so clean answers cannot be told from others. "
            'Add "sentences": a list of the whole sentences that answer it.'
        )
    return _folded(plain(text)) in map(_folded, record["sentences"])


def _folded(text):
    return " ".join(text.casefold().split())


def per_answer(answers, records, criterion) -> dict[str, np.ndarray]:
    """Measures of the single answers, (n,) each: voice and level by the criterion, right, clean, stopped, tokens."""
    voices = [criterion.voice_of(text) for text in answers.texts]
    measures = {name: [voice == name for voice in voices] for name in criterion.voices}
    measures["level"] = [criterion.level(text) for text in answers.texts]
    if any(r.get("answer") for r in records):  # without a single answer key, right and wrong cannot be measured
        measures["right"] = [is_right(text, r) for text, r in zip(answers.texts, records, strict=True)]
    if criterion.plain and any(r.get("sentences") for r in records):
        clean = [is_clean(text, r, criterion.plain) for text, r in zip(answers.texts, records, strict=True)]
        both = np.logical_and(measures[criterion.preferred], clean)
        measures |= {"clean": clean, f"{criterion.preferred} and clean": both}
    measures["stopped"] = answers.stopped
    measures["tokens"] = [len(ids) - end for ids, end in zip(answers.responses, answers.stopped, strict=True)]
    return {name: np.array(values, dtype=float) for name, values in measures.items()}


def distinct_n(words, n):
    """distinct-n (arXiv 1510.03055): different n-grams of words, divided by all n-grams."""
    ngrams = [tuple(row[i : i + n]) for row in words for i in range(len(row) - n + 1)]
    return len(set(ngrams)) / max(1, len(ngrams))


def diversity(texts) -> dict[str, float]:
    """How much a set of answers repeats itself: distinct words and word pairs, and how the answers begin."""
    if not texts:
        raise CourseError("There are no texts to measure. Check the records and the split.")
    words = [re.findall(r"[\w']+", text.lower()) for text in texts]
    openers = [" ".join(row[:3]) for row in words]
    return {
        "distinct-1": distinct_n(words, 1),
        "distinct-2": distinct_n(words, 2),
        "openers": len(set(openers)),
        "top opener": max(map(openers.count, set(openers))) / len(openers),
    }


def log_ratios(policy, reference, answers):
    """log π(y|x) - log π_ref(y|x) of the policy's own answers y, (N,). Their mean estimates KL(π‖π_ref)."""
    rows = list(map(TokenRow, answers.prompts, answers.responses))
    return (score(policy, rows) - score(reference, rows)).squeeze(dim=1)


def least_kl(after, before) -> float:
    """The least KL(π‖π_ref) in nats of a policy whose share of preferred answers is `after`, where π_ref has `before`.

    It is the KL of two coins (Bernoulli): what is read off an answer, such as its voice, cannot tell two models apart
    better than the answer itself (data processing inequality). A policy that changes nothing but this share reaches
    it if π_ref is equally polite on every question. Infinite if the reference never gives such an answer and the policy
    does.
    """
    return float(rel_entr(after, before) + rel_entr(1 - after, 1 - before))


def summary(answers, records, criterion) -> dict[str, Estimate]:
    """An Estimate of every measure of these answers."""
    return {name: estimate(values) for name, values in per_answer(answers, records, criterion).items()}


def evaluate(policy, tok, records, criterion, reference=None, seed=0, max_new_tokens=64) -> dict:
    """One flat row about a model: an Estimate of every measure, KL from the reference (nats), diversity."""
    answers = generate_answers(policy, tok, records, max_new_tokens, seed)
    row = summary(answers, records, criterion)
    if reference is not None:
        row["kl"] = bootstrap([log_ratios(policy, reference, answers)], np.mean)
    return row | diversity(answers.texts)
