"""The loop: it starts at ln 2, learns, and an interrupted run ends with the same weights bit for bit."""

import copy
import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from helpers.dpo import training
from helpers.dpo.batches import collate
from helpers.dpo.logprobs import sequence_logprobs
from helpers.dpo.losses import dpo_loss
from helpers.dpo.reference import reference_logprobs
from helpers.dpo.training import DPOSettings, check_start, compare, train_dpo
from helpers.files import ROOT, CourseError

SETTINGS = DPOSettings(lr=1e-3, epochs=3, batch_size=4, eval_every=4, checkpoint_every=2)
STEPS = 6  # 8 training pairs: 2 steps an epoch


@pytest.fixture
def data(model, pairs):
    train, val = pairs[:8], pairs[8:]
    return (reference_logprobs(model, train), reference_logprobs(model, val)), train, val


def trained(model, data, settings=SETTINGS, **options):
    policy = copy.deepcopy(model)
    return policy, train_dpo(policy, *data, settings, **options)


def same_weights(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_history_has_every_metric_of_every_step(model, data):
    _, history = trained(model, data)
    assert [row["step"] for row in history] == list(range(1, STEPS + 1))
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
            assert row[f"{side}_rewards"] == pytest.approx(SETTINGS.beta * moved, abs=1e-4)
    assert [row["step"] for row in history if "val_loss" in row] == [4, 6]
    assert {f"val_{name}" for name in names} <= set(history[-1])
    json.dumps(history)


def test_it_starts_at_ln_2_and_learns(model, data):
    policy, history = trained(model, data, DPOSettings(lr=1e-3, epochs=20, batch_size=4, eval_every=20))
    assert history[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert history[-1]["loss"] < 0.3 and history[-1]["accuracy"] == 1
    assert history[-1]["val_accuracy"] == 1 and history[-1]["val_loss"] < 0.6
    assert not same_weights(policy, model)


def test_the_first_step_is_the_formula_of_the_paper(model, data):
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


def test_all_parameters_change_after_one_step(model, data):
    policy, _ = trained(model, data, DPOSettings(epochs=1, batch_size=8))
    assert not any(torch.equal(p, q) for p, q in zip(policy.parameters(), model.parameters(), strict=True))


def test_same_seed_same_weights_other_seed_other_order(model, data):
    a, _ = trained(model, data)
    b, _ = trained(model, data)
    c, _ = trained(model, data, DPOSettings(**(vars(SETTINGS) | {"seed": 1})))
    assert same_weights(a, b) and not same_weights(a, c)


def test_dropout_of_the_policy_is_off(make_gpt, pairs):
    model = make_gpt(dropout=0.3)
    data = (reference_logprobs(model, pairs), torch.empty(0, 2)), pairs, []
    _, history = trained(model, data)
    assert history[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)


def test_the_learning_rate_rises_and_then_falls(model, data):
    _, history = trained(model, data, DPOSettings(lr=1e-3, epochs=5, batch_size=4, warmup=0.4))
    assert [row["lr"] for row in history] == pytest.approx(
        [0.25e-3, 0.5e-3, 0.75e-3, 0.7e-3, 0.6e-3, 0.5e-3, 0.4e-3, 0.3e-3, 0.2e-3, 0.1e-3]
    )


def test_validation_does_not_depend_on_the_batch_size(model, data):
    values = [trained(model, data, DPOSettings(epochs=1, batch_size=4, eval_every=2, anchor=0.0))[1][-1]]
    policy = copy.deepcopy(model)
    train_dpo(policy, *data, DPOSettings(epochs=1, batch_size=4, eval_every=2, anchor=0.0))
    losses, metrics = compare(policy, data[2], data[0][1], dpo_loss)
    assert values[0]["val_loss"] == pytest.approx(metrics["loss"].mean().item(), abs=1e-5)
    by_one = training.evaluate_pairs(policy, data[2], data[0][1], dpo_loss, batch_size=1)
    assert by_one["margin"] == pytest.approx(values[0]["val_margin"], abs=1e-5)


def test_another_loss_can_be_given(model, data):
    def hinge(chosen, rejected, beta=0.1):
        return torch.relu(1 - beta * (chosen - rejected)), beta * chosen.detach(), beta * rejected.detach()

    _, history = trained(model, data, loss=hinge)
    assert history[0]["loss"] == pytest.approx(1, abs=1e-4)


# What must be refused, before or while it happens.


def test_a_policy_that_is_not_the_reference_is_refused(make_gpt, model, data):
    with pytest.raises(CourseError, match="should be ln 2"):
        trained(make_gpt(seed=1), data)
    policy, _ = trained(model, data)  # the reference of a policy that was trained already
    with pytest.raises(CourseError, match="should be ln 2"):
        trained(policy, data)


@pytest.mark.parametrize("bug", ["padding", "order", "end-of-text", "mean"])
def test_a_reference_made_in_another_way_is_refused(bug, model, data, monkeypatch):
    reference, train, val = data
    wrong = {
        "padding": lambda lp: lp - torch.tensor([3.0, 1.0]),
        "order": lambda lp: lp.flip(1),
        "end-of-text": lambda lp: lp + 2.0,
        "mean": lambda lp: lp / 9,
    }[bug](reference[0])
    with pytest.raises(CourseError, match="should be ln 2"):
        trained(model, ((wrong, reference[1]), train, val))


def test_dropout_that_ignores_eval_is_noticed(model, data):
    policy = copy.deepcopy(model)
    plain = policy.hidden
    policy.hidden = lambda idx: F.dropout(plain(idx), 0.2)
    with pytest.raises(CourseError, match="should be ln 2"):
        train_dpo(policy, *data, SETTINGS)


def test_check_start_accepts_rounding(model, data):
    _, metrics = compare(model, data[1], data[0][0] + 1e-3, dpo_loss)
    check_start(metrics)


def test_reference_of_other_pairs_no_pairs_and_frozen_weights_are_refused(model, data):
    reference, train, val = data
    with pytest.raises(CourseError, match="7 pairs"):
        trained(model, (reference, train[:7], val))
    with pytest.raises(CourseError, match="no training pairs"):
        trained(model, ((torch.empty(0, 2), reference[1]), [], val))
    with pytest.raises(CourseError, match="frozen"):
        trained(copy.deepcopy(model).requires_grad_(False), data)


def test_a_loss_without_gradient_is_refused(model, data):
    def stuck(chosen, rejected):
        return dpo_loss(0 * chosen, 0 * rejected)

    with pytest.raises(CourseError, match="No gradient"):
        trained(model, data, loss=stuck)


def test_a_loss_that_is_not_finite_names_the_step_and_keeps_the_weights(model, data):
    calls, policies = [], []

    def breaks(chosen, rejected):
        calls.append(1)
        losses, *rewards = dpo_loss(chosen, rejected)
        return losses * (math.nan if len(calls) == 3 else 1), *rewards

    policy = copy.deepcopy(model)
    no_val = (data[0][0], torch.empty(0, 2)), data[1], []
    keep = lambda row: policies.append(copy.deepcopy(policy))  # noqa: E731
    with pytest.raises(CourseError, match="Step 3: the loss is nan.*smaller lr"):
        train_dpo(policy, *no_val, SETTINGS, loss=breaks, callback=keep)
    assert same_weights(policy, policies[1])


OUT_OF_RANGE = [
    *(dict(beta=0), dict(beta=-1), dict(beta=math.nan), dict(lr=0), dict(lr=math.inf), dict(max_grad_norm=0)),
    *(dict(epochs=0), dict(epochs=1.5), dict(batch_size=0), dict(eval_every=0), dict(checkpoint_every=0)),
    *(dict(lr="5e-5"), dict(seed=None), dict(warmup=2), dict(weight_decay=-1), dict(seed=-1)),
]


@pytest.mark.parametrize("change", OUT_OF_RANGE, ids=str)
def test_settings_that_cannot_work_are_named(change):
    with pytest.raises(CourseError, match=f"DPOSettings.{next(iter(change))} is"):
        DPOSettings(**change)


# Stopping and going on.


class Stop(Exception):
    pass


def stop_at(step, how):
    def callback(row):
        if row["step"] == step:
            how()

    return callback


def raises():
    raise Stop


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_an_interrupted_run_ends_with_the_same_weights(step, model, data, tmp_path, capsys):
    whole, history = trained(model, data)
    file = tmp_path / "run" / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, checkpoint=file, callback=stop_at(step, raises))
    assert file.exists() == (step >= 2)  # every second step is saved
    resumed, again = trained(model, data, checkpoint=file)
    assert ("Going on" in capsys.readouterr().out) == (step >= 2)
    assert same_weights(whole, resumed)
    untimed = lambda rows: [{k: v for k, v in row.items() if k != "pairs_per_second"} for row in rows]  # noqa: E731
    assert untimed(again) == untimed(history)
    assert not file.exists()  # a finished run leaves nothing behind: the next one starts at the start


def test_the_test_of_resuming_catches_a_forgotten_optimizer(model, data, tmp_path, monkeypatch):
    whole, _ = trained(model, data)
    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, checkpoint=file, callback=stop_at(4, raises))
    monkeypatch.setattr(torch.optim.AdamW, "load_state_dict", lambda self, state: None)
    assert not same_weights(whole, trained(model, data, checkpoint=file)[0])


def test_ctrl_c_finishes_and_saves_the_step(model, data, tmp_path):
    file = tmp_path / "progress.safetensors"
    press = lambda: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
    seen = []

    def loss(chosen, rejected):  # pressed in the middle of step 3, which would not be saved by itself
        seen.append(1)
        if len(seen) == 3:
            press()
        return dpo_loss(chosen, rejected, SETTINGS.beta)

    no_val = (data[0][0], torch.empty(0, 2)), data[1], []
    with pytest.raises(KeyboardInterrupt, match="stopped after step 3 of 6.*go on"):
        trained(model, no_val, checkpoint=file, loss=loss)
    resumed, history = trained(model, no_val, checkpoint=file, loss=loss)
    assert len(seen) == 6 and len(history) == 6
    assert same_weights(resumed, trained(model, no_val, loss=loss)[0])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_pressed_twice_it_stops_at_once(model, data):
    def loss(chosen, rejected):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second press must have stopped the step")

    with pytest.raises(KeyboardInterrupt):
        trained(model, data, loss=loss)


def test_it_runs_in_a_thread(model, data):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(trained(model, data)))
    thread.start()
    thread.join()
    assert len(runs[0][1]) == STEPS


def test_the_same_cell_run_again_with_a_half_trained_policy_goes_on(model, data, tmp_path):
    file, policy = tmp_path / "progress.safetensors", copy.deepcopy(model)
    with pytest.raises(Stop):
        train_dpo(policy, *data, SETTINGS, checkpoint=file, callback=stop_at(3, raises))
    train_dpo(policy, *data, SETTINGS, checkpoint=file)
    assert same_weights(policy, trained(model, data)[0])


CHANGES = {
    "settings": lambda m, d: (m, d, DPOSettings(**(vars(SETTINGS) | {"beta": 0.2}))),
    "pairs": lambda m, d: (m, ((d[0][0].roll(1, 0), d[0][1]), d[1][-1:] + d[1][:-1], d[2]), SETTINGS),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_checkpoint_of_another_run_is_not_used(change, model, data, tmp_path, capsys):
    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, checkpoint=file, callback=stop_at(3, raises))
    other = CHANGES[change](model, data)
    found, history = trained(*other, checkpoint=file)
    assert "training from the start" in capsys.readouterr().out
    assert len(history) == STEPS and same_weights(found, trained(*other)[0])


def test_a_checkpoint_of_other_weights_is_not_used(make_gpt, model, data, pairs, tmp_path, capsys):
    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, checkpoint=file, callback=stop_at(3, raises))
    other = make_gpt(seed=5)
    other_data = (reference_logprobs(other, data[1]), reference_logprobs(other, data[2])), *data[1:]
    assert same_weights(trained(other, other_data, checkpoint=file)[0], trained(other, other_data)[0])
    assert "training from the start" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", None])
def test_a_damaged_checkpoint_is_named(content, model, data, tmp_path):
    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, checkpoint=file, callback=stop_at(3, raises))
    file.write_bytes(file.read_bytes()[:-100] if content is None else content)
    with pytest.raises(CourseError, match="progress.safetensors is damaged.*Delete it"):
        trained(model, data, checkpoint=file)


KILLED = """
import os, signal, sys, torch
sys.path[:0] = [{root!r}, {tests!r}]
from conftest import some_pairs, tiny_gpt
import tiktoken
from test_training import SETTINGS
from helpers.dpo.reference import reference_logprobs
from helpers.dpo.training import train_dpo
torch.set_num_threads(1)
ranks = {{bytes([i]): i for i in range(256)}}
eot = {{"<|endoftext|>": 256}}
tok = tiktoken.Encoding("bytes", pat_str=r"[\\s\\S]", mergeable_ranks=ranks, special_tokens=eot)
model, pairs = tiny_gpt(), some_pairs(tok)
reference = reference_logprobs(model, pairs[:8]), reference_logprobs(model, pairs[8:])
def kill(row):
    if row["step"] == 5 and {kill}:
        os.kill(os.getpid(), signal.SIGKILL)
train_dpo(model, reference, pairs[:8], pairs[8:], SETTINGS, checkpoint={file!r}, callback=kill)
torch.save(torch.cat([p.flatten() for p in model.parameters()]), {out!r})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_and_started_again_ends_with_the_same_weights(tmp_path):
    def run(name, kill):
        paths = dict(file=str(tmp_path / f"{name}.safetensors"), out=str(tmp_path / f"{name}.pt"))
        code = KILLED.format(root=str(ROOT), tests=str(Path(__file__).parent), kill=kill, **paths)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        return done, Path(paths["out"])

    done, whole = run("whole", kill=False)
    assert done.returncode == 0, done.stderr
    done, out = run("killed", kill=True)
    assert done.returncode == -signal.SIGKILL and not out.exists()
    done, out = run("killed", kill=False)
    assert done.returncode == 0 and "after step 4" in done.stdout
    assert torch.equal(torch.load(out), torch.load(whole))
