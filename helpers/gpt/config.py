"""What a checkpoint says of its model, read without PyTorch: sizes, tokenizer, meta; and the header of a GGUF file."""

from dataclasses import dataclass
from pathlib import Path

from helpers import files
from helpers.files import CourseError, display_path, read_json, reading
from helpers.gpt.tokenizer import VOCAB, load_tokenizer

WEIGHTS, CONFIG = "model.safetensors", "config.json"
META = "course.meta"  # of a GGUF file: what a checkpoint has as meta, as JSON
PUBLISHED = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")
# What `GPT` computes. A published model with another value would load, and give other logits.
GPT2_SETTINGS = {
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True,
    "tie_word_embeddings": True,
}


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT; the defaults are the course's student, 2.6 M parameters."""

    vocab_size: int = 4096
    block_size: int = 256
    n_layer: int = 4
    n_head: int = 6
    n_embd: int = 192
    dropout: float = 0.0


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


def open_gguf(path, advice: str):
    """The `gguf.GGUFReader` of a file. Raises CourseError with the advice if the file is missing, damaged or none."""
    import gguf  # takes half a second, and most models are checkpoints

    with reading(path):
        try:
            return gguf.GGUFReader(path)
        except (ValueError, IndexError, KeyError) as error:
            trouble = f"is damaged, cut short or no GGUF file: {error}"
            raise CourseError(f"{display_path(path)} {trouble}. {advice}") from error
