"""The engine's side of llama.cpp: starting a process with a model, asking it over HTTP, ending it."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp

from helpers import files
from helpers.files import CourseError, display_path
from helpers.llm.server.errors import ApiError

KEY_BYTES = 16
GRACE = 2  # seconds for a process to end by itself


class Runner:
    """A model in the memory of llama.cpp, in a process of its own. `busy` requests are at work with it."""

    def __init__(self, path: Path, http: aiohttp.ClientSession, **settings):
        """Start loading a GGUF file. settings: those of `load_model_file`, without path and key."""
        self.busy, self.stopping, self.crashed = 0, False, False
        self._path, self._http = path, http
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "helpers.llm.server.llama_server"],
            cwd=files.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | {"GGML_NO_BACKTRACE": "1"},
            start_new_session=True,  # an interrupted kernel interrupts its whole group
        )
        key = secrets.token_hex(KEY_BYTES)  # else every page of a browser could ask llama.cpp's port
        self._headers = {"Authorization": f"Bearer {key}"}
        with suppress(OSError):  # it ended already: `wait` says why
            self._process.stdin.write(json.dumps(settings | {"path": str(path.resolve()), "key": key}).encode() + b"\n")
            self._process.stdin.flush()

    def wait(self):
        """Until the model is loaded; it takes half a second for a small one. CourseError if it cannot be."""
        try:
            answer = json.loads(self._process.stdout.readline())
        except ValueError:  # it ended before it could say anything
            answer = {"error": self._last_words() or "its process ended"}
        if "url" not in answer:
            raise CourseError(f"llama.cpp cannot load {display_path(self._path)}: {answer['error']}")
        self._url = answer["url"]

    def alive(self) -> bool:
        return self._process.poll() is None and not self.stopping and not self.crashed

    def stop(self):
        """End the process; unfinished requests fail."""
        self.stopping = True
        with suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:  # it hangs
            self._process.kill()
            self._process.wait()
        self._errors.close()

    async def post(self, path: str, body: dict):
        """llama.cpp's answer. Raises ApiError if it refuses, or has crashed."""
        try:
            async with self._http.post(self._url + path, json=body, headers=self._headers) as response:
                return _without_error(await response.json())
        except aiohttp.ClientError as error:
            raise await self._crash() from error

    async def stream(self, path: str, body: dict) -> AsyncIterator[dict]:
        """The same for a streamed request, part by part (server-sent events); cancelled, it ends the request."""
        try:
            async with self._http.post(self._url + path, json=body, headers=self._headers) as response:
                if not response.ok:
                    _without_error(await response.json())
                async for line in response.content:
                    if line.startswith(b"data: "):
                        yield _without_error(json.loads(line.removeprefix(b"data: ")))
        except aiohttp.ClientError as error:
            raise await self._crash() from error

    async def _crash(self) -> ApiError:
        if self.stopping:
            return ApiError(503, "the server is stopping")
        self.crashed = True  # it gets no request any more, also if it lives
        await asyncio.sleep(0.1)  # the connection breaks a moment before the last words are there
        return ApiError(500, f"the model runner has crashed: {self._last_words() or 'llama.cpp said nothing'}")

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


def client_of_children() -> aiohttp.ClientSession:
    """It waits as long as it takes: it is ours that answer, and a long answer is no fault."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)  # llama.cpp closes some connections unannounced
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))


def _without_error(answer):
    if isinstance(answer, dict) and "error" in answer:
        raise ApiError(answer["error"].get("code", 500), answer["error"].get("message", str(answer)))
    return answer
