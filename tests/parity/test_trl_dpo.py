"""Log-probs, loss, gradients and optimizer step against TRL's DPOTrainer: same tiny GPT-2, same pairs."""

import copy
from functools import partial

import pytest
import torch
from datasets import Dataset
from tiny_gpt2 import TEXTS, gpt2, ours, settings
from trl import DPOConfig, DPOTrainer

from helpers.dpo.logprobs import concatenated_forward, label_logps, score
from helpers.dpo.losses import resolve_loss
from helpers.dpo.train import DPOSettings, fit, metrics, train_dpo
from helpers.gpt.checkpoints import from_transformers

LR, BETA = 1e-4, 0.3


def trainer(policy, reference, hf_tokenizer, folder, **options):
    config = DPOConfig(
        **settings(folder),
        beta=BETA,
        learning_rate=LR,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_steps=1,
        **options,
    )
    data = Dataset.from_list([dict(prompt=p, chosen=c, rejected=r) for p, c, r in TEXTS])
    return DPOTrainer(policy, reference, args=config, train_dataset=data, processing_class=hf_tokenizer)


@pytest.fixture
def apart(hf_tokenizer, pairs, tmp_path):
    """TRL's trainer and our model of one policy, and the log-probs of another model as reference."""
    policy, reference = gpt2(0), gpt2(1)
    return (
        trainer(policy, reference, hf_tokenizer, tmp_path),
        ours(policy),
        score(ours(reference), pairs),
    )


def test_loss_rewards_and_gradients(apart, pairs):
    trl, model, reference = apart
    loss = trl.compute_loss(trl.model, next(iter(trl.get_train_dataloader())))
    loss.backward()
    objective = resolve_loss("dpo", beta=BETA)
    logps = label_logps(pairs, concatenated_forward(model, pairs), reference)
    losses = objective(logps)
    losses.mean().backward()
    means = metrics(objective, logps, losses)
    torch.testing.assert_close(losses.mean(), loss, rtol=1e-5, atol=1e-5)
    logged = {name: values[-1] for name, values in trl._metrics["train"].items()}
    assert means["chosen_rewards"] == pytest.approx(logged["rewards/chosen"], rel=1e-5, abs=1e-5)
    assert means["rejected_rewards"] == pytest.approx(logged["rewards/rejected"], rel=1e-5, abs=1e-5)
    assert means["accuracy"] == pytest.approx(logged["rewards/accuracies"])
    gradients = from_transformers({name: p.grad for name, p in trl.model.named_parameters()})
    assert 0.01 < max(g.abs().max() for g in gradients.values())
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.grad, gradients[name], rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("kind", ["sgd", "adamw_torch"])
def test_one_optimizer_step(kind, hf_tokenizer, pairs, tmp_path):
    policy, reference = gpt2(0), gpt2(1)
    model, logprobs = ours(policy), score(ours(reference), pairs)
    before = copy.deepcopy(model)
    trl = trainer(policy, reference, hf_tokenizer, tmp_path, optim=kind, max_grad_norm=1.0)
    trl.train()
    build = partial(torch.optim.SGD, lr=LR) if kind == "sgd" else partial(torch.optim.AdamW, lr=LR, weight_decay=0)
    optimizer = build(model.parameters())
    settings = DPOSettings(lr=LR, epochs=1, batch_size=len(pairs), warmup=0)
    list(train_dpo(model, optimizer, pairs, logprobs, settings, resolve_loss("dpo", beta=BETA)))
    check_weights(model, trl.model, before)


def test_the_whole_loop_of_one_step(hf_tokenizer, pairs, tmp_path):
    policy = gpt2(0)
    model = ours(policy)
    before = copy.deepcopy(model)
    trl = trainer(policy, copy.deepcopy(policy), hf_tokenizer, tmp_path, max_grad_norm=1.0)
    trl.train()
    settings = DPOSettings(lr=LR, epochs=1, batch_size=len(pairs), warmup=0)
    history = fit(model, pairs, score(model, pairs), settings, resolve_loss("dpo", beta=BETA))
    logged = trl.state.log_history[-1]
    assert history[0]["loss"] == pytest.approx(logged["train_loss"], abs=1e-5)
    check_weights(model, trl.model, before)


def check_weights(model, hf_model, before):
    """Everything has moved, and is equal to 1e-5. The bias of the keys is left out: softmax ignores it, its
    gradient is rounding noise, which AdamW scales up to a full step."""
    theirs = from_transformers(hf_model.state_dict())
    for (name, p), old in zip(model.named_parameters(), before.parameters(), strict=True):
        found, expected = p.detach().clone(), theirs[name].clone()
        if name.endswith("attn.c_attn.bias"):
            width = found.numel() // 3
            found[width : 2 * width] = expected[width : 2 * width] = 0
        assert not torch.equal(p, old), name
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
