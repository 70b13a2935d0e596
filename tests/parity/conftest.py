"""The same texts for both sides, token for token."""

import pytest
import tiktoken
from tiny_gpt2 import BLOCK_SIZE, EOT, TEXTS
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from helpers.dpo.data import tokenize_pair


@pytest.fixture(scope="session")
def pairs():
    """Both tokenizers give each character its byte as id."""
    ranks = {bytes([i]): i for i in range(256)}
    tok = tiktoken.Encoding("bytes", pat_str=r"[\s\S]", mergeable_ranks=ranks, special_tokens={EOT: 256})
    return [tokenize_pair(*texts, tok, block_size=BLOCK_SIZE) for texts in TEXTS]


@pytest.fixture(scope="session")
def hf_tokenizer():
    tokenizer = Tokenizer(models.WordLevel({chr(i): i for i in range(256)} | {EOT: 256}, unk_token=EOT))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOT, pad_token=EOT)
