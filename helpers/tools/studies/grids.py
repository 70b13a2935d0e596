"""The runs of each study, and what is measured in a run: settings in, flat points out.

Everything is measured on the validation questions, but for the study "seeds": it reports the recipe on the test
questions and chooses nothing.
"""

import copy
import itertools
from functools import cache

import torch

from helpers.dpo.data import tokenize_pairs
from helpers.dpo.logprobs import score
from helpers.dpo.losses import resolve_loss
from helpers.dpo.train import DPOSettings, all_batches, evaluate_pairs, fit
from helpers.evaluate.samples import generate_answers, log_ratios, per_answer
from helpers.files import DATA
from helpers.gpt.checkpoints import load_model
from helpers.gpt.sampling import UNTRUNCATED, Sampling
from helpers.politeness import POLITENESS
from helpers.records import load_instructions, load_preferences
from helpers.splits import split_by_fact

CUT = Sampling(top_p=0.9)
SEEDS = (0, 1, 2)


def grid(**options) -> list[dict]:
    """Every combination of the options, as settings of a run; the first option changes slowest."""
    return [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]


@cache
def questions(part: str) -> list[dict]:
    return [r.model_dump() for r in load_instructions(DATA / "instruction-data.json") if r.split == part]


@cache
def pairs() -> tuple[list[dict], list[dict]]:
    """The preference records to train on, and those to validate with."""
    records = [r.model_dump() for r in load_preferences(DATA / "instruction-data-with-preference.json")]
    split = split_by_fact(records)
    return [records[i] for i in split.train], [records[i] for i in split.validation]


def measured(policy, tok, part="validation", reference=None, sampling=UNTRUNCATED, seed=0) -> dict[str, float]:
    """Shares of the answers to the questions of a part, and the KL from the reference in nats an answer."""
    answers = generate_answers(policy, tok, questions(part), seed=seed, sampling=sampling)
    shares = per_answer(answers, questions(part), POLITENESS)
    joint = f"{POLITENESS.preferred} and clean"
    point = {name: shares[name].mean().item() for name in (POLITENESS.preferred, "right", "clean", joint)}
    return point | ({"kl": log_ratios(policy, reference, answers).mean().item()} if reference else {})


def tuned(seed, loss="dpo", train=None, marks=4, start=None, settings=None, **options) -> tuple:
    """Tune a copy of the student; returns (policy, reference, tokenizer, points along the way).

    loss, options: as `resolve_loss` takes them. train: preference records (default: all to train on). marks: how many
    times it is measured, at equal distances. start: (model, tokenizer), by default the shipped student.
    """
    reference, tok = start or load_model(DATA / "sft")[:2]
    fitted, held = (tokenize_pairs(rows, tok, reference.config.block_size).pairs for rows in (train or pairs()[0], pairs()[1]))
    held_reference, objective = score(reference, held), resolve_loss(loss, **options)
    settings = settings or DPOSettings(seed=seed)
    total = len(all_batches(fitted, settings))
    due, policy, points = {round(total * mark / marks) for mark in range(1, marks + 1)}, copy.deepcopy(reference), []

    def measure_when_due(row):
        if row["step"] in due:
            val = evaluate_pairs(policy, held, held_reference, objective)
            point = {"step": row["step"], "val_loss": val["loss"], "val_accuracy": val["accuracy"]}
            points.append(point | measured(policy, tok, reference=reference))

    fit(policy, fitted, score(reference, fitted), settings, objective, callback=measure_when_due)
    return policy, reference, tok, points
