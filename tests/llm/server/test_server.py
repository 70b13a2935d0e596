"""The engine over real HTTP, with the official client and without: what it says of itself, replies and options."""

import asyncio
import json
from datetime import UTC, datetime

import ollama
import pytest

from helpers.gpt.prompt import chat_template, format_prompt
from helpers.llm.server.models import parameter_size
from helpers.llm.server.prompts import render_jinja

OPTIONS = {"seed": 4, "num_predict": 30}


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
    assert whole.message.content == client.generate("tiny", "the end", system="be brief", options=OPTIONS).response
    parts = list(client.chat("tiny", messages, options=OPTIONS, stream=True))
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert parts[-1].done and parts[-1].eval_count == whole.eval_count


def test_prompt_goes_through_the_template(client):
    def raw(text):
        return client.generate("tiny", text, raw=True, options=OPTIONS).response

    plain = client.generate("tiny", "hi", options=OPTIONS).response
    assert plain == raw(format_prompt("hi")) != raw("hi")
    assert client.generate("tiny", "hi", system="S", options=OPTIONS).response == raw(format_prompt("S\n\nhi"))
    own = client.generate(
        "tiny", "hi", system="S", template="{{ .System }}>{{.Prompt}}={{ .Response }}!", options=OPTIONS
    )
    assert own.response == raw("S>hi=")


def test_several_turns_are_what_the_template_makes_of_them(client, tiny_tok):
    """Answers end with end-of-text, as in the chat template of the model's file."""
    turns = [("system", "S"), ("user", "hi"), ("assistant", "Hello."), ("user", "bye")]
    messages = [{"role": role, "content": content} for role, content in turns]
    text = render_jinja(chat_template(), messages, {"eos_token": "<|endoftext|>"})
    assert text == format_prompt("S\n\nhi") + "Hello.<|endoftext|>" + format_prompt("bye")
    answer = client.chat("tiny", messages, options=OPTIONS)
    assert answer.prompt_eval_count == len(tiny_tok.encode(text, allowed_special="all"))


def test_special_tokens_in_a_prompt_are_text(client, tiny_tok):
    text = "a <|endoftext|> b"
    answer = client.generate("tiny", text, raw=True, options=OPTIONS)
    assert answer.prompt_eval_count == len(tiny_tok.encode_ordinary(text)) == len(text)


def test_many_at_once_from_the_async_client(server, client):
    prompts = [f"the {word}" for word in "one two three four five six seven eight nine ten".split()] * 4
    options = {"num_predict": 40, "temperature": 0}

    async def together():
        many = ollama.AsyncClient(server.url, timeout=60, trust_env=False)
        return await asyncio.gather(*(many.generate("tiny", prompt, options=options) for prompt in prompts))

    answers = asyncio.run(together())
    alone = [client.generate("tiny", prompt, options=options).response for prompt in prompts[:10]]
    same = [answer.response == alone[n % 10] for n, answer in enumerate(answers)]
    assert sum(same) >= 36, "beside others the last digit of a logit can be another, and rarely a token"


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
    off = client.generate("tiny", "the", options=options | {"repeat_penalty": 5.0, "repeat_last_n": 0}).response
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
    answer = client.generate("tiny", "x", raw=True, options={"temperature": 0, "num_predict": 10**9, "stop": []})
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
def test_wrongly_typed_options(http, name, value, kind, refused):
    assert refused(http, 500, options={name: value}) == f'option "{name}" must be {kind}'


def test_other_options(client, http, refused):
    plain = client.generate("tiny", "x", options=OPTIONS).response
    extra = {"num_thread": 2, "nonsense": "ignored", "top_k": 40.0, "min_p": None, "presence_penalty": 0, "mirostat": 0}
    assert client.generate("tiny", "x", options=OPTIONS | extra).response == plain
    for option in ({"presence_penalty": 1.5}, {"frequency_penalty": 1.5}, {"typical_p": 0.3}, {"mirostat": 2}):
        assert client.generate("tiny", "x", options=OPTIONS | option).response != plain
    assert "repeat_penalty" in refused(http, 400, options={"repeat_penalty": 0})
