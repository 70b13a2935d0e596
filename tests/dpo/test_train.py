"""The loop: it starts at ln 2 and learns, by the formula of the paper, the same way every time."""

import copy
import json
import math

import pytest
import torch

from helpers.dpo import train as training
from helpers.dpo.data import collate
from helpers.dpo.logprobs import sequence_logprobs
from helpers.dpo.losses import dpo_loss
from helpers.dpo.reference import reference_logprobs
from helpers.dpo.train import DPOSettings, compare, train_dpo


def test_history_has_every_metric_of_every_step(model, data, trained, settings):
    _, history = trained(model, data)
    assert [row["step"] for row in history] == list(range(1, 6 + 1))
    assert [row["epoch"] for row in history] == [1, 1, 2, 2, 3, 3]
    names = {
        "loss",
        "chosen_rewards",
        "rejected_rewards",
        "margin",
        "accuracy",
        "chosen_logps",
        "rejected_logps",
    }
    for row in history:
        assert names | {"grad_norm", "lr", "pairs_per_second"} <= set(row)
        assert row["margin"] == pytest.approx(row["chosen_rewards"] - row["rejected_rewards"], abs=1e-5)
        for side in ("chosen", "rejected"):
            moved = row[f"{side}_logps"] - row[f"reference_{side}_logps"]
            assert row[f"{side}_rewards"] == pytest.approx(settings.beta * moved, abs=1e-4)
    assert [row["step"] for row in history if "val_loss" in row] == [4, 6]
    assert {f"val_{name}" for name in names} <= set(history[-1])
    json.dumps(history)


def test_it_starts_at_ln_2_and_learns(model, data, trained, same_weights):
    policy, history = trained(model, data, DPOSettings(lr=1e-3, epochs=20, batch_size=4, eval_every=20))
    assert history[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert history[-1]["loss"] < 0.3 and history[-1]["accuracy"] == 1
    assert history[-1]["val_accuracy"] == 1 and history[-1]["val_loss"] < 0.6
    assert not same_weights(policy, model)


def test_the_first_step_is_the_formula_of_the_paper(model, data, trained):
    """-beta σ(-beta h) (grad log π(y_w) - grad log π(y_l)), averaged over the batch."""
    reference, train, _ = data
    policy, history = trained(
        model, data, DPOSettings(lr=1e-3, epochs=1, batch_size=8, warmup=0, anchor=0.0, max_grad_norm=1e9)
    )
    expected = copy.deepcopy(model)
    chosen, rejected = sequence_logprobs(expected, collate(train)).chunk(2)
    (-0.1 * 0.5 * (chosen - rejected)).mean().backward()  # σ(0) = 0.5 for every pair
    norm = torch.cat([p.grad.flatten() for p in expected.parameters()]).norm().item()
    assert history[0]["grad_norm"] == pytest.approx(norm, rel=1e-4)
    for p, q in zip(policy.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-5)


def test_all_parameters_change_after_one_step(model, data, trained):
    policy, _ = trained(model, data, DPOSettings(epochs=1, batch_size=8))
    assert not any(torch.equal(p, q) for p, q in zip(policy.parameters(), model.parameters(), strict=True))


def test_same_seed_same_weights_other_seed_other_order(model, data, trained, same_weights, settings):
    a, _ = trained(model, data)
    b, _ = trained(model, data)
    c, _ = trained(model, data, DPOSettings(**(vars(settings) | {"seed": 1})))
    assert same_weights(a, b) and not same_weights(a, c)


def test_dropout_of_the_policy_is_off(make_gpt, pairs, trained):
    model = make_gpt(dropout=0.3)
    data = (reference_logprobs(model, pairs), torch.empty(0, 2)), pairs, []
    _, history = trained(model, data)
    assert history[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)


def test_the_learning_rate_rises_and_then_falls(model, data, trained):
    _, history = trained(model, data, DPOSettings(lr=1e-3, epochs=5, batch_size=4, warmup=0.4))
    assert [row["lr"] for row in history] == pytest.approx(
        [0.25e-3, 0.5e-3, 0.75e-3, 0.7e-3, 0.6e-3, 0.5e-3, 0.4e-3, 0.3e-3, 0.2e-3, 0.1e-3]
    )


def test_validation_does_not_depend_on_the_batch_size(model, data, trained):
    values = [trained(model, data, DPOSettings(epochs=1, batch_size=4, eval_every=2, anchor=0.0))[1][-1]]
    policy = copy.deepcopy(model)
    train_dpo(policy, *data, DPOSettings(epochs=1, batch_size=4, eval_every=2, anchor=0.0))
    losses, metrics = compare(policy, data[2], data[0][1], dpo_loss)
    assert values[0]["val_loss"] == pytest.approx(metrics["loss"].mean().item(), abs=1e-5)
    by_one = training.evaluate_pairs(policy, data[2], data[0][1], dpo_loss, batch_size=1)
    assert by_one["margin"] == pytest.approx(values[0]["val_margin"], abs=1e-5)


def test_another_loss_can_be_given(model, data, trained):
    def hinge(chosen, rejected, beta=0.1):
        return torch.relu(1 - beta * (chosen - rejected)), beta * chosen.detach(), beta * rejected.detach()

    _, history = trained(model, data, loss=hinge)
    assert history[0]["loss"] == pytest.approx(1, abs=1e-4)
