"""The engine over real HTTP: what it refuses, and how it fails."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import ollama
import pytest

from helpers.llm.server.serve import start

OPTIONS = {"seed": 4, "num_predict": 30}


def test_missing_model(client, http, refused):
    with pytest.raises(ollama.ResponseError, match="model 'no' not found") as error:
        client.generate("no", "x")
    assert error.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="model 'no' not found") as error:
        client.show("no")
    assert error.value.status_code == 404
    assert refused(http, 400, model="") == refused(http, 400, "/api/show", model=None) == "model is required"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "missing request body"),
        (b"{", "not valid JSON"),
        (b"[1]", "must be a JSON object"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"model": 3}', "model must be of type string"),
        (b'{"model": "tiny", "prompt": ["x"]}', "prompt must be of type string"),
        (b'{"model": "tiny", "stream": "yes"}', "stream must be of type boolean"),
        (b'{"model": "tiny", "options": []}', "options must be of type object"),
    ],
)
def test_malformed_bodies(http, body, said):
    response = http.post("/api/generate", content=body)
    assert response.status_code == 400 and said in response.json()["error"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"images": ["aGk="]}, "does not support images"),
        ({"suffix": "end"}, "does not support insert"),
        ({"think": True}, "does not support thinking"),
        ({"think": "high"}, "does not support thinking"),
        ({"context": [1, 2]}, "one turn"),
        ({"raw": True, "system": "s"}, "raw mode does not support"),
        ({"top_logprobs": 21}, "between 0 and 20"),
        ({"keep_alive": "soon"}, "invalid keep_alive"),
    ],
)
def test_what_generate_does_not_do(http, body, said, refused):
    assert said in refused(http, 400, **body)


def test_what_generate_accepts_without_effect(client):
    plain = client.generate("tiny", "x", options=OPTIONS).response
    assert (
        client.generate("tiny", "x", options=OPTIONS, think=False, images=[], suffix="", context=[]).response == plain
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                    {"role": "user", "content": "c"},
                ]
            },
            "course models answer one turn",
        ),
        ({"messages": [{"role": "assistant", "content": "b"}]}, "course models answer one turn"),
        ({"messages": [{"role": "king", "content": "b"}]}, "role 'king'"),
        ({"messages": ["hi"]}, "must be an object"),
        ({"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]}, "does not support images"),
        ({"messages": [{"role": "user"}]}, "message is empty"),
        ({"messages": [{"role": "user", "content": 3}]}, "of type string"),
        (
            {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]},
            "does not support tools",
        ),
    ],
)
def test_what_chat_does_not_do(http, body, said, refused):
    assert said in refused(http, 400, "/api/chat", **body)


def test_prompt_that_does_not_fit(http, refused):
    said = refused(http, 400, prompt="x" * 400)
    assert "tokens and tiny reads 160 with the answer" in said
    assert "reads 40 with" in refused(http, 400, prompt="x" * 60, options={"num_ctx": 40})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/pull"),
        ("POST", "/api/push"),
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/embed"),
        ("POST", "/api/embeddings"),
        ("HEAD", "/api/blobs/sha256:00"),
        ("POST", "/api/blobs/sha256:00"),
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
    ],
)
def test_what_ollama_has_and_this_has_not(http, method, path):
    response = http.request(method, path)
    assert response.status_code == 501
    if method != "HEAD":
        assert response.json()["error"].startswith(f"the embedded engine has no {path}: ")


def test_the_client_reads_501(client):
    with pytest.raises(ollama.ResponseError, match="ollama pull"):
        client.pull("gemma3:1b")
    with pytest.raises(ollama.ResponseError, match="embedding"):
        client.embed("tiny", "x")


def test_unknown_pages_and_methods(http):
    assert http.get("/nope").status_code == 404 and "/nope" in http.get("/nope").json()["error"]
    assert http.get("/api/generate").status_code == http.delete("/").status_code == 405
    assert "error" in http.get("/api/generate").json()


def test_damaged_checkpoint(own_server, tmp_path, tiny_checkpoint):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    server = own_server({"bad": folder, "tiny": tiny_checkpoint})
    with pytest.raises(ollama.ResponseError, match="model.safetensors is damaged") as error:
        server.client.generate("bad", "x")
    assert error.value.status_code == 500
    assert [model.model for model in server.client.list().models] == ["tiny"]


def test_busy(own_server, tiny_checkpoint, batcher_of):
    server = own_server({"tiny": tiny_checkpoint})
    batcher_of(server).max_queue = 0
    with pytest.raises(ollama.ResponseError, match="server busy, please try again.  maximum pending requests") as error:
        server.client.generate("tiny", "x")
    assert error.value.status_code == 503


def test_failure_in_the_middle(own_server, tiny_checkpoint, batcher_of, slow):
    server = own_server({"tiny": tiny_checkpoint})
    steps = iter(range(10**6))

    def before():
        if next(steps) % 5 == 4:
            raise RuntimeError("the memory is full")

    slow(batcher_of(server), before)
    with pytest.raises(ollama.ResponseError, match="the memory is full") as error:
        server.client.generate("tiny", "the end", options=OPTIONS)
    assert error.value.status_code == 500
    parts = []
    with pytest.raises(ollama.ResponseError, match="the memory is full") as error:
        for part in server.client.generate("tiny", "the end", options=OPTIONS, stream=True):
            parts.append(part)
    assert error.value.status_code == -1 and parts and not parts[-1].done


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_after_a_crash_the_model_is_loaded_again(own_server, tiny_checkpoint, batcher_of):
    server = own_server({"tiny": tiny_checkpoint})

    def crash():
        raise SystemError("crash")

    batcher_of(server)._admit = crash
    with pytest.raises(ollama.ResponseError, match="has crashed") as error:
        server.client.generate("tiny", "x")
    assert error.value.status_code == 500
    assert server.client.generate("tiny", "x", options=OPTIONS).done


def test_disconnect_gives_the_row_back(own_server, tiny_checkpoint, caplog, batcher_of, slow):
    server = own_server({"tiny": tiny_checkpoint}, slots=1)
    batcher = batcher_of(server)
    slow(batcher, lambda: time.sleep(0.1))
    endless = {
        "model": "tiny",
        "prompt": "x",
        "raw": True,
        "options": {"temperature": 0},
    }  # 159 tokens, 16 seconds
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        with http.stream("POST", "/api/generate", json=endless) as response:
            next(response.iter_lines())
        started = time.monotonic()
        assert server.client.generate("tiny", "x", options={"num_predict": 1}).eval_count == 1
        with pytest.raises(
            httpx.ReadTimeout
        ):  # not streamed: nothing is written that could notice the closed connection
            http.post("/api/generate", json=endless | {"stream": False}, timeout=0.3)
        assert server.client.generate("tiny", "x", options={"num_predict": 1}).eval_count == 1
    assert time.monotonic() - started < 12
    assert batcher.rows == [None]
    assert caplog.records == [], "nothing is written into somebody's notebook"


def test_stop_answers_those_who_wait(tiny_checkpoint, batcher_of, slow):
    server = start({"tiny": tiny_checkpoint})
    server.client = ollama.Client(server.url, timeout=20, trust_env=False)
    slow(batcher_of(server), lambda: time.sleep(0.05))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.client.generate, "tiny", "x", raw=True, options={"temperature": 0})
        time.sleep(0.3)
        server.stop()
        with pytest.raises(ollama.ResponseError, match="the server is stopping"):
            waiting.result(10)
    server.stop()  # twice is once
    assert not server.running()
    with pytest.raises(ConnectionError):
        server.client.list()
