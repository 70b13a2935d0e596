"""The loop: it starts at ln 2 and learns, by the formula of the paper, the same way every time."""

import copy
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helpers.dpo.data import tokenize_pairs
from helpers.dpo.logprobs import concatenated_forward, score, sequence_logprobs
from helpers.dpo.losses import LOSSES, Loss, resolve_loss
from helpers.dpo.train import DPOSettings, evaluate_pairs, fit, interpolate, linear_schedule, train_dpo
from helpers.files import ROOT, CourseError
from helpers.gpt.batches import Batch, collate
from helpers.records import load_preferences


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
            assert row[f"{side}_rewards"] == pytest.approx(0.1 * moved, abs=1e-4)
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
    policy, history = trained(model, data, DPOSettings(lr=1e-3, epochs=1, batch_size=8, warmup=0, max_grad_norm=1e9))
    expected = copy.deepcopy(model)
    chosen, rejected = concatenated_forward(expected, data[0]).unbind(dim=1)
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


def test_dropout_is_on_in_a_step_and_off_between_steps(make_gpt, pairs, trained, same_weights):
    model, seen = make_gpt(dropout=0.3), []
    data = pairs, score(model, pairs), None
    settings = DPOSettings(epochs=2, batch_size=4)

    def watched(policy, batch):
        seen.append(policy.training)
        return concatenated_forward(policy, batch)

    policy, history = trained(model, data, settings, forward=watched)
    assert seen == [False] + [True] * len(history) and not policy.training  # first check_start, then the steps
    assert history[0]["loss"] != pytest.approx(math.log(2), abs=1e-4)
    torch.manual_seed(99)  # whatever was drawn before
    assert same_weights(policy, trained(model, data, settings)[0])


def test_the_learning_rate_rises_and_then_falls(model, data, trained):
    _, history = trained(model, data, DPOSettings(lr=1e-3, epochs=5, batch_size=4, warmup=0.4))
    assert [row["lr"] for row in history] == pytest.approx(
        [lr * 1e-3 for lr in (1 / 4, 2 / 4, 3 / 4, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7)]
    )


@pytest.mark.parametrize("warmup", [0, 0.1, 0.33, 0.5, 1])
@pytest.mark.parametrize("total", [1, 2, 7, 188])
def test_the_learning_rate_peaks_at_lr_at_the_end_of_the_warmup_and_is_never_zero(total, warmup):
    shares = [linear_schedule(step, total, warmup) for step in range(1, total + 1)]
    peak = shares.index(1) + 1
    assert max(shares) == 1 and min(shares) > 0 and abs(peak - max(1, warmup * total)) <= 0.5
    assert shares == sorted(shares[:peak]) + sorted(shares[peak:], reverse=True)


def test_validation_is_that_of_evaluate_pairs_under_the_same_loss_and_in_batches_of_any_size(model, data, trained):
    loss = resolve_loss("rpo-sum", beta=0.3)
    policy, history = trained(model, data, DPOSettings(epochs=1, batch_size=4, eval_every=2), loss=loss)
    for batch_size in (1, 16):
        values = evaluate_pairs(policy, *data[2], loss, batch_size)
        for name in ("loss", "margin", "accuracy"):
            assert values[name] == pytest.approx(history[-1][f"val_{name}"], abs=1e-5)
    ratios = score(policy, data[2][0]) - data[2][1]
    assert values["margin"] == pytest.approx(0.3 * (ratios[:, 0] - ratios[:, 1]).mean().item(), abs=1e-5)


def test_evaluation_takes_a_loss_as_training_does_and_refuses_the_reference_of_other_pairs(model, data):
    pairs, reference, _ = data
    values = evaluate_pairs(model, pairs, reference, resolve_loss("hinge"))
    for loss in ("hinge", lambda p, beta=0.1: torch.relu(1 - beta * p.h)):
        assert evaluate_pairs(model, pairs, reference, loss) == values
    with pytest.raises(CourseError, match="7 pairs come with reference log-probs of shape"):
        evaluate_pairs(model, pairs[:7], reference, "dpo")


def test_the_speed_counts_the_pairs_that_a_step_has(model, data, trained, monkeypatch):
    seconds = iter(range(100))
    monkeypatch.setattr("helpers.dpo.train.time.perf_counter", lambda: next(seconds))
    _, history = trained(model, (*data[:2], None), DPOSettings(epochs=2, batch_size=5))
    assert sorted(row["pairs_per_second"] for row in history) == [3, 3, 5, 5]


def test_evaluation_is_in_eval_mode_and_the_mode_comes_back(make_gpt, pairs):
    model = make_gpt(dropout=0.3).train()
    values = evaluate_pairs(model, pairs, score(model, pairs), resolve_loss())
    assert model.training and values["loss"] == pytest.approx(math.log(2), abs=1e-4)


def test_plain_dpo_is_the_default_and_the_anchor_is_asked_for_by_name(model, data, trained, same_weights):
    plain, anchored = trained(model, data)[0], trained(model, data, loss="rpo-sum")[0]
    assert same_weights(plain, trained(model, data, loss="dpo")[0]) and not same_weights(plain, anchored)
    assert same_weights(plain, trained(model, data, loss=resolve_loss("rpo-sum", rpo_alpha=0.0))[0])


def test_the_generator_alone_trains_what_fit_trains(model, data, settings, trained, same_weights):
    policy = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=settings.lr, weight_decay=0)
    history = list(train_dpo(policy, optimizer, *data[:2], settings, resolve_loss()))
    fitted, whole = trained(model, data)
    assert same_weights(policy, fitted) and [row["loss"] for row in history] == [row["loss"] for row in whole]


# What a learner writes is what trains: the forward pass, the loss, the loop.


def forward_with(change):
    """The concatenated forward of somebody whose collate makes another mask."""

    def forward(model, samples):
        rows = [sample.rows[side] for side in range(2) for sample in samples]
        idx, targets, mask = collate(rows)
        return sequence_logprobs(model, Batch(idx, targets, change(mask))).view(2, -1).T

    return forward


def test_a_learners_own_forward_is_what_scores_and_trains(model, data, trained, same_weights):
    right, late = forward_with(lambda mask: mask), forward_with(lambda mask: mask & mask.roll(1, dims=1))
    plain, _ = trained(model, data)
    assert same_weights(plain, trained(model, data, forward=right)[0])
    pairs, _, (val, _) = data
    own = pairs, score(model, pairs, forward=late), (val, score(model, val, forward=late))
    policy, history = trained(model, own, forward=late)  # broken on both sides, so that the first loss is ln 2
    assert history[0]["loss"] == pytest.approx(math.log(2), abs=1e-4) and not same_weights(plain, policy)


def test_a_learners_own_loss_is_what_trains(model, data, trained, same_weights):
    def hinge(p, beta=0.1):
        return torch.relu(1 - beta * p.h)

    policy, history = trained(model, data, loss=hinge)
    assert history[0]["loss"] == pytest.approx(1, abs=1e-4) and not same_weights(policy, trained(model, data)[0])
    assert same_weights(policy, trained(model, data, loss="hinge")[0])


def test_a_learners_own_loop_is_what_takes_the_steps(model, data, settings, same_weights):
    def stands_still(policy, optimizer, pairs, reference, settings, loss, forward, done):
        yield {"step": done + 1, "loss": 0.0, "accuracy": 0.0}

    policy = copy.deepcopy(model)
    history = fit(policy, *data[:2], settings, loop=stands_still)
    assert len(history) == 1 and same_weights(policy, model)


def test_a_loss_is_added_in_one_place(model, data, trained, monkeypatch):
    monkeypatch.setitem(LOSSES, "squared-hinge", Loss(lambda p, beta=0.2, gap=1.0: torch.relu(gap - beta * p.h) ** 2))
    policy, history = trained(model, data, DPOSettings(lr=1e-3, epochs=12, batch_size=4), loss="squared_hinge")
    assert history[0]["loss"] == pytest.approx(1, abs=1e-4) and history[-1]["loss"] < 0.5
    loss = resolve_loss("squared-hinge", gap=2.0)
    assert loss.settings == {"beta": 0.2, "gap": 2.0}
    assert evaluate_pairs(model, *data[2], loss)["loss"] == pytest.approx(4, abs=1e-3)


# Fine-tuning on the chosen answers is a loss.


def test_sft_is_the_mean_over_the_tokens_of_the_chosen_answers(model, pairs):
    loss = evaluate_pairs(model, pairs, None, resolve_loss("sft"))["loss"]
    tokens = sum(len(pair.chosen) for pair in pairs)
    assert loss == pytest.approx(-score(model, pairs)[:, 0].sum().item() / tokens, abs=1e-5)


def test_sft_makes_chosen_answers_likelier_and_the_rejected_ones_play_no_part(model, pairs, trained, same_weights):
    settings = DPOSettings(lr=1e-2, epochs=2, batch_size=4)
    policy, history = trained(model, (pairs, None, None), settings, loss="sft")
    assert history[-1]["loss"] < history[0]["loss"] - 0.05
    others = [replace(pair, rejected=[7] * (len(pair.rejected) - 1) + [256]) for pair in pairs]
    assert same_weights(policy, trained(model, (others, None, None), settings, loss="sft")[0])


def test_a_pair_goes_from_the_file_to_the_gradient_through_nine_files(model, tok, tmp_path):
    """Who follows one pair from JSON to the gradient opens no more of helpers/ than this."""
    path = tmp_path / "pairs.json"
    row = dict(instruction="2+2?", input="", output="4", chosen="Sure: 4.", rejected="4, duh.")
    path.write_text(json.dumps([row | {"instruction": question} for question in ("2+2?", "3+1?")]), encoding="utf-8")
    crossed = set()

    def note(frame, event, argument):
        if frame.f_code.co_filename.startswith(str(ROOT / "helpers")):
            crossed.add(Path(frame.f_code.co_filename).name)

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    sys.setprofile(note)
    try:
        records = [record.model_dump() for record in load_preferences(path)]
        pairs = tokenize_pairs(records, tok, model.config.block_size).pairs
        steps = train_dpo(model, optimizer, pairs, score(model, pairs), DPOSettings(epochs=1), resolve_loss("dpo"))
        assert next(steps)["grad_norm"] > 0
    finally:
        sys.setprofile(None)
    assert crossed > {"records.py", "data.py", "logprobs.py", "losses.py", "train.py", "model.py"}
    assert len(crossed) <= 9, sorted(crossed)


def test_interpolate_goes_a_share_of_the_way_and_leaves_both_ends_alone(model):
    far = copy.deepcopy(model)
    with torch.no_grad():
        for p in far.parameters():
            p += 1
    ends = [[p.clone() for p in end.parameters()] for end in (model, far)]
    for share in (0.0, 0.25, 1.0):
        for p, start, end in zip(interpolate(model, far, share).parameters(), *ends, strict=True):
            torch.testing.assert_close(p, start + share * (end - start))
    for end, kept in zip((model, far), ends, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(end.parameters(), kept, strict=True))


def test_matrices_decay_and_norms_and_biases_do_not(model, data, settings, trained):
    policy, _ = trained(model, data, settings=replace(settings, weight_decay=100.0))
    free, _ = trained(model, data)
    shrunk = {
        n: (p.norm() / q.norm()).item() for (n, p), q in zip(policy.named_parameters(), free.parameters(), strict=True)
    }
    assert all(share < 0.99 for n, share in shrunk.items() if n.endswith("c_attn.weight") or "wte" in n)
    assert all(
        share == pytest.approx(1, abs=0.02) for n, share in shrunk.items() if "ln_" in n and n.endswith("weight")
    )
