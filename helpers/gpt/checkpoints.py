"""Models on disk: weights as safetensors, everything else as JSON. Nothing is ever unpickled."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from helpers.files import CourseError, read_json, shown, write_bytes, write_json
from helpers.gpt.model import GPT, GPTConfig
from helpers.gpt.tokenizer import load_tokenizer

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def save_checkpoint(folder, model, tok_name="course", dtype=None, **meta) -> Path:
    """Write `folder`/model.safetensors (as `dtype` if given) and config.json (sizes, tokenizer, meta).

    Each file is written whole or not at all. Raises CourseError if the folder cannot be written.
    """
    folder = Path(folder)
    weights = {name: t.detach().cpu().to(dtype or t.dtype).contiguous() for name, t in model.state_dict().items()}
    del weights["lm_head.weight"]  # tied to the embedding: stored once
    write_bytes(folder / WEIGHTS, save(weights))
    write_json(folder / CONFIG, {"config": asdict(model.config), "tokenizer": tok_name, "meta": meta})
    return folder


def load_checkpoint(folder):
    """Read a checkpoint; returns (model in eval mode with float32 weights, tokenizer, meta).

    Raises CourseError naming the file if one is missing or damaged, or if weights and config do not fit.
    """
    folder = Path(folder)
    config, tok, meta = read_config(folder)
    weights = read_weights(folder / WEIGHTS)
    model = GPT(config)
    weights["lm_head.weight"] = weights.get("transformer.wte.weight", torch.empty(0))
    try:
        model.load_state_dict({name: t.float() for name, t in weights.items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise CourseError(
            f"{shown(folder / WEIGHTS)} does not fit {CONFIG} beside it: {reason} Make the checkpoint again."
        ) from error
    if tok.n_vocab > config.vocab_size:
        raise CourseError(
            f"{shown(folder)}: the model knows {config.vocab_size} tokens, its tokenizer makes {tok.n_vocab}. "
            "Train the model again with this tokenizer."
        )
    return model.eval(), tok, meta


def read_config(folder):
    """(GPTConfig, tokenizer, meta) of a checkpoint. Raises CourseError if config.json is missing or incomplete."""
    path = Path(folder) / CONFIG
    stored = read_json(path, "A checkpoint is a folder with config.json and model.safetensors.")
    try:
        return GPTConfig(**stored["config"]), load_tokenizer(stored["tokenizer"]), stored.get("meta", {})
    except (KeyError, TypeError) as error:
        raise CourseError(f"{shown(path)} is not a checkpoint's config: {error}. Make the checkpoint again.") from error


def read_weights(path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file. Raises CourseError if it is missing or damaged."""
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise CourseError(f"{shown(path)} is missing. Make the checkpoint again, or `git checkout -- data`.") from error
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CourseError(
            f"{shown(path)} is damaged ({error}). Delete its folder and make the checkpoint again."
        ) from error


def from_transformers(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict of Hugging Face's GPT2LMHeadModel under this project's names.

    Its Conv1D layers hold their weights transposed to nn.Linear; its causal-mask buffers are left out.
    """
    linear = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
    named = {name: t.t().contiguous() if name.endswith(linear) else t for name, t in state.items()}
    return {name: t for name, t in named.items() if not name.endswith((".attn.bias", ".attn.masked_bias"))}
