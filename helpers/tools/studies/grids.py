"""The runs of each study, and what is measured in one: settings in, flat points out.

Everything is measured on the validation questions, but for the study "seeds".
"""

import copy
import itertools
import random

import numpy as np

from helpers.dpo.data import flip_labels, tokenize_pairs
from helpers.dpo.logprobs import score
from helpers.dpo.losses import resolve_loss
from helpers.dpo.train import DPOSettings, evaluate_pairs, fit, interpolate
from helpers.files import DATA
from helpers.gpt.checkpoints import load_model
from helpers.gpt.sft import SFTSettings
from helpers.politeness import POLITENESS
from helpers.tools.studies.seeds import seed_points
from helpers.tools.studies.student import SHARE, fine_tuned, measured, pairs, tuned

SEEDS = (0, 1, 2)


def grid(**options) -> list[dict]:
    """Every combination of the options, as settings of a run; the first option changes slowest."""
    return [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]


def frontier_points(method, beta, lr, seed):
    """One loss, measured four times along its training, and its end on the way back to the reference."""
    sft, tok, _ = load_model(DATA / "sft")
    for policy, point in tuned(sft, tok, DPOSettings(lr=lr, seed=seed), FRONTIER[method], beta=beta, marks=4):
        yield point | {"share": 1.0} | measured(policy, tok, reference=sft, seed=seed)
    for share in (0.2, 0.35, 0.5, SHARE, 0.8):
        yield point | {"share": share} | measured(interpolate(sft, policy, share), tok, reference=sft, seed=seed)


def kind_points(kind, seed):
    """Pairs of one kind or all, as many steps of each; and the mean log-ratio of the validation answers by voice."""
    sft, tok, _ = load_model(DATA / "sft")
    train, held = pairs()
    of_kind = [r for r in train if kind in ("all", f"over {POLITENESS.voice_of(r['rejected'])}")]
    drawn = random.Random(seed).sample(of_kind, 320)
    [(policy, _)] = tuned(sft, tok, DPOSettings(lr=1e-4, seed=seed), "dpo", drawn, beta=0.3)
    rows = tokenize_pairs(held, tok, sft.config.block_size).pairs
    moved = (score(policy, rows) - score(sft, rows)).flatten()  # chosen, rejected of the first pair, of the second ...
    voices = np.array([POLITENESS.voice_of(r[side]) for r in held for side in ("chosen", "rejected")])
    log_ratio = {f"log-ratio {voice}": moved[voices == voice].mean().item() for voice in POLITENESS.voices}
    yield measured(policy, tok, reference=sft, seed=seed) | log_ratio


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


FRONTIER = {"plain": "dpo", "anchor": "rpo-sum", "KL": "dpo-kl"}
GRIDS = {  # study: (what all its runs have in common, the runs, the function that measures one)
    "seeds": ("Settings of notebooks 06 and 07; four answers to each test question.", grid(seed=SEEDS), seed_points),
    "frontier": (
        "Shipped student, 4 epochs, batches of 32, anchor 0.02 or KL 0.01; validation questions, uncut.",
        [
            *grid(method=("plain",), beta=(0.3,), lr=(2e-5, 5e-5, 2e-4), seed=SEEDS),
            *grid(method=("plain",), beta=(0.1,), lr=(5e-5,), seed=SEEDS),
            *grid(method=("anchor", "KL"), beta=(0.3,), lr=(2e-4,), seed=SEEDS),
        ],
        frontier_points,
    ),
    "kinds": (
        "Shipped student, plain DPO, β 0.3, lr 1e-4, 320 pairs, 4 epochs; validation questions, uncut.",
        grid(kind=("all", *(f"over {voice}" for voice in POLITENESS.voices[1:])), seed=SEEDS),
        kind_points,
    ),
    "sft": (
        "Settings of notebooks 06 and 07 but for epochs and dropout; validation questions, uncut.",
        [*grid(epochs=(6,), dropout=(0.1, 0.0), seed=SEEDS), *grid(epochs=(3,), dropout=(0.1,), seed=SEEDS)],
        sft_points,
    ),
    "noise": (
        "Shipped student, 240 pairs, lr 1e-4, 2 epochs, batches of 16; validation questions, uncut.",
        grid(loss=("dpo", "cdpo", "robust", "ipo-sum"), noise=(0.0, 0.2, 0.4), seed=SEEDS),
        noise_points,
    ),
}
