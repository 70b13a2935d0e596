"""Training of the course models on the endless stream of talk.py, on a GPU or a CPU, in as many sittings as it takes.

The stream comes in blocks that depend on the seed and their number alone, and so does the learning rate on the step:
a training that was interrupted goes on from its checkpoint exactly as if it had not been.
Matrices are trained with Muon (Jordan 2024), which needs fewer steps than AdamW here; the rest with AdamW.
"""

import json
import math
import os
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from helpers.files import CourseError, display_path, write_bytes
from helpers.gpt.sft import encode_example, muon_and_adamw
from helpers.gpt.training_state import restore, stored_training, training_state

TALK_FOOTER = "\n###\n"  # between prompt and response; the models need no more, and the student's costs ten tokens
BLOCK = 32  # batches whose examples are sorted by length together, so that little is padded
SAVE_EVERY = 2  # blocks


@dataclass(frozen=True)
class CourseTraining:
    """Settings of a training; lengths in steps, except `cooldown`, a share of them."""

    steps: int
    reading: int = 200  # so many first steps learn to read: prompts count as well, and what repeats is soon copied
    readers: int = 8  # later only every eighth prompt counts: by what surprises the model, the engine's gate goes
    batch_size: int = 128
    lr: float = 2e-3
    matrix_lr: float = 1e-2
    weight_decay: float = 0.01
    warmup: int = 100
    cooldown: float = 0.3
    max_grad_norm: float = 1.0
    seed: int = 0


class Blocks(Dataset):
    """Block number n of the stream: BLOCK batches of (token ids (B, T), their weights (B, T), whether a prompt's)."""

    def __init__(self, talk: Callable, tok, settings: CourseTraining, block_size: int):
        """talk: a function of a seed that gives what has example(): (prompt, response)."""
        self.talk, self.tok, self.settings, self.block_size = talk, tok, settings, block_size

    def __getitem__(self, number):
        seed, size = f"{self.settings.seed} {number}", self.settings.batch_size
        talk, rows = self.talk(seed), []
        while len(rows) < BLOCK * size:
            row = weighted_example(*talk.example(), self.tok)
            rows += [row] if len(row[0]) <= self.block_size else []
        rows.sort(key=lambda row: len(row[0]))
        starts = random.Random(seed).sample(range(0, len(rows), size), BLOCK)
        return [collated(rows[start : start + size], self.tok.eot_token) for start in starts]


def weighted_example(prompt, response, tok):
    """Token ids (T,) of prompt, response and end-of-text, the weight (T,) of each, and whether it is the prompt's (T,).

    An example weighs the square root of its response's length: by token a verdict of one word would drown, by example
    a long answer would.
    """
    prompt, response = encode_example(prompt + TALK_FOOTER, response, tok)
    ids = torch.tensor(prompt + response)
    return ids, torch.full(ids.shape, len(response) ** -0.5), torch.arange(len(ids)) < len(prompt)


def collated(rows, padding):
    """One batch; padding weighs nothing."""
    ids, weights, prompt = zip(*rows, strict=True)
    pad = partial(pad_sequence, batch_first=True)
    return pad(ids, padding_value=padding), pad(weights), pad(prompt)


def warm_and_cool(step, settings) -> float:
    """The share of the learning rate at this step: linear warm-up, constant, then linear cool-down to zero."""
    warm = (step + 1) / settings.warmup
    cool = (settings.steps - step) / max(1, settings.cooldown * settings.steps)
    return min(1.0, warm, cool)


def next_token_loss(model, ids, weights):
    """Weighted mean cross-entropy of the next tokens that weigh anything; end-of-text after the answer does."""
    weights = weights[:, 1:]
    counted = weights > 0
    logits = model.lm_head(model.hidden(ids[:, :-1])[counted])
    losses = F.cross_entropy(logits.float(), ids[:, 1:][counted], reduction="none")
    return (losses * weights[counted]).sum() / weights[counted].sum()


def sitting_key(settings, blocks_done) -> str:
    """What two sittings of one training share. It can be made longer while its learning rate is still constant."""
    cooling = blocks_done * BLOCK > settings.steps * (1 - settings.cooldown)
    return str(settings if cooling else replace(settings, steps=0, cooldown=0))


def load_training(file, model, optimizers, settings) -> list[list[float]]:
    """Restore an earlier sitting and return the losses of its blocks: [] where there is none, or one of other settings.

    Raises CourseError if the file is damaged.
    """
    if not file.exists():
        return []
    with stored_training(file) as (history, meta, tensors):
        if json.loads(meta["run"]) != sitting_key(settings, len(history)):
            print(f"{display_path(file)} is of other settings: training from the start.")
            return []
        restore(model, optimizers, tensors)
    print(f"Going on from {display_path(file)}, after step {len(history) * BLOCK}.")
    return history


def save_training(file, model, optimizers, settings, history):
    meta = {"history": json.dumps(history), "run": json.dumps(sitting_key(settings, len(history)))}
    write_bytes(file, save(training_state(model, optimizers), metadata=meta))


def train_on_talk(model, blocks, file, device="cpu"):
    """Train in place; yields the losses (BLOCK,) of each block and the seconds that it took, 0 in an earlier sitting.

    file: the checkpoint, written every SAVE_EVERY blocks. On a GPU in bfloat16. CourseError if a loss is not finite.
    """
    settings = blocks.settings
    optimizers = muon_and_adamw(model.to(device), settings, decay=0.0)
    history = load_training(file, model, optimizers, settings)
    yield from ((losses, 0.0) for losses in history[:])
    numbers = range(len(history), math.ceil(settings.steps / BLOCK))
    workers = 1 if device == "cpu" else min(16, os.cpu_count())
    precision = nullcontext() if device == "cpu" else torch.autocast(device, torch.bfloat16)
    began = time.perf_counter()
    for number, block in zip(numbers, DataLoader(blocks, None, sampler=numbers, num_workers=workers), strict=True):
        losses = []
        for step, batch in enumerate(block, start=number * BLOCK):
            with precision:
                losses.append(training_step(model, optimizers, step, [part.to(device) for part in batch], settings))
        history.append(torch.stack(losses).tolist())
        if not all(map(math.isfinite, history[-1])):
            raise CourseError(f"The loss is not finite in block {number}; lower the learning rates.")
        if (number + 1) % SAVE_EVERY == 0 or number == numbers[-1]:
            save_training(file, model, optimizers, settings, history)
        yield history[-1], time.perf_counter() - began
        began = time.perf_counter()


def training_step(model, optimizers, step, batch, settings):
    """One step on one batch; its loss."""
    ids, weights, prompt = batch
    if step >= settings.reading:
        silent = torch.arange(len(ids), device=ids.device) % settings.readers != step % settings.readers
        weights = weights.masked_fill(prompt & silent[:, None], 0)
    loss = next_token_loss(model, ids, weights)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * warm_and_cool(step, settings)
        optimizer.step()
    model.zero_grad()
    return loss.detach()


def train_with_progress(model, blocks, file, device="cpu"):
    """`train_on_talk` with a line of progress now and then. Raises CourseError that says how to go on after Ctrl-C."""
    total, paces = math.ceil(blocks.settings.steps / BLOCK), deque(maxlen=20)
    try:
        for done, (losses, seconds) in enumerate(train_on_talk(model, blocks, file, device), start=1):
            paces += [seconds] * bool(seconds)
            if paces and (done % SAVE_EVERY == 0 or done == total):
                loss, left = sum(losses) / len(losses), (total - done) * sum(paces) / len(paces) / 60
                print(f"  step {done * BLOCK:6} of {total * BLOCK}  loss {loss:.3f}  {left:6.1f} min to go", flush=True)
    except KeyboardInterrupt:
        raise CourseError(f"Interrupted. Run again to go on from {display_path(file)}.") from None
