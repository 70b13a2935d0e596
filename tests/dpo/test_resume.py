"""Stopping and going on: an interrupted run ends with the same weights, bit for bit."""

import copy
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from helpers.dpo.data import unpaired_from_pairs
from helpers.dpo.logprobs import concatenated_forward, forward_with_kl, score
from helpers.dpo.losses import resolve_loss
from helpers.dpo.train import fit, train_dpo
from helpers.files import ROOT, CourseError

STEPS = 6  # of the settings in conftest


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
def test_an_interrupted_run_ends_with_the_same_weights(step, model, data, tmp_path, capsys, trained, same_weights):
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


def test_the_test_of_resuming_catches_a_forgotten_optimizer(model, data, tmp_path, monkeypatch, trained, same_weights):
    whole, _ = trained(model, data)
    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, checkpoint=file, callback=stop_at(4, raises))
    monkeypatch.setattr(torch.optim.AdamW, "load_state_dict", lambda self, state: None)
    assert not same_weights(whole, trained(model, data, checkpoint=file)[0])


def test_ctrl_c_finishes_and_saves_the_step(model, data, tmp_path, trained, same_weights):
    file, forwards = tmp_path / "progress.safetensors", Mock(side_effect=concatenated_forward)

    def forward(model, samples):  # pressed in the middle of step 3, which would not be saved by itself
        if forwards.call_count == 3:  # the first one is that of `check_start`
            os.kill(os.getpid(), signal.SIGINT)
        return forwards(model, samples)

    no_val = (*data[:2], None)
    with pytest.raises(KeyboardInterrupt, match="stopped after step 3 of 6.*go on"):
        trained(model, no_val, checkpoint=file, forward=forward)
    resumed, history = trained(model, no_val, checkpoint=file, forward=forward)
    assert forwards.call_count == 7 and len(history) == 6
    assert same_weights(resumed, trained(model, no_val)[0])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_pressed_twice_it_stops_at_once(model, data, trained):
    def loss(p):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second press must have stopped the step")

    with pytest.raises(KeyboardInterrupt):
        trained(model, data, loss=loss)


def test_it_runs_in_a_thread(model, data, trained):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(trained(model, data)))
    thread.start()
    thread.join()
    assert len(runs[0][1]) == STEPS


def test_the_same_cell_run_again_with_a_half_trained_policy_goes_on(
    model, data, tmp_path, trained, same_weights, settings
):
    file, policy = tmp_path / "progress.safetensors", copy.deepcopy(model)
    with pytest.raises(Stop):
        fit(policy, *data[:2], settings, checkpoint=file, callback=stop_at(3, raises))
    fit(policy, *data[:2], settings, checkpoint=file)
    assert same_weights(policy, trained(model, data)[0])


CHANGES = {
    "settings": lambda d, s: ((d, replace(s, lr=2e-3)), "robust"),
    "pairs": lambda d, s: (((d[0][-1:] + d[0][:-1], d[1].roll(1, 0), d[2]), s), "robust"),
    "loss": lambda d, s: ((d, s), "hinge"),
    "loss setting": lambda d, s: ((d, s), resolve_loss("robust", epsilon=0.2)),
    "beta": lambda d, s: ((d, s), resolve_loss("robust", beta=0.2)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_checkpoint_of_another_run_is_not_used(
    change, model, data, tmp_path, capsys, trained, same_weights, settings
):
    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, loss="robust", checkpoint=file, callback=stop_at(3, raises))
    arguments, loss = CHANGES[change](data, settings)
    policy, history = trained(model, *arguments, checkpoint=file, loss=loss)
    line = "the loss robust: training" if change == "loss" else "other settings, pairs, weights or functions: training"
    assert line in capsys.readouterr().out
    assert len(history) == STEPS and same_weights(policy, trained(model, *arguments, loss=loss)[0])


CELL = """
FAR = 100.0

def relu(x):
    return x.clamp(min=0)

def mine(p, lam=5.0):
    drop = relu(-p.a_w - FAR)  # nothing until a chosen response has lost 100 nats
    return -torch.nn.functional.logsigmoid(p.h - lam * drop + sum(shift * drop for shift in SHIFTS))

SHIFTS = [0.0, 0.0]

def made(scale):
    return lambda p: mine(p) * scale

def forward(model, samples):
    return concatenated_forward(model, samples) * ONE

ONE = 1

def loop(*args, **kwargs):
    yield from train_dpo(*args, **kwargs)
"""
EDITS = {
    "default": ("lam=5.0", "lam=50.0"),
    "formula, where it is not yet felt": ("- FAR)", "- FAR / 2)"),
    "global": ("FAR = 100.0", "FAR = 50.0"),
    "global of an inner function": ("[0.0, 0.0]", "[0.0, 1.0]"),
    "function that the loss calls": ("clamp(min=0)", "clamp(min=0) ** 2"),
    "closure": ("made(1.0)", "made(2.0)"),
    "setting that is a tensor": ("lam=5.0", "lam=torch.tensor(5.5)"),
    "forward": ("ONE = 1", "ONE = 1.0"),
    "loop": ("    yield", "    torch.manual_seed(0)\n    yield"),
}


def cell(closed, before="", old="", new=""):
    """The functions of a learner's cell, which was edited."""
    source = before + (CELL + f"loss = {'made(1.0)' if closed else 'mine'}").replace(old, new)
    space = dict(torch=torch, concatenated_forward=concatenated_forward, train_dpo=train_dpo)
    exec(source, space)
    return {name: space[name] for name in ("loss", "forward", "loop")}


@pytest.mark.parametrize("edit", EDITS)
def test_a_changed_cell_starts_anew_and_the_same_cell_run_again_goes_on(edit, model, data, tmp_path, capsys, trained):
    file, closed = tmp_path / "progress.safetensors", edit == "closure"
    for before in ("", "# The cell was moved.\n\n"):
        with pytest.raises(Stop):
            trained(model, data, **cell(closed, before), checkpoint=file, callback=stop_at(5, raises))
    assert "Going on" in capsys.readouterr().out
    _, history = trained(model, data, **cell(closed, "", *EDITS[edit]), checkpoint=file)
    assert "training from the start" in capsys.readouterr().out and len(history) == STEPS


def test_unpaired_data_and_a_loss_without_reference_are_saved_and_resumed_too(model, data, tmp_path, capsys, trained):
    file, unpaired = tmp_path / "progress.safetensors", unpaired_from_pairs(data[0][:4])
    for samples, reference, loss in ((unpaired, score(model, unpaired), "kto"), (data[0], None, "simpo")):
        with pytest.raises(Stop):
            trained(model, (samples, reference, None), loss=loss, checkpoint=file, callback=stop_at(5, raises))
        _, history = trained(model, (samples, reference, None), loss=loss, checkpoint=file)
        assert "after step 4" in capsys.readouterr().out and len(history) == STEPS


def test_a_checkpoint_of_other_weights_is_not_used(
    make_gpt, model, data, pairs, tmp_path, capsys, trained, same_weights
):
    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, checkpoint=file, callback=stop_at(3, raises))
    other = make_gpt(seed=5)
    other_data = data[0], score(other, data[0]), (data[2][0], score(other, data[2][0]))
    assert same_weights(trained(other, other_data, checkpoint=file)[0], trained(other, other_data)[0])
    assert "training from the start" in capsys.readouterr().out


def test_another_reference_in_the_forward_pass_is_another_run(make_gpt, model, data, tmp_path, capsys, trained):
    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        forward = partial(forward_with_kl, reference=model)
        trained(model, data, loss="dpo-kl", forward=forward, checkpoint=file, callback=stop_at(5, raises))
    for reference, said in ((copy.deepcopy(model), "Going on"), (make_gpt(seed=5), "training from the start")):
        with pytest.raises(Stop):
            forward = partial(forward_with_kl, reference=reference)
            trained(model, data, loss="dpo-kl", forward=forward, checkpoint=file, callback=stop_at(6, raises))
        assert said in capsys.readouterr().out


def test_a_checkpoint_made_with_a_reference_is_not_used_without(model, data, tmp_path, capsys, trained):
    def mine(p):
        return p.logp_l - p.logp_w

    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, loss=mine, checkpoint=file, callback=stop_at(3, raises))
    train, _, (val, _) = data
    _, history = trained(model, (train, None, (val, None)), loss=mine, checkpoint=file)
    assert "training from the start" in capsys.readouterr().out and len(history) == STEPS


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", None])
def test_a_damaged_checkpoint_is_named(content, model, data, tmp_path, trained):
    file = tmp_path / "progress.safetensors"
    with pytest.raises(Stop):
        trained(model, data, checkpoint=file, callback=stop_at(3, raises))
    file.write_bytes(file.read_bytes()[:-100] if content is None else content)
    with pytest.raises(CourseError, match="progress.safetensors is damaged.*Delete it"):
        trained(model, data, checkpoint=file)


KILLED = """
import os, signal, sys, torch
sys.path[:0] = [{root!r}, {tests!r}]
from tiny_gpt import SETTINGS, some_pairs, tiny_gpt
import tiktoken
from helpers.dpo.logprobs import score
from helpers.dpo.train import fit
torch.set_num_threads(1)
ranks = {{bytes([i]): i for i in range(256)}}
eot = {{"<|endoftext|>": 256}}
tok = tiktoken.Encoding("bytes", pat_str=r"[\\s\\S]", mergeable_ranks=ranks, special_tokens=eot)
model, pairs = tiny_gpt(), some_pairs(tok)
train, val = pairs[:8], pairs[8:]
reference, validation = score(model, train), (val, score(model, val))
def kill(row):
    if row["step"] == 5 and {kill}:
        os.kill(os.getpid(), signal.SIGKILL)
fit(model, train, reference, SETTINGS, validation=validation, checkpoint={file!r}, callback=kill)
torch.save(torch.cat([p.flatten() for p in model.parameters()]), {out!r})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_and_started_again_ends_with_the_same_weights(tmp_path):
    def run(name, kill):
        paths = dict(file=str(tmp_path / f"{name}.safetensors"), out=str(tmp_path / f"{name}.pt"))
        code = KILLED.format(root=str(ROOT), tests=str(ROOT / "tests"), kill=kill, **paths)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        return done, Path(paths["out"])

    done, whole = run("whole", kill=False)
    assert done.returncode == 0, done.stderr
    done, out = run("killed", kill=True)
    assert done.returncode == -signal.SIGKILL and not out.exists()
    done, out = run("killed", kill=False)
    assert done.returncode == 0 and "after step 4" in done.stdout
    assert torch.equal(torch.load(out), torch.load(whole))
