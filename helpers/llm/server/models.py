"""Which models the embedded engine serves, and what it says about them: checkpoints, GGUF files, created models."""

import functools
import hashlib
import json
import math
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from safetensors import safe_open

from helpers import files
from helpers.files import CourseError, display_path, read_json
from helpers.gpt.config import CONFIG, GPT2_SETTINGS, META, WEIGHTS, open_gguf, read_config
from helpers.gpt.prompt import TEMPLATE
from helpers.gpt.tokenizer import from_gguf

GET_IT_AGAIN = "Get or write the file again."
MANIFEST = {"template": str, "system": str, "options": dict}  # of a created model, instead of what its file says
READING = threading.Lock()  # a large header takes seconds: those who ask for it meanwhile wait for the one who reads
DEFAULT_CONTEXT = 2048  # tokens, of a GGUF file that does not say


def discover() -> dict[str, Path]:
    """Name -> where it is: the course models, each checkpoint in data/ and build/, GGUF files and created models."""
    found = {path.stem: path for path in sorted(course_folder().glob("*.gguf"))}
    for prefix, folder in (("", course_folder()), ("course-", files.DATA), ("my-", files.BUILD)):
        for config in sorted(folder.glob(f"*/{CONFIG}")):
            if (config.parent / WEIGHTS).is_file():
                found[prefix + config.parent.name] = config.parent
    return found | {path.stem: path for path in sorted(created_folder().glob("*.gguf"))} | created()


def course_folder() -> Path:
    return files.DATA / "models"


def created_folder() -> Path:
    return files.BUILD / "models"


def created() -> dict[str, Path]:
    """Name -> manifest of what /api/create has made. A colon is not allowed in a file name everywhere."""
    return {path.stem.replace("+", ":"): path for path in sorted(created_folder().glob("*.json"))}


@dataclass(frozen=True)
class ModelInfo:
    """What the API reports about a model, and what it needs to ask it."""

    name: str
    path: Path  # a checkpoint's folder, or a GGUF file
    stamp: tuple  # changes when the model is written again
    keys: dict  # of GGUF: sizes and the like
    quantization: str  # that in which llama.cpp computes
    digest: str
    meta: dict = field(default_factory=dict)  # of a checkpoint or a course model
    tok: object = None  # of these; for another model llama.cpp cuts the text
    template: str = ""  # in Ollama's language
    chat_template: str = ""  # in Jinja, from the file; where `template` is empty
    special_tokens: dict = field(default_factory=dict)  # that it may use: bos_token and eos_token
    system: str = ""
    options: dict = field(default_factory=dict)  # instead of Ollama's defaults

    @property
    def architecture(self) -> str:
        return self.keys["general.architecture"]

    @property
    def context(self) -> int:
        """The number of tokens that the model can read and write."""
        return self.keys.get(f"{self.architecture}.context_length", DEFAULT_CONTEXT)

    @property
    def embeds(self) -> bool:
        """True for a model that turns texts into vectors, and cannot write."""
        return f"{self.architecture}.pooling_type" in self.keys

    @property
    def size(self) -> int:
        return self.stamp[1]

    @property
    def modified(self) -> str:
        return iso(datetime.fromtimestamp(self.stamp[0] / 1e9, UTC))

    def details(self) -> dict:
        kind = {"parent_model": "", "format": "gguf", "family": self.architecture, "families": [self.architecture]}
        size = parameter_size(self.keys["general.parameter_count"])
        return kind | {"parameter_size": size, "quantization_level": self.quantization}

    def listed(self) -> dict:
        """An entry of /api/tags and the start of one of /api/ps."""
        named = {"name": self.name, "model": self.name, "modified_at": self.modified}
        return named | {"size": self.size, "digest": self.digest, "details": self.details()}

    def show(self) -> dict:
        """The answer of /api/show."""
        system = f'SYSTEM """{self.system}"""\n' if self.system else ""
        template = f'TEMPLATE """{self.template}"""\n' if self.template else ""
        parameters = {"num_ctx": self.context} | self.options
        shown = {
            "modelfile": f"# Served by the embedded engine of the course.\nFROM {self.name}\n{template}{system}",
            "parameters": "\n".join(f"{name:30} {value}" for name, value in parameters.items()),
            "template": self.template or self.chat_template,
            "details": self.details(),
            "model_info": self.keys,
            "capabilities": ["embedding" if self.embeds else "completion"],
            "modified_at": self.modified,
        }
        return shown | ({"system": self.system} if self.system else {})


def describe(name: str, path: Path) -> ModelInfo:
    """What a model is, without loading it. CourseError if it is missing or damaged."""
    if path.suffix == ".json":
        return _read_created(name, path, _stamp(path))
    if path.suffix == ".gguf":
        return describe_file(name, path)
    return _read_checkpoint(name, path, _stamp(path / WEIGHTS, path / CONFIG))


def describe_file(name: str, path: Path) -> ModelInfo:
    """What a GGUF file holds, without loading it. CourseError if it is missing, damaged or none."""
    with READING:
        return replace(_read_gguf(path, _stamp(path)), name=name)


def _stamp(*paths: Path) -> tuple:
    try:
        stats = [path.stat() for path in paths]
        return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_size))
    except OSError as error:
        where = display_path(paths[0])
        raise CourseError(f"{where} cannot be read: {error.strerror}. {GET_IT_AGAIN}") from error


@functools.lru_cache(maxsize=64)
def _read_checkpoint(name: str, folder: Path, stamp: tuple) -> ModelInfo:
    config, tok, meta, _ = read_config(folder)
    weights = folder / WEIGHTS
    try:
        with safe_open(weights, "np") as tensors:
            slices = [tensors.get_slice(key) for key in tensors.keys()]
            parameters = sum(math.prod(s.get_shape()) for s in slices)
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    except Exception as error:  # safetensors raises an exception class of its own
        raise CourseError(f"{display_path(weights)} is damaged ({error}). Make the checkpoint again.") from error
    keys = checkpoint_keys(config, parameters, name) | {"general.description": meta.get("about", "")}
    template = meta.get("template") or TEMPLATE
    # The course models are asked thousands of times: that takes two thirds of the time, and their figures stay.
    quantization = "Q8_0" if folder.parent == course_folder() else "F32"
    return ModelInfo(name, folder, stamp, keys, quantization, digest, meta, tok, template=template)


def checkpoint_keys(config, parameters: int, name: str) -> dict:
    """The sizes of a checkpoint under the names of GGUF."""
    gpt2 = {"context_length": config.block_size, "embedding_length": config.n_embd, "block_count": config.n_layer}
    gpt2 |= {"feed_forward_length": 4 * config.n_embd, "attention.head_count": config.n_head}
    gpt2 |= {"attention.layer_norm_epsilon": GPT2_SETTINGS["layer_norm_epsilon"], "vocab_size": config.vocab_size}
    general = {"architecture": "gpt2", "basename": name, "parameter_count": parameters}
    named = {f"general.{key}": value for key, value in general.items()}
    return named | {f"gpt2.{key}": value for key, value in gpt2.items()} | {"tokenizer.ggml.model": "gpt2"}


@functools.lru_cache(maxsize=64)
def _read_gguf(path: Path, stamp: tuple) -> ModelInfo:
    from gguf import GGUFValueType, LlamaFileType

    reader, where = open_gguf(path, GET_IT_AGAIN), display_path(path)
    fields = {name: part for name, part in reader.fields.items() if GGUFValueType.ARRAY not in part.types}
    keys = {name: part.contents() for name, part in fields.items() if not name.startswith("GGUF.")}
    try:
        chat = {
            "chat_template": keys.pop("tokenizer.chat_template", ""),
            "special_tokens": special_tokens(reader, keys),
        }
        check_sizes(keys)
        meta = json.loads(keys.pop(META, "{}"))
        if path.parent == course_folder():
            chat |= {"meta": meta, "template": meta["template"], "tok": course_tokenizer(reader, keys)}
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise CourseError(f"{where} is no language model: {type(error).__name__} {error}. {GET_IT_AGAIN}") from error
    keys["general.parameter_count"] = sum(int(tensor.n_elements) for tensor in reader.tensors)
    with suppress(ValueError):
        keys["general.file_type"] = LlamaFileType(keys.get("general.file_type")).name
    quantization = str(keys.get("general.file_type", "unknown")).removeprefix("MOSTLY_").removeprefix("ALL_")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ModelInfo("", path, stamp, keys, quantization, digest, **chat)


def check_sizes(keys: dict):
    """Raises KeyError or ValueError if the engine could not say how much memory the model needs."""
    architecture = keys["general.architecture"]
    for size in ("context_length", "embedding_length", "block_count", "attention.head_count"):
        value = keys.get(f"{architecture}.{size}", 1)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"its {size} is {value!r}")


def course_tokenizer(reader, keys: dict):
    """Raises ValueError for tokens that the course did not write."""
    return from_gguf(reader.fields["tokenizer.ggml.tokens"].contents(), keys["tokenizer.ggml.eos_token_id"])


def special_tokens(reader, keys: dict) -> dict[str, str]:
    """The tokens that a chat template may write. llama.cpp puts the first one before every prompt by itself."""
    tokens = reader.fields["tokenizer.ggml.tokens"]
    places = {name: keys.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")}
    found = {f"{name}_token": tokens.contents(place) for name, place in places.items() if place is not None}
    return found | ({"bos_token": ""} if keys.get("tokenizer.ggml.add_bos_token", True) else {})


@functools.lru_cache(maxsize=64)
def _read_created(name: str, manifest: Path, stamp: tuple) -> ModelInfo:
    stored = read_json(manifest, f"Create {name} again.")
    try:
        of_file = describe_file(name, blob_path(stored["gguf"]))
        given = {key: kind(stored[key]) for key, kind in MANIFEST.items() if stored.get(key)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CourseError(f"{display_path(manifest)} is damaged ({error!r}). Create {name} again.") from error
    return ModelInfo(**(vars(of_file) | {"stamp": of_file.stamp + stamp} | given))


def blob_path(digest: str) -> Path:
    """Where the file of a created model lies; digest: "sha256:" and 64 hexadecimal digits."""
    return created_folder() / "blobs" / digest.replace(":", "-")


def parameter_size(n: int) -> str:
    """5812345 -> "5.8M", as Ollama writes it."""
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if n >= unit:
            return f"{n / unit:.1f}{letter}"
    return str(n)


def iso(moment: datetime) -> str:
    """The time as Ollama writes it: RFC 3339, UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
