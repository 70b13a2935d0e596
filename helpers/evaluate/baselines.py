"""What preference tuning has to beat: the best of n answers, and plain fine-tuning on the chosen answers."""

import math

import numpy as np
import torch
from tqdm.auto import tqdm

from helpers.dpo.data import bucketed_batches
from helpers.dpo.train import CALM, schedule
from helpers.evaluate.samples import Generations
from helpers.files import CourseError
from helpers.gpt.sft import collate_examples, sft_loss


def best_of_n(drawn, reward) -> Generations:
    """The best of n answers to each question, by a reward that takes a text; of equals the one drawn first.

    drawn: n sets of Generations to the same questions, in the same order, drawn with different seeds.
    Raises CourseError if there is none, or if the questions differ.
    """
    if not drawn or any(answers.prompts != drawn[0].prompts for answers in drawn):
        raise CourseError("best_of_n needs one or more sets of answers to the same questions, in the same order.")
    rewards = np.array([[reward(text) for text in answers.texts] for answers in drawn])  # (n, questions)
    best = [(drawn[n], row) for row, n in enumerate(rewards.argmax(axis=0))]
    responses, texts = [answers.responses[row] for answers, row in best], [answers.texts[row] for answers, row in best]
    return Generations(drawn[0].prompts, responses, texts, [answers.stopped[row] for answers, row in best])


def best_of_n_kl(n) -> float:
    """KL(best of n ‖ one draw) in nats, at most: log n - (n - 1)/n (arXiv 2009.01325, appendix G.3).

    It is exact if no two answers have the same reward, and too high if there are ties (arXiv 2401.01879).
    """
    if n < 1:
        raise CourseError(f"The best of {n} answers: n must be 1 or more.")
    return math.log(n) - (n - 1) / n


def train_on_chosen(policy, pairs, settings) -> list[float]:
    """Fine-tune the policy in place on the chosen answers alone; returns the loss of each step (nats per token).

    The same batches in the same order, the same optimizer, schedule, clipping and number of steps as
    `train_dpo` takes with these DPOSettings; beta and anchor mean nothing here.
    Raises CourseError if there are no pairs or if the loss is no longer finite.
    """
    if not pairs:
        raise CourseError("There are no pairs to train on. Check the preference file and the split.")
    optimizer = torch.optim.AdamW(policy.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    lengths = [pair.length for pair in pairs]
    orders = [bucketed_batches(lengths, settings.batch_size, settings.seed, e) for e in range(settings.epochs)]
    batches = [indices for order in orders for indices in order]
    policy.eval()  # no dropout, as in train_dpo
    history = []
    for step, indices in enumerate(tqdm(batches, desc="SFT on chosen", unit="step", mininterval=CALM), start=1):
        loss = chosen_loss(policy, [pairs[i] for i in indices])
        optimizer.param_groups[0]["lr"] = settings.lr * schedule(step, len(batches), settings.warmup)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)
        history.append(loss.item())
        if not math.isfinite(history[-1]):
            raise CourseError(f"Step {step}: the loss is {history[-1]}. Try a smaller lr.")
        optimizer.step()
    return history


def chosen_loss(policy, pairs):
    """Mean cross-entropy of the tokens of the chosen answers, end-of-text included."""
    rows = [(p.prompt + p.chosen, [0] * len(p.prompt) + [1] * len(p.chosen)) for p in pairs]
    device = next(policy.parameters()).device
    return sft_loss(policy, *(part.to(device) for part in collate_examples(rows, pad=pairs[0].chosen[-1])))
