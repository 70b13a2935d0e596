"""Training of the course models on the endless corpus: next-token loss on all tokens, prompt included.

The loss on the prompt costs nothing extra and teaches copying sooner (answers A and B repeat each other, say). Once
the model copies, responses count more than prompts, and verdicts of one or two tokens most: else they drown.
Matrices are trained with Muon (Jordan 2024), which needs fewer steps than AdamW here; the rest with AdamW.
"""

import math
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.optim.lr_scheduler import LambdaLR

from helpers.files import CourseError
from helpers.gpt.prompt import FOOTER, HEADER
from helpers.gpt.sft import encode_example, muon_and_adamw

SHORT = 10
SORTED_TOGETHER = 16  # batches whose examples are sorted by length together, so that little is padded


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


def weighted_batches(corpus, tok, settings, block_size):
    """Yield (B, T) token ids, right-padded with end-of-text, and the weight (B, T) of each in the loss, without end."""
    generator, pad = torch.Generator().manual_seed(settings.seed), partial(pad_sequence, batch_first=True)
    while True:
        examples = (corpus.example() for _ in range(SORTED_TOGETHER * settings.batch_size))
        rows = (weighted_example(*example, tok, settings) for example in examples)
        rows = sorted((row for row in rows if len(row[0]) <= block_size), key=lambda row: len(row[0]))
        starts = range(0, len(rows) - settings.batch_size + 1, settings.batch_size)
        for number in torch.randperm(len(starts), generator=generator).tolist():
            ids, weights = zip(*rows[starts[number] : starts[number] + settings.batch_size], strict=True)
            yield pad(ids, padding_value=tok.eot_token), pad(weights)


def weighted_example(prompt, response, tok, settings):
    """Token ids (T,) of prompt, response and end-of-text, and the weight (T,) of each."""
    prompt, response = encode_example(HEADER + prompt + FOOTER, response, tok)
    weight = settings.verdict_weight if len(response) <= SHORT else settings.response_weight
    return torch.tensor(prompt + response), torch.tensor([1.0] * len(prompt) + [weight] * len(response))


def warm_and_cool(step, settings) -> float:
    """The share of the learning rate at this step: linear warm-up, constant, then linear cool-down to zero."""
    warm = (step + 1) / max(1, settings.warmup * settings.steps)
    cool = (settings.steps - step) / max(1, settings.cooldown * settings.steps)
    return min(1.0, warm, cool)


def train_on_corpus(model, tok, corpus, settings):
    """Train in place, one step at a time; yields the loss of each. Raises CourseError if it is not finite.

    bfloat16 autocast is used where the processor has bfloat16 units (elsewhere it is slower than float32).
    """
    opts = muon_and_adamw(model, settings, decay=0.0)
    schedules = [LambdaLR(optimizer, partial(warm_and_cool, settings=settings)) for optimizer in opts]
    batches = weighted_batches(corpus, tok, settings, model.config.block_size)
    model.train()
    for step in range(settings.steps):
        loss = next_token_loss(model, *next(batches))
        if not math.isfinite(loss.item()):
            raise CourseError(f"The loss is {loss.item()} at step {step}; lower the learning rates.")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        for part in (*opts, *schedules):
            part.step()
        model.zero_grad()
        yield loss.item()
    model.eval()


def next_token_loss(model, idx, weights):
    """Weighted mean cross-entropy over all next tokens; end-of-text after the answer counts, padding weighs nothing."""
    weights = weights[:, 1:]
    real = weights > 0
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported()):
        logits = model.lm_head(model.hidden(idx[:, :-1])[real])
    losses = F.cross_entropy(logits.float(), idx[:, 1:][real], reduction="none")
    return (losses * weights[real]).sum() / weights[real].sum()
