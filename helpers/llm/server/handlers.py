"""The endpoints of the embedded engine: the way of a request from the socket to llama.cpp and back."""

import asyncio
import json
import time

from tornado.iostream import StreamClosedError
from tornado.web import Application

from helpers.files import CourseError
from helpers.llm.server import api
from helpers.llm.server.api import Ask
from helpers.llm.server.created import Blob, check_digest, copy_model, create_model, delete_model
from helpers.llm.server.errors import ApiError
from helpers.llm.server.library import Library
from helpers.llm.server.models import ModelInfo, blob_path, created
from helpers.llm.server.runner import Runner
from helpers.llm.server.web import EngineHandler

API_VERSION = "0.33.0-course"  # the version of Ollama whose API this follows
LARGEST_BLOB = 2**40  # bytes: the disk is the limit


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
    async def post(self):
        self.send((await self.find(api.model_name(self.body()))).show())


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
        self.work, self.gone = None, False

    async def post(self):
        ask = self.read(self.body())
        info = await self.find(ask.model)
        if info.embeds:
            raise ApiError(400, f'"{info.name}" does not support generate')
        if self.gone:
            return
        self.work = asyncio.ensure_future(self.answer(ask, info) if ask.messages else self.load_or_unload(ask, info))
        try:
            await self.work
        except asyncio.CancelledError:
            if not self.gone:  # it is the server that stops
                raise

    def on_connection_close(self):
        """The client has gone: its place goes to somebody who waits."""
        super().on_connection_close()
        self.gone = True
        if self.work:
            self.work.cancel()

    async def load_or_unload(self, ask: Ask, info: ModelInfo):
        """Without a prompt a request loads the model, or with keep_alive 0 unloads it."""
        unload = ask.keep_alive == 0
        if not unload or info.name in self.library.loaded:
            async with self.library.using(info, api.num_ctx(ask, info), ask.keep_alive):
                pass
        self.send(api.reply(ask, "") | {"done": True, "done_reason": "unload" if unload else "load"})

    async def answer(self, ask: Ask, info: ModelInfo):
        turns = api.prompt_turns(ask, info)
        using = self.library.using(info, api.num_ctx(ask, info), ask.keep_alive)
        async with using as loaded, loaded.place() as runner:
            self.load_duration = time.perf_counter_ns() - self.received
            ids = await loaded.encode(turns, runner)
            body = api.completion(ask, info, ids)
            if loaded.gate:
                await loaded.gate.check(runner, ids)
            await (self.answer_stream(ask, runner, body) if ask.stream else self.answer_whole(ask, runner, body))

    async def answer_whole(self, ask: Ask, runner: Runner, body: dict):
        whole = await runner.post("/completion", body)
        self.send(self.last_reply(ask, whole["content"], api.logprob_entries(ask, whole), whole))

    async def answer_stream(self, ask: Ask, runner: Runner, body: dict):
        self.set_header("Content-Type", "application/x-ndjson")
        try:
            async for part in runner.stream("/completion", body):
                if part["content"] or part.get("completion_probabilities"):
                    await self.send_line(api.reply(ask, part["content"], api.logprob_entries(ask, part)))
                if part["stop"]:
                    await self.send_line(self.last_reply(ask, "", None, part))
        except CourseError as error:
            if not self._headers_written:
                raise  # the status can still say it
            await self.send_line({"error": str(error)})

    def last_reply(self, ask: Ask, text: str, logprobs, last: dict) -> dict:
        total = time.perf_counter_ns() - self.received
        return api.last_reply(ask, text, logprobs, last, self.load_duration, total)

    async def send_line(self, value: dict):
        self.write(json.dumps(value) + "\n")
        try:
            await self.flush()
        except StreamClosedError as error:
            self.gone = True
            raise asyncio.CancelledError from error


class ChatHandler(GenerateHandler):
    read = staticmethod(api.read_chat)


class EmbedHandler(EngineHandler):
    async def post(self):
        body = self.body()
        texts = api.get(body, "input", (str, list), [])
        keep_alive = api.read_keep_alive(body.get("keep_alive"))
        info = await self.find(api.model_name(body))
        if not info.embeds:
            raise ApiError(400, f'"{info.name}" does not support embeddings')
        async with self.library.using(info, info.context, keep_alive) as loaded, loaded.place() as runner:
            texts = [texts] if isinstance(texts, str) else texts
            answers = await runner.post("/embedding", {"content": texts}) if texts else []
        self.send({"model": info.name, "embeddings": [answer["embedding"][0] for answer in answers]})


class CreateHandler(EngineHandler):
    """/api/create: a model from a GGUF file that was sent as a blob, or from another model."""

    async def post(self):
        body = self.body()
        stream = api.get(body, "stream", bool, True)
        statuses = await asyncio.to_thread(create_model, body, self.library.find)
        lines = [{"status": status} for status in (*statuses, "success")]
        self.set_header("Content-Type", "application/x-ndjson")
        self.finish("".join(json.dumps(line) + "\n" for line in (lines if stream else lines[-1:])))


class CopyHandler(EngineHandler):
    async def post(self):
        body = self.body()
        names = [api.get(body, key, str, "") for key in ("source", "destination")]
        await asyncio.to_thread(copy_model, *names, self.library.find)
        self.finish()


class DeleteHandler(EngineHandler):
    async def delete(self):
        name = api.model_name(self.body())
        loaded = self.library.loaded.get(name.removesuffix(":latest"))
        if loaded and loaded.info.name in created():
            self.library.unload(loaded)
        await asyncio.to_thread(delete_model, name, self.library.find)
        self.finish()


class BlobHandler(EngineHandler):
    """A file on its way into build/models/blobs/."""

    def prepare(self):
        super().prepare()
        self.blob = None
        self.request.connection.set_max_body_size(LARGEST_BLOB)
        if self.request.method == "POST" and not self.refused:
            try:
                self.blob = Blob(self.path_args[0])
            except CourseError as error:
                self.answer_only(getattr(error, "status", 500), str(error))

    def data_received(self, chunk: bytes):
        if self.blob:
            self.blob.write(chunk)

    def head(self, digest: str):
        self.set_status(200 if blob_path(check_digest(digest)).exists() else 404)

    def post(self, digest: str):
        self.blob.finish()
        self.set_status(201)

    def on_finish(self):
        if self.blob:
            self.blob.discard()

    on_connection_close = on_finish


NOT_HERE = "the embedded engine has no {path}: "
REAL_OLLAMA = "it serves models that are on this computer. For this, install Ollama and set OLLAMA_HOST to it"
ADVICE = {
    r"/api/(?:pull|push)": "it downloads nothing. Install Ollama for `ollama pull`, or set COURSE_MODEL to a GGUF file",
    r"/api/embeddings": "it is the old name of /api/embed",
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
        "/api/embed": EmbedHandler,
        "/api/create": CreateHandler,
        "/api/copy": CopyHandler,
        "/api/delete": DeleteHandler,
        r"/api/blobs/([^/]*)": BlobHandler,
    }
    return Application(
        [(path, handler, mine) for path, handler in built_in.items()]
        + [(path, RefusingHandler, mine | {"status": 501, "message": NOT_HERE + why}) for path, why in ADVICE.items()],
        default_handler_class=RefusingHandler,
        default_handler_args=mine | {"status": 404, "message": "there is no page {path}"},
        log_function=lambda handler: None,
    )
