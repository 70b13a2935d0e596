"""Rows of tokens and batches of them, for fine-tuning and preference tuning alike: padding, masking, shuffling."""

import random
from typing import NamedTuple

import torch


class TokenRow(NamedTuple):
    """A prompt and one response as token ids: what the model scores."""

    prompt: list[int]
    response: list[int]

    rows = property(lambda self: (self,))
    length = property(lambda self: longest_row(self))


def longest_row(sample) -> int:
    """Tokens of the sample's longest row: what it needs of the context."""
    return max(len(row.prompt) + len(row.response) for row in sample.rows)


class Batch(NamedTuple):
    """N rows of T positions."""

    idx: torch.Tensor  # (N, T) what the model reads
    targets: torch.Tensor  # (N, T) the token that follows each position
    mask: torch.Tensor  # (N, T) True where that token belongs to the response

    def to(self, device) -> "Batch":
        return Batch(*(tensor.to(device) for tensor in self))


def collate(rows) -> Batch:
    """One Batch of N rows (prompt ids, response ids), padded on the right."""
    length = max(len(prompt) + len(response) for prompt, response in rows) - 1
    idx = torch.full((len(rows), length), rows[0][1][-1])  # end-of-text pads; the mask keeps it out
    targets = idx.clone()
    mask = torch.zeros(len(rows), length, dtype=torch.bool)
    for row, (prompt, response) in enumerate(rows):
        tokens = torch.tensor(prompt + response)
        end = len(tokens) - 1
        idx[row, :end], targets[row, :end] = tokens[:-1], tokens[1:]  # position t predicts token t + 1
        mask[row, len(prompt) - 1 : end] = True  # so the last prompt token predicts the first response token
    return Batch(idx, targets, mask)


def bucketed_batches(lengths, batch_size, seed=0, epoch=0, spread=4.0) -> list[list[int]]:
    """Batches of indices for one epoch: each index once, similar lengths together, batches in random order.

    Lengths (in tokens) get up to `spread` tokens of noise before they are sorted, so that neighbours differ
    from epoch to epoch; then the batches are shuffled. The last, smaller batch is kept. The result depends on
    the arguments only.
    """
    rng = random.Random(f"{seed}/{epoch}")
    noisy = [length + spread * rng.random() for length in lengths]
    order = sorted(range(len(lengths)), key=noisy.__getitem__)
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    rng.shuffle(batches)
    return batches


def all_batches(samples, settings) -> list[tuple[int, list[int]]]:
    """The batches of all epochs, each with its epoch, as indices; they depend on lengths and settings alone."""
    lengths, batches = [sample.length for sample in samples], []
    for epoch in range(settings.epochs):
        order = bucketed_batches(lengths, settings.batch_size, settings.seed, epoch)
        batches += [(epoch + 1, indices) for indices in order]
    return batches
