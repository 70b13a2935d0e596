"""A tokenizer of single bytes, a tiny GPT and a few pairs: enough to test everything in a second."""

import random

import pytest
import tiktoken
import torch

from helpers.dpo.batches import tokenize_pair
from helpers.gpt.model import GPT, GPTConfig


@pytest.fixture(scope="session")
def tok():
    ranks = {bytes([i]): i for i in range(256)}
    return tiktoken.Encoding(
        "bytes", pat_str=r"[\s\S]", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256}
    )


def tiny_gpt(seed=0, **changes):
    torch.manual_seed(seed)
    sizes = dict(vocab_size=257, block_size=48, n_layer=2, n_head=2, n_embd=16)
    model = GPT(GPTConfig(**(sizes | changes)))
    with torch.no_grad():  # away from the flat start, so that positions, prompts and rows matter
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model.eval()


@pytest.fixture
def model():
    return tiny_gpt()


@pytest.fixture
def make_gpt():
    return tiny_gpt


def some_pairs(tok, n=10, seed=0):
    rng = random.Random(seed)
    word = lambda low, high: "".join(rng.choices("abcdefgh ", k=rng.randint(low, high))) + rng.choice("xyz")  # noqa: E731
    return [
        tokenize_pair(f"{word(2, 12)}>", "please " + word(1, 9), "no " + word(1, 15), tok, block_size=48)
        for _ in range(n)
    ]


@pytest.fixture
def pairs(tok):
    return some_pairs(tok)
