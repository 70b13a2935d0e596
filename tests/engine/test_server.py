"""The engine over real HTTP, with the official client and without."""

import asyncio
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Literal

import httpx
import ollama
import pytest
import torch
from pydantic import BaseModel

from helpers import files
from helpers.engine.api import ApiError, read_keep_alive, render
from helpers.engine.models import discover, parameter_size, prompt_surprise
from helpers.engine.server import start
from helpers.files import CourseError
from helpers.gpt.checkpoints import save_checkpoint
from helpers.gpt.model import GPT, GPTConfig
from helpers.gpt.prompt import HEADER, format_prompt

OPTIONS = {"seed": 4, "num_predict": 30}


@pytest.fixture(scope="module")
def server(tiny_checkpoint):
    server = start({"tiny": tiny_checkpoint})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(server.url, timeout=20, trust_env=False)


@pytest.fixture(scope="module")
def http(server):
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as http:
        yield http


@pytest.fixture
def own_server():
    """A server of one's own, for tests that slow it down or damage it."""
    servers = []

    def make(models, slots=16):
        servers.append(start(models, slots=slots))
        one = servers[-1]
        one.client = ollama.Client(one.url, timeout=20, trust_env=False)
        return one

    yield make
    for one in servers:
        one.stop()


def batcher_of(server, name="tiny"):
    server.client.generate(name, keep_alive=-1)
    return server._library.loaded[name].batcher


def slow(batcher, before):
    """Have `before()` called before each decoding step."""
    model = batcher.model
    forward = model.forward

    def patched(*args, **kwargs):
        before()
        return forward(*args, **kwargs)

    model.forward = patched


def refused(http, status, path="/api/generate", **body):
    response = http.post(path, json={"model": "tiny", "prompt": "x"} | body)
    assert response.status_code == status, response.text
    return response.json()["error"]


# --- what the server tells about itself ---


def test_root_and_version(http):
    assert http.get("/").text == "Ollama is running"
    assert http.head("/").status_code == 200 and http.head("/").content == b""
    assert http.get("/api/version").json() == {"version": "0.33.0-course"}
    assert http.head("/api/tags").status_code == http.head("/api/version").status_code == 200


def test_tags_and_show(client, tiny_gpt, tiny_checkpoint):
    (model,) = client.list().models
    assert model.model == "tiny" and len(model.digest) == 64
    assert model.size == (tiny_checkpoint / "model.safetensors").stat().st_size
    parameters = sum(p.numel() for p in tiny_gpt.parameters())
    assert model.details.family == "gpt2" and model.details.parameter_size == parameter_size(parameters)
    assert model.details.quantization_level == "F32"
    shown = client.show("tiny:latest")
    assert shown.template == "### Instruction:\n{{ .Prompt }}\n\n### Response:\n"
    assert shown.capabilities == ["completion"]
    assert shown.modelinfo["general.architecture"] == "gpt2"
    assert shown.modelinfo["gpt2.context_length"] == tiny_gpt.config.block_size
    assert shown.modelinfo["general.parameter_count"] == parameters
    assert shown.modelinfo["general.description"] == "random weights"
    assert shown.modified_at == model.modified_at


@pytest.mark.parametrize(
    ("n", "text"), [(5_812_345, "5.8M"), (812, "812"), (34_000, "34.0K"), (1_240_000_000, "1.2B")]
)
def test_parameter_size(n, text):
    assert parameter_size(n) == text


def test_names_of_models(tmp_path, monkeypatch, tiny_checkpoint):
    for place in ("data/models/course-small", "data/sft", "build/sft", "build/dpo"):
        shutil.copytree(tiny_checkpoint, tmp_path / place)
    (tmp_path / "build/half").mkdir()
    (tmp_path / "build/half/config.json").write_text("{}")
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    monkeypatch.setattr(files, "BUILD", tmp_path / "build")
    assert list(discover()) == ["course-small", "course-sft", "my-dpo", "my-sft"]


# --- generating ---


def test_generate_has_all_fields(client, tiny_tok):
    answer = client.generate("tiny", "the end", options=OPTIONS)
    assert answer.model == "tiny" and answer.done and answer.done_reason in ("stop", "length")
    assert answer.response and 1 <= answer.eval_count <= 30
    assert answer.prompt_eval_count == len(tiny_tok.encode_ordinary(format_prompt("the end")))
    for duration in (
        answer.total_duration,
        answer.load_duration,
        answer.prompt_eval_duration,
        answer.eval_duration,
    ):
        assert isinstance(duration, int) and duration > 0
    assert answer.total_duration >= answer.prompt_eval_duration + answer.eval_duration
    created = datetime.fromisoformat(answer.created_at)
    assert abs((datetime.now(UTC) - created).total_seconds()) < 60


def test_stream_joins_to_the_whole(client, http):
    whole = client.generate("tiny", "the end", options=OPTIONS)
    parts = list(client.generate("tiny", "the end", options=OPTIONS, stream=True))
    assert "".join(part.response for part in parts) == whole.response
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert len(parts) > 5 and parts[-1].response == ""
    assert (parts[-1].eval_count, parts[-1].done_reason) == (whole.eval_count, whole.done_reason)
    raw = http.post("/api/generate", json={"model": "tiny", "prompt": "the end", "options": OPTIONS})
    assert raw.headers["content-type"] == "application/x-ndjson", "raw requests stream by default"
    assert "".join(json.loads(line)["response"] for line in raw.text.splitlines()) == whole.response


def test_chat(client):
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "the end"}]
    whole = client.chat("tiny", messages, options=OPTIONS)
    assert whole.message.role == "assistant"
    assert (
        whole.message.content
        == client.generate("tiny", "the end", system="be brief", options=OPTIONS).response
    )
    parts = list(client.chat("tiny", messages, options=OPTIONS, stream=True))
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert parts[-1].done and parts[-1].eval_count == whole.eval_count


def test_prompt_goes_through_the_template(client):
    def raw(text):
        return client.generate("tiny", text, raw=True, options=OPTIONS).response

    plain = client.generate("tiny", "hi", options=OPTIONS).response
    assert plain == raw(format_prompt("hi")) != raw("hi")
    assert client.generate("tiny", "hi", system="S", options=OPTIONS).response == raw(
        format_prompt("S\n\nhi")
    )
    own = client.generate(
        "tiny", "hi", system="S", template="{{ .System }}>{{.Prompt}}={{ .Response }}!", options=OPTIONS
    )
    assert own.response == raw("S>hi=")


def test_render():
    assert render("a{{- .Prompt -}}b", "", "x {{ .System }}") == "ax {{ .System }}b", (
        "the prompt is not a template"
    )
    with pytest.raises(ApiError, match="know {{ .System }}, {{ .Prompt }}") as error:
        render("{{ range .Messages }}{{ .Prompt }}{{ end }}", "", "x")
    assert error.value.status == 501
    with pytest.raises(ApiError, match="no {{ .Prompt }}"):
        render("hello", "", "x")


def test_async_client_and_one_batch(server, client):
    prompts = [f"the {word}" for word in "one two three four five six seven eight nine ten".split()] * 2
    ask = [
        {"prompt": p, "options": {"seed": i, "num_predict": 40, "temperature": 1.2}}
        for i, p in enumerate(prompts)
    ]
    alone = [client.generate("tiny", **one).response for one in ask]
    batcher = server._library.loaded["tiny"].batcher
    steps = batcher.steps

    async def together():
        many = ollama.AsyncClient(server.url, timeout=20, trust_env=False)
        return await asyncio.gather(*(many.generate("tiny", **one) for one in ask))

    answers = asyncio.run(together())
    assert [answer.response for answer in answers] == alone
    tokens = sum(answer.eval_count for answer in answers)
    assert batcher.steps - steps < tokens / 3, "they were decoded as a batch"


# --- options ---


def test_seeds(client):
    def ask(**options):
        return client.generate("tiny", "the", options={"num_predict": 20} | options).response

    assert ask(seed=1) == ask(seed=1) != ask(seed=2)
    assert len({ask() for _ in range(3)}) == 3, "without a seed each reply is another"
    assert len({ask(temperature=0) for _ in range(2)}) == 1
    assert ask(seed=1, top_k=1) == ask(temperature=0) == ask(seed=2, top_p=0.0) == ask(seed=3, min_p=1.0)
    assert ask(seed=1, temperature=-3) == ask(temperature=0)


def test_defaults_are_ollamas(client):
    given = {
        "temperature": 0.8,
        "top_k": 40,
        "top_p": 0.9,
        "min_p": 0,
        "repeat_penalty": 1.0,
        "num_predict": -1,
    }
    assert (
        client.generate("tiny", "x", options={"seed": 3}).response
        == client.generate("tiny", "x", options={"seed": 3} | given).response
    )
    assert (
        client.generate("tiny", "x", options={"seed": 3, "temperature": 2.0}).response
        != client.generate("tiny", "x", options={"seed": 3}).response
    )


def test_seed_and_temperature_at_the_top_level_are_ignored(http):
    texts = {
        http.post(
            "/api/generate",
            json={
                "model": "tiny",
                "prompt": "x",
                "stream": False,
                "seed": 1,
                "temperature": 0,
                "options": {"num_predict": 15},
            },
        ).json()["response"]
        for _ in range(3)
    }
    assert len(texts) == 3


def test_repeat_penalty(client):
    options = {"temperature": 0, "num_predict": 60}
    plain = client.generate("tiny", "the", options=options).response
    penalised = client.generate("tiny", "the", options=options | {"repeat_penalty": 5.0}).response
    assert len(set(penalised)) > len(set(plain))
    off = client.generate(
        "tiny", "the", options=options | {"repeat_penalty": 5.0, "repeat_last_n": 0}
    ).response
    assert off == plain


def test_stop_and_length(client):
    whole = client.generate("tiny", "the end", options=OPTIONS).response
    stop = whole[6:9]
    answer = client.generate("tiny", "the end", options=OPTIONS | {"stop": [stop, ""]})
    assert answer.response == whole[: whole.index(stop)] and answer.done_reason == "stop"
    parts = list(client.generate("tiny", "the end", options=OPTIONS | {"stop": [stop]}, stream=True))
    assert "".join(part.response for part in parts) == answer.response, "nothing of the stop string got out"
    short = client.generate("tiny", "the end", options={"seed": 4, "num_predict": 3})
    assert (short.done_reason, short.eval_count) == ("length", 3)


def test_the_context_is_the_end(client, tiny_gpt):
    answer = client.generate(
        "tiny", "x", raw=True, options={"temperature": 0, "num_predict": 10**9, "stop": []}
    )
    assert answer.done_reason == "length"
    assert answer.prompt_eval_count + answer.eval_count == tiny_gpt.config.block_size
    answer = client.generate("tiny", "x", raw=True, options={"temperature": 0, "num_ctx": 20})
    assert answer.prompt_eval_count + answer.eval_count == 20


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("seed", "1", "of type integer"),
        ("temperature", "hot", "of type float32"),
        ("top_k", True, "of type integer"),
        ("top_p", [1], "of type float32"),
        ("num_predict", {}, "of type integer"),
        ("stop", "x", "of type array"),
        ("stop", [1], "of an array of strings"),
        ("num_thread", "all", "of type integer"),
        ("use_mmap", 1, "of type boolean"),
    ],
)
def test_wrongly_typed_options(http, name, value, kind):
    assert refused(http, 500, options={name: value}) == f'option "{name}" must be {kind}'


def test_other_options(client, http):
    plain = client.generate("tiny", "x", options=OPTIONS).response
    extra = {"num_thread": 2, "nonsense": "ignored", "top_k": 40.0, "min_p": None, "presence_penalty": 0}
    assert client.generate("tiny", "x", options=OPTIONS | extra).response == plain
    assert "has no presence_penalty" in refused(http, 501, options={"presence_penalty": 1.0})
    assert "repeat_penalty" in refused(http, 400, options={"repeat_penalty": 0})


# --- format and logprobs ---


class Verdict(BaseModel):
    winner: Literal["A", "B"]
    score: Literal[1, 2, 3, 4, 5]


@pytest.mark.parametrize("temperature", [0.0, 1.0, 5.0])
def test_schema_always_holds_on_a_random_model(client, temperature):
    seen = set()
    for seed in range(8):
        options = {"seed": seed, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        answer = client.generate("tiny", "Who?", format=Verdict.model_json_schema(), options=options)
        seen.add((Verdict.model_validate_json(answer.response).winner, answer.done_reason))
    assert {reason for _, reason in seen} == {"stop"}
    assert temperature < 5 or len({winner for winner, _ in seen}) == 2


def test_schema_in_chat_and_stream(client):
    schema = Verdict.model_json_schema()
    messages = [{"role": "user", "content": "Who?"}]
    whole = client.chat("tiny", messages, format=schema, options=OPTIONS).message.content
    parts = client.chat("tiny", messages, format=schema, options=OPTIONS, stream=True)
    assert "".join(part.message.content for part in parts) == whole
    Verdict.model_validate_json(whole)


def test_json_mode(client):
    ended = []
    for seed in range(12):
        answer = client.generate("tiny", "x", format="json", options={"seed": seed, "temperature": 1.5})
        assert answer.response.startswith("{")
        if answer.done_reason == "stop":
            ended.append(json.loads(answer.response))
    assert ended and all(isinstance(value, dict) for value in ended)


def test_bad_formats(http):
    assert "invalid format" in refused(http, 400, format="xml")
    assert "schema in format cannot be used" in refused(http, 400, format={"type": "objec"})


@pytest.mark.parametrize("format", [None, Verdict.model_json_schema()])
def test_logprobs_match_a_direct_forward_pass(client, http, tiny_gpt, tiny_tok, format):
    ask = {"model": "tiny", "prompt": "the end", "format": format, "logprobs": True}
    ask["options"] = OPTIONS | {"temperature": 0.5, "top_k": 3}  # logprobs must show neither
    answer = http.post("/api/generate", json=ask | {"top_logprobs": 4, "stream": False}).json()
    entries = answer["logprobs"]
    data = b"".join(bytes(entry["bytes"]) for entry in entries)
    assert data.decode("utf-8", "replace") == answer["response"]
    prompt = tiny_tok.encode_ordinary(format_prompt("the end"))
    new = [tiny_tok.encode_single_token(bytes(entry["bytes"])) for entry in entries]
    with torch.inference_mode():
        logits = tiny_gpt(torch.tensor([prompt + new]))[0, len(prompt) - 1 : -1, : tiny_tok.n_vocab]
    expected = logits.log_softmax(-1)
    chosen = expected.gather(1, torch.tensor(new)[:, None])
    assert sum(entry["logprob"] for entry in entries) == pytest.approx(float(chosen.sum()), abs=1e-3)
    for entry, row in zip(entries, expected, strict=True):
        best = [top["logprob"] for top in entry["top_logprobs"]]
        assert best == pytest.approx(row.topk(4).values.tolist(), abs=1e-4)
    read = client.generate(**ask)
    assert [entry.logprob for entry in read.logprobs] == [entry["logprob"] for entry in entries]
    assert read.logprobs[0].top_logprobs is None


def test_logprobs_in_a_stream(client):
    whole = client.generate("tiny", "the end", options=OPTIONS, logprobs=True)
    parts = client.generate("tiny", "the end", options=OPTIONS, logprobs=True, stream=True)
    streamed = [entry for part in parts for entry in part.logprobs or []]
    assert streamed == list(whole.logprobs) and len(streamed) >= whole.eval_count - 1
    assert client.generate("tiny", "the end", options=OPTIONS).logprobs is None


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
    assert (
        read_keep_alive(value) == pytest.approx(seconds)
        if seconds is not None
        else read_keep_alive(value) is None
    )


@pytest.mark.parametrize("value", ["5", "m", "five", [], True, "5 m", float("nan")])
def test_bad_keep_alive(value):
    with pytest.raises(ApiError, match="invalid keep_alive"):
        read_keep_alive(value)


def test_unloading_does_not_disturb_a_reply(own_server, tiny_checkpoint):
    server = own_server({"tiny": tiny_checkpoint})
    expected = server.client.generate("tiny", "the end", options=OPTIONS).response
    slow(batcher_of(server), lambda: time.sleep(0.01))
    stream = server.client.generate("tiny", "the end", options=OPTIONS, stream=True)
    text = next(stream).response
    assert server.client.generate("tiny", keep_alive=0).done_reason == "unload"
    assert text + "".join(part.response for part in stream) == expected
    assert server.client.ps().models == [] or server.client.ps().models[0].model == "tiny"


def test_a_checkpoint_written_again_is_loaded_again(
    own_server, tmp_path, tok_folder, tiny_gpt, tiny_checkpoint
):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    server = own_server({"mine": folder})
    before, digest = (
        server.client.generate("mine", "x", options=OPTIONS),
        server.client.list().models[0].digest,
    )
    torch.manual_seed(5)
    save_checkpoint(folder, GPT(tiny_gpt.config), tok_folder)
    after = server.client.generate("mine", "x", options=OPTIONS)
    assert after.response != before.response and server.client.list().models[0].digest != digest


# --- errors ---


def test_missing_model(client, http):
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
def test_what_generate_does_not_do(http, body, said):
    assert said in refused(http, 400, **body)


def test_what_generate_accepts_without_effect(client):
    plain = client.generate("tiny", "x", options=OPTIONS).response
    assert (
        client.generate("tiny", "x", options=OPTIONS, think=False, images=[], suffix="", context=[]).response
        == plain
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
def test_what_chat_does_not_do(http, body, said):
    assert said in refused(http, 400, "/api/chat", **body)


def test_prompt_that_does_not_fit(http):
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


def test_busy(own_server, tiny_checkpoint):
    server = own_server({"tiny": tiny_checkpoint})
    batcher_of(server).max_queue = 0
    with pytest.raises(
        ollama.ResponseError, match="server busy, please try again.  maximum pending requests"
    ) as error:
        server.client.generate("tiny", "x")
    assert error.value.status_code == 503


def test_failure_in_the_middle(own_server, tiny_checkpoint):
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
def test_after_a_crash_the_model_is_loaded_again(own_server, tiny_checkpoint):
    server = own_server({"tiny": tiny_checkpoint})

    def crash():
        raise SystemError("crash")

    batcher_of(server)._admit = crash
    with pytest.raises(ollama.ResponseError, match="has crashed") as error:
        server.client.generate("tiny", "x")
    assert error.value.status_code == 500
    assert server.client.generate("tiny", "x", options=OPTIONS).done


def test_disconnect_gives_the_row_back(own_server, tiny_checkpoint, caplog):
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


def test_stop_answers_those_who_wait(tiny_checkpoint):
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


# --- prompts unlike the training ---


def test_surprise_is_the_median_over_the_text_of_the_user(tiny_tok):
    """By hand: three tokens of 1, 2 and 9 nats between a header and a footer of 0 nats."""
    ids = tiny_tok.encode_ordinary(format_prompt("abc"))
    place = len(tiny_tok.encode_ordinary(HEADER))
    logits = torch.full((len(ids), tiny_tok.n_vocab), -1e9)
    for t in range(len(ids) - 1):
        logits[t, ids[t + 1]] = 0.0
    for t, nats in zip(range(place, place + 3), (1.0, 9.0, 2.0), strict=True):
        likely = math.exp(-nats)
        logits[t - 1, ids[t]] = math.log(likely)
        logits[t - 1, 255] = math.log1p(-likely)
    assert prompt_surprise(logits, ids, tiny_tok) == pytest.approx(2.0, abs=1e-4)
    own = ids[place : place + 3]
    assert prompt_surprise(logits[place : place + 3], own, tiny_tok) == pytest.approx(2.0, abs=1e-4)  # raw: no template
    assert prompt_surprise(logits[:1], ids[:1], tiny_tok) == 0.0


def test_foreign_prompts_are_refused(own_server, tmp_path, tiny_tok, tok_folder):
    """A model that has learned two prompts by heart answers them, and says of another that it is foreign."""
    known = [format_prompt("What is the capital of Greece?"), format_prompt("What is the capital of Italy?")]
    torch.manual_seed(0)
    model = GPT(GPTConfig(tiny_tok.n_vocab, 160, n_layer=1, n_head=2, n_embd=48))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(120):
        ids = torch.tensor([tiny_tok.encode_ordinary(known[step % 2])])
        loss = torch.nn.functional.cross_entropy(model(ids[:, :-1])[0], ids[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    foreign = "Write a haiku about submarines, please"
    save_checkpoint(tmp_path / "m", model, tok_folder, max_surprise=1.0)
    server = own_server({"course-small": tmp_path / "m"})
    assert server.client.generate("course-small", "What is the capital of Italy?").done
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError) as error:
            list(server.client.generate("course-small", foreign, stream=stream))
        assert error.value.status_code == 400
        for word in (
            "tiny course model",
            "the course's own prompts",
            "`ollama pull llama3.2:1b`",
            "COURSE_MODEL",
            "OLLAMA_HOST",
        ):
            assert word in error.value.error
        assert len(error.value.error) <= 200


# --- strangers ---


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil", "[::", "10.0.0.1"]
)
def test_foreign_hosts(http, host):
    assert http.get("/", headers={"Host": host}).status_code == 403
    assert http.post("/api/generate", json={"model": "tiny"}, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1234", "[::1]:99", "LOCALHOST"])
def test_own_hosts(http, host):
    assert http.get("/api/version", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("null", 403),
        ("http://localhost.evil.example", 403),
        ("http://[", 403),
        ("", 403),
        ("http://localhost:8888", 200),
        ("http://127.0.0.1:8888", 200),
        ("https://localhost", 200),
    ],
)
def test_origins(http, origin, status):
    assert http.get("/api/tags", headers={"Origin": origin}).status_code == status


def test_only_this_computer(server):
    assert server.url.startswith("http://127.0.0.1:")
    assert [s.getsockname()[0] for s in server._sockets] == ["127.0.0.1"]


@pytest.mark.parametrize("chunked", [False, True])
def test_body_is_bounded(http, chunked):
    data = b" " * (3 * 2**20)
    content = (data[i : i + 2**16] for i in range(0, len(data), 2**16)) if chunked else data
    response = http.post("/api/generate", content=content)
    assert response.status_code == 413 and "at most 1,048,576 bytes" in response.json()["error"]
    assert http.post("/api/generate", content=b" " * (2**20 - 60) + b'{"model": "no"}').status_code == 404


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
    code = "from helpers.engine.server import serve_forever; serve_forever(0, models={})"
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
