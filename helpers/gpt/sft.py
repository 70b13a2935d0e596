"""Supervised fine-tuning: the model learns to give the answers of its training data.

Reading order: examples, loss, optimizers, `train_sft` (the loop and nothing more), `fine_tune` around it.
"""

import math
import random
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import LambdaLR
from tqdm.auto import tqdm

from helpers.files import CourseError
from helpers.gpt.batches import TokenRow, all_batches, collate
from helpers.gpt.muon import Muon
from helpers.gpt.prompt import HEADER


@dataclass(frozen=True)
class SFTSettings:
    """Settings of one run; learning rates rise over the first `warmup` steps, then fall to zero (cosine)."""

    epochs: int = 6
    batch_size: int = 64
    lr: float = 3e-3  # AdamW: embeddings, norms, biases
    matrix_lr: float = 2e-2  # Muon: the matrices inside the blocks
    weight_decay: float = 0.1
    prompt_dropout: float = 0.3  # share of the droppable tokens that are left out each time
    warmup: int = 50
    max_grad_norm: float = 1.0
    seed: int = 0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "lr", "matrix_lr", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise CourseError(f"SFTSettings: {name} is {getattr(self, name)}; it must be larger than 0.")
        if not 0 <= self.prompt_dropout < 1:
            share = self.prompt_dropout
            raise CourseError(f"SFTSettings: prompt_dropout is {share}; it is a share, from 0 to below 1.")


def encode_example(prompt, response, tok) -> TokenRow:
    """Prompt and response as token ids, tokenised apart; the response, which is learned, ends with end-of-text."""
    return TokenRow(tok.encode_ordinary(prompt), tok.encode_ordinary(response) + [tok.eot_token])


def instruction_places(instruction, tok) -> range:
    """Where the instruction's tokens stand in its prompt: after the header, before input and response."""
    header = len(tok.encode_ordinary(HEADER))
    return range(header, header + len(tok.encode_ordinary(instruction)))


def droppable_places(examples, instructions, tok, rare=40) -> list[list[int]]:
    """For each example (TokenRow) the places of those tokens of its instruction that may be left out.

    A token that no more than `rare` instructions hold, or that has a digit, stays: it is likely to say which fact is
    asked for, and without it the example would teach a guess.
    """
    places = [instruction_places(instruction, tok) for instruction in instructions]
    held_by = Counter(t for row, own in zip(examples, places, strict=True) for t in {row.prompt[p] for p in own})
    common = {t for t, count in held_by.items() if count > rare and not any(map(str.isdigit, tok.decode([t])))}
    return [[p for p in own if row.prompt[p] in common] for row, own in zip(examples, places, strict=True)]


def prompt_dropout(row, places, share, rng):
    """Leave out each token of the prompt at one of the `places` with probability `share`."""
    kept = [token for place, token in enumerate(row.prompt) if place not in places or rng.random() >= share]
    return row._replace(prompt=kept)


def sft_loss(model, batch):
    """Mean cross-entropy of the response tokens, end-of-text included."""
    logits = model.lm_head(model.hidden(batch.idx)[batch.mask])  # (M, vocab_size): none for prompt and padding
    return F.cross_entropy(logits, batch.targets[batch.mask])


def cosine_schedule(step, total, warmup) -> float:
    """The share of the learning rate at this step: a linear warm-up, then a cosine down to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def decay_groups(parameters, weight_decay) -> list[dict]:
    """Parameter groups for an optimizer: matrices decay, norms and biases never do (as in nanoGPT)."""
    matrices = [p for p in parameters if p.dim() == 2]
    vectors = [p for p in parameters if p.dim() == 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def muon_and_adamw(model, settings, decay=None):
    """Muon (Jordan 2024) for the matrices inside the blocks, AdamW for all else: fewer steps than AdamW alone.

    decay: the weight decay of the embeddings, if it is not `settings.weight_decay`.
    """
    blocks = [p for p in model.transformer.h.parameters() if p.dim() == 2]
    embeddings = [model.transformer.wte.weight, model.transformer.wpe.weight]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    decay = settings.weight_decay if decay is None else decay
    return [
        Muon(blocks, lr=settings.matrix_lr, weight_decay=settings.weight_decay),
        torch.optim.AdamW(decay_groups([*embeddings, *vectors], decay), lr=settings.lr, betas=(0.9, 0.98)),
    ]


def check_examples(examples, block_size):
    """Raises CourseError if there is nothing to learn or an example is longer than the context."""
    if not examples:
        raise CourseError("There is no example to train on. Check the file that you loaded.")
    for number, row in enumerate(examples):
        if row.length > block_size:
            advice = "Shorten the record or use a model with a larger block_size."
            raise CourseError(f"Example {number} has {row.length} tokens, the model reads {block_size}. {advice}")
        for part, ids in row._asdict().items():
            if not ids:
                raise CourseError(f"Example {number} has no {part} token. Check its record.")


def check_finite(row):
    """Raises CourseError if the loss has become infinite or not a number."""
    if not math.isfinite(row["loss"]):
        raise CourseError(f"The loss is {row['loss']} at step {row['step']}. Lower SFTSettings.lr and train again.")


def train_sft(model, optimizers, examples, droppable, settings):
    """Fine-tune in place, one step at a time; yields step, epoch and loss of each."""
    batches = all_batches(examples, settings)
    share = partial(cosine_schedule, total=len(batches), warmup=settings.warmup)
    schedules = [LambdaLR(optimizer, share) for optimizer in optimizers]
    rng = random.Random(settings.seed)
    for step, (epoch, indices) in enumerate(batches):
        rows = [prompt_dropout(examples[i], droppable[i], settings.prompt_dropout, rng) for i in indices]
        loss = sft_loss(model, collate(rows))
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        for part in (*optimizers, *schedules):
            part.step()
        yield {"step": step, "epoch": epoch, "loss": loss.item()}


def fine_tune(model, examples, settings, droppable=None, on_step=None, loop=train_sft):
    """Train in place on examples (TokenRows); returns the history, one dict a step: step, epoch, loss, seconds.

    droppable: for each example the places of the prompt tokens that `prompt_dropout` may leave out; none by default.
    on_step: called with the history after every step. loop: what takes the steps, a learner's own or the course's.
    Raises CourseError if there is no example, if one does not fit into the context, or if the loss is not finite.
    """
    check_examples(examples, model.config.block_size)
    droppable = droppable or [range(0)] * len(examples)
    optimizers = muon_and_adamw(model, settings)
    history, began = [], time.perf_counter()
    total = settings.epochs * math.ceil(len(examples) / settings.batch_size)
    model.train()
    with tqdm(total=total, desc="fine-tuning", unit="step", mininterval=0.5) as bar:
        for row in loop(model, optimizers, examples, droppable, settings):
            history.append(row | {"seconds": time.perf_counter() - began})
            check_finite(row)
            bar.update()
            if on_step:
                on_step(history)
    model.eval()
    return history
