"""The runs of each study, and what is measured in a run: settings in, flat points out.

Everything is measured on the validation questions, but for the study "seeds": that reports on the test questions and
chooses nothing.
"""

import copy
import itertools
import random
from functools import cache, partial

import torch

from helpers.dpo.data import flip_labels, tokenize_pairs
from helpers.dpo.logprobs import concatenated_forward, forward_with_kl, score
from helpers.dpo.losses import resolve_loss
from helpers.dpo.train import DPOSettings, evaluate_pairs, fit, interpolate
from helpers.evaluate.samples import generate_answers, log_ratios, per_answer
from helpers.files import DATA
from helpers.gpt.batches import all_batches
from helpers.gpt.checkpoints import load_model
from helpers.gpt.model import GPT, GPTConfig
from helpers.gpt.prompt import format_prompt
from helpers.gpt.sampling import UNTRUNCATED, Sampling
from helpers.gpt.sft import SFTSettings, encode_example, fine_tune, instruction_places
from helpers.politeness import POLITENESS
from helpers.politeness.voices import requested_voices, voice_mixture
from helpers.records import load_instructions, load_preferences
from helpers.splits import split_by_fact

CUT = Sampling(top_p=0.9)
SEEDS = (0, 1, 2)
JOINT = f"{POLITENESS.preferred} and clean"


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
    point = {name: shares[name].mean().item() for name in (POLITENESS.preferred, "right", "clean", JOINT)}
    return point | ({"kl": log_ratios(policy, reference, answers).mean().item()} if reference else {})


def fine_tuned(seed, tok, settings=None, **config) -> GPT:
    """The student as notebook 06 makes it, from this seed."""
    train, crowd = questions("train"), range(10 * seed, 10 * seed + 3)
    asked = [(r["instruction"], r, answer) for s in crowd for r, answer in zip(train, voice_mixture(train, s))]
    asked += [
        (POLITENESS.requests[voice] + r["instruction"], r, answer)
        for s in crowd[:2]
        for r, (voice, answer) in zip(train, requested_voices(train, s))
    ]
    examples = [encode_example(format_prompt(text, r["input"]), answer, tok) for text, r, answer in asked]
    torch.manual_seed(seed)
    model = GPT(GPTConfig(**{"dropout": 0.1} | config))
    settings = settings or SFTSettings(seed=seed)
    fine_tune(model, examples, settings, [instruction_places(text, tok) for text, _, _ in asked])
    return model


def tuned(reference, tok, settings, loss="dpo", train=None, marks=1, **options):
    """Tune a copy of the reference and yield (policy, its point) at `marks` equal distances, the last at the end.

    loss, options: as `resolve_loss` takes them. train: preference records (default: all to train on).
    """
    objective, kept = resolve_loss(loss, **options), []
    forward = partial(forward_with_kl, reference=reference) if loss == "dpo-kl" else concatenated_forward
    rows, held = (tokenize_pairs(r, tok, reference.config.block_size).pairs for r in (train or pairs()[0], pairs()[1]))
    total, policy, held_logps = len(all_batches(rows, settings)), copy.deepcopy(reference), score(reference, held)
    due = {round(total * mark / marks) for mark in range(1, marks + 1)}

    def keep_when_due(row):
        if row["step"] in due:
            val = evaluate_pairs(policy, held, held_logps, objective, forward=forward)
            point = {"step": row["step"], "val_loss": val["loss"], "val_accuracy": val["accuracy"]}
            kept.append((copy.deepcopy(policy), point))

    fit(policy, rows, score(reference, rows), settings, objective, callback=keep_when_due, forward=forward)
    return kept


def seed_points(seed):
    """The recipe of notebooks 06 and 07 from one seed, on the test questions: before and after, uncut and cut."""
    tok = load_model(DATA / "sft")[1]
    sft = fine_tuned(seed, tok)
    [(policy, _)] = tuned(sft, tok, DPOSettings(seed=seed), "dpo-kl")
    for name, model in (("sft", sft), ("dpo", interpolate(sft, policy, SHARE))):
        for sampling_name, sampling in (("uncut", UNTRUNCATED), ("top-p 0.9", CUT)):
            yield {"model": name, "sampling": sampling_name} | measured(model, tok, "test", sft, sampling, seed)


def frontier_points(method, beta, lr, seed):
    """One loss, measured four times along its training, and at the end on the way back to the reference."""
    sft, tok, _ = load_model(DATA / "sft")
    for policy, point in tuned(sft, tok, DPOSettings(lr=lr, seed=seed), FRONTIER[method], beta=beta, marks=4):
        yield point | {"share": 1.0} | measured(policy, tok, reference=sft, seed=seed)
    yield point | {"share": SHARE} | measured(interpolate(sft, policy, SHARE), tok, reference=sft, seed=seed)


def kind_points(kind, seed):
    """Pairs of one kind or all, as many steps of each."""
    sft, tok, _ = load_model(DATA / "sft")
    voices = [POLITENESS.voice_of(r["rejected"]) for r in pairs()[0]]
    drawn = [r for r, voice in zip(pairs()[0], voices) if kind in ("all", f"over {voice}")]
    drawn = random.Random(seed).sample(drawn, 600)
    [(policy, _)] = tuned(sft, tok, DPOSettings(lr=1e-4, seed=seed), "dpo", drawn, beta=0.3)
    yield measured(policy, tok, reference=sft, seed=seed)


def sft_points(epochs, dropout, seed):
    """A fine-tuning of another length, before and after the preference tuning of notebook 07."""
    tok = load_model(DATA / "sft")[1]
    sft = fine_tuned(seed, tok, SFTSettings(epochs=epochs, seed=seed), dropout=dropout)
    [(policy, _)] = tuned(sft, tok, DPOSettings(seed=seed), "dpo-kl")
    yield {"model": "sft"} | measured(sft, tok, seed=seed)
    yield {"model": "dpo"} | measured(interpolate(sft, policy, SHARE), tok, reference=sft, seed=seed)


def noise_points(loss, noise, seed):
    """240 pairs of which a share is flipped; ε is known to the losses that have it."""
    sft, tok, _ = load_model(DATA / "sft")
    rows, held = (tokenize_pairs(part, tok, sft.config.block_size).pairs for part in pairs())
    few = flip_labels(random.Random(0).sample(rows, 240), noise, seed)
    objective = resolve_loss(loss, **({"epsilon": noise} if loss in ("cdpo", "robust") else {}))
    policy = copy.deepcopy(sft)
    fit(policy, few, score(sft, few), DPOSettings(lr=1e-4, epochs=2, batch_size=16, seed=seed), objective)
    val = evaluate_pairs(policy, held, score(sft, held), objective)
    yield {"accuracy": val["accuracy"]} | measured(policy, tok, reference=sft, seed=seed)


SHARE = 0.8  # of the way from the reference to the policy, as in notebook 07
FRONTIER = {"plain": "dpo", "anchor": "rpo-sum", "KL": "dpo-kl"}
GRIDS = {  # study: (what all its runs have in common, the runs, the function that measures one)
    "seeds": ("Settings of notebooks 06 and 07; test questions.", grid(seed=SEEDS), seed_points),
    "frontier": (
        "Shipped student, 4 epochs, batches of 32, anchor 0.02 or KL 0.015; validation questions, uncut.",
        grid(method=tuple(FRONTIER), beta=(0.1, 0.3), lr=(5e-5, 2e-4), seed=SEEDS),
        frontier_points,
    ),
    "kinds": (
        "Shipped student, plain DPO, β 0.3, lr 1e-4, 600 pairs, 4 epochs; validation questions, uncut.",
        grid(kind=("all", *(f"over {voice}" for voice in POLITENESS.voices[1:])), seed=SEEDS),
        kind_points,
    ),
    "sft": (
        "Settings of notebooks 06 and 07 but for epochs and dropout; validation questions, uncut.",
        grid(epochs=(3, 6), dropout=(0.0, 0.1), seed=SEEDS),
        sft_points,
    ),
    "noise": (
        "Shipped student, 240 pairs, lr 1e-4, 2 epochs, batches of 16; validation questions, uncut.",
        grid(loss=("dpo", "cdpo", "robust", "ipo-sum"), noise=(0.0, 0.2, 0.4), seed=SEEDS),
        noise_points,
    ),
}
