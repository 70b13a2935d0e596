"""What the engine says of models without loading them, and what it looks at before it does."""

import shutil
from types import SimpleNamespace

import gguf
import numpy as np
import pytest

from helpers.files import CourseError
from helpers.gpt.gguf import write_gguf
from helpers.gpt.prompt import chat_template
from helpers.llm.connect import connect
from helpers.llm.server import library
from helpers.llm.server.api import completion, num_ctx, prompt_turns, read_chat
from helpers.llm.server.library import Loaded, cache_bytes, check_memory
from helpers.llm.server.models import describe, discover, parameter_size

GB = 2**30
# The header of Llama 3.2 3B: 8 of its 24 heads have keys and values.
LLAMA = {
    "context_length": 131072,
    "embedding_length": 3072,
    "block_count": 28,
    "attention.head_count": 24,
    "attention.head_count_kv": 8,
    "attention.key_length": 128,
}
TEMPLATE = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}[assistant]"


def write_header(path, architecture="llama", sizes=LLAMA, **changes):
    """A GGUF file with one small tensor: enough to be described, not to be run."""
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in sizes.items():
        getattr(writer, "add_uint32" if isinstance(value, int) else "add_string")(f"{architecture}.{key}", value)
    writer.add_array("tokenizer.ggml.tokens", ["<s>", "</s>", "a", "b"])
    for key, value in ({"bos": 0, "eos": 1} | changes.get("special", {})).items():
        writer.add_uint32(f"tokenizer.ggml.{key}_token_id", value)
    if "add_bos" in changes:
        writer.add_bool("tokenizer.ggml.add_bos_token", changes["add_bos"])
    writer.add_string("tokenizer.chat_template", TEMPLATE)
    if changes.get("meta"):
        writer.add_string("course.meta", changes["meta"])
    writer.add_file_type(changes.get("file_type", gguf.LlamaFileType.MOSTLY_Q4_K_M))
    writer.add_tensor("token_embd.weight", np.zeros((4, 8), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def ask(*contents, **body):
    roles = ["user", "assistant"] * len(contents)
    messages = [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]
    return read_chat({"model": "m", "messages": messages} | body)


# --- describing ---


def test_a_file_is_described_as_its_header_says(tmp_path):
    info = describe("llama", write_header(tmp_path / "l.gguf"))
    assert (info.architecture, info.context, info.embeds, info.tok) == ("llama", 131072, False, None)
    assert info.details()["quantization_level"] == "Q4_K_M" and info.details()["parameter_size"] == "32"
    assert info.size == (tmp_path / "l.gguf").stat().st_size and len(info.digest) == 64
    shown = info.show()
    assert shown["template"] == TEMPLATE and shown["model_info"]["llama.block_count"] == 28
    assert "tokenizer.chat_template" not in shown["model_info"] and "TEMPLATE" not in shown["modelfile"]


@pytest.mark.parametrize(("add_bos", "begin"), [({}, ""), ({"add_bos": True}, ""), ({"add_bos": False}, "<s>")])
def test_a_begin_of_text_is_not_written_twice(tmp_path, add_bos, begin):
    info = describe("llama", write_header(tmp_path / "l.gguf", **add_bos))
    text = f"{begin}[user]hi</s>[assistant]yes</s>[user]so</s>[assistant]"
    assert prompt_turns(ask("hi", "yes", "so"), info) == [text]


def test_a_file_of_the_course_is_described_like_its_checkpoint(tmp_path, tiny_gpt, tiny_tok, tiny_checkpoint):
    file = describe("tiny", write_gguf(tmp_path / "tiny.gguf", tiny_gpt, tiny_tok))
    checkpoint = describe("tiny", tiny_checkpoint)
    for key in ("general.architecture", "general.parameter_count", "gpt2.context_length", "gpt2.embedding_length"):
        assert file.keys[key] == checkpoint.keys[key], key
    assert (file.quantization, file.chat_template) == ("F32", chat_template())
    assert file.special_tokens == {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
    assert prompt_turns(ask("hi"), file) == prompt_turns(ask("hi"), checkpoint)


def test_a_course_model_says_everything_in_its_file(own_data, tiny_gpt, tiny_tok):
    meta = {"about": "random weights", "template": "{{ .Prompt }}\n###\n", "max_surprise": 2.5}
    info = describe("small", write_gguf(own_data / "models" / "small.gguf", tiny_gpt, tiny_tok, meta, "q8_0"))
    assert (info.meta, info.template, info.quantization) == (meta, meta["template"], "Q8_0")
    assert info.tok.encode_ordinary('the {"é') == tiny_tok.encode_ordinary('the {"é')
    assert info.keys["general.description"] == "random weights" and "course.meta" not in info.keys
    assert prompt_turns(ask("hi", "yes", "so"), info) == ["hi\n###\nyes", "so\n###\n"]


@pytest.mark.parametrize("meta", ["{", "[]", "{}", None])
def test_a_course_model_without_its_template_is_named(own_data, meta):
    path = write_header(own_data / "models" / "small.gguf", meta=meta)
    with pytest.raises(CourseError, match="small.gguf is no language model: (JSONDecode|Type|Key)Error"):
        describe("small", path)


def test_an_embedding_model_is_known_by_its_pooling(tmp_path):
    info = describe("bert", write_header(tmp_path / "b.gguf", "bert", {"pooling_type": 1, "context_length": 512}))
    assert info.embeds and info.show()["capabilities"] == ["embedding"]


@pytest.mark.parametrize(
    "changes",
    [
        {"special": {"bos": 99}},
        {"sizes": {"context_length": "long"}},
        {"sizes": {"attention.head_count": 0}},
        {"sizes": {"block_count": 0}},
    ],
)
def test_a_header_that_makes_no_sense(tmp_path, changes):
    with pytest.raises(CourseError, match="l.gguf is no language model"):
        describe("l", write_header(tmp_path / "l.gguf", **changes))


def test_a_file_that_says_little(tmp_path):
    info = describe("l", write_header(tmp_path / "l.gguf", sizes={}, file_type=999))
    assert info.context == 2048 and info.quantization == "999"
    assert cache_bytes(info, 2048) > 0


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "no.gguf", tmp_path / "none"):
        with pytest.raises(CourseError, match="cannot be read|is missing"):
            describe("no", path)
    (tmp_path / "folder.gguf").mkdir()
    with pytest.raises(CourseError):
        describe("folder", tmp_path / "folder.gguf")


def test_models_have_names_by_where_they_are(own_build, own_data, tmp_path, tiny_checkpoint):
    for place in ("data/sft", "build/sft", "build/dpo"):
        shutil.copytree(tiny_checkpoint, tmp_path / place)
    for name in ("course-small.gguf", ".course-small.gguf.part", "notes.txt"):
        (own_data / "models" / name).write_text("")
    (own_build / "half").mkdir()
    (own_build / "half" / "config.json").write_text("{}")
    (own_build / "models").mkdir()
    for name in ("mine.json", "yours+v2.json", "dropped.gguf", "notes.txt", ".mine.json.tmp"):
        (own_build / "models" / name).write_text("{}")
    names = ["course-small", "course-sft", "my-dpo", "my-sft", "dropped", "mine", "yours:v2"]
    assert list(discover()) == names


@pytest.mark.parametrize(("n", "text"), [(5_812_345, "5.8M"), (812, "812"), (34_000, "34.0K"), (1_240_000_000, "1.2B")])
def test_parameter_size(n, text):
    assert parameter_size(n) == text


# --- memory and context ---


def test_the_cache_of_a_llama(tmp_path):
    """By hand: keys and values, 2 bytes each, 28 layers, 8 heads of 128 numbers, 4,096 tokens: 448 MiB."""
    info = describe("l", write_header(tmp_path / "l.gguf"))
    assert cache_bytes(info, 4096) == 2 * 2 * 28 * 8 * 128 * 4096 == 448 * 2**20
    without = {key: value for key, value in LLAMA.items() if "head_count_kv" not in key and "key_length" not in key}
    plain = describe("p", write_header(tmp_path / "p.gguf", sizes=without))
    assert cache_bytes(plain, 4096) == 3 * cache_bytes(info, 4096), "24 heads of 3072 / 24 numbers"


def test_a_model_larger_than_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(library.psutil, "virtual_memory", lambda: SimpleNamespace(available=3 * GB))
    check_memory(3 * GB)
    sentence = r"model requires more system memory \(5.6 GiB\) than is available \(3.0 GiB\)"
    with pytest.raises(CourseError, match=sentence):
        check_memory(int(5.6 * GB))
    monkeypatch.setattr(library.psutil, "virtual_memory", lambda: SimpleNamespace(available=300 * 2**20))
    with pytest.raises(CourseError, match=r"system memory \(0.4 GiB\) than is available \(0.3 GiB\)"):
        Loaded(describe("l", write_header(tmp_path / "l.gguf")), 4096, 16, http=None)


def test_a_request_may_read_as_much_as_it_says(tmp_path):
    info = describe("l", write_header(tmp_path / "l.gguf"))
    assert num_ctx(ask("x"), info) == 4096
    assert num_ctx(ask("x", options={"num_ctx": 10**9}), info) == 131072
    assert num_ctx(ask("x", options={"num_ctx": -5}), info) == 4
    body = completion(ask("x", options={"num_ctx": 50, "num_predict": 10**6}), info, [1] * 20)
    assert body["n_predict"] == 30
    with pytest.raises(CourseError, match="the prompt has 50 tokens and l reads 50 with the answer: shorten it"):
        completion(ask("x", options={"num_ctx": 50}), info, [1] * 50)


def test_a_larger_context_loads_the_model_anew(own_server, long_gguf):
    server = own_server({"long": long_gguf})

    def context(**options):
        server.client.generate("long", "x", options={"num_predict": 1} | options)
        return server.client.ps().models[0].context_length

    assert context() == 4096
    assert context(num_ctx=6000) == 6000
    assert context() == 6000, "a smaller one is no reason"
    assert context(num_ctx=10**6) == 2**14
    assert len(server.client.ps().models) == 1


def test_gguf_files_that_cannot_chat(own_server, tmp_path, monkeypatch):
    server = own_server({})
    monkeypatch.setattr("helpers.llm.connect._embedded_server", lambda: server)
    for path, words in [
        (tmp_path / "no such file.gguf", "no such file.gguf cannot be read: No such file"),
        (write_header(tmp_path / "bert.gguf", "bert", {"pooling_type": 1}), "bert.gguf holds an embedding model"),
    ]:
        with pytest.raises(CourseError, match=words):
            connect(model=str(path))
