"""Every loss that TRL has, value and gradients: same tiny GPT-2, same texts, the trainer's own forward pass.

What TRL lacks (cDPO, DPOP, R-DPO, IPO with sums) is worked by hand in tests/dpo/test_formulas.py.
"""

import inspect
import re
from dataclasses import replace

import pytest
import torch
from datasets import Dataset
from tiny_gpt2 import TEXTS, gpt2, ours, settings
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from helpers.dpo.data import Unpaired
from helpers.dpo.logprobs import concatenated_forward, label_logps, score
from helpers.dpo.losses import LOSSES, nll, resolve_loss
from helpers.gpt.checkpoints import from_transformers


def paired(rows=TEXTS):
    return Dataset.from_list([dict(prompt=p, chosen=c, rejected=r) for p, c, r in rows])


def logps_of(model, samples, reference=None):
    return label_logps(samples, concatenated_forward(model, samples), reference)


def check(model, loss, hf_model, expected):
    """Equal value, and equal gradients in every weight. Both losses are still attached to their models."""
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    for network, value in ((model, loss), (hf_model, expected)):
        network.zero_grad()
        value.backward()
    gradients = from_transformers({name: p.grad for name, p in hf_model.named_parameters()})
    scale = max(g.abs().max() for g in gradients.values()).item()
    assert scale > 1e-5
    for name, p in model.named_parameters():
        torch.testing.assert_close(
            p.grad, gradients[name], rtol=1e-4, atol=1e-5 * max(1, scale), msg=lambda m, n=name: f"{n}: {m}"
        )


# The losses of DPOTrainer.

CASES = {  # our name: (our further settings, the trainer's attributes)
    "dpo": ({}, dict(loss_types=["sigmoid"])),
    "hinge": ({}, dict(loss_types=["hinge"])),
    "ipo": ({}, dict(loss_types=["ipo"])),
    "exo": ({"epsilon": 0.02}, dict(loss_types=["exo_pair"], label_smoothing=0.02)),
    "nca": ({}, dict(loss_types=["nca_pair"])),
    "robust": ({"epsilon": 0.2}, dict(loss_types=["robust"], label_smoothing=0.2)),
    "bco": ({}, dict(loss_types=["bco_pair"])),
    "sppo-hard": ({}, dict(loss_types=["sppo_hard"])),
    "apo-zero": ({}, dict(loss_types=["apo_zero"])),
    "apo-down": ({}, dict(loss_types=["apo_down"])),
    "discopop": ({}, dict(loss_types=["discopop"])),
    "dpo-norm": ({}, dict(loss_types=["sigmoid_norm"])),
    "ld-dpo": ({"alpha": 0.3}, dict(loss_types=["sigmoid"], ld_alpha=0.3)),
    "forward-kl": ({}, dict(loss_types=["sigmoid"], f_divergence_type="forward_kl")),
    "reverse-kl": ({}, dict(loss_types=["sigmoid"], f_divergence_type="reverse_kl")),
    "js": ({}, dict(loss_types=["sigmoid"], f_divergence_type="js_divergence")),
    "alpha": ({}, dict(loss_types=["sigmoid"], f_divergence_type="alpha_divergence")),  # its coefficient is 1 - ours
    "rpo": ({"rpo_alpha": 0.7}, dict(loss_types=["sigmoid", "sft"], loss_weights=[1.0, 0.7])),
}
PLAIN = dict(loss_weights=[1.0], label_smoothing=0.0, ld_alpha=None, f_divergence_type="reverse_kl",
             f_alpha_divergence_coef=0.5)  # fmt: skip


@pytest.fixture(scope="module")
def dpo(hf_tokenizer, pairs, tmp_path_factory):
    """TRL's trainer with its batch, our copy of its policy, our pairs and its reference's log-probs."""
    policy, reference = gpt2(0), gpt2(1)
    config = DPOConfig(**settings(tmp_path_factory.mktemp("dpo")), discopop_tau=0.05)
    trl = DPOTrainer(policy, reference, args=config, train_dataset=paired(), processing_class=hf_tokenizer)
    batch = next(iter(trl.get_train_dataloader()))
    pairs = [replace(pair, shared_prefix=True) for pair in pairs]
    return trl, batch, ours(policy), pairs, score(ours(reference), pairs)


def one_by_one(batch):
    """The batch as batches of one pair: TRL takes the mean over all tokens of a batch, we over each response."""
    for i in range(len(TEXTS)):
        yield {name: rows[[i, len(TEXTS) + i]] for name, rows in batch.items()}


@pytest.mark.parametrize("name", CASES)
def test_dpo_trainer(name, dpo):
    trl, batch, model, pairs, reference = dpo
    further, attributes = CASES[name]
    trl.beta = LOSSES[name].settings["beta"]
    for attribute, value in (PLAIN | attributes).items():
        assert hasattr(trl, attribute) or attribute == "f_alpha_divergence_coef"
        setattr(trl, attribute, value)
    batches = list(one_by_one(batch)) if name == "rpo" else [batch]
    expected = sum(trl.compute_loss(trl.model, part) for part in batches) / len(batches)
    losses = resolve_loss(name, **further)(logps_of(model, pairs, reference))
    check(model, losses.mean(), trl.model, expected)


def test_all_its_loss_types_are_covered():
    theirs = set(re.findall(r'loss_type == "(\w+)"', inspect.getsource(DPOTrainer._compute_loss)))
    used = {kind for _, attributes in CASES.values() for kind in attributes["loss_types"]}
    assert used < theirs and theirs - used == {"aot", "aot_unpaired"}  # these compare whole batches, not pairs


# Reference-free losses: the experimental trainers, one pair a batch.


def free(trainer, config, hf_tokenizer, folder, **options):
    policy = gpt2(0)
    arguments = config(**settings(folder, batch_size=1), max_length=96, **options)
    trl = trainer(policy, args=arguments, train_dataset=paired(), processing_class=hf_tokenizer)
    return trl, list(trl.get_train_dataloader()), ours(policy)


@pytest.mark.parametrize(
    ("name", "further", "options"),
    [
        ("simpo", {"gamma": 1.2}, dict(loss_type="simpo", simpo_gamma=1.2, cpo_alpha=0.0)),
        ("cpo", {"alpha": 0.6}, dict(loss_type="sigmoid", cpo_alpha=0.6)),
    ],
)
def test_cpo_trainer(name, further, options, hf_tokenizer, pairs, tmp_path):
    trl, batches, model = free(
        CPOTrainer, CPOConfig, hf_tokenizer, tmp_path, beta=LOSSES[name].settings["beta"], **options
    )
    expected = sum(trl.compute_loss(trl.model, batch) for batch in batches) / len(batches)
    losses = resolve_loss(name, **further)(logps_of(model, pairs))
    check(model, losses.mean(), trl.model, expected)


def test_orpo_trainer(hf_tokenizer, pairs, tmp_path):
    """The odds ratio. TRL's likelihood counts the prompt as well; the paper's, and ours, the response alone."""
    trl, batches, model = free(ORPOTrainer, ORPOConfig, hf_tokenizer, tmp_path, beta=0.4)
    theirs = [-trl.odds_ratio_loss(*trl.concatenated_forward(trl.model, batch)[:2])[0].mean() for batch in batches]
    logps = logps_of(model, pairs)
    losses = resolve_loss("orpo", beta=0.4)(logps)
    check(model, (losses - nll(logps.logp_w, logps.n_w)).mean(), trl.model, sum(theirs) / len(theirs))


# Unpaired: KTOTrainer.


@pytest.mark.parametrize("seeds", [(0, 1), (1, 0)], ids=["z0 one way", "z0 the other way"])
@pytest.mark.parametrize(("name", "theirs"), [("kto", "kto"), ("apo-zero", "apo_zero_unpaired")])
def test_kto_trainer(name, theirs, seeds, hf_tokenizer, pairs, tmp_path):
    policy, reference = (gpt2(seed) for seed in seeds)
    labels = [True, False, False, True]
    rows = [dict(prompt=p, completion=c if up else r, label=up) for (p, c, r), up in zip(TEXTS, labels, strict=True)]
    config = KTOConfig(**settings(tmp_path), loss_type=theirs, beta=0.1)
    trl = KTOTrainer(policy, reference, args=config, train_dataset=Dataset.from_list(rows),
                     processing_class=hf_tokenizer)  # fmt: skip
    expected = trl.compute_loss(trl.model, next(iter(trl.get_train_dataloader())))
    responses = [pair.chosen if up else pair.rejected for pair, up in zip(pairs, labels, strict=True)]
    unpaired = [
        Unpaired(pair.prompt, response, up, responses[i - 1])  # TRL gives each prompt the response before its own
        for i, (pair, response, up) in enumerate(zip(pairs, responses, labels, strict=True))
    ]
    model = ours(policy)
    losses = resolve_loss(name)(logps_of(model, unpaired, score(ours(reference), unpaired)))
    check(model, losses.mean(), trl.model, expected)
