"""The engine over real HTTP: clients that hang up, llama.cpp that crashes, an engine that is killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import ollama
import psutil
import pytest
from tornado.iostream import StreamClosedError

from helpers import files
from helpers.llm.server import library
from helpers.llm.server.handlers import GenerateHandler
from helpers.llm.server.serve import start

ONE = {"num_predict": 1}
ENDLESS = {"model": "long", "prompt": "x", "raw": True, "options": {"seed": 1, "num_ctx": 2**14, "repeat_penalty": 1.3}}
CRASHED = "the model runner has crashed"


def slots_of(server, name):
    """How many requests to the model could begin at once."""
    return server._library.loaded[name].places._value


# --- clients that hang up ---


@pytest.mark.parametrize("stream", [True, False])
def test_who_hangs_up_gives_the_place_back(own_server, long_gguf, caplog, stream, eventually):
    server = own_server({"long": long_gguf}, slots=1)
    server.client.generate("long", "x", options=ENDLESS["options"] | ONE)
    if stream:
        with server.http.stream("POST", "/api/generate", json=ENDLESS) as response:
            next(response.iter_lines())
    else:
        with pytest.raises(httpx.ReadTimeout):
            server.http.post("/api/generate", json=ENDLESS | {"stream": False}, timeout=0.3)
    eventually(lambda: slots_of(server, "long") == 1)
    started = time.perf_counter()
    assert server.client.generate("long", "x", options=ENDLESS["options"] | ONE).eval_count == 1
    waited = time.perf_counter() - started
    whole = server.client.generate("long", "x", raw=True, options=ENDLESS["options"] | {"num_predict": 4000})
    assert whole.eval_count < 4000 or waited < whole.total_duration / 1e9 / 2, "llama.cpp went on writing"
    eventually(lambda: server._library.loaded["long"].users == 0)
    assert caplog.records == [], "nothing is written into somebody's notebook"


def test_a_hang_up_that_the_writing_notices_first(own_server, tiny_checkpoint, caplog, monkeypatch, eventually):
    flush, times = GenerateHandler.flush, iter(range(1000))

    def closed(self, *args, **settings):
        if next(times) == 3:
            raise StreamClosedError
        return flush(self, *args, **settings)

    server = own_server({"tiny": tiny_checkpoint}, slots=1)
    monkeypatch.setattr(GenerateHandler, "flush", closed)
    parts = list(server.client.generate("tiny", "x", options={"seed": 1, "num_predict": 20}, stream=True))
    assert not parts[-1].done
    eventually(lambda: server._library.loaded["tiny"].users == 0 and slots_of(server, "tiny") == 1)
    assert caplog.records == []


def test_busy(own_server, tiny_checkpoint, llama_cpp, monkeypatch, eventually):
    server = own_server({"tiny": tiny_checkpoint}, slots=1)
    process = llama_cpp(server)
    monkeypatch.setattr(library, "MAX_WAITING", 0)
    with pytest.raises(ollama.ResponseError, match="server busy, please try again.  maximum pending requests") as error:
        server.client.generate("tiny", "x")
    assert error.value.status_code == 503
    assert process.is_running()
    eventually(lambda: server._library.loaded["tiny"].users == 0)


# --- llama.cpp crashes ---


def test_a_crash_between_requests_is_not_noticed(own_server, tiny_checkpoint, llama_cpp):
    server = own_server({"tiny": tiny_checkpoint})
    before = server.client.generate("tiny", "x", options={"seed": 1}).response
    process = llama_cpp(server)
    process.kill()
    process.wait(10)
    assert server.client.generate("tiny", "x", options={"seed": 1}).response == before


def test_a_crash_in_the_middle_of_a_stream(own_server, long_gguf, llama_cpp):
    server = own_server({"long": long_gguf})
    server.client.generate("long", "x", options=ENDLESS["options"] | ONE)
    process = llama_cpp(server, "long")
    parts = []
    with pytest.raises(ollama.ResponseError, match=CRASHED) as error:
        for part in server.client.generate(**ENDLESS, stream=True):
            parts.append(part)
            if len(parts) == 3:
                process.kill()
    assert error.value.status_code == -1 and not parts[-1].done, "a line of the stream, whose status is out already"
    assert server.client.generate("long", "x", options=ONE).done, "it is loaded anew"


def test_a_crash_ends_all_who_wait_for_the_whole(own_server, tiny_checkpoint, llama_cpp):
    server = own_server({"tiny": tiny_checkpoint}, slots=2)
    process = llama_cpp(server)
    process.suspend()  # nobody gets an answer now
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(server.client.generate, "tiny", "x", options=ONE) for _ in range(6)]
        time.sleep(0.3)
        process.kill()
        for one in waiting:  # two at work, and four who waited for a place: each gets an answer or an error
            try:
                assert one.result(60).done
            except ollama.ResponseError as error:
                assert CRASHED in str(error) and error.status_code == 500
    assert server.client.generate("tiny", "x", options=ONE).done


# --- the engine ends ---


def test_stop_answers_those_who_wait(tiny_checkpoint, llama_cpp):
    server = start({"tiny": tiny_checkpoint})
    server.client = ollama.Client(server.url, timeout=60, trust_env=False)
    process = llama_cpp(server)
    process.suspend()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.client.generate, "tiny", "x")
        time.sleep(0.3)
        server.stop()
        with pytest.raises(ollama.ResponseError, match="the server is stopping"):
            waiting.result(10)
    server.stop()  # twice is once
    assert not server.running() and not process.is_running()
    with pytest.raises(ConnectionError):
        server.client.list()


ENGINE = """
import sys, time
from pathlib import Path
from helpers.llm.server.serve import start
import httpx
server = start({"long": Path(sys.argv[1])})
httpx.post(f"{server.url}/api/generate", json={"model": "long", "keep_alive": -1}, trust_env=False, timeout=60)
try:
    print(server.url, *(runner._process.pid for runner in server._library.loaded["long"].runners), flush=True)
    time.sleep(120)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def engine(long_gguf):
    """An engine in a process of its own, its address, and the processes of llama.cpp."""
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(long_gguf)],
        cwd=files.ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=os.name != "nt",
    ) as process:
        url, *pids = process.stdout.readline().split()
        yield process, url, [psutil.Process(int(pid)) for pid in pids]
        process.kill()


def gone_within(process, seconds) -> bool:
    with contextlib.suppress(psutil.TimeoutExpired):
        process.wait(seconds)
    return not process.is_running()


def test_a_killed_engine_leaves_no_orphan(engine):
    process, url, children = engine
    with httpx.stream("POST", f"{url}/api/generate", json=ENDLESS, trust_env=False, timeout=60) as response:
        next(response.iter_lines())
        process.kill()
        assert children and all(gone_within(child, 5) for child in children), "in the middle of an answer as well"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to interrupt")
def test_an_interrupted_kernel_keeps_its_models(engine):
    process, url, children = engine
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    for child in children:
        child.send_signal(signal.SIGINT)  # even then
        assert not gone_within(child, 0.3)
    body = {"model": "long", "prompt": "x", "stream": False, "options": ONE}
    assert httpx.post(f"{url}/api/generate", json=body, trust_env=False, timeout=60).json()["done"]
