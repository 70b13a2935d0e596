"""Training: one generator, which takes the steps, and one function around it: bar, validation, checkpoints, Ctrl-C."""

import copy
import math
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from tqdm.auto import tqdm

from helpers.dpo.logprobs import UnpairedLogps, checked_logps, concatenated_forward, label_logps, score
from helpers.dpo.losses import resolve_loss
from helpers.dpo.resume import TrainCheckpoint
from helpers.files import CourseError
from helpers.gpt.batches import all_batches
from helpers.gpt.sft import decay_groups

CALM = 0.5  # seconds between two movements of the bar: a front end that is not listening loses messages above 1,000


@dataclass(frozen=True)
class DPOSettings:
    """Settings of a training run, whatever the loss. Raises CourseError for a value that cannot work."""

    lr: float = 2e-4
    epochs: int = 4
    batch_size: int = 32  # pairs a step
    warmup: float = 0.1  # share of the steps over which the learning rate rises; then it falls to zero
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    seed: int = 0
    eval_every: int = 20  # steps
    checkpoint_every: int = 20  # steps

    def __post_init__(self):
        for name, value in vars(self).items():
            if not isinstance(value, (int, float)):
                good, rule = False, "a number"
            elif name in ("lr", "max_grad_norm"):
                good, rule = 0 < value < math.inf, "a number above 0"
            elif name == "weight_decay":
                good, rule = 0 <= value < math.inf, "a number from 0"
            elif name == "warmup":
                good, rule = 0 <= value <= 1, "a share of the steps, from 0 to 1"
            else:
                least = 0 if name == "seed" else 1
                good, rule = isinstance(value, int) and value >= least, f"a whole number from {least}"
            if not good:
                raise CourseError(f"DPOSettings.{name} is {value!r}, and it must be {rule}.")


def train_dpo(policy, optimizer, pairs, reference, settings, loss, forward=concatenated_forward, done=0):
    """DPO (arXiv 2305.18290): train the policy in place, one step at a time, and yield the metrics of each step."""
    batches = all_batches(pairs, settings)
    for step, (epoch, indices) in list(enumerate(batches, start=1))[done:]:
        torch.manual_seed(1000 * settings.seed + step)  # a resumed run has the same dropout
        policy.train()
        batch = [pairs[i] for i in indices]
        logps = label_logps(batch, forward(policy, batch), reference[indices])
        losses = loss(logps)
        lr = settings.lr * linear_schedule(step, len(batches), settings.warmup)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        losses.mean().backward()
        grad_norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)
        check_gradient(step, losses, grad_norm)
        optimizer.step()
        policy.eval()
        yield {"step": step, "epoch": epoch, "lr": lr, "grad_norm": grad_norm.item(), **metrics(loss, logps, losses)}


def linear_schedule(step, total, warmup) -> float:
    """The share of the learning rate at steps 1 to `total`: it rises to 1 at the end of the warm-up, then falls to 0.

    warmup: the share of the steps over which it rises, at least one step. The step after the last would have 0.
    """
    peak = max(1, round(warmup * total))
    return min(step / peak, (total + 1 - step) / (total + 1 - peak))


def check_gradient(step, losses, grad_norm):
    """Raises CourseError if loss or gradient are not finite, or if no gradient reaches the policy at the start."""
    if not (losses.isfinite().all() and grad_norm.isfinite()):
        raise CourseError(
            f"Step {step}: the loss is {losses.mean().item()}, the gradient norm {grad_norm.item()}: training cannot "
            "go on. The weights are still those of the step before. Try a smaller lr or a longer warmup."
        )
    if step == 1 and grad_norm == 0:
        raise CourseError("No gradient reaches the policy, so nothing would be learned. Check the loss.")


def metrics(loss, logps, losses) -> dict:
    """The mean of everything that is known of the samples of a batch, as plain numbers."""
    rewards = loss.rewards(logps)
    if isinstance(logps, UnpairedLogps):
        right = (logps.a > logps.z0) == logps.label
        values = {"rewards": rewards[0], "z0": logps.z0, "logps": logps.logp, "reference_logps": logps.ref}
    else:
        chosen, rejected = rewards
        right = chosen > rejected
        values = {"chosen_rewards": chosen, "rejected_rewards": rejected, "margin": chosen - rejected}
        values |= {"chosen_logps": logps.logp_w, "rejected_logps": logps.logp_l}
        if logps.ref_w is not None:
            values |= {"reference_chosen_logps": logps.ref_w, "reference_rejected_logps": logps.ref_l}
    values |= {"loss": losses, "accuracy": right.float()}
    return {name: tensor.mean().item() for name, tensor in values.items()}


def interpolate(reference, policy, share):
    """A model whose weights lie this share of the way from the reference to the policy (WiSE-FT, arXiv 2109.01903)."""
    between = copy.deepcopy(reference)
    with torch.no_grad():
        for p, end in zip(between.parameters(), policy.parameters(), strict=True):
            p.lerp_(end, share)
    return between


def evaluate_pairs(policy, pairs, reference, loss, batch_size=16, forward=concatenated_forward) -> dict:
    """The mean of every metric over all the pairs; pairs, reference and loss as `fit` takes them.

    Scored in eval mode; the mode that the policy was in comes back.
    """
    loss = resolve_loss(loss)
    logps = label_logps(pairs, score(policy, pairs, batch_size, forward), checked_reference(pairs, reference))
    return metrics(loss, logps, loss(logps))


def fit(
    policy, pairs, reference, settings, loss="dpo", validation=None, *,
    checkpoint=None, callback=None, forward=concatenated_forward, loop=train_dpo,
) -> list[dict]:  # fmt: skip
    """Train the policy in place and return the history: the metrics of each step.

    pairs: TokenPairs, or Unpaired for a loss of single responses. forward, loop: a learner's own, if not the course's.
    reference: their log-probs under the reference, from `score`; None for a loss that does without.
    loss: a name from LOSSES, a function of one PairLogps, or what `resolve_loss` made of either; plain DPO by default.
    validation: (pairs, reference) to measure every `eval_every` steps. callback: called with the metrics of every step.
    checkpoint: a file, written every `checkpoint_every` steps, from which the same run goes on; removed at the end.
    Raises CourseError if data and loss do not fit together, if the policy does not start as the reference, or if
    the loss is no longer finite; KeyboardInterrupt on Ctrl-C, after the step is finished and saved.
    """
    loss, (val_pairs, val_reference) = resolve_loss(loss), validation or ([], None)
    check_samples(policy, pairs, val_pairs)
    reference, val_reference = checked_reference(pairs, reference), checked_reference(val_pairs, val_reference)
    optimizer = torch.optim.AdamW(decay_groups(list(policy.parameters()), settings.weight_decay), lr=settings.lr)
    progress = TrainCheckpoint(checkpoint, settings, [*pairs, *val_pairs], reference, loss, (forward, loop))
    history = progress.load(policy, optimizer)
    if not history:
        check_start(policy, pairs[: settings.batch_size], reference, forward)
    steps = loop(policy, optimizer, pairs, reference, settings, loss, forward, done=len(history))
    total = len(all_batches(pairs, settings))
    bar = tqdm(timed(steps, pairs, settings), loss.name, total, initial=len(history), unit="step", mininterval=CALM)
    with finish_the_step() as interrupted, bar:
        for row in bar:
            if val_pairs and (row["step"] % settings.eval_every == 0 or row["step"] == total):
                val = evaluate_pairs(policy, val_pairs, val_reference, loss, settings.batch_size, forward)
                row |= {f"val_{name}": value for name, value in val.items()}
            history.append(row)
            bar.set_postfix(loss=f"{row['loss']:.3f}", accuracy=f"{row['accuracy']:.2f}", refresh=False)
            if interrupted or row["step"] % settings.checkpoint_every == 0:
                progress.save(policy, optimizer, history)
            if callback:
                callback(row)
            if interrupted:
                raise KeyboardInterrupt(f"stopped after step {row['step']} of {total}; {progress.how_to_go_on}")
    progress.remove()
    return history


def timed(steps, pairs, settings):
    """The rows of the steps, with how fast they were taken; the last batch of an epoch may be a smaller one."""
    sizes = [len(indices) for _, indices in all_batches(pairs, settings)]
    started = time.perf_counter()
    for row in steps:
        yield row | {"pairs_per_second": sizes[row["step"] - 1] / (time.perf_counter() - started)}
        started = time.perf_counter()


@contextmanager
def finish_the_step():
    """Ctrl-C (Jupyter's stop button) is only noted in here; pressed a second time, it stops at once."""
    presses = []

    def note(signum, frame):
        if presses:
            raise KeyboardInterrupt
        presses.append(signum)

    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
        yield presses
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield presses
    finally:
        signal.signal(signal.SIGINT, before)


def check_samples(policy, pairs, val_pairs):
    """Raises CourseError if there is nothing to train on, or nothing that could be trained."""
    if not pairs:
        raise CourseError("There are no training pairs. Check the preference file and the split.")
    if len({type(pair) for pair in [*pairs, *val_pairs]}) > 1:
        raise CourseError("Some of the data are pairs and some are single responses. Train on one kind at a time.")
    if not any(p.requires_grad for p in policy.parameters()):
        raise CourseError("The policy's weights are frozen, so nothing would be learned. Unfreeze a copy.")


def checked_reference(pairs, reference) -> torch.Tensor:
    """The reference's log-probs, (n, sides), or (n, 0) if there is none. Raises CourseError for another shape."""
    if reference is None:
        return torch.empty(len(pairs), 0)
    sides = len(pairs[0].rows) if pairs else 0
    if tuple(reference.shape) not in ((len(pairs), sides), (len(pairs), 0)):
        raise CourseError(
            f"{len(pairs)} pairs come with reference log-probs of shape {tuple(reference.shape)}, not "
            f"({len(pairs)}, {sides}). Compute them for these pairs with score."
        )
    return reference


def check_start(policy, pairs, reference, forward):
    """Before the first step policy and reference are the same model: all log-ratios 0, and so DPO's loss ln 2.

    Raises CourseError if they are not: different weights, dropout, padding or number format. Or if forward does not
    return the log-probs of each side, with their gradient.
    """
    policy.eval()
    logps = checked_logps(forward(policy, pairs), pairs)
    if not logps.requires_grad:
        raise CourseError(
            "The log-probs that forward returned carry no gradient, so nothing would be learned. Compute them without "
            ".detach(), .item() and torch.no_grad()."
        )
    if not reference.size(1):
        return
    gap = (logps.detach().cpu()[:, : reference.size(1)] - reference[: len(pairs)]).abs().max().item()
    if not gap < 0.02:
        raise CourseError(
            f"Before the first step the policy's log-probabilities are up to {gap:.3f} away from the reference's. They "
            "must be equal, so that DPO's first loss is ln 2 = 0.6931. Start the policy as a fresh copy of the "
            "reference; compute the reference for the same pairs, with the same forward, without dropout."
        )
