"""Models on disk: weights as safetensors, everything else as JSON. Nothing is ever unpickled.

`load_model` reads the course's own folders and those of published GPT-2 models: any of them can be aligned.
"""

from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from helpers import files
from helpers.files import CourseError, display_path, read_json, write_bytes, write_json
from helpers.gpt.model import GPT, GPTConfig
from helpers.gpt.tokenizer import UNSAVED, VOCAB, load_tokenizer

WEIGHTS, CONFIG = "model.safetensors", "config.json"
PUBLISHED = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")
# What `GPT` computes. A published model with another value would load, and give other logits.
GPT2_SETTINGS = {
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True,
    "tie_word_embeddings": True,
}


def save_checkpoint(folder, model, tok, dtype=None, **meta) -> Path:
    """Write `folder`/model.safetensors (as `dtype` if given) and config.json (sizes, tokenizer's name, meta).

    Each file is written whole or not at all. Raises CourseError if the folder cannot be written, or for a tokenizer
    that is in no file, which nobody could load again.
    """
    if tok.name == UNSAVED:
        raise CourseError("The tokenizer is in no file. Call save_tokenizer, and pass what load_tokenizer reads there.")
    folder = Path(folder)
    weights = {name: t.detach().cpu().to(dtype or t.dtype).contiguous() for name, t in model.state_dict().items()}
    del weights["lm_head.weight"]  # tied to the embedding: stored once
    write_bytes(folder / WEIGHTS, save(weights))
    write_json(folder / CONFIG, {"config": asdict(model.config), "tokenizer": tok.name, "meta": meta})
    return folder


def model_folder(path_or_name) -> Path:
    """The folder of a model. For a published name that is not in build/, CourseError with the command that gets it."""
    name, folder = str(path_or_name), Path(path_or_name)
    if name not in PUBLISHED or folder.is_dir():
        return folder
    folder = files.BUILD / name
    if not folder.is_dir():
        page = f"https://huggingface.co/openai-community/{name}/resolve/main"
        raise CourseError(
            f"{display_path(folder)} is not there, and the course downloads nothing by itself. Online, get {name} by\n"
            f'curl -L --create-dirs --output-dir "{folder}" -O '
            f'"{page}/{{config.json,model.safetensors,vocab.json,merges.txt}}"'
        )
    return folder


def read_config(folder):
    """(GPTConfig, tokenizer, meta, whether in GPT-2's published format) of a model's folder.

    Raises CourseError if config.json is missing, incomplete, or of a model that `GPT` cannot compute.
    """
    path = Path(folder) / CONFIG
    stored = read_json(path, "A model is a folder with config.json and model.safetensors.")
    try:
        published = stored.get("model_type") == "gpt2"
        config, tok_name, meta = _published_config(path, stored) if published else _course_config(stored)
    except (AttributeError, KeyError, TypeError) as error:
        advice = "Make the checkpoint again."
        raise CourseError(f"{display_path(path)} is not a checkpoint's config: {error}. {advice}") from error
    tok = load_tokenizer(tok_name)
    if tok.n_vocab > config.vocab_size:
        raise CourseError(
            f"{display_path(folder)}: the model knows {config.vocab_size} tokens, its tokenizer makes {tok.n_vocab}. "
            "Train the model again with this tokenizer."
        )
    return config, tok, meta, published


def _course_config(stored):
    return GPTConfig(**stored["config"]), stored["tokenizer"], stored.get("meta", {})


def _published_config(path, stored):
    """Hugging Face's GPT2Config. Without a vocab.json the tokenizer is GPT-2's own, which tiktoken downloads once."""
    for name, value in GPT2_SETTINGS.items():
        if stored.get(name, value) != value:
            raise CourseError(f"{display_path(path)}: {name} is {stored[name]!r}, and GPT computes {value!r} only.")
    sizes = {name: stored[name] for name in ("vocab_size", "n_layer", "n_head", "n_embd")}
    tok_name = str(path.parent.resolve()) if (path.parent / VOCAB).exists() else "gpt2"
    return GPTConfig(block_size=stored["n_positions"], **sizes), tok_name, {}


def read_weights(path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file. Raises CourseError if it is missing or damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        state = "missing" if isinstance(error, FileNotFoundError) else f"damaged ({error})"
        advice = "Delete its folder and make the checkpoint again, or `git checkout -- data`."
        raise CourseError(f"{display_path(path)} is {state}. {advice}") from error


def from_transformers(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict of Hugging Face's GPT2LMHeadModel, or of its GPT2Model, under this project's names.

    Its Conv1D layers hold their weights transposed to nn.Linear; its causal-mask buffers are left out.
    """
    linear = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
    weights = {}
    for name, t in state.items():
        if not name.endswith((".attn.bias", ".attn.masked_bias")):
            full = name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}"
            weights[full] = t.t().contiguous() if name.endswith(linear) else t
    return weights


def load_model(path_or_name):
    """Load a base model: (GPT in eval mode with float32 weights, tokenizer, meta: dict).

    path_or_name: a checkpoint folder of the course; a folder in GPT-2's published format (Hugging Face: config.json,
    model.safetensors, vocab.json, merges.txt); or a name in PUBLISHED, whose folder then lies in build/.
    Raises CourseError naming the file if one is missing or damaged, or if weights, config and tokenizer do not fit.
    """
    folder = model_folder(path_or_name)
    config, tok, meta, published = read_config(folder)
    weights = read_weights(folder / WEIGHTS)
    if published:
        weights = from_transformers(weights)
    model = GPT(config)
    where = display_path(folder / WEIGHTS)
    fill(model, weights, f"{where} does not fit {CONFIG} beside it", "Make the checkpoint again.")
    return model, tok, meta


def fill(model, weights: dict[str, torch.Tensor], complaint: str, advice: str):
    """Put weights into a model as float32, tie its head to the embedding and leave it in eval mode.

    Raises CourseError, "`complaint`: which weight. `advice`", if one is missing, too many or of another shape.
    """
    weights["lm_head.weight"] = weights.get("transformer.wte.weight", torch.empty(0))
    try:
        model.load_state_dict({name: t.float() for name, t in weights.items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()  # the first line is a heading
        raise CourseError(f"{complaint}: {reason} {advice}") from error
    model.eval()
