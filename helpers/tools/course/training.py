"""Training of the course models on the endless corpus: next-token loss on all tokens, prompt included.

The loss on the prompt costs nothing extra and teaches copying sooner (answers A and B repeat each other, say). Once
the model copies, responses count more than prompts, and verdicts of one or two tokens most: else they drown.
Matrices are trained with Muon (Jordan 2024), which needs fewer steps than AdamW here; the rest with AdamW.
"""

import math
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from helpers.gpt.prompt import FOOTER, HEADER
from helpers.gpt.sft import muon_and_adamw

SHORT = 10
BATCHES_AT_ONCE = 16  # examples are sorted by length over this many batches, so that little is padded


@dataclass(frozen=True)
class CourseTraining:
    """Settings of one stage of training; `warmup` and `cooldown` are shares of `steps`."""

    steps: int = 900
    made_up: float = 0.5  # share of facts that are about nothing
    response_weight: float = 1.0  # of a response token in the loss; a prompt token weighs 1
    verdict_weight: float = 1.0  # the same for responses of at most SHORT tokens
    batch_size: int = 96
    lr: float = 2e-3
    matrix_lr: float = 1e-2
    weight_decay: float = 0.01
    warmup: float = 0.02
    cooldown: float = 0.4
    max_grad_norm: float = 1.0
    seed: int = 0


def batches(corpus, tok, settings, block_size):
    """Yield (B, T) token ids, right-padded with end-of-text, and the weight (B, T) of each in the loss, without end."""
    generator = torch.Generator().manual_seed(settings.seed)
    while True:
        rows = [encode(*corpus.example(), tok, settings) for _ in range(BATCHES_AT_ONCE * settings.batch_size)]
        rows = sorted((row for row in rows if len(row[0]) <= block_size), key=lambda row: len(row[0]))
        starts = range(0, len(rows) - settings.batch_size + 1, settings.batch_size)
        for batch in torch.randperm(len(starts), generator=generator).tolist():
            chunk = rows[starts[batch] : starts[batch] + settings.batch_size]
            width = len(chunk[-1][0])
            idx = [ids + [tok.eot_token] * (width - len(ids)) for ids, _ in chunk]
            weights = [weight + [0.0] * (width - len(weight)) for _, weight in chunk]
            yield torch.tensor(idx), torch.tensor(weights)


def encode(prompt, response, tok, settings) -> tuple[list[int], list[float]]:
    """Prompt and response tokenised apart, end-of-text at the end; and the weight of each token."""
    p = tok.encode_ordinary(HEADER + prompt + FOOTER)
    r = tok.encode_ordinary(response) + [tok.eot_token]
    weight = settings.verdict_weight if len(r) <= SHORT else settings.response_weight
    return p + r, [1.0] * len(p) + [weight] * len(r)


def learning_rate_factor(step, settings) -> float:
    """Linear warm-up, constant, then linear cool-down to zero."""
    warm = (step + 1) / max(1, settings.warmup * settings.steps)
    cool = (settings.steps - step) / max(1, settings.cooldown * settings.steps)
    return min(1.0, warm, cool)


def train(model, tok, corpus, settings, on_step=None):
    """Train in place. `on_step(step, loss, seconds)` is called after every step.

    bfloat16 autocast is used where the processor has bfloat16 units (elsewhere it is slower than float32).
    """
    model.train()
    opts = muon_and_adamw(model, settings, decay=0.0)
    start = [[group["lr"] for group in opt.param_groups] for opt in opts]
    stream = batches(corpus, tok, settings, model.config.block_size)
    began = time.perf_counter()
    for step in range(settings.steps):
        for opt, lrs in zip(opts, start, strict=True):
            for group, lr in zip(opt.param_groups, lrs, strict=True):
                group["lr"] = lr * learning_rate_factor(step, settings)
        loss = next_token_loss(model, *next(stream))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step}; lower the learning rates")
        if on_step:
            on_step(step, loss.item(), time.perf_counter() - began)
    return model.eval()


def next_token_loss(model, idx, weights):
    """Weighted mean cross-entropy over all next tokens; end-of-text after the answer counts, padding weighs nothing."""
    weights = weights[:, 1:]
    real = weights > 0
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bfloat16_units()):
        logits = model.lm_head(model.hidden(idx[:, :-1])[real])
    losses = F.cross_entropy(logits.float(), idx[:, 1:][real], reduction="none")
    return (losses * weights[real]).sum() / weights[real].sum()


def has_bfloat16_units() -> bool:
    """True if the CPU multiplies bfloat16 in hardware."""
    return torch.cpu._is_avx512_bf16_supported()
