"""A tiny GPT with random weights and a byte-level tokenizer: nonsense, but real nonsense, in milliseconds."""

import pytest
import torch

from helpers.gpt.checkpoints import save_checkpoint
from helpers.gpt.model import GPT, GPTConfig
from helpers.gpt.tokenizer import encoding, save_tokenizer

MERGES = [
    b'{"',
    b'": ',
    b'"}',
    b"th",
    b"the",
    b" the",
    b"er",
    b"\xc3\xa9",
    b"\xf0\x9f",
    b"ou",
    b"you",
    b"\n\n",
]


def random_gpt(vocab_size, seed=0, block_size=160):
    """Weights large enough that every token changes what comes next."""
    torch.manual_seed(seed)
    model = GPT(GPTConfig(vocab_size, block_size, n_layer=2, n_head=2, n_embd=32)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.15)
    return model


@pytest.fixture(scope="session")
def tiny_tok():
    return encoding({bytes([b]): b for b in range(256)} | {m: 256 + i for i, m in enumerate(MERGES)})


@pytest.fixture(scope="session")
def tiny_gpt(tiny_tok):
    return random_gpt(tiny_tok.n_vocab + 3)  # as some real models: more rows than tokens


@pytest.fixture(scope="session")
def tok_folder(tmp_path_factory, tiny_tok):
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(tiny_tok, folder)
    return str(folder)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory, tok_folder, tiny_gpt):
    return save_checkpoint(tmp_path_factory.mktemp("tiny"), tiny_gpt, tok_folder, about="random weights")
