"""Models that a learner makes with /api/create: the official client's calls, and everything that can be wrong."""

import hashlib
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import ollama
import pytest

from helpers.gpt.prompt import format_prompt

OPTIONS = {"seed": 4, "num_predict": 10}
NOWHERE = "sha256:" + "0" * 64


# --- what works ---


def test_a_model_from_a_file(client, digest, file):
    answer = client.create(
        "mine", files={"tiny.gguf": digest}, template="Q: {{ .Prompt }}\nA: ", system="Be kind.", parameters=OPTIONS
    )
    assert answer.status == "success"
    shown = client.show("mine")
    assert (shown.template, shown.capabilities) == ("Q: {{ .Prompt }}\nA: ", ["completion"])
    assert "num_predict                    10" in shown.parameters and 'SYSTEM """Be kind."""' in shown.modelfile
    said = client.chat("mine", [{"role": "user", "content": "hi"}])
    raw = client.generate("mine", "Q: Be kind.\n\nhi\nA: ", raw=True)
    assert said.message.content == raw.response and said.eval_count <= 10
    other = client.generate("mine", "hi", system="Be brief.", options={"num_predict": 3})
    assert other.eval_count == 3 and other.prompt_eval_count == len("Q: Be brief.\n\nhi\nA: "), "a request can say else"
    listed = next(model for model in client.list().models if model.model == "mine")
    assert listed.digest == hashlib.sha256(file.read_bytes()).hexdigest() and listed.size == file.stat().st_size


def test_without_a_template_the_files_own_is_used(client, digest):
    client.create("mine", files={"tiny.gguf": digest})
    said = client.chat("mine", [{"role": "user", "content": "hi"}], options=OPTIONS)
    raw = client.generate("mine", format_prompt("hi"), raw=True, options=OPTIONS)
    assert (said.message.content, said.prompt_eval_count) == (raw.response, raw.prompt_eval_count)


def test_the_steps_are_streamed(client, digest):
    steps = [part.status for part in client.create("mine", files={"tiny.gguf": digest}, stream=True)]
    assert steps[0] == "parsing GGUF" and steps[-2:] == ["writing manifest", "success"]


def test_a_model_from_a_model_takes_over_what_is_not_said(client, digest, blobs):
    client.create("mine", files={"tiny.gguf": digest}, system="S", parameters={"seed": 4, "num_predict": 10})
    client.create("yours:v2", from_="mine", parameters={"num_predict": 3})
    assert client.show("yours:v2").modelfile.count('"""S"""') == 1
    assert client.generate("yours:v2", "x").eval_count == 3
    assert client.generate("mine", "x").eval_count == 10
    assert len(blobs()) == 1, "both have one file"


def test_a_model_of_the_course_can_be_a_start(client, own_build):
    client.create("polite", from_="course-weak", system="Be polite.", parameters={"temperature": 0})
    assert client.show("polite").modelinfo["general.architecture"] == "gpt2"
    assert client.generate("polite", "What is the capital of Italy?", system="").response
    client.delete("polite")
    assert "course-weak" in [model.model for model in client.list().models]


def test_copy_and_delete(client, digest, blobs):
    client.create("mine", files={"tiny.gguf": digest}, system="S")
    client.copy("mine", "other")
    assert {model.model for model in client.list().models} >= {"mine", "other"}
    client.generate("mine", keep_alive=-1)
    client.delete("mine")
    assert client.ps().models == []
    assert len(blobs()) == 1, "the other model needs the file"
    assert client.generate("other", "x", options=OPTIONS).response
    client.delete("other")
    assert blobs() == []
    with pytest.raises(ollama.ResponseError, match="model 'other' not found"):
        client.generate("other", "x")


def test_a_created_model_can_be_made_anew(client, digest):
    client.create("mine", files={"tiny.gguf": digest}, parameters={"num_predict": 3})
    assert client.generate("mine", "x").eval_count == 3
    client.create("mine:latest", files={"tiny.gguf": digest}, parameters={"num_predict": 5})
    assert client.generate("mine", "x").eval_count == 5
    assert [model.model for model in client.list().models].count("mine") == 1


# --- what is wrong ---


@pytest.mark.parametrize(
    "name", ["../x", "..", "a/b", "/etc/x", "a\\b", ".hidden", "-x", "x:", ":y", "a:b:c", "a b", "x" * 90, "é", "x\0y"]
)
def test_names_that_are_none(http, digest, own_build, name, create):
    status, sentence = create(model=name, files={"a.gguf": digest})
    assert status == 400 and "invalid model name" in sentence
    copied = http.post("/api/copy", json={"source": "course-weak", "destination": name})
    assert copied.status_code == 400 and "invalid model name" in copied.json()["error"]
    assert [path.name for path in (own_build / "models").iterdir()] == ["blobs"]


def test_requests_that_say_too_little_or_too_much(http, digest, create):
    files = {"a.gguf": digest}
    for body, expected, words in [
        ({}, 400, "neither 'from' or 'files' was specified"),
        ({"files": files | {"b.gguf": digest}}, 400, "send one GGUF file"),
        ({"files": [digest]}, 400, "files must be of type object"),
        ({"model": ""}, 400, "model is required"),
        ({"files": files, "quantize": "q4_K_M"}, 501, "has no quantize"),
        ({"files": files, "adapters": {"a": digest}}, 501, "has no adapters"),
        ({"from": "nobody"}, 404, "model 'nobody' not found"),
        ({"files": {"a.gguf": NOWHERE}}, 400, f"send it to /api/blobs/{NOWHERE} first"),
        ({"files": {"a.gguf": "sha256:123"}}, 400, "invalid digest"),
        ({"files": {"a.gguf": "sha256:../../../../etc/passwd"}}, 400, "invalid digest"),
        ({"files": {"a.gguf": 3}}, 400, "invalid digest"),
        ({"files": files, "template": "{{ range .Messages }}"}, 501, "templates of this engine know"),
        ({"files": files, "template": "no place"}, 400, "no {{ .Prompt }}"),
        ({"files": files, "parameters": {"temperature": "hot"}}, 500, '"temperature" must be of type float32'),
        ({"files": files, "parameters": {"repeat_penalty": 0}}, 400, "repeat_penalty"),
        ({"files": files, "model": "course-weak"}, 400, "choose another name"),
    ]:
        status, sentence = create(**body)
        assert (status, words in sentence) == (expected, True), (body, status, sentence)
    assert "mine" not in [model["name"] for model in http.get("/api/tags").json()["models"]]


def test_an_unknown_parameter_is_ignored_as_in_ollama(client, digest):
    client.create("mine", files={"a.gguf": digest}, parameters={"shininess": 11, "num_predict": 2})
    assert client.generate("mine", "x").eval_count == 2 and "shininess" not in client.show("mine").parameters


def damaged(file):
    """{what: bytes of a file that is none}"""
    whole = file.read_bytes()
    return {
        "empty": b"",
        "short": whole[:3],
        "header": whole[:20],
        "keys": whole[:2000],
        "cut": whole[: len(whole) // 2],
        "last byte": whole[:-40],
        "magic": b"GGML" + whole[4:],
        "version": whole[:4] + b"\xff\xff\x00\x00" + whole[8:],
        "counts": whole[:8] + b"\xff" * 16 + whole[24:],
        "zip": b"PK\x03\x04" * 100,
        "text": b"FROM ./tiny.gguf\n",
    }


@pytest.mark.parametrize("what", list(damaged(Path(__file__))))
def test_files_that_are_none(client, own_build, tmp_path, file, what, create):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(damaged(file)[what])
    blob = client.create_blob(bad)
    status, sentence = create(files={"bad.gguf": blob})
    assert status == 400 and ("is damaged, cut short or no GGUF file" in sentence or "no language model" in sentence)


def other_file(path, **changes):
    """A GGUF file that is well formed, of another kind."""
    writer = gguf.GGUFWriter(path, changes.get("architecture", "gpt2"))
    if "tokens" in changes:
        writer.add_array("tokenizer.ggml.tokens", changes["tokens"])
        writer.add_string("tokenizer.ggml.model", "gpt2")
    writer.add_tensor("token_embd.weight", changes.get("tensor", np.zeros((4, 4), np.float32)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("changes", [{"architecture": "mystery"}, {"tokens": ["a", "a", "b", "c"]}, {}])
def test_files_that_llama_cpp_cannot_run(client, own_build, tmp_path, changes):
    blob = client.create_blob(other_file(tmp_path / "other.gguf", **changes))
    with pytest.raises(ollama.ResponseError) as error:
        client.create("mine", files={"other.gguf": blob})
        client.generate("mine", "x")
    assert error.value.status_code in (400, 500) and "internal error" not in str(error.value)
    assert client.list(), "the engine stays up"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"gguf": 3}', '{"gguf": "sha256:00"}', '{"gguf": "../../x"}'])
def test_a_damaged_manifest(client, own_build, text):
    (own_build / "models").mkdir(parents=True)
    (own_build / "models" / "mine.json").write_text(text)
    with pytest.raises(ollama.ResponseError) as error:
        client.generate("mine", "x")
    assert "internal error" not in str(error.value) and str(own_build / "models") in str(error.value)
    assert "mine" not in [model.model for model in client.list().models]
    client.delete("mine")
    assert not (own_build / "models" / "mine.json").exists()


def test_only_created_models_are_deleted(client, own_build):
    with pytest.raises(ollama.ResponseError, match="was not made by /api/create") as error:
        client.delete("course-weak")
    assert error.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="model 'nobody' not found"):
        client.delete("nobody")
    with pytest.raises(ollama.ResponseError, match="model 'nobody' not found"):
        client.copy("nobody", "mine")


def test_a_file_is_kept_for_a_damaged_model(client, digest, own_build, blobs):
    client.create("mine", files={"a.gguf": digest})
    (own_build / "models" / "broken.json").write_text(json.dumps({"gguf": digest, "options": 3}))
    client.delete("mine")
    assert blobs() == [digest.replace(":", "-")]


def test_a_file_in_the_folder_is_a_model(client, own_build, file):
    (own_build / "models").mkdir(parents=True)
    shutil.copy(file, own_build / "models" / "dropped.gguf")
    assert client.generate("dropped", "x", options=OPTIONS).response
    assert client.show("dropped").details.format == "gguf"
