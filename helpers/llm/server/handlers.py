"""The endpoints of the embedded engine: the way of a request from the socket to a place in the batch."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tornado.iostream import StreamClosedError
from tornado.web import Application, RequestHandler, stream_request_body

from helpers.files import CourseError
from helpers.llm.server import api
from helpers.llm.server.api import ApiError, Ask
from helpers.llm.server.batching import Done, Failed, Piece
from helpers.llm.server.models import Library, ModelInfo

API_VERSION = "0.33.0-course"  # the version of Ollama whose API this follows
MAX_BODY = 2**20  # bytes of a request
HERE = {"127.0.0.1", "localhost", "::1"}


@stream_request_body
class EngineHandler(RequestHandler):
    """Limits the size of the body, refuses foreign hosts and origins, and answers errors as Ollama does."""

    def initialize(self, library: Library):
        self.library = library
        self.received = time.perf_counter_ns()
        self.content, self.too_long = bytearray(), False

    def prepare(self):
        # A page from the internet can make a browser talk to this computer: by the name of its own host (DNS
        # rebinding), or across origins. Neither may use this server.
        host, origin = self.request.host, self.request.headers.get("Origin")
        if _hostname(f"//{host}") not in HERE:
            self.answer_only(403, f"the host {host!r} is refused: this server is 127.0.0.1 or localhost")
        elif origin is not None and _hostname(origin) not in HERE:
            self.answer_only(403, f"requests from {origin!r} are refused: only this computer may ask")

    def answer_only(self, status: int, message: str):
        """Answer every method so, when the body has been read: a client still writing would not see it."""

        def answer(*_):
            raise ApiError(status, message)

        for method in self.SUPPORTED_METHODS:
            setattr(self, method.lower(), answer)

    def data_received(self, chunk: bytes):
        self.too_long = self.too_long or len(self.content) + len(chunk) > MAX_BODY
        if not self.too_long:  # the rest is read and dropped, so that the client gets to read the answer
            self.content += chunk

    def body(self) -> dict:
        if self.too_long:
            raise ApiError(413, f"the request body is too large: send at most {MAX_BODY:,} bytes")
        return api.read_json_body(bytes(self.content))

    def find(self, name: str) -> ModelInfo:
        info = self.library.find(name)
        if info is None:
            raise ApiError(404, f"model '{name}' not found")
        return info

    def send(self, value: dict, status: int = 200):
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(value))

    def write_error(self, status_code: int, **kwargs):
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, CourseError):
            self.send({"error": str(error)}, getattr(error, "status", 500))
        elif status_code == 500:
            self.send({"error": f"internal error of the engine: {type(error).__name__}: {error}"}, 500)
        else:
            self.send({"error": self._reason}, status_code)

    def log_exception(self, typ, value, tb):
        if not isinstance(value, CourseError):  # those are expected answers, not failures
            super().log_exception(typ, value, tb)


class RootHandler(EngineHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("Ollama is running")

    head = get


class VersionHandler(EngineHandler):
    def get(self):
        self.send({"version": API_VERSION})

    head = get


class TagsHandler(EngineHandler):
    async def get(self):
        known = await asyncio.to_thread(self.library.known)
        self.send({"models": [info.listed() for info in known]})

    head = get


class RunningHandler(EngineHandler):
    def get(self):
        self.send({"models": self.library.running()})


class ShowHandler(EngineHandler):
    def post(self):
        self.send(self.find(api.model_name(self.body())).show())


class RefusingHandler(EngineHandler):
    """Everything else that Ollama has, and what nobody has."""

    def initialize(self, library: Library, status: int, message: str):
        super().initialize(library)
        self.answer_only(status, message.format(path=self.request.path))


class GenerateHandler(EngineHandler):
    """/api/generate and, with another reader of the request, /api/chat."""

    read = staticmethod(api.read_generate)

    def initialize(self, library: Library):
        super().initialize(library)
        self.queue, self.job, self.gone = asyncio.Queue(), None, False

    async def post(self):
        ask = self.read(self.body())
        info = self.find(ask.model)
        if ask.prompt is None:
            await self.load_or_unload(ask, info)
            return
        async with self.using(info, ask.keep_alive) as loaded:
            self.load_duration = time.perf_counter_ns() - self.received
            self.job = await asyncio.to_thread(api.make_job, ask, loaded, self.emitter(ask.stream))
            if self.gone:
                return
            loaded.batcher.submit(self.job)
            try:
                await (self.answer_stream(ask) if ask.stream else self.answer_whole(ask))
            except StreamClosedError:  # the client has gone; on_connection_close has cancelled the job
                return

    @asynccontextmanager
    async def using(self, info: ModelInfo, keep_alive: float | None):
        loaded = await self.library.use(info)
        try:
            yield loaded
        finally:
            self.library.release(loaded, keep_alive)

    async def load_or_unload(self, ask: Ask, info: ModelInfo):
        """Without a prompt a request loads the model, or with keep_alive 0 unloads it."""
        unload = ask.keep_alive == 0
        if not unload or info.name in self.library.loaded:
            async with self.using(info, ask.keep_alive):
                pass
        self.send(api.reply(ask, "") | {"done": True, "done_reason": "unload" if unload else "load"})

    def emitter(self, stream: bool):
        """How the worker thread hands over events: one by one, or all at the end if nothing is streamed."""
        loop, events = asyncio.get_running_loop(), []

        def emit(event):
            events.append(event)
            if stream or not isinstance(event, Piece):
                batch = events.copy()
                events.clear()
                try:
                    loop.call_soon_threadsafe(self.queue.put_nowait, batch)
                except RuntimeError:  # the loop is closed: the server has stopped and nobody waits
                    self.job.cancelled = True

        return emit

    async def events(self):
        """What the worker thread says about this request, until Done; a failure is raised as ApiError."""
        while True:
            for event in await self.queue.get():
                if isinstance(event, Failed):
                    raise ApiError(event.status, event.message)
                yield event
                if isinstance(event, Done):
                    return

    async def answer_whole(self, ask: Ask):
        text, logprobs = "", []
        async for event in self.events():
            if isinstance(event, Done):
                self.send(self.last_reply(ask, text, logprobs, event))
            else:
                text, logprobs = text + event.text, logprobs + event.logprobs

    async def answer_stream(self, ask: Ask):
        self.set_header("Content-Type", "application/x-ndjson")
        try:
            async for event in self.events():
                if isinstance(event, Done):
                    await self.send_line(self.last_reply(ask, "", None, event))
                else:
                    await self.send_line(api.reply(ask, event.text, event.logprobs))
        except ApiError as error:
            if not self._headers_written:
                raise  # the status can still say it
            await self.send_line({"error": str(error)})

    def last_reply(self, ask: Ask, text: str, logprobs, done: Done) -> dict:
        total = time.perf_counter_ns() - self.received
        return api.last_reply(ask, text, logprobs, done, len(self.job.ids), self.load_duration, total)

    async def send_line(self, value: dict):
        self.write(json.dumps(value) + "\n")
        await self.flush()

    def on_connection_close(self):
        """The client has gone: its row goes to somebody who waits."""
        super().on_connection_close()
        self.gone = True
        if self.job:
            self.job.cancelled = True
        self.queue.put_nowait([Failed("the client has disconnected", 499)])

    def write_error(self, status_code: int, **kwargs):
        if not self.gone:
            super().write_error(status_code, **kwargs)


class ChatHandler(GenerateHandler):
    read = staticmethod(api.read_chat)


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


NOT_HERE = "the embedded engine has no {path}: "
REAL_OLLAMA = "it serves the course's own models only. For this, install Ollama and set OLLAMA_HOST to it"
ADVICE = {
    r"/api/(?:pull|push)": "its models come with the course. For others install Ollama and run `ollama pull`",
    r"/api/create": "it serves the checkpoints in build/, as my-<folder>. For a Modelfile use Ollama",
    r"/api/(?:copy|delete)": "to copy or remove a model, copy or remove its folder in build/",
    r"/api/embed(?:dings)?": "its models only write. Install Ollama and pull an embedding model",
    r"/api/blobs/.*": REAL_OLLAMA,
    r"/v1(?:/.*)?": "use /api/chat or the `ollama` client; a real Ollama has this API as well",
    r"/api/(?:web_search|web_fetch|me|signout|experimental/.*)": REAL_OLLAMA,
}


def application(library: Library) -> Application:
    """All routes."""
    mine = {"library": library}
    built_in = {
        "/": RootHandler,
        "/api/version": VersionHandler,
        "/api/tags": TagsHandler,
        "/api/ps": RunningHandler,
        "/api/show": ShowHandler,
        "/api/generate": GenerateHandler,
        "/api/chat": ChatHandler,
    }
    return Application(
        [(path, handler, mine) for path, handler in built_in.items()]
        + [(path, RefusingHandler, mine | {"status": 501, "message": NOT_HERE + why}) for path, why in ADVICE.items()],
        default_handler_class=RefusingHandler,
        default_handler_args=mine | {"status": 404, "message": "there is no page {path}"},
        log_function=lambda handler: None,
    )
