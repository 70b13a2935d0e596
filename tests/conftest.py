"""A small server that speaks Ollama's API over real HTTP, and misbehaves on request."""

import json
import re
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

# In the background of a shell Ctrl-C is ignored, and the programs that the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def rewrite(body: dict) -> str:
    """What a well-behaved model answers to the rewriting prompt."""
    answer = re.search(r"Answer: (.*)\n\nRewrite", body["prompt"], re.DOTALL)
    if not answer:
        return "Hello."
    opener = "I am glad to help." if "more polite" in body["prompt"] else "Come on, everybody knows this."
    return f"{opener} {answer[1]}"


class FakeOllama(ThreadingHTTPServer):
    """`models`: {name: capabilities}. `answer`: body -> text. `trouble`: body -> what to do wrong, or None.

    `slots`: requests worked on at once, each for `work(body)` seconds, which the reply tells as Ollama does; further
    ones wait. None: all are answered after `delay` seconds, and nothing is told.
    `context`: tokens that a prompt may have, a token being 4 letters; more are cut silently. None: all have 7 tokens.

    Troubles: a status with a message (503, "busy"), or one of "hang", "cut", "half", "not json", "a list",
    "not done", "cut stream", "error in stream", "endless stream", which sets `hung_up` when the client has gone.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, models=None, answer=rewrite, trouble=lambda body: None, delay=0.0, slots=None, work=None):
        self.models = {"test-model": ["completion"]} if models is None else models
        self.sizes, self.version, self.context = {}, "0.0.0-fake", None
        self.answer, self.trouble, self.delay = answer, trouble, delay
        self.slots, self.work = slots and threading.Semaphore(slots), work
        self.bodies, self.at_once, self.most_at_once = [], 0, 0
        self.lock, self.stopped, self.hung_up = threading.Lock(), threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self):
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that went away is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each reply waits 40 ms for an acknowledgement

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/api/version":
            return self.send({"version": self.server.version})
        sizes, about = self.server.sizes, {}
        if self.path == "/api/ps":
            about = {"context_length": self.server.context}
        models = [{"model": m, "digest": f"digest-of-{m}", "size": sizes.get(m, 10**9)} for m in self.server.models]
        return self.send({"models": [model | about for model in models]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/show":
            can = self.server.models[body["model"]]  # None: it is damaged
            shown = {"capabilities": can, "model_info": {}, "details": {}}
            return self.send({"error": "blob is missing"}, 500) if can is None else self.send(shown)
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        self.worked = self.wait_and_work(body)
        with self.server.lock:
            self.server.at_once -= 1
        trouble = "cut" if self.server.stopped.is_set() else self.server.trouble(body)
        return self.misbehave(trouble, body) if trouble else self.generate(body)

    def wait_and_work(self, body):
        if not self.server.slots:
            return time.sleep(self.server.delay) or {}
        with self.server.slots:
            began = time.monotonic()
            time.sleep(self.server.work(body))
            nanoseconds = int((time.monotonic() - began) * 1e9)
        return {"prompt_eval_duration": nanoseconds // 10, "eval_duration": nanoseconds * 9 // 10}

    def generate(self, body):
        text = self.server.answer(body)
        reason = "length" if text.endswith("…") else "stop"
        last = {"model": body["model"], "response": text, "done": True, "done_reason": reason}
        last |= {"prompt_eval_count": self.read(body), "eval_count": 5} | self.worked
        if not body.get("stream"):
            return self.send(last)
        words = re.findall(r"\S+\s*", text)
        parts = [{"model": body["model"], "response": word, "done": False} for word in words]
        return self.send_lines([*parts, last | {"response": ""}])

    def read(self, body):
        """How many tokens of the prompt reach the model. The option num_ctx loads it anew."""
        if not self.server.context:
            return 7
        self.server.context = body["options"].get("num_ctx", self.server.context)
        return min(len(body["prompt"]) // 4, self.server.context)

    def misbehave(self, trouble, body):
        part = {"model": body["model"], "response": "Half a", "done": False}
        if isinstance(trouble, tuple):
            status, message = trouble
            return self.send({"error": message}, status)
        if trouble == "hang":
            return self.server.stopped.wait(10)
        if trouble == "cut":  # closes without a word
            return self.connection.shutdown(2)
        if trouble == "half":  # promises more bytes than it sends
            return self.send_bytes(b'{"model": "test', promised=500)
        if trouble == "not json":
            return self.send_bytes(b"<html>It works!</html>")
        if trouble == "a list":
            return self.send([1, 2])
        if trouble == "not done":
            return self.send(part)
        if trouble == "cut stream":
            return self.send_lines([part])
        if trouble == "error in stream":
            return self.send_lines([part, {"error": "an error was encountered while running the model"}])
        if trouble == "endless stream":
            return self.send_until_nobody_listens(part)
        raise ValueError(trouble)

    def send_until_nobody_listens(self, part):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        self.close_connection = True
        try:
            while not self.server.stopped.wait(0.01):
                self.wfile.write(self.line(part))
        except OSError:
            self.server.hung_up.set()

    def line(self, value):
        """As JSON; to /api/chat goes a message in place of a response."""
        if self.path == "/api/chat" and "response" in value:
            value = value | {"message": {"role": "assistant", "content": value["response"]}}
            del value["response"]
        return json.dumps(value).encode() + b"\n"

    def send(self, value, status=200):
        self.send_bytes(self.line(value), status)

    def send_lines(self, values):
        self.send_bytes(b"".join(map(self.line, values)))

    def send_bytes(self, data, status=200, promised=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(promised or len(data)))
        self.end_headers()
        self.wfile.write(data)
        if promised:
            self.close_connection = True


@pytest.fixture
def fake_ollama():
    """Call it to start a server; all are stopped after the test."""
    servers = []

    def start(**settings):
        servers.append(FakeOllama(**settings))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def clean_environment(monkeypatch):
    for name in ("OLLAMA_HOST", "COURSE_MODEL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
