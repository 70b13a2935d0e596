"""Supervised fine-tuning: the model learns to give the answers of its training data.

Reading order: examples, batches, loss, optimizers, `train_sft` (the loop and nothing more), `fine_tune` around it.
"""

import math
import random
import time
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import LambdaLR
from tqdm.auto import tqdm

from helpers.files import CourseError
from helpers.gpt.muon import Muon
from helpers.gpt.prompt import HEADER


@dataclass(frozen=True)
class SFTSettings:
    """Settings of one run; learning rates rise over the first `warmup` steps, then fall to zero (cosine)."""

    epochs: int = 4
    batch_size: int = 32
    lr: float = 2e-3  # AdamW: embeddings, norms, biases
    matrix_lr: float = 1e-2  # Muon: the matrices inside the blocks
    weight_decay: float = 0.1
    prompt_dropout: float = 0.15  # share of the instruction's tokens that are left out each time
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


def encode_example(prompt, response, tok):
    """Token ids of prompt + response + end-of-text, and a mask that is 1 on what is to be learned: the response."""
    p = tok.encode_ordinary(prompt)
    r = tok.encode_ordinary(response) + [tok.eot_token]
    return p + r, [0] * len(p) + [1] * len(r)


def instruction_places(instruction, tok) -> range:
    """Where the instruction's tokens stand in its prompt: after the header, before input and response."""
    header = len(tok.encode_ordinary(HEADER))
    return range(header, header + len(tok.encode_ordinary(instruction)))


def prompt_dropout(example, places, share, rng):
    """Leave out each token at one of the `places` (a range) with probability `share`."""
    ids, mask = example
    keep = [place for place in range(len(ids)) if place not in places or rng.random() >= share]
    return [ids[place] for place in keep], [mask[place] for place in keep]


def collate_examples(examples, pad):
    """Right-pad (ids, mask) pairs to one length: two tensors (B, T). Padding has mask 0."""
    width = max(len(ids) for ids, _ in examples)
    idx = [ids + [pad] * (width - len(ids)) for ids, _ in examples]
    mask = [m + [0] * (width - len(m)) for _, m in examples]
    return torch.tensor(idx), torch.tensor(mask, dtype=torch.bool)


def batch_order(lengths, batch_size, generator):
    """Batches of example numbers, alike in length so that little is padded, in random order."""
    noise = torch.rand(len(lengths), generator=generator)
    order = sorted(range(len(lengths)), key=lambda i: lengths[i] + 4 * noise[i].item())
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def epoch_batches(examples, settings):
    """(epoch, example numbers) of every step of a run; they depend on the lengths and the settings alone."""
    generator = torch.Generator().manual_seed(settings.seed)
    lengths, size = [len(ids) for ids, _ in examples], settings.batch_size
    return [(epoch, batch) for epoch in range(settings.epochs) for batch in batch_order(lengths, size, generator)]


def sft_loss(model, idx, mask):
    """Mean cross-entropy of the response tokens: position t predicts token t + 1."""
    learn = mask[:, 1:]
    logits = model.lm_head(model.hidden(idx[:, :-1])[learn])
    return F.cross_entropy(logits, idx[:, 1:][learn])


def cosine_schedule(step, total, warmup) -> float:
    """The share of the learning rate at this step: a linear warm-up, then a cosine down to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def muon_and_adamw(model, settings, decay=None):
    """Muon (Jordan 2024) for the matrices inside the blocks, AdamW for all else: fewer steps than AdamW alone.

    Matrices decay, norms and biases never do (as in nanoGPT). decay: that of the embeddings, if it is not
    `settings.weight_decay`.
    """
    blocks = [p for p in model.transformer.h.parameters() if p.dim() == 2]
    embeddings = [model.transformer.wte.weight, model.transformer.wpe.weight]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    decay = settings.weight_decay if decay is None else decay
    groups = [{"params": embeddings, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return [
        Muon(blocks, lr=settings.matrix_lr, weight_decay=settings.weight_decay),
        torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.98)),
    ]


def check_examples(examples, block_size):
    """Raises CourseError if there is nothing to learn or an example is longer than the context."""
    if not examples:
        raise CourseError("There is no example to train on. Check the file that you loaded.")
    for number, (ids, mask) in enumerate(examples):
        if len(ids) > block_size:
            advice = "Shorten the record or use a model with a larger block_size."
            raise CourseError(f"Example {number} has {len(ids)} tokens, the model reads {block_size}. {advice}")
        if not any(mask[1:]):
            raise CourseError(f"Example {number} has no response token to learn. Check its output.")


def check_finite(row):
    """Raises CourseError if the loss has become infinite or not a number."""
    if not math.isfinite(row["loss"]):
        raise CourseError(f"The loss is {row['loss']} at step {row['step']}. Lower SFTSettings.lr and train again.")


def train_sft(model, optimizers, examples, droppable, pad, settings):
    """Fine-tune in place, one step at a time; yields step, epoch and loss of each."""
    batches = epoch_batches(examples, settings)
    share = partial(cosine_schedule, total=len(batches), warmup=settings.warmup)
    schedules = [LambdaLR(optimizer, share) for optimizer in optimizers]
    rng = random.Random(settings.seed)
    for step, (epoch, batch) in enumerate(batches):
        rows = [prompt_dropout(examples[i], droppable[i], settings.prompt_dropout, rng) for i in batch]
        loss = sft_loss(model, *collate_examples(rows, pad))
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        for part in (*optimizers, *schedules):
            part.step()
        yield {"step": step, "epoch": epoch, "loss": loss.item()}


def fine_tune(model, examples, pad, settings, droppable=None, on_step=None, loop=train_sft):
    """Train in place on (ids, mask) examples; returns the history, one dict a step: step, epoch, loss, seconds.

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
        for row in loop(model, optimizers, examples, droppable, pad, settings):
            history.append(row | {"seconds": time.perf_counter() - began})
            check_finite(row)
            bar.update()
            if on_step:
                on_step(history)
    model.eval()
    return history
