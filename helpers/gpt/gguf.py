"""GGUF, the one file that llama.cpp and Ollama run: weights, tokenizer and chat template of a GPT, written and read.

Keys and tensors are those of llama.cpp's architecture "gpt2" (src/models/gpt2.cpp, src/llama-vocab.cpp): weights as
nn.Linear has them, q, k and v in one tensor, and no output head, which means that it is tied.
Reading order: keys, tensors, writing, reading, the command.
"""

import json
import math
import reprlib
from contextlib import closing
from pathlib import Path

import gguf
import torch

from helpers.files import CourseError, atomic_write, display_path
from helpers.gpt.checkpoints import fill, load_model
from helpers.gpt.config import GPT2_SETTINGS, META, GPTConfig, open_gguf
from helpers.gpt.model import GPT, count_parameters
from helpers.gpt.prompt import TEMPLATE, chat_template
from helpers.gpt.tokenizer import EOT, check_tokens, from_gguf, in_characters, rebuild_merges, token_ranks

ARCHITECTURE = "gpt2"
DTYPES = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
Q8_BLOCK = 32  # so many numbers of a row share a scale in q8_0
WRITE_AGAIN = "Write it again with `python3 -m helpers export-gguf CHECKPOINT FILE`."


def vocabulary(tok, size) -> tuple[list[str], list[int]]:
    """The tokens and their types, one for each row of the embedding: rows that the tokenizer never makes are unused."""
    tokens = [*map(in_characters, token_ranks(tok)), EOT]
    unused = [f"[PAD{row}]" for row in range(len(tokens), size)]
    types = [gguf.TokenType.NORMAL] * tok.eot_token + [gguf.TokenType.CONTROL] + [gguf.TokenType.UNUSED] * len(unused)
    return tokens + unused, list(map(int, types))


def decisive_keys(config, tok) -> dict:
    """The keys that decide what a model computes: `read_gguf` insists on them."""
    return {
        "gpt2.context_length": config.block_size,
        "gpt2.embedding_length": config.n_embd,
        "gpt2.feed_forward_length": 4 * config.n_embd,
        "gpt2.block_count": config.n_layer,
        "gpt2.attention.head_count": config.n_head,
        "gpt2.attention.layer_norm_epsilon": GPT2_SETTINGS["layer_norm_epsilon"],
        "tokenizer.ggml.model": "gpt2",  # byte-level BPE
        "tokenizer.ggml.pre": "gpt-2",  # its split pattern
        "tokenizer.ggml.merges": [" ".join(map(in_characters, merge)) for merge in rebuild_merges(token_ranks(tok))],
        "tokenizer.ggml.eos_token_id": tok.eot_token,  # without it llama.cpp ends at token 11
    }


def all_keys(config, tok, name, file_type, meta) -> dict:
    tokens, types = vocabulary(tok, config.vocab_size)
    return decisive_keys(config, tok) | {
        "general.name": name,
        "general.description": meta.get("about", ""),
        "general.file_type": int(file_type),
        "general.quantization_version": gguf.GGML_QUANT_VERSION,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.bos_token_id": tok.eot_token,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": chat_template(meta.get("template", TEMPLATE)),
        META: json.dumps(meta),
    }


def tensor_names(model) -> dict[str, str]:
    """{name in GPT: name in GGUF}, without the tied head."""
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GPT2, model.config.n_layer)
    return {name: table.get_name(name, (".weight", ".bias")) for name, _ in model.named_parameters()}


def write_gguf(path, model, tok, meta=None, dtype="f32") -> Path:
    """Write model, tokenizer, chat template and meta (a dict for JSON) to one file, whole or not at all.

    meta may have "template", the prompt's form in Ollama's language, if it is not the student's, and "about".

    dtype: "f32", the weights as they are; "f16", half the size; "q8_0", about a quarter. Biases, norms and positions
    stay float32: llama.cpp adds or multiplies them number by number, and they are 2 % of the course's student.
    Raises CourseError for another dtype, for what llama.cpp cannot run, or if the file cannot be written.
    """
    try:
        _check_model(model.config, tok, dtype)
        matrix_type, file_type = DTYPES[dtype]
        keys = all_keys(model.config, tok, Path(path).stem, file_type, meta or {})
        check_tokens(keys["tokenizer.ggml.tokens"])
    except ValueError as error:
        raise CourseError(f"{display_path(path)} is not written: {error}.") from error
    add = {bool: "add_bool", int: "add_uint32", float: "add_float32", str: "add_string", list: "add_array"}
    with atomic_write(path) as file, closing(gguf.GGUFWriter(file.name, ARCHITECTURE)) as writer:
        for key, value in keys.items():
            getattr(writer, add[type(value)])(key, value)
        _add_tensors(writer, model, matrix_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    return Path(path)


def _check_model(config, tok, dtype):
    if dtype not in DTYPES:
        raise ValueError(f"there is no dtype {dtype!r}; choose one of {', '.join(DTYPES)}")
    if dtype == "q8_0" and config.n_embd % Q8_BLOCK:
        raise ValueError(f"q8_0 needs a width that is a multiple of {Q8_BLOCK}, and n_embd is {config.n_embd}; use f16")
    if tok.eot_token == 256:  # single bytes
        raise ValueError("its tokenizer has no merges, and llama.cpp wants some; train one with more than 257 tokens")
    if tok.n_vocab > config.vocab_size:
        raise ValueError(f"the model knows {config.vocab_size} tokens, and its tokenizer makes {tok.n_vocab}")


def _add_tensors(writer, model, matrix_type):
    weights = model.state_dict()
    for name, gguf_name in tensor_names(model).items():
        data = weights[name].float().cpu().numpy()
        multiplied = data.ndim == 2 and name != "transformer.wpe.weight"
        stored_type = matrix_type if multiplied else gguf.GGMLQuantizationType.F32
        writer.add_tensor(gguf_name, gguf.quantize(data, stored_type), raw_dtype=stored_type)


def read_gguf(path):
    """Read a model of the architecture "gpt2": (GPT in eval mode with float32 weights, tokenizer, meta: dict).

    Quantised weights become the numbers that they stand for. The tokenizer is called "course" if it is the course's.
    Raises CourseError if the file is missing, damaged, of another architecture, or if its parts do not fit.
    """
    where, reader = display_path(path), open_gguf(path, WRITE_AGAIN)
    try:
        keys = {name: field.contents() for name, field in reader.fields.items()}
        if keys["general.architecture"] != ARCHITECTURE:
            raise ValueError(f"its architecture is {keys['general.architecture']!r}, not {ARCHITECTURE!r}")
        tensors = {t.name: torch.tensor(gguf.dequantize(t.data, t.tensor_type)) for t in reader.tensors}
        config = _read_config(keys, tensors)
        tok = from_gguf(keys["tokenizer.ggml.tokens"], keys["tokenizer.ggml.eos_token_id"])
        _check_keys(keys, config, tok)
        meta = json.loads(keys.get(META, "{}"))
    except KeyError as error:
        raise CourseError(f"{where} lacks {error}. {WRITE_AGAIN}") from error
    except (NotImplementedError, TypeError, ValueError) as error:
        raise CourseError(f"{where} is no GPT of the course: {error}. {WRITE_AGAIN}") from error
    model = GPT(config)
    names = {gguf_name: name for name, gguf_name in tensor_names(model).items()}
    weights = {names.get(name, name): t for name, t in tensors.items()}
    fill(model, weights, f"{where} has tensors that do not fit", WRITE_AGAIN)
    return model, tok, meta


def _read_config(keys, tensors) -> GPTConfig:
    """The sizes that the tensors have; only the number of heads cannot be seen there."""
    n_head, (vocab_size, n_embd) = keys["gpt2.attention.head_count"], tensors["token_embd.weight"].shape
    if n_head < 1 or n_embd % n_head:
        raise ValueError(f"{n_head} heads cannot share a width of {n_embd}")
    n_layer = sum(name.endswith(".attn_qkv.weight") for name in tensors)
    return GPTConfig(vocab_size, len(tensors["position_embd.weight"]), n_layer, n_head, n_embd)


def _check_keys(keys, config, tok):
    if len(keys["tokenizer.ggml.tokens"]) != config.vocab_size:
        raise ValueError(f"{len(keys['tokenizer.ggml.tokens'])} tokens have {config.vocab_size} rows in the embedding")
    for key, expected in decisive_keys(config, tok).items():
        close = isinstance(expected, float) and math.isclose(keys[key], expected, rel_tol=1e-6)  # it is a float32
        if keys[key] != expected and not close:
            raise ValueError(f"{key} is {reprlib.repr(keys[key])}, and should be {reprlib.repr(expected)}")


def export_gguf(options) -> None:
    """The command: `options` has checkpoint, file and dtype."""
    model, tok, meta = load_model(options.checkpoint)
    path = write_gguf(options.file, model, tok, meta, options.dtype)
    print(
        f"{display_path(path)}: {path.stat().st_size / 1e6:.1f} MB, {count_parameters(model) / 1e6:.1f} M parameters "
        f"as {options.dtype}, {tok.n_vocab} tokens, a context of {model.config.block_size} tokens, the chat template"
    )
