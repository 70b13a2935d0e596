"""A model as `transformers` and the Hugging Face Hub know it: one folder of weights, sizes, tokenizer and card.

It has the files of a published GPT-2, so `load_model` reads it as well.
Reading order: tokenizer, sizes, card, the folder.
"""

import json
from pathlib import Path

from safetensors.torch import save

from helpers.files import CourseError, display_path, write_bytes, write_json, write_text
from helpers.gpt.checkpoints import from_transformers
from helpers.gpt.config import CONFIG, GPT2_SETTINGS, WEIGHTS
from helpers.gpt.model import count_parameters
from helpers.gpt.prompt import chat_template, format_prompt
from helpers.gpt.tokenizer import EOT, MERGES, VOCAB, in_characters, rebuild_merges, token_ranks

CARD = "README.md"  # what the Hub shows as the page of a model
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
CARD_TEXT = """---
license: {licence}
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [gpt2, dpo, preference-tuning]
---

# {title}

A GPT with GPT-2's architecture: {millions:.1f} M parameters, {tokens:,} tokens, a context of {context} tokens.

## Prompt

It answers a question in this form, without a space or a line less or more, and ends with `{end}`:

```
{prompt}
```

(The answer begins on a new line. The tokenizer's chat template writes this form.)

## Training

{training}

## Measured

{measured}

## Limits

{limits}
"""


def hub_vocabulary(tok) -> dict[str, int]:
    """Token, in GPT-2's characters for bytes -> id."""
    return {in_characters(token): rank for token, rank in token_ranks(tok).items()} | {EOT: tok.eot_token}


def tokenizer_json(tok) -> dict:
    """The whole tokenizer for the `tokenizers` library: GPT-2's split pattern is its pre-tokenizer ByteLevel."""
    end = {"id": tok.eot_token, "content": EOT, "special": True}
    merges = [list(map(in_characters, merge)) for merge in rebuild_merges(token_ranks(tok))]
    return {
        "version": "1.0",
        "added_tokens": [end | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)],
        "normalizer": None,
        "pre_tokenizer": BYTE_LEVEL,
        "post_processor": None,  # nothing is put before or behind a text
        "decoder": BYTE_LEVEL,
        "model": {"type": "BPE", "vocab": hub_vocabulary(tok), "merges": merges},
    }


def tokenizer_settings(config) -> dict:
    """What tokenizer_config.json adds: the chat template and the token that ends an answer."""
    return {
        "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": config.block_size,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        **dict.fromkeys(("bos_token", "eos_token", "unk_token"), EOT),
        "chat_template": chat_template(),
    }


def hub_config(config, tok) -> dict:
    """The sizes under the names of transformers' GPT2Config."""
    names = ("vocab_size", "n_layer", "n_head", "n_embd")
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_positions": config.block_size,
        **{name: getattr(config, name) for name in names},
        **GPT2_SETTINGS,
        **dict.fromkeys(("bos_token_id", "eos_token_id"), tok.eot_token),
        "dtype": "float32",
    }


def model_card(title, model, *, training, measured, limits, licence="apache-2.0") -> str:
    """The card as Markdown, with the header that the Hub reads.

    training: {setting: value}. measured: rows (dicts with the same keys) of a table. limits: sentences.
    Raises CourseError if one of them is empty: who gets a model needs to know all three.
    """
    for name, part in (("training", training), ("measured", measured), ("limits", limits)):
        if not part:
            raise CourseError(f"A model card without {name} says too little. Pass {name}=...")
    rows = [list(measured[0]), ["---"] * len(measured[0]), *(row.values() for row in measured)]
    return CARD_TEXT.format(
        licence=licence,
        title=title,
        millions=count_parameters(model) / 1e6,
        tokens=model.config.vocab_size,
        context=model.config.block_size,
        end=EOT,
        prompt=format_prompt("What is the capital of Greece?").rstrip("\n"),
        training="\n".join(f"- {name}: {value}" for name, value in training.items()),
        measured="\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows),
        limits="\n".join(f"- {limit}" for limit in limits),
    )


def save_for_hub(folder, model, tok, card: str) -> Path:
    """Write the folder that `transformers` loads and the Hub shows. Each file is written whole or not at all.

    Raises CourseError for a tokenizer that other programs cannot have (see `rebuild_merges`), or if a file cannot be
    written.
    """
    folder = Path(folder)
    try:
        tokenizer = tokenizer_json(tok)
    except ValueError as error:
        raise CourseError(f"{display_path(folder)} is not written: {error}.") from error
    weights = {name: t.detach().cpu() for name, t in model.state_dict().items() if name != "lm_head.weight"}  # tied
    weights = from_transformers(weights)  # turned round, and so turned back: Conv1D holds transposed matrices
    write_bytes(folder / WEIGHTS, save(weights, metadata={"format": "pt"}))
    write_json(folder / CONFIG, hub_config(model.config, tok))
    write_text(folder / "tokenizer.json", json.dumps(tokenizer, ensure_ascii=False))
    write_json(folder / "tokenizer_config.json", tokenizer_settings(model.config))
    write_text(folder / VOCAB, json.dumps(tokenizer["model"]["vocab"], ensure_ascii=False))
    write_text(folder / MERGES, "\n".join(["#version: 0.2", *map(" ".join, tokenizer["model"]["merges"]), ""]))
    write_text(folder / CARD, card)
    return folder
