"""From preference records to batches of tokens: tokenising, padding and masking, splitting, shuffling."""

import random
from dataclasses import dataclass
from typing import NamedTuple

import torch

from helpers.files import CourseError
from helpers.gpt.prompt import format_prompt


@dataclass(frozen=True)
class TokenPair:
    """One preference pair as token ids. Both responses end with the end-of-text token."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]

    @property
    def length(self) -> int:
        """Tokens of the longer row: what the pair needs of the context."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))


class Batch(NamedTuple):
    """2B rows of T positions: the chosen responses first, then the rejected ones in the same order."""

    idx: torch.Tensor  # (2B, T) what the model reads
    targets: torch.Tensor  # (2B, T) the token that follows each position
    mask: torch.Tensor  # (2B, T) True where that token belongs to the response

    def to(self, device) -> "Batch":
        return Batch(*(tensor.to(device) for tensor in self))


def tokenize_pair(prompt, chosen, rejected, tok, block_size, name="The pair") -> TokenPair:
    """Tokenise prompt and responses apart, so that no token straddles their boundary, and end both responses.

    Raises CourseError if the prompt or a side is empty, if both sides are equal, or if a row does not fit
    into `block_size` tokens: nothing is ever cut.
    """
    prompt_ids = tok.encode_ordinary(prompt)
    if not prompt_ids:
        raise CourseError(f"{name} has no prompt for the response to follow. Add one.")
    if chosen.strip() == rejected.strip():
        raise CourseError(f"{name} has two equal sides, so nothing is preferred. Change one or remove it.")
    responses = {}
    for side, text in (("chosen", chosen), ("rejected", rejected)):
        if not text.strip():
            raise CourseError(f"{name} has an empty {side} response. Remove it or write an answer.")
        responses[side] = tok.encode_ordinary(text) + [tok.eot_token]
        length = len(prompt_ids) + len(responses[side]) - 1  # the last token is predicted, never read
        if length > block_size:
            raise CourseError(
                f"{name} is too long: prompt ({len(prompt_ids)} tokens) and {side} response "
                f"({len(responses[side])}) need {length} positions, and the model has {block_size}. "
                "Shorten it or leave it out."
            )
    return TokenPair(prompt_ids, **responses)


def tokenize_pairs(records, tok, block_size) -> list[TokenPair]:
    """Tokenise preference records (dicts with instruction, input, chosen, rejected), in the same order.

    Raises CourseError naming the number of a record that cannot be trained on, counted from 1.
    """
    pairs = []
    for number, record in enumerate(records, start=1):
        name = f"Record {number} ({record['instruction'][:40]!r})"
        prompt = format_prompt(record["instruction"], record["input"])
        pairs.append(tokenize_pair(prompt, record["chosen"], record["rejected"], tok, block_size, name))
    return pairs


def collate(pairs):
    """One Batch of B pairs: row i holds chosen response i, row B + i rejected i; padded on the right."""
    rows = [(p.prompt, p.chosen) for p in pairs] + [(p.prompt, p.rejected) for p in pairs]
    length = max(len(prompt) + len(response) for prompt, response in rows) - 1
    idx = torch.full((len(rows), length), pairs[0].chosen[-1])  # end-of-text pads; the mask keeps it out
    targets = idx.clone()
    mask = torch.zeros(len(rows), length, dtype=torch.bool)
    for row, (prompt, response) in enumerate(rows):
        tokens = torch.tensor(prompt + response)
        end = len(tokens) - 1
        idx[row, :end], targets[row, :end] = tokens[:-1], tokens[1:]  # position t predicts token t + 1
        mask[row, len(prompt) - 1 : end] = True  # so the last prompt token predicts the first response token
    return Batch(idx, targets, mask)


def grouped_split(records, share=0.1, seed=0) -> tuple[list[int], list[int]]:
    """Indices of the records to train on, and of about `share` to validate on. No instruction is in both."""
    groups = {}
    for i, record in enumerate(records):
        groups.setdefault(record["instruction"], []).append(i)
    shuffled = list(groups.values())
    random.Random(seed).shuffle(shuffled)
    train, val = [], []
    for group in shuffled:
        (val if len(val) + len(group) <= share * len(records) else train).extend(group)
    return sorted(train), sorted(val)


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
