"""The checkpoint of a training under way: one file, written whole or not at all, from which it resumes exactly."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from helpers.dpo.data import Unpaired
from helpers.dpo.logprobs import PairLogps, UnpairedLogps
from helpers.files import CourseError, display_path, write_bytes
from helpers.records import fingerprint


class TrainCheckpoint:
    """Saves and restores weights, optimizer state, reference log-probs (tensors) and history (JSON).

    Batches depend on seed and epoch alone and training uses no dropout, so there is no random state to keep.
    With `file` None nothing is saved.
    """

    def __init__(self, file, settings, pairs, reference, loss):
        self.file = file and Path(file)
        self.reference = reference
        self.loss = loss.name
        self.run = file and run_key(settings, pairs, loss)
        self.how_to_go_on = f"run again to go on from {display_path(file)}" if file else "no checkpoint is kept"

    def save(self, policy, optimizer, history):
        if self.file is None:
            return
        tensors = {f"policy.{name}": p.detach() for name, p in policy.named_parameters()}
        for i, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{key}": value for key, value in state.items()}
        tensors["reference"] = self.reference
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        meta = {"run": self.run, "loss": self.loss, "history": json.dumps(history)}
        write_bytes(self.file, save(tensors, metadata=meta))

    def load(self, policy, optimizer) -> list[dict]:
        """Restore weights and optimizer. Returns the history, one row a step that is done: [] for a new run.

        The checkpoint of another run (other settings, pairs, loss or reference) is not used; a line says so.
        Raises CourseError if the file is damaged.
        """
        if self.file is None:
            return []
        if not self.file.exists():
            print(f"Training from the start; progress is kept in {display_path(self.file)}.")
            return []
        try:
            with safe_open(self.file, framework="pt") as file:
                meta = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            history = json.loads(meta["history"])
            stored = tensors["reference"]
            same = meta["run"] == self.run and stored.shape == self.reference.shape
            same = same and torch.allclose(stored, self.reference, atol=0.02)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            message = f"{display_path(self.file)} is damaged ({error}). Delete it to train from the start."
            raise CourseError(message) from error
        if not same:
            other = f"the loss {meta['loss']}" if meta["loss"] != self.loss else "other settings, pairs or weights"
            print(f"{display_path(self.file)} has {other}: training from the start.")
            return []
        print(f"Going on from {display_path(self.file)}, after step {len(history)}.")
        restore(policy, optimizer, tensors)
        return history

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


def run_key(settings, pairs, loss) -> str:
    """A hash that two runs share only if they take the same steps: settings, tokens of the pairs and loss."""
    steps = {name: value for name, value in vars(settings).items() if name != "checkpoint_every"}
    return fingerprint(steps, [vars(pair) for pair in pairs], loss.name, probe(loss, isinstance(pairs[0], Unpaired)))


def probe(loss, unpaired) -> list[str]:
    """The values of a loss at fixed places: a changed formula, setting, default or closure changes them."""
    x = torch.linspace(0.1, 2.9, 16, dtype=torch.float64)
    logp_w, logp_l, ref_w, ref_l = (-9 + 8 * torch.sin(k * x) for k in (1, 2, 3, 5))
    n_w, n_l = (3 + 9 * x).floor(), (20 - 5 * x).floor()
    if unpaired:
        logps = UnpairedLogps(logp_w, ref_w, logp_l > ref_l, torch.tensor(0.7))
    elif not loss.loss.reference:
        logps = PairLogps(logp_w, logp_l, n_w, n_l)
    else:
        logps = PairLogps(logp_w, logp_l, n_w, n_l, ref_w, ref_l, (logp_w - ref_w) / 3, (logp_l - ref_l) / 5)
    return [f"{value:.6g}" for value in loss(logps).tolist()]
