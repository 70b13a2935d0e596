"""The training loop of DPO."""

import math
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from tqdm.auto import tqdm

from helpers.dpo.data import bucketed_batches
from helpers.dpo.objective import as_objective
from helpers.dpo.observe import Thumbs, observe
from helpers.dpo.resume import Progress
from helpers.dpo.thumbs import TokenThumb
from helpers.files import CourseError

CALM = 0.5  # seconds between two movements of the bar: a front end that is not listening loses messages above 1,000


@dataclass(frozen=True)
class DPOSettings:
    """Settings of a training run. Raises CourseError for a value that cannot work."""

    beta: float | None = None  # larger holds the policy closer to the reference; None is the loss's own, 0.1 for DPO
    anchor: float = 0.02  # weight of -log pi(chosen) in the default loss: keeps chosen answers likely; 0 is plain DPO
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
            if name == "beta" and value is None:
                continue
            if not isinstance(value, (int, float)):
                good, rule = False, "a number"
            elif name in ("beta", "lr", "max_grad_norm"):
                good, rule = 0 < value < math.inf, "a number above 0"
            elif name in ("weight_decay", "anchor"):
                good, rule = 0 <= value < math.inf, "a number from 0"
            elif name == "warmup":
                good, rule = 0 <= value <= 1, "a share of the steps, from 0 to 1"
            else:
                least = 0 if name == "seed" else 1
                good, rule = isinstance(value, int) and value >= least, f"a whole number from {least}"
            if not good:
                raise CourseError(f"DPOSettings.{name} is {value!r}, and it must be {rule}.")


def train_dpo(
    policy, reference_logps, train_pairs, val_pairs, settings, *, loss=None, checkpoint=None, callback=None
) -> list[dict]:
    """Train the policy in place (arXiv 2305.18290) and return the history: one dict of metrics a step.

    reference_logps: two (n, 2) tensors from `reference_logprobs`, for the training and the validation pairs; None
        for a loss that does without.
    train_pairs, val_pairs: TokenPairs, or TokenThumbs for a loss that learns from single responses.
    loss: None is DPO with the settings' anchor; else a name from LOSSES, or a function (see `as_objective`).
    checkpoint: a file to write every `checkpoint_every` steps. If it holds an unfinished run with the same
        settings, loss and pairs, training goes on from there to the same final weights. It is removed at the end.
    callback: called with the metrics of every step, for a live plot.

    Raises CourseError if data and loss do not fit together, if the policy does not start as the reference, or if
    the loss is no longer finite; KeyboardInterrupt on Ctrl-C, after the step is finished and saved.
    """
    reference, val_reference = reference_logps if reference_logps is not None else (None, None)
    _check_inputs(policy, train_pairs, reference, val_pairs, val_reference)
    loss = as_objective(loss, settings.beta, settings.anchor, isinstance(train_pairs[0], TokenThumb))
    optimizer = torch.optim.AdamW(policy.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    progress = Progress(checkpoint, settings, train_pairs + val_pairs, reference, loss)
    done, history = progress.load(policy, optimizer)
    lengths = [pair.length for pair in train_pairs]
    total = settings.epochs * math.ceil(len(train_pairs) / settings.batch_size)
    policy.eval()  # no dropout: the policy is scored exactly as the reference was
    step = 0
    bar = tqdm(total=total, initial=done, desc="DPO", unit="step", mininterval=CALM)
    with finish_the_step() as interrupted, bar:
        for epoch in range(settings.epochs):
            for indices in bucketed_batches(lengths, settings.batch_size, settings.seed, epoch):
                step += 1
                if step <= done:
                    continue  # a resumed run has learned from this batch already
                started = time.perf_counter()
                losses, metrics = compare(policy, *rows(train_pairs, reference, indices), loss)
                if step == 1:
                    check_start(metrics)
                lr = settings.lr * schedule(step, total, settings.warmup)
                grad_norm = update(policy, optimizer, losses.mean(), lr, settings.max_grad_norm, step)
                row = {"step": step, "epoch": epoch + 1, **means(metrics), "grad_norm": grad_norm, "lr": lr}
                row["pairs_per_second"] = len(indices) / (time.perf_counter() - started)
                if val_pairs and (step % settings.eval_every == 0 or step == total):
                    val = evaluate_pairs(policy, val_pairs, val_reference, loss, settings.batch_size)
                    row |= {f"val_{name}": value for name, value in val.items()}
                history.append(row)
                bar.set_postfix(loss=f"{row['loss']:.3f}", accuracy=f"{row['accuracy']:.2f}", refresh=False)
                bar.update()
                if interrupted or step % settings.checkpoint_every == 0:
                    progress.save(policy, optimizer, step, history)
                if callback:
                    callback(row)
                if interrupted:
                    raise KeyboardInterrupt(f"stopped after step {step} of {total}; {progress.how_to_go_on}")
    progress.remove()
    return history


def schedule(step, total, warmup) -> float:
    """The share of the learning rate at steps 1 to `total`: a linear rise, then a linear fall towards zero."""
    return min(step / max(1, warmup * total), (total + 1 - step) / total)


def rows(pairs, reference, indices):
    """These pairs, and their rows of the reference's log-probs, if there are any."""
    return [pairs[i] for i in indices], None if reference is None else reference[indices]


def compare(policy, pairs, reference, loss):
    """One forward pass over both sides: the losses (B,) with gradient, and the metrics (B,) without."""
    loss = as_objective(loss, unpaired=isinstance(pairs[0], TokenThumb))
    seen = observe(policy, pairs, reference)
    losses, *rewards = loss(seen)
    metrics = of_thumbs(seen, rewards[0]) if isinstance(seen, Thumbs) else of_pairs(seen, *rewards)
    return losses, {"loss": losses.detach()} | metrics


def of_pairs(seen, chosen_rewards, rejected_rewards) -> dict:
    """The metrics of a batch of pairs, (B,) each; a pair is ranked right if its chosen side has the higher reward."""
    metrics = {
        "chosen_rewards": chosen_rewards,
        "rejected_rewards": rejected_rewards,
        "margin": chosen_rewards - rejected_rewards,
        "accuracy": (chosen_rewards > rejected_rewards).float(),
        "chosen_logps": seen.logp_w.detach(),
        "rejected_logps": seen.logp_l.detach(),
    }
    if seen.ref_w is None:
        return metrics
    return metrics | {"reference_chosen_logps": seen.ref_w, "reference_rejected_logps": seen.ref_l}


def of_thumbs(seen, rewards) -> dict:
    """The metrics of a batch of thumbs, (B,) each; one is right if a liked response has risen, or another has not."""
    a = seen.a.detach()
    return {
        "rewards": rewards,
        "accuracy": ((a > seen.z0) == seen.liked).float(),
        "z0": seen.z0.expand_as(a),
        "logps": seen.logp.detach(),
        "reference_logps": seen.ref,
    }


def update(policy, optimizer, loss, lr, max_grad_norm, step) -> float:
    """One optimizer step. Returns the length of the gradient before it is clipped to `max_grad_norm`."""
    optimizer.param_groups[0]["lr"] = lr
    optimizer.zero_grad()
    loss.backward()
    grad_norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), max_grad_norm).item()
    if not (math.isfinite(loss.item()) and math.isfinite(grad_norm)):
        raise CourseError(
            f"Step {step}: the loss is {loss.item()}, the gradient norm {grad_norm}: training cannot go on. "
            "The weights are still those of the step before. Try a smaller lr or a longer warmup."
        )
    if step == 1 and grad_norm == 0:
        raise CourseError("No gradient reaches the policy, so nothing would be learned. Check the loss.")
    optimizer.step()
    return grad_norm


@torch.no_grad()
def evaluate_pairs(policy, pairs, reference, loss, batch_size) -> dict:
    """The mean of every metric of `compare` over all the pairs."""
    batches = bucketed_batches([pair.length for pair in pairs], batch_size, spread=0)
    parts = [compare(policy, *rows(pairs, reference, indices), loss)[1] for indices in batches]
    return means({name: torch.cat([part[name] for part in parts]) for name in parts[0]})


def means(metrics) -> dict:
    """The mean of every tensor, as a plain number."""
    return {name: values.mean().item() for name, values in metrics.items()}


def check_start(metrics):
    """Before the first step policy and reference are the same model: all log-ratios 0, and so DPO's loss ln 2.

    Raises CourseError if they are not: different weights, dropout, padding or number format.
    """
    for name in [name for name in metrics if f"reference_{name}" in metrics]:
        gap = (metrics[name] - metrics[f"reference_{name}"]).abs().max().item()
        if not gap < 0.02:
            raise CourseError(
                f"Before the first step the policy's log-probabilities are up to {gap:.3f} away from the "
                f"reference's: the first loss is {metrics['loss'].mean():.4f}, and DPO's should be ln 2 = 0.6931. "
                "Start the policy as a fresh copy of the reference; compute the reference for the same pairs, "
                "without dropout."
            )


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


def _check_inputs(policy, train_pairs, reference, val_pairs, val_reference):
    if not train_pairs:
        raise CourseError("There are no training pairs. Check the preference file and the split.")
    if len({type(pair) for pair in [*train_pairs, *val_pairs]}) > 1:
        raise CourseError("Some of the data are pairs and some are thumbs. Train on one kind at a time.")
    for pairs, logprobs in ((train_pairs, reference), (val_pairs, val_reference)):
        if logprobs is not None and tuple(logprobs.shape) not in ((len(pairs), 2), (len(pairs), 4)):
            raise CourseError(
                f"{len(pairs)} pairs come with reference log-probs of shape {tuple(logprobs.shape)}, not "
                f"({len(pairs)}, 2). Compute them for these pairs with reference_logprobs."
            )
    if not any(p.requires_grad for p in policy.parameters()):
        raise CourseError("The policy's weights are frozen, so nothing would be learned. Unfreeze a copy.")
