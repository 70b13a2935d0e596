"""The engine over real HTTP: loading and unloading models, and starting."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import httpx
import pytest
import torch

from helpers import files
from helpers.files import CourseError
from helpers.gpt.checkpoints import save_checkpoint
from helpers.gpt.model import GPT
from helpers.llm.server.api import ApiError, read_keep_alive
from helpers.llm.server.serve import start

OPTIONS = {"seed": 4, "num_predict": 30}


# --- loading and unloading ---


def test_load_ps_and_unload(client, server):
    loaded = client.generate("tiny", keep_alive="1h30m")
    assert loaded.done and loaded.done_reason == "load" and loaded.response == ""
    (model,) = client.ps().models
    left = (model.expires_at - datetime.now(UTC)).total_seconds()
    assert model.model == "tiny" and 5300 < left <= 5400 and model.context_length == 160
    assert client.chat("tiny", [], keep_alive=-1).done_reason == "load"
    assert (client.ps().models[0].expires_at - datetime.now(UTC)).days > 10_000
    assert client.generate("tiny", keep_alive=0).done_reason == "unload"
    assert client.ps().models == []
    assert client.chat("tiny", [], keep_alive=0).done_reason == "unload", "unloading twice is no error"
    assert client.generate("tiny", "x", keep_alive=0, options=OPTIONS).response
    assert client.ps().models == [], "keep_alive 0 unloads after the reply"


def test_keep_alive_expires(client):
    client.generate("tiny", "x", keep_alive=0.3, options=OPTIONS)
    assert len(client.ps().models) == 1
    deadline = time.monotonic() + 5
    while client.ps().models and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.ps().models == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 300),
        (0, 0),
        (2.5, 2.5),
        (-1, None),
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5s", 1.5),
        ("100ms", 0.1),
        ("0", 0),
        ("-1s", None),
    ],
)
def test_keep_alive_values(value, seconds):
    assert read_keep_alive(value) == pytest.approx(seconds) if seconds is not None else read_keep_alive(value) is None


@pytest.mark.parametrize("value", ["5", "m", "five", [], True, "5 m", float("nan")])
def test_bad_keep_alive(value):
    with pytest.raises(ApiError, match="invalid keep_alive"):
        read_keep_alive(value)


def test_unloading_does_not_disturb_a_reply(own_server, long_gguf, llama_cpp, eventually):
    server = own_server({"long": long_gguf})
    ask = {"model": "long", "prompt": "the end", "options": {"seed": 4, "num_predict": 1000}}
    expected = server.client.generate(**ask).response
    process = llama_cpp(server, "long")
    stream = server.client.generate(**ask, stream=True)
    text = next(stream).response
    process.suspend()  # until the other request is through
    assert server.client.generate("long", keep_alive=0).done_reason == "unload"
    process.resume()
    assert text + "".join(part.response for part in stream) == expected
    eventually(lambda: server.client.ps().models == [] and not process.is_running())


def test_a_checkpoint_written_again_is_loaded_again(own_server, tmp_path, tiny_tok, tiny_gpt, checkpoint, build):
    folder = checkpoint(tmp_path / "mine", tiny_gpt, "mine")
    server = own_server({"mine": folder})
    before, digest = server.client.generate("mine", "x", options=OPTIONS), server.client.list().models[0].digest
    torch.manual_seed(5)
    save_checkpoint(folder, GPT(tiny_gpt.config), tiny_tok)  # now it is the engine that has to convert it
    after = server.client.generate("mine", "x", options=OPTIONS)
    assert after.response != before.response and server.client.list().models[0].digest != digest
    assert len(list((build / "engine").glob("mine@*"))) == 1, "the old file is gone"


# --- starting ---


def test_port_taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CourseError, match=f"Port {port} is already taken"):
            start({}, port=port)
    with pytest.raises(CourseError, match="There is no port 99999"):
        start({}, port=99999)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_serve_forever_until_ctrl_c(tmp_path):
    code = "from helpers.llm.server.serve import serve_forever; serve_forever(0, models={})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=files.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COURSE_BUILD": str(tmp_path)},
    )
    timer = threading.Timer(120, process.kill)
    timer.start()
    first, second = process.stdout.readline(), process.stdout.readline()
    assert "serves at http://127.0.0.1:" in first and "OLLAMA_HOST=127.0.0.1:" in second
    url = first.split(" serves at ")[1].split()[0]
    assert httpx.get(f"{url}/", trust_env=False).text == "Ollama is running"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    timer.cancel()
    assert out == "\nStopped.\n" and err == "" and process.returncode == 0
