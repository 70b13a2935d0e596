"""Which models the embedded engine serves, what it says about them, and loading them on the first request."""

import asyncio
import functools
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open

from helpers import files
from helpers.files import CourseError, display_path
from helpers.gpt.checkpoints import CONFIG, WEIGHTS, load_model, read_config
from helpers.gpt.model import GPTConfig
from helpers.gpt.prompt import FOOTER, HEADER
from helpers.llm.server.batching import Batcher

TEMPLATE = HEADER + "{{ .Prompt }}" + FOOTER
FOREVER = timedelta(days=36500)
CACHE_BYTES = 2**28  # of keys and values for all requests to one model; a large one gets fewer slots


def discover() -> dict[str, Path]:
    """Name -> checkpoint folder: the course models, then each checkpoint in data/ and in build/."""
    folders = {}
    for prefix, folder in (("", files.DATA / "models"), ("course-", files.DATA), ("my-", files.BUILD)):
        for config in sorted(folder.glob(f"*/{CONFIG}")):
            if (config.parent / WEIGHTS).is_file():
                folders[prefix + config.parent.name] = config.parent
    return folders


@dataclass(frozen=True)
class ModelInfo:
    """What the API reports about a model."""

    name: str
    folder: Path
    stamp: tuple  # changes when the checkpoint is written again
    config: GPTConfig
    meta: dict
    digest: str
    size: int
    modified: datetime
    parameters: int
    quantization: str

    @property
    def template(self) -> str:
        return self.meta.get("template") or TEMPLATE

    def details(self) -> dict:
        kind = {"parent_model": "", "format": "safetensors", "family": "gpt2", "families": ["gpt2"]}
        return kind | {"parameter_size": parameter_size(self.parameters), "quantization_level": self.quantization}

    def listed(self) -> dict:
        """An entry of /api/tags and the start of one of /api/ps."""
        return {
            "name": self.name,
            "model": self.name,
            "modified_at": iso(self.modified),
            "size": self.size,
            "digest": self.digest,
            "details": self.details(),
        }

    def show(self) -> dict:
        """The answer of /api/show."""
        head = f"# A checkpoint of the course, served by its embedded engine.\nFROM {self.name}\n"
        return {
            "modelfile": f'{head}TEMPLATE """{self.template}"""\n',
            "parameters": f"num_ctx                        {self.config.block_size}",
            "template": self.template,
            "details": self.details(),
            "model_info": self.sizes(),
            "capabilities": ["completion"],
            "modified_at": iso(self.modified),
        }

    def sizes(self) -> dict:
        """The sizes under the names of GGUF."""
        c, general = self.config, {"architecture": "gpt2", "basename": self.name, "parameter_count": self.parameters}
        if "about" in self.meta:
            general["description"] = self.meta["about"]
        gpt2 = {"context_length": c.block_size, "embedding_length": c.n_embd, "block_count": c.n_layer}
        gpt2 |= {"feed_forward_length": 4 * c.n_embd, "attention.head_count": c.n_head, "vocab_size": c.vocab_size}
        gpt2 |= {"attention.layer_norm_epsilon": 1e-5}
        named = {f"general.{key}": value for key, value in general.items()}
        return named | {f"gpt2.{key}": value for key, value in gpt2.items()} | {"tokenizer.ggml.model": "gpt2"}


def describe(name: str, folder: Path) -> ModelInfo:
    """What a checkpoint is, without loading it. CourseError if it is missing or damaged."""
    return _read_info(name, folder, _stamp(folder))


def _stamp(folder: Path) -> tuple:
    try:
        stats = [(folder / file).stat() for file in (CONFIG, WEIGHTS)]
        return tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)
    except OSError as error:
        reason = error.strerror
        raise CourseError(f"{display_path(folder)} cannot be read: {reason}. Make the checkpoint again.") from error


@functools.lru_cache(maxsize=64)
def _read_info(name: str, folder: Path, stamp: tuple) -> ModelInfo:
    config, _, meta, _ = read_config(folder)
    weights = folder / WEIGHTS
    try:
        with safe_open(weights, "pt") as tensors:
            slices = [tensors.get_slice(key) for key in tensors.keys()]
            parameters = sum(torch.Size(s.get_shape()).numel() for s in slices)
            dtypes = sorted({s.get_dtype() for s in slices})
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    except Exception as error:  # safetensors raises an exception class of its own
        raise CourseError(f"{display_path(weights)} is damaged ({error}). Make the checkpoint again.") from error
    modified = datetime.fromtimestamp(stamp[1][0] / 1e9, UTC)
    size, kind = stamp[1][1], "/".join(dtypes)
    return ModelInfo(name, folder, stamp, config, meta, digest, size, modified, parameters, kind)


def parameter_size(n: int) -> str:
    """5812345 -> "5.8M", as Ollama writes it."""
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if n >= unit:
            return f"{n / unit:.1f}{letter}"
    return str(n)


def iso(moment: datetime) -> str:
    """The time as Ollama writes it: RFC 3339, UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def own_tokens(ids, tok) -> slice:
    """Where the user's text stands in a prompt: between header and footer, or everywhere if these are missing."""
    header, footer = tok.encode_ordinary(HEADER), tok.encode_ordinary(FOOTER)
    start = len(header) if ids[: len(header)] == header else 0
    return slice(start, len(ids) - len(footer) if ids[-len(footer) :] == footer else len(ids))


def prompt_surprise(logits, ids, tok) -> float:
    """How foreign a prompt is to a model: the median of -log π (nats) over the tokens of the user's text.

    logits: (T, vocab_size) for the T tokens `ids`. A median, so that a question about one invented name is not foreign.
    """
    later = F.cross_entropy(logits[:-1].float(), torch.tensor(ids[1:], dtype=torch.long), reduction="none")
    nll = torch.cat([torch.zeros(1), later])
    own = nll[own_tokens(ids, tok)]
    return float(own.median()) if len(own) else 0.0


class Loaded:
    """A model in memory, with its batcher. `users` requests are at work with it."""

    def __init__(self, info: ModelInfo, slots: int):
        model, self.tok, _ = load_model(info.folder)
        self.info, self.users = info, 0
        self.expires, self.timer = datetime.now(UTC) + FOREVER, None
        check = self.refuse_foreign if "max_surprise" in info.meta else None
        c = model.config
        fitting = CACHE_BYTES // (2 * c.n_layer * c.block_size * c.n_embd * 4)
        self.batcher = Batcher(model, self.tok, max(1, min(slots, fitting)), check=check)

    def refuse_foreign(self, logits, ids):
        """Raises CourseError for a prompt that this model was not made for: it would answer nonsense."""
        surprise, limit = prompt_surprise(logits, ids, self.tok), self.info.meta["max_surprise"]
        if surprise > limit:
            raise CourseError(
                f"{self.info.name}, a tiny course model, answers only the course's own prompts; this one is "
                f"foreign to it (surprise {surprise:.1f} > {limit:.1f}). For it: `ollama pull llama3.2:1b`, "
                "COURSE_MODEL=llama3.2:1b, OLLAMA_HOST"
            )


class Library:
    """The models of one server. All methods but the loading itself run in the server's event loop."""

    def __init__(self, models: dict[str, Path] | None = None, slots: int = 16):
        self.models, self.slots = models, slots
        self.loaded: dict[str, Loaded] = {}
        self._loading = asyncio.Lock()

    def folders(self) -> dict[str, Path]:
        """Looked up each time, so that a checkpoint made just now is there."""
        if self.models is None:
            return discover()
        return {name: Path(folder) for name, folder in self.models.items()}

    def known(self) -> list[ModelInfo]:
        """All models that can be described; a damaged one is left out, and explained when it is asked for."""
        infos = []
        for name, folder in self.folders().items():
            with suppress(CourseError):
                infos.append(describe(name, folder))
        return infos

    def find(self, name: str) -> ModelInfo | None:
        """The model called `name` or `name`:latest, or None. CourseError if its checkpoint is damaged."""
        name = name.removesuffix(":latest")
        folder = self.folders().get(name)
        return describe(name, folder) if folder else None

    async def use(self, info: ModelInfo) -> Loaded:
        """The model, loaded if it is not in memory in its present state. Give it back with `release`."""
        async with self._loading:
            loaded = self.loaded.get(info.name)
            if loaded and (loaded.info.stamp != info.stamp or not loaded.batcher.accepting):
                self.unload(loaded)  # trained again since, or crashed
                loaded = None
            if loaded is None:
                loaded = self.loaded[info.name] = await asyncio.to_thread(Loaded, info, self.slots)
            loaded.users += 1
            return loaded

    def release(self, loaded: Loaded, keep_alive: float | None):
        """The request is answered; the model stays for `keep_alive` more seconds (None: for ever)."""
        loaded.users -= 1
        keep = FOREVER.total_seconds() if keep_alive is None else min(keep_alive, FOREVER.total_seconds())
        loaded.expires = datetime.now(UTC) + timedelta(seconds=keep)
        if loaded.timer:
            loaded.timer.cancel()
        loaded.timer = asyncio.get_running_loop().call_later(keep, self._expire, loaded)
        if keep <= 0:
            self._expire(loaded)

    def _expire(self, loaded: Loaded):
        if not loaded.users and self.loaded.get(loaded.info.name) is loaded:
            self.unload(loaded)

    def unload(self, loaded: Loaded):
        """Forget the model; what it is still writing it finishes."""
        self.loaded.pop(loaded.info.name, None)
        if loaded.timer:
            loaded.timer.cancel()
        loaded.batcher.retire()

    def running(self) -> list[dict]:
        """The entries of /api/ps."""
        return [
            one.info.listed()
            | {"expires_at": iso(one.expires), "size_vram": 0, "context_length": one.info.config.block_size}
            for one in self.loaded.values()
        ]

    def close(self):
        """Stop all models; unfinished requests fail."""
        for loaded in self.loaded.values():
            loaded.batcher.close()
