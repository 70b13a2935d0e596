"""The checkpoint of a training under way: one file, written whole or not at all, from which it resumes exactly."""

import dis
import hashlib
import inspect
import json
from functools import partial
from pathlib import Path
from types import CodeType

import torch
from safetensors.torch import save

from helpers.files import display_path, write_bytes
from helpers.gpt.training_state import restore, stored_training, training_state
from helpers.records import fingerprint


class TrainCheckpoint:
    """Saves and restores weights, optimizer state, reference log-probs (tensors) and history (JSON).

    Batches and dropout depend on the seed and the step alone, so there is no random state to keep.
    With `file` None nothing is saved.
    """

    def __init__(self, file, settings, pairs, reference, loss, functions):
        self.file = file and Path(file)
        self.reference = reference
        self.loss = loss.name
        self.run = file and run_key(settings, pairs, loss, functions)
        self.how_to_go_on = f"run again to go on from {display_path(file)}" if file else "no checkpoint is kept"

    def save(self, policy, optimizer, history):
        if self.file is None:
            return
        tensors = training_state(policy, [optimizer]) | {"reference": self.reference.cpu().contiguous()}
        meta = {"run": self.run, "loss": self.loss, "history": json.dumps(history)}
        write_bytes(self.file, save(tensors, metadata=meta))

    def load(self, policy, optimizer) -> list[dict]:
        """Restore weights and optimizer. Returns the history, one row a step that is done: [] for a new run.

        The checkpoint of another run (settings, pairs, loss, forward, loop or reference) is not used; a line says so.
        Raises CourseError if the file is damaged.
        """
        if self.file is None:
            return []
        if not self.file.exists():
            print(f"Training from the start; progress is kept in {display_path(self.file)}.")
            return []
        with stored_training(self.file) as (history, meta, tensors):
            stored = tensors["reference"]
            same = meta["run"] == self.run and stored.shape == self.reference.shape
            same = same and torch.allclose(stored, self.reference, atol=0.02)
        if not same:
            other = (
                f"the loss {meta['loss']}"
                if meta["loss"] != self.loss
                else "other settings, pairs, weights or functions"
            )
            print(f"{display_path(self.file)} has {other}: training from the start.")
            return []
        print(f"Going on from {display_path(self.file)}, after step {len(history)}.")
        restore(policy, [optimizer], tensors)
        return history

    def remove(self):
        """The run is complete: the next one begins at the start."""
        if self.file:
            self.file.unlink(missing_ok=True)


def run_key(settings, pairs, loss, functions) -> str:
    """A hash that two runs share only if they take the same steps: settings, pairs, loss and the other functions."""
    steps = {name: value for name, value in vars(settings).items() if name != "checkpoint_every"}
    code = contents([loss.loss.formula, loss.settings, *functions], set())
    return fingerprint(steps, [vars(pair) for pair in pairs], loss.name, code)


def contents(thing, seen):
    """A value as text; of a function its code, defaults, closure and the globals that it names, and so on for those.

    So a changed cell is another run, and a moved one or another session is not. Of installed packages names suffice.
    seen: the functions that had their turn.
    """
    if isinstance(thing, partial):
        thing = [thing.func, thing.args, thing.keywords]
    if isinstance(thing, (list, tuple)):
        return [contents(part, seen) for part in thing]
    if isinstance(thing, dict):
        return {str(name): contents(value, seen) for name, value in thing.items()}
    if isinstance(thing, CodeType):
        return [thing.co_code.hex(), thing.co_names, contents(thing.co_consts, seen)]
    if isinstance(thing, torch.Tensor):
        return repr(thing.tolist())
    if isinstance(thing, torch.nn.Module):  # such as the reference of a KL term
        return weights_hash(thing)
    function = inspect.unwrap(thing) if callable(thing) else thing
    if not inspect.isfunction(function) or function in seen or "-packages" in function.__code__.co_filename:
        return getattr(thing, "__qualname__", repr(thing))
    seen.add(function)
    closure = [cell.cell_contents for cell in function.__closure__ or ()]
    named = [function.__globals__.get(name) for name in sorted(global_names(function.__code__))]
    return contents([function.__code__, function.__defaults__, function.__kwdefaults__, closure, named], seen)


def weights_hash(model) -> str:
    weights = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
    return hashlib.sha256(save(weights)).hexdigest()


def global_names(code) -> set[str]:
    """The globals that a function, or one inside it, names."""
    inner = [global_names(part) for part in code.co_consts if isinstance(part, CodeType)]
    return {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}.union(*inner)
