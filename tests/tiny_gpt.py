"""A tokenizer of single bytes, a tiny GPT and a few pairs: enough to test everything in a second."""

import copy
import random

import pytest
import tiktoken
import torch

from helpers.dpo.data import tokenize_pair
from helpers.dpo.reference import reference_logprobs
from helpers.dpo.train import DPOSettings, train_dpo
from helpers.gpt.model import GPT, GPTConfig


@pytest.fixture(scope="session")
def tok():
    ranks = {bytes([i]): i for i in range(256)}
    return tiktoken.Encoding("bytes", pat_str=r"[\s\S]", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256})


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


SETTINGS = DPOSettings(beta=0.1, lr=1e-3, epochs=3, batch_size=4, eval_every=4, checkpoint_every=2)  # 6 steps


@pytest.fixture
def settings():
    return SETTINGS


@pytest.fixture
def data(model, pairs):
    """The first three arguments of train_dpo after the policy: reference log-probs, 8 pairs and 2 for validation."""
    train, val = pairs[:8], pairs[8:]
    return (reference_logprobs(model, train), reference_logprobs(model, val)), train, val


def train_a_copy(model, data, settings=SETTINGS, **options):
    policy = copy.deepcopy(model)
    return policy, train_dpo(policy, *data, settings, **options)


@pytest.fixture
def trained():
    return train_a_copy


def equal_weights(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


@pytest.fixture
def same_weights():
    return equal_weights
