"""A model as GPT-2 is published, written by hand: Conv1D weights, mask buffers, no head, two tokenizer files."""

import json
from collections import Counter
from itertools import pairwise

import regex
import torch
from safetensors.torch import save_file

from helpers.gpt.tokenizer import PATTERN

LINEAR = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "Ã ©"]
PRINTABLE = [b for b in range(256) if chr(b).isprintable() and b != 32]
BYTES = [chr(b) for b in PRINTABLE] + [chr(256 + n) for n in range(256 - len(PRINTABLE))]  # GPT-2's order of bytes
CHARACTER_OF = dict(zip([*PRINTABLE, *(b for b in range(256) if b not in PRINTABLE)], BYTES, strict=True))


def vocabulary(merges):
    return BYTES + [merge.replace(" ", "") for merge in merges] + ["<|endoftext|>"]


VOCAB = vocabulary(MERGES)


def learn_merges(texts, n) -> list[str]:
    """Byte-pair encoding as Sennrich et al. 2016 have it: n times, join the commonest pair inside the words."""
    words = Counter(word for text in texts for word in regex.findall(PATTERN, text))
    words = {tuple(CHARACTER_OF[b] for b in word.encode()): times for word, times in words.items()}
    merges = []
    while len(merges) < n:
        pairs = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                pairs[pair] += times
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        words = {joined(word, best): times for word, times in words.items()}
        merges.append(" ".join(best))
    return merges


def joined(word, pair):
    parts = []
    for part in word:
        if parts and (parts[-1], part) == pair:
            parts[-1] += part
        else:
            parts.append(part)
    return tuple(parts)


def write_published(folder, model, prefix="", merges=MERGES, **settings):
    folder.mkdir(exist_ok=True)
    state = {}
    for name, t in model.state_dict().items():
        if name != "lm_head.weight":
            t = t.T if name.endswith(LINEAR) else t
            state[prefix + name.removeprefix("transformer.")] = t.contiguous().clone()
    for layer in range(model.config.n_layer):
        state[f"{prefix}h.{layer}.attn.bias"] = torch.ones(1, 1, 64, 64).tril()
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    c = model.config
    config = dict(model_type="gpt2", activation_function="gelu_new", layer_norm_epsilon=1e-5, n_positions=c.block_size,
                  n_ctx=c.block_size, n_layer=c.n_layer, n_head=c.n_head, n_embd=c.n_embd, vocab_size=c.vocab_size,
                  attn_pdrop=0.1, architectures=["GPT2LMHeadModel"])  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config | settings))
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary(merges))}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    return folder
