"""A tiny model has two processes: which of them answers, and what becomes of them when something goes wrong."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import ollama
import psutil
import pytest

from helpers.files import CourseError
from helpers.llm.server import library, runner
from helpers.llm.server.serve import start

ONE = {"num_predict": 1}
pytestmark = pytest.mark.skipif(os.cpu_count() == 1, reason="one processor gets one process")


@pytest.fixture
def slow_loading(monkeypatch):
    """Loading takes half a second longer; a list of all that was loaded."""
    loads = []

    class Slow(library.Loaded):
        def __init__(self, *args):
            time.sleep(0.5)
            super().__init__(*args)
            loads.append(self)

    monkeypatch.setattr(library, "Loaded", Slow)
    return loads


def give_up(server, **body):
    with pytest.raises(httpx.ReadTimeout):
        server.http.post("/api/generate", json=body, timeout=0.2)


def processes(server, name="tiny"):
    server.client.generate(name, keep_alive=-1)
    return [psutil.Process(one._process.pid) for one in server._library.loaded[name].runners]


# --- which one answers ---


def test_a_request_goes_to_the_process_that_has_less_to_do(own_server, tiny_checkpoint):
    server = own_server({"tiny": tiny_checkpoint})
    first, second = processes(server)
    first.suspend()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(server.client.generate, "tiny", "x", options=ONE)
        time.sleep(0.3)
        assert server.client.generate("tiny", "x", options=ONE).done, "the other process answers"
        first.resume()
        assert waiting.result(60).done


def test_who_waits_is_not_sent_to_a_dead_process(own_server, tiny_checkpoint):
    server = own_server({"tiny": tiny_checkpoint}, slots=2)
    first, second = processes(server)
    for process in (first, second):
        process.suspend()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(server.client.generate, "tiny", "x", options=ONE) for _ in range(8)]
        time.sleep(0.3)
        first.kill()
        time.sleep(0.5)
        second.resume()
        errors = [one.exception(60) for one in waiting]
    assert len([error for error in errors if error]) == 1, "only the one that it was answering"
    assert server.client.generate("tiny", "x", options=ONE).done


def test_a_connection_that_llama_cpp_closes_is_no_crash(own_server, tiny_checkpoint):
    """It closes one after each streamed reply, and says that it keeps it."""
    server = own_server({"tiny": tiny_checkpoint})
    processes(server)
    one = server._library.loaded["tiny"].runners[0]

    async def stream_and_post():
        async for _ in one.stream("/completion", {"prompt": "x", "n_predict": 2, "stream": True}):
            pass
        return await one.post("/tokenize", {"content": "x"})

    for _ in range(20):
        assert asyncio.run_coroutine_threadsafe(stream_and_post(), server._loop).result(60)["tokens"]
    assert one.alive()


# --- loading ---


def test_loading_goes_on_when_the_client_has_gone(own_server, tiny_checkpoint, slow_loading, eventually):
    server = own_server({"tiny": tiny_checkpoint})
    give_up(server, model="tiny", prompt="x", keep_alive=0.5)
    eventually(lambda: slow_loading and slow_loading[0].alive() and not slow_loading[0].users)
    assert server.client.generate("tiny", "x", keep_alive=0.5, options=ONE).done and len(slow_loading) == 1
    eventually(lambda: not slow_loading[0].alive())


def test_who_has_gone_before_its_turn_loads_nothing(own_server, tiny_checkpoint, long_gguf, slow_loading, eventually):
    server = own_server({"tiny": tiny_checkpoint, "long": long_gguf})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(server.client.generate, "long", "x", options=ONE)
        time.sleep(0.2)
        give_up(server, model="tiny", prompt="x")
        assert first.result(60).done
    eventually(lambda: not server._library._loading.locked())
    assert list(server._library.loaded) == ["long"] and len(slow_loading) == 1


def test_a_client_that_goes_while_a_damaged_model_is_loading(own_server, tmp_path, monkeypatch, caplog, eventually):
    ended = []

    def damaged(*args):
        time.sleep(0.4)
        ended.append(True)
        raise CourseError("damaged")

    info = SimpleNamespace(name="long", context=99, embeds=False, options={})
    monkeypatch.setattr(library, "Loaded", damaged)
    monkeypatch.setattr(library, "describe", lambda name, path: info)
    server = own_server({"long": tmp_path / "long.gguf"})
    give_up(server, model="long")
    eventually(lambda: ended)
    assert server.http.post("/api/generate", json={"model": "long"}).json() == {"error": "damaged"}
    assert caplog.records == []


def test_a_client_that_goes_while_its_model_is_looked_up(own_server, tiny_checkpoint, monkeypatch):
    server = own_server({"tiny": tiny_checkpoint})
    find = server._library.find
    monkeypatch.setattr(server._library, "find", lambda name: time.sleep(0.5) or find(name))
    give_up(server, model="tiny", prompt="x")
    time.sleep(0.6)
    assert not server._library.loaded and not server._library._loading.locked()


def test_a_second_process_that_cannot_start_ends_the_first(own_server, tiny_checkpoint, monkeypatch):
    server = own_server({"tiny": tiny_checkpoint})
    started, popen = [], runner.subprocess.Popen

    def one_only(command, **settings):
        if started:
            raise OSError(12, "Cannot allocate memory")
        started.append(popen(command, **settings))
        return started[0]

    library.gguf_file(server._library.find("tiny"))  # converting it starts a process too
    monkeypatch.setattr(runner.subprocess, "Popen", one_only)
    with pytest.raises(ollama.ResponseError, match="Cannot allocate memory"):
        server.client.generate("tiny", "x")
    assert started[0].wait(10) is not None


def test_an_engine_that_stops_while_a_model_is_loading(tiny_checkpoint, slow_loading, eventually):
    server = start({"tiny": tiny_checkpoint})
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.post, f"{server.url}/api/generate", json={"model": "tiny"}, trust_env=False)
        time.sleep(0.2)
        server.stop()
        asked.exception(30)
    eventually(lambda: slow_loading and not any(one.alive() for one in slow_loading))
