"""The embedded engine: Ollama's REST API over llama.cpp and the course's own models, on 127.0.0.1 only.

What is built in behaves as Ollama does (endpoints, fields, defaults, status codes). Six things differ on purpose: a
prompt that is too long is refused instead of cut; a prompt that is foreign to a tiny model is refused instead of
answered with nonsense; a reply ends with the context at the latest; the temperature acts before top_p cuts; a system
message for which a template has no place goes before the prompt; and /api/generate returns no `context`.
"""

import asyncio
import atexit
import errno
import threading
import time
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from helpers.files import CourseError
from helpers.llm.server.handlers import application
from helpers.llm.server.library import Library
from helpers.llm.server.models import describe
from helpers.llm.server.runner import client_of_children

ADDRESS = "127.0.0.1"


class Server:
    """A running engine. `stop` ends it; it also ends with the process."""

    def __init__(self, models: dict | None, port: int, slots: int):
        if not 0 <= port <= 65535:
            raise CourseError(f"There is no port {port}: choose one from 1024 to 65535 with --port.")
        try:
            self._sockets = bind_sockets(port, ADDRESS)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "is already taken, perhaps by another engine" if taken else f"cannot be used: {error.strerror}"
            raise CourseError(f"Port {port} {reason}. Choose one from 1024 to 65535 with --port.") from error
        self.port = self._sockets[0].getsockname()[1]
        self.url = f"http://{ADDRESS}:{self.port}"
        self._models, self._slots, self._ready = models, slots, threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()
        self._ready.wait()

    def models(self) -> list[str]:
        """The names that can be asked for now."""
        return list(self._library.paths())

    def add(self, path: Path) -> str:
        """Serve a GGUF file from anywhere; returns the model's name. CourseError if it is missing or damaged."""
        path = path.expanduser().resolve()
        info = describe(path.stem, path)
        self._library.added[info.name] = path
        return info.name

    def running(self) -> bool:
        return self._thread.is_alive()

    def _run(self):
        # tornado needs a selector loop; it is not the default on Windows
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve())

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with client_of_children() as http:
            self._library = Library(self._models, self._slots, http)
            server = HTTPServer(application(self._library))
            server.add_sockets(self._sockets)
            self._ready.set()
            await self._stop.wait()
            server.stop()
            self._library.close()
            await asyncio.sleep(0.05)  # lets the errors reach those who were waiting
            await server.close_all_connections()

    def stop(self):
        """Stop serving; unfinished requests are answered with an error. Calling it again does nothing."""
        atexit.unregister(self.stop)
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=30)


def start(models: dict | None = None, port: int = 0, slots: int = 16) -> Server:
    """Serve in a background thread of this process; `url` says where. Port 0 takes a free one.

    models: {name: checkpoint folder or GGUF file}; None serves the course models and the reader's own. `slots` is how
    many requests to one model are decoded together. Raises CourseError if the port cannot be had.
    """
    server = Server(models, port, slots)
    atexit.register(server.stop)
    return server


def serve_forever(port: int = 11435, models: dict | None = None):
    """Serve in the foreground until Ctrl-C, for other programs and other notebooks."""
    server = start(models, port)
    names = ", ".join(server.models()) or "none yet: data/models is empty"
    print(f"The embedded engine serves at {server.url} (models: {names}).")
    address = f"{ADDRESS}:{server.port}"
    print(f"Use it on this computer with OLLAMA_HOST={address}. Stop it with Ctrl-C.", flush=True)
    try:
        while server.running():
            time.sleep(0.5)
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        server.stop()
