"""What a training under way consists of, as named tensors: weights and the state of the optimizers."""

import json
from contextlib import contextmanager

import torch
from safetensors import SafetensorError, safe_open

from helpers.files import CourseError, display_path


@contextmanager
def stored_training(file):
    """(history, meta, tensors) of a training's file. CourseError if it is damaged, also if `with` finds that it is."""
    try:
        with safe_open(file, framework="pt") as stored:
            meta = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        yield json.loads(meta["history"]), meta, tensors
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        message = f"{display_path(file)} is damaged ({error}). Delete it to train from the start."
        raise CourseError(message) from error


def training_state(model, optimizers) -> dict[str, torch.Tensor]:
    """Weights as "model.NAME", and what optimizer number n keeps of parameter i as "optimizer.n.i.KEY"."""
    tensors = {f"model.{name}": p.detach() for name, p in model.named_parameters()}
    for n, optimizer in enumerate(optimizers):
        for i, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{n}.{i}.{key}": value for key, value in state.items()}
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


@torch.no_grad()
def restore(model, optimizers, tensors: dict[str, torch.Tensor]):
    """Copy a `training_state` into the model's weights and the optimizers. KeyError if a weight is missing."""
    for name, p in model.named_parameters():
        p.copy_(tensors[f"model.{name}"])
    for n, optimizer in enumerate(optimizers):
        state = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer.{n}."):
                _, _, i, key = name.split(".")
                state.setdefault(int(i), {})[key] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
