"""Supervised fine-tuning: the model learns to give the answers that it is shown."""

import math
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from tqdm.auto import tqdm

from helpers.files import CourseError


@dataclass(frozen=True)
class SFTSettings:
    """Settings of one run; the learning rate rises over the first `warmup` steps and then falls to zero."""

    epochs: int = 12
    batch_size: int = 16
    lr: float = 2e-3
    weight_decay: float = 0.1
    warmup: int = 50
    max_grad_norm: float = 1.0
    seed: int = 0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "lr", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise CourseError(f"SFTSettings: {name} is {getattr(self, name)}; it must be larger than 0.")


def encode_example(prompt, response, tok):
    """Token ids of prompt + response + end-of-text, and a mask that is 1 on what is to be learned: the response."""
    p = tok.encode_ordinary(prompt)
    r = tok.encode_ordinary(response) + [tok.eot_token]
    return p + r, [0] * len(p) + [1] * len(r)


def collate(examples, pad):
    """Right-pad (ids, mask) pairs to one length: two tensors (B, T). Padding has mask 0."""
    width = max(len(ids) for ids, _ in examples)
    idx = [ids + [pad] * (width - len(ids)) for ids, _ in examples]
    mask = [m + [0] * (width - len(m)) for _, m in examples]
    return torch.tensor(idx), torch.tensor(mask, dtype=torch.bool)


def sft_loss(model, idx, mask):
    """Mean cross-entropy of the response tokens: position t predicts token t + 1."""
    learn = mask[:, 1:]
    logits = model.lm_head(model.hidden(idx[:, :-1])[learn])
    return F.cross_entropy(logits, idx[:, 1:][learn])


def batch_order(lengths, batch_size, generator):
    """Batches of example numbers, alike in length so that little is padded, in random order."""
    noise = torch.rand(len(lengths), generator=generator)
    order = sorted(range(len(lengths)), key=lambda i: lengths[i] + 4 * noise[i].item())
    batches = [order[i:i + batch_size] for i in range(0, len(order), batch_size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def learning_rate(step, total, settings):
    """Linear warm-up, then a cosine down to zero."""
    if step < settings.warmup:
        return settings.lr * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, total - settings.warmup)
    return settings.lr * 0.5 * (1 + math.cos(math.pi * done))


def train_sft(model, examples, pad, settings, on_step=None):
    """Train in place on (ids, mask) examples; returns the history, one dict a step: step, epoch, loss, lr, seconds.

    Raises CourseError if there is no example, if one does not fit into the context, or if the loss is not finite.
    """
    check_examples(examples, model.config.block_size)
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    lengths = [len(ids) for ids, _ in examples]
    total = settings.epochs * math.ceil(len(examples) / settings.batch_size)
    history, began = [], time.perf_counter()
    model.train()
    with tqdm(total=total, desc="fine-tuning", unit="step") as bar:
        for epoch in range(settings.epochs):
            for batch in batch_order(lengths, settings.batch_size, generator):
                lr = optimizer.param_groups[0]["lr"] = learning_rate(len(history), total, settings)
                loss = sft_loss(model, *collate([examples[i] for i in batch], pad))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
                optimizer.step()
                seconds = time.perf_counter() - began
                row = dict(step=len(history), epoch=epoch, loss=loss.item(), lr=lr, seconds=seconds)
                history.append(row)
                check_finite(row)
                bar.update()
                if on_step:
                    on_step(history)
    model.eval()
    return history


def check_examples(examples, block_size):
    """Raises CourseError if there is nothing to learn or an example is longer than the context."""
    if not examples:
        raise CourseError("There is no example to train on. Check the file that you loaded.")
    for number, (ids, mask) in enumerate(examples):
        if len(ids) > block_size:
            raise CourseError(
                f"Example {number} has {len(ids)} tokens, the model reads {block_size}. "
                "Shorten the record or use a model with a larger block_size."
            )
        if not any(mask[1:]):
            raise CourseError(f"Example {number} has no response token to learn. Check its output.")


def check_finite(row):
    """Raises CourseError if the loss has become infinite or not a number."""
    if not math.isfinite(row["loss"]):
        raise CourseError(f"The loss is {row['loss']} at step {row['step']}. Lower SFTSettings.lr and train again.")
