"""The checkpoint of a training under way: one file, written whole or not at all, to go on from exactly."""

import hashlib
import json
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from helpers.files import CourseError, shown, write_bytes


class Progress:
    """Saves and restores weights, optimizer state, reference log-probs (tensors), step and history (JSON).

    Batches depend on seed and epoch alone and training uses no dropout, so there is no random state to keep.
    With `file` None nothing is saved.
    """

    def __init__(self, file, settings, pairs, reference, loss):
        self.file = file and Path(file)
        self.reference = torch.empty(0) if reference is None else reference
        self.loss = loss.name
        self.run = fingerprint(settings, pairs, loss)
        self.how_to_go_on = f"run again to go on from {shown(file)}" if file else "no checkpoint is kept"

    def save(self, policy, optimizer, step, history):
        if self.file is None:
            return
        tensors = {f"policy.{name}": p.detach() for name, p in policy.named_parameters()}
        for i, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{key}": value for key, value in state.items()}
        tensors["reference"] = self.reference
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        meta = {"run": self.run, "loss": self.loss, "step": str(step), "history": json.dumps(history)}
        write_bytes(self.file, save(tensors, metadata=meta))

    def load(self, policy, optimizer) -> tuple[int, list[dict]]:
        """Restore weights and optimizer. Returns the steps done and the history: (0, []) for a new run.

        The checkpoint of another run (other settings, pairs, loss or reference) is not used; a line says so.
        Raises CourseError if the file is damaged.
        """
        if self.file is None:
            return 0, []
        if not self.file.exists():
            print(f"Training from the start; progress is kept in {shown(self.file)}.")
            return 0, []
        try:
            with safe_open(self.file, framework="pt") as file:
                meta = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            step, history = int(meta["step"]), json.loads(meta["history"])
            same = meta["run"] == self.run and torch.allclose(tensors["reference"], self.reference, atol=0.02)
            used = meta.get("loss", self.loss)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            message = f"{shown(self.file)} is damaged ({error}). Delete it to train from the start."
            raise CourseError(message) from error
        if not same:
            other = f"the loss {used}" if used != self.loss else "other settings, pairs or weights"
            print(f"{shown(self.file)} has {other}: training from the start.")
            return 0, []
        print(f"Going on from {shown(self.file)}, after step {step}.")
        restore(policy, optimizer, tensors)
        return step, history

    def remove(self):
        """The run is complete: the next one begins at the start."""
        if self.file:
            self.file.unlink(missing_ok=True)


@torch.no_grad()
def restore(policy, optimizer, tensors):
    """Copy the tensors of a checkpoint into the policy's weights and the optimizer's state."""
    for name, p in policy.named_parameters():
        p.copy_(tensors[f"policy.{name}"])
    state = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, i, key = name.split(".")
            state.setdefault(int(i), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def fingerprint(settings, pairs, loss) -> str:
    """A hash that two runs share only if they take the same steps: settings, tokens of the pairs and loss."""
    chosen = {name: value for name, value in vars(settings).items() if name not in ("checkpoint_every", "beta")}
    tokens = [[value for _, value in sorted(vars(pair).items())] for pair in pairs]
    named = [loss.name, loss.beta, written(loss.function)]
    return hashlib.sha256(json.dumps([chosen, tokens, named]).encode()).hexdigest()


def written(function) -> list:
    """What a function says: its compiled code, and the values that functools.partial has bound. No addresses."""
    if isinstance(function, partial):
        bound = [written(value) if callable(value) else repr(value) for value in function.args]
        return [written(function.func), bound, sorted((name, repr(value)) for name, value in function.keywords.items())]
    code = getattr(function, "__code__", None)
    if code is None:
        return [type(function).__name__]
    plain = [repr(value) for value in code.co_consts if not hasattr(value, "co_code")]
    return [code.co_code.hex(), code.co_names, plain]
