"""The models in memory: loaded on the first request, unloaded some time after the last."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from aiohttp import ClientSession

from helpers import files
from helpers.files import CourseError
from helpers.llm.server.errors import ApiError
from helpers.llm.server.foreign import Gate
from helpers.llm.server.models import ModelInfo, describe, discover, iso
from helpers.llm.server.runner import Runner

FOREVER = timedelta(days=36500)
CACHE_BYTES = 2**29  # of keys and values for all requests to one model; a large one gets fewer slots
USUAL_CONTEXT = 4096  # tokens: Ollama's default
TINY = 2**27  # bytes of a file
MAX_WAITING = 512  # requests to one model, beyond those that are being answered


def cache_bytes(info: ModelInfo, context: int) -> int:
    """The memory that llama.cpp needs for the keys and values (float16) of one request."""

    def size(key, otherwise):
        return info.keys.get(f"{info.architecture}.{key}", otherwise)

    heads = size("attention.head_count", 32)
    width = size("attention.key_length", size("embedding_length", 4096) // heads)
    return 2 * 2 * size("block_count", 32) * size("attention.head_count_kv", heads) * width * context


def gguf_file(info: ModelInfo) -> Path:
    """The model as one GGUF file. A checkpoint is converted once, into build/engine/. Raises CourseError."""
    if info.path.is_file():
        return info.path
    folder = files.BUILD / "engine"
    path = folder / f"{info.name}@{info.digest[:16]}-{info.quantization}.gguf"
    if not path.exists():
        command = [sys.executable, "-m", "helpers.llm.server.convert", str(info.path.resolve()), str(path.resolve())]
        command += [info.quantization.lower()]
        done = subprocess.run(command, cwd=files.ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise CourseError(done.stderr.strip())
        for old in set(folder.glob(f"{info.name}@*.gguf")) - {path}:
            with suppress(OSError):  # another engine has it open (Windows)
                old.unlink()
    return path


class Loaded:
    """A model in memory. `users` requests are at work with it; `keep_alive` seconds after the last it is unloaded."""

    def __init__(self, info: ModelInfo, context: int, most_slots: int, http: ClientSession):
        """Takes as long as reading the file does. Raises CourseError if it cannot be loaded."""
        slots = max(1, min(most_slots, CACHE_BYTES // cache_bytes(info, context)))
        processes, threads = processes_and_threads(info, slots)
        check_memory(processes * info.size + slots * cache_bytes(info, context))
        self.info, self.users, self.context = info, 0, context
        self.keep_alive, self.expires, self.timer = None, datetime.now(UTC) + FOREVER, None
        self.longest_token = max(map(len, info.tok.token_byte_values())) if info.tok else 0
        gated = "max_surprise" in info.meta
        embedding = "pooled" if info.embeds else "each token" if gated else ""
        settings = {"context": context, "slots": slots // processes, "threads": threads, "embedding": embedding}
        path = gguf_file(info)
        self.places, self.waiting = asyncio.Semaphore(slots), 0
        self.runners = []
        try:
            for _ in range(processes):
                self.runners.append(Runner(path, http, **settings))
            self.gate = Gate(info, path) if gated else None
            for runner in self.runners:
                runner.wait()
        except BaseException:  # else what has been started would never end
            self.stop()
            raise

    def alive(self) -> bool:
        return all(runner.alive() for runner in self.runners)

    def stop(self):
        """End its processes; unfinished requests fail."""
        for runner in self.runners:
            if not runner.stopping:
                runner.stop()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Runner]:
        """Wait for a free slot. Raises ApiError if too many wait already."""
        if self.waiting >= MAX_WAITING:
            raise ApiError(503, "server busy, please try again.  maximum pending requests exceeded")
        self.waiting += 1
        try:
            await self.places.acquire()
        finally:
            self.waiting -= 1
        alive = [runner for runner in self.runners if runner.alive()]
        runner = min(alive or self.runners, key=lambda runner: runner.busy)
        runner.busy += 1
        try:
            yield runner
        finally:
            runner.busy -= 1
            self.places.release()

    async def encode(self, turns: list[str], runner: Runner) -> list[int]:
        """The tokens of a prompt. For a checkpoint or a course model special tokens in it are text like any other;
        end-of-text, with which their answers end, comes between the turns.
        """
        text = "".join(turns)
        if self.info.tok:
            most = self.info.context
            if len(text) > self.longest_token * most:  # cutting a million blanks takes minutes
                fits = f"the prompt has more than the {most} tokens that {self.info.name} reads with the answer"
                raise ApiError(400, f"{fits}: shorten it (nothing is cut silently here)")
            first, *others = map(self.info.tok.encode_ordinary, turns)
            return first + [token for ids in others for token in (self.info.tok.eot_token, *ids)]
        body = {"content": text, "add_special": True, "parse_special": True}
        return (await runner.post("/tokenize", body))["tokens"]


def processes_and_threads(info: ModelInfo, slots: int) -> tuple[int, int]:
    """How many processes share the requests to a model, and how many threads each has.

    The threads of a tiny model would wait for each other most of the time: it gets two processes of one thread.
    """
    processors = os.cpu_count() or 2
    return (1 + (processors > 1 and slots % 2 == 0), 1) if info.size < TINY else (1, max(1, processors // 2))


def check_memory(needed: int):
    """Raises CourseError, in Ollama's words, if that many bytes are not free."""
    free = psutil.virtual_memory().available
    if needed > free:
        raise CourseError(
            f"model requires more system memory ({needed / 2**30:.1f} GiB) than is available ({free / 2**30:.1f} GiB)"
        )


class Library:
    """The models of one server. All methods but those that take long run in the server's event loop."""

    def __init__(self, models: dict[str, Path] | None, slots: int, http: ClientSession):
        self.models, self.slots, self._http = models, slots, http
        self.added: dict[str, Path] = {}  # GGUF files from elsewhere
        self.loaded: dict[str, Loaded] = {}
        self._loading, self._closed = asyncio.Lock(), False

    def paths(self) -> dict[str, Path]:
        """Looked up each time, so that a model made just now is there."""
        if self.models is None:
            return discover() | self.added
        return {name: Path(path) for name, path in (self.models | self.added).items()}

    def known(self) -> list[ModelInfo]:
        """All models that can be described; a damaged one is left out, and explained when it is asked for."""
        infos = []
        for name, path in self.paths().items():
            with suppress(CourseError):
                infos.append(describe(name, path))
        return infos

    def find(self, name: str) -> ModelInfo | None:
        """The model called `name` or `name`:latest, or None. CourseError if its files are damaged."""
        name = name.removesuffix(":latest")
        path = self.paths().get(name)
        return describe(name, path) if path else None

    @asynccontextmanager
    async def using(self, info: ModelInfo, num_ctx: int, keep_alive: float | None) -> AsyncIterator[Loaded]:
        """The model, loaded if it is not in memory in its present state and with that context.

        It stays for `keep_alive` seconds (None: for ever) after the last request; as in Ollama, what was said last
        holds.
        """
        loaded = await self._use(info, num_ctx, keep_alive)
        try:
            yield loaded
        finally:
            self._release(loaded)

    async def _use(self, info: ModelInfo, num_ctx: int, keep_alive: float | None) -> Loaded:
        context = min(info.context, max(USUAL_CONTEXT, num_ctx))
        async with self._loading:
            loaded = self.loaded.get(info.name)
            fresh = loaded and loaded.info.stamp == info.stamp and loaded.context >= context
            if loaded and not (fresh and loaded.alive()):
                self.unload(loaded)
                loaded = None
            if loaded is None:
                loaded = await self._load(info, context, keep_alive)
            return self._taken(loaded, keep_alive)

    async def _load(self, info: ModelInfo, context: int, keep_alive: float | None) -> Loaded:
        loading = asyncio.ensure_future(asyncio.to_thread(self._read, info, context))
        try:
            return await asyncio.shield(loading)
        except asyncio.CancelledError:  # a client that has gone does not stop the loading: it may come back
            await asyncio.wait([loading])
            if not loading.exception():
                self._release(self._taken(loading.result(), keep_alive))
            raise

    def _read(self, info: ModelInfo, context: int) -> Loaded:
        loaded = self.loaded[info.name] = Loaded(info, context, self.slots, self._http)
        if self._closed:
            loaded.stop()
        return loaded

    def _taken(self, loaded: Loaded, keep_alive: float | None) -> Loaded:
        loaded.users += 1
        loaded.keep_alive = keep_alive
        return loaded

    def _release(self, loaded: Loaded):
        loaded.users -= 1
        forever = FOREVER.total_seconds()
        keep = forever if loaded.keep_alive is None else min(loaded.keep_alive, forever)
        loaded.expires = datetime.now(UTC) + timedelta(seconds=keep)
        if loaded.timer:
            loaded.timer.cancel()
        loaded.timer = asyncio.get_running_loop().call_later(keep, self._expire, loaded)
        if keep <= 0 or self.loaded.get(loaded.info.name) is not loaded:
            self._expire(loaded)

    def _expire(self, loaded: Loaded):
        if not loaded.users:
            self.unload(loaded)

    def unload(self, loaded: Loaded):
        """Forget the model; what it is still writing it finishes."""
        if self.loaded.get(loaded.info.name) is loaded:
            del self.loaded[loaded.info.name]
        if loaded.timer:
            loaded.timer.cancel()
        if not loaded.users:
            loaded.stop()

    def running(self) -> list[dict]:
        """The entries of /api/ps."""
        return [
            one.info.listed() | {"expires_at": iso(one.expires), "size_vram": 0, "context_length": one.context}
            for one in self.loaded.values()
        ]

    def close(self):
        """Stop all models; unfinished requests fail."""
        self._closed = True
        for loaded in list(self.loaded.values()):
            loaded.stop()
