"""A model and its tokenizer in one GGUF file: what is written comes back, and what is wrong is named."""

import os
import re
from itertools import pairwise

import gguf
import numpy as np
import pytest
import regex
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_gpt2 import joined, learn_merges, write_published

from helpers.files import DATA, CourseError, read_json
from helpers.gpt.checkpoints import load_model, save_checkpoint
from helpers.gpt.config import GPTConfig
from helpers.gpt.gguf import in_characters, read_gguf, rebuild_merges, token_ranks, write_gguf
from helpers.gpt.model import GPT
from helpers.gpt.prompt import TEMPLATE, chat_template
from helpers.gpt.tokenizer import EOT, PATTERN, UNSAVED, encoding, train_tokenizer

ANSWERS = [row["output"] for row in read_json(DATA / "instruction-data.json")[:150]]
STAY_FLOAT32 = ("bias", "ln_1.weight", "ln_2.weight", "ln_f.weight", "wpe.weight")


def shaken_gpt(**sizes):
    """Every parameter at random, biases and norms as well, so that none can get lost or change places."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(**(dict(vocab_size=300, block_size=48, n_layer=2, n_head=4, n_embd=64) | sizes))).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


@pytest.fixture(scope="module")
def small_tok():
    return train_tokenizer(ANSWERS, 300)


@pytest.fixture
def path(small_tok, tmp_path):
    return write_gguf(tmp_path / "small.gguf", shaken_gpt(), small_tok, {"trained_with": "DPO"})


@pytest.mark.parametrize(
    "sizes",
    [{}, {"n_layer": 1, "n_head": 2, "n_embd": 50}, {"vocab_size": 320}, {"n_layer": 3, "block_size": 7, "n_embd": 32}],
)
def test_weights_tokenizer_and_meta_come_back(sizes, small_tok, tmp_path):
    model = shaken_gpt(**sizes)
    write_gguf(tmp_path / "m.gguf", model, small_tok, {"trained_with": "DPO", "beta": 0.3, "note": "é"})
    again, tok, meta = read_gguf(tmp_path / "m.gguf")
    assert again.config == model.config
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(t, model.state_dict()[name]) for name, t in again.state_dict().items())
    assert again.lm_head.weight is again.transformer.wte.weight and not again.training
    assert token_ranks(tok) == token_ranks(small_tok) and tok.eot_token == small_tok.eot_token
    assert (tok.name, meta) == (UNSAVED, {"trained_with": "DPO", "beta": 0.3, "note": "é"})


@pytest.mark.parametrize("dtype", ["f16", "q8_0"])
def test_a_smaller_dtype_rounds_the_matrices_and_nothing_else(dtype, small_tok, path):
    model = shaken_gpt()
    small = write_gguf(path.parent / "rounded.gguf", model, small_tok, dtype=dtype)
    weights = read_gguf(small)[0].state_dict()
    for name, t in model.state_dict().items():
        if name.endswith(STAY_FLOAT32):
            assert torch.equal(weights[name], t), name
        elif dtype == "f16":
            assert torch.equal(weights[name], t.half().float()), name
        else:  # 32 numbers of a row share a scale, their largest / 127, which is a float16
            blocks, rounded = t.unflatten(-1, (-1, 32)), weights[name].unflatten(-1, (-1, 32))
            step = blocks.abs().amax(-1, keepdim=True) / 127
            assert ((blocks - rounded).abs() <= 0.5 * step + 127 * step * 2**-11).all(), name
            assert not torch.equal(rounded, blocks), name
    matrices = sum(t.numel() for name, t in model.named_parameters() if not name.endswith(STAY_FLOAT32))
    saved = {"f16": 2, "q8_0": 4 - 34 / 32}[dtype] * matrices  # bytes
    assert path.stat().st_size - small.stat().st_size == pytest.approx(saved, abs=200)


@pytest.mark.parametrize("dtype, file_type", [("f32", 0), ("f16", 1), ("q8_0", 7)])
def test_programs_that_list_models_find_what_they_look_for(dtype, file_type, small_tok, tmp_path):
    """The numbers are llama.cpp's: file types of its llama.h; tokens are normal (1), control (3) or unused (5)."""
    write_gguf(tmp_path / "my-dpo.gguf", shaken_gpt(vocab_size=302), small_tok, dtype=dtype)
    keys = {name: field.contents() for name, field in gguf.GGUFReader(tmp_path / "my-dpo.gguf").fields.items()}
    assert (keys["general.name"], keys["general.file_type"]) == ("my-dpo", file_type)
    assert keys["tokenizer.ggml.tokens"][299:] == [EOT, "[PAD300]", "[PAD301]"]
    assert keys["tokenizer.ggml.token_type"] == [1] * 299 + [3, 5, 5]
    assert keys["tokenizer.ggml.bos_token_id"] == keys["tokenizer.ggml.eos_token_id"] == 299
    assert keys["tokenizer.ggml.add_bos_token"] is False


def test_a_shipped_checkpoint_comes_back_with_the_courses_tokenizer(tmp_path):
    model, tok, meta = load_model(DATA / "sft")
    again = read_gguf(write_gguf(tmp_path / "m.gguf", model, tok, meta))
    assert (again[1].name, again[2]) == ("course", meta)
    loaded, _, _ = load_model(save_checkpoint(tmp_path / "saved", again[0], again[1]))
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.parameters(), strict=True))


def test_the_chat_template_is_that_of_the_meta(small_tok, tmp_path):
    for meta, template in [({}, TEMPLATE), ({"template": "{{ .Prompt }} ->"}, "{{ .Prompt }} ->")]:
        path = write_gguf(tmp_path / "m.gguf", shaken_gpt(), small_tok, meta | {"about": "random"})
        keys = {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}
        assert keys["tokenizer.chat_template"] == chat_template(template) and keys["general.description"] == "random"
    with pytest.raises(CourseError, match="m.gguf is not written: its template is '{{ .System }}'"):
        write_gguf(tmp_path / "m.gguf", shaken_gpt(), small_tok, {"template": "{{ .System }}"})


# Merges


def bpe(word: bytes, merges) -> list[bytes]:
    """GPT-2's encoder: as long as two neighbours are a merge, join those of the earliest merge."""
    parts = [word[i : i + 1] for i in range(len(word))]
    while pairs := [pair for pair in pairwise(parts) if pair in merges]:
        parts = joined(parts, min(pairs, key=merges.get))
    return parts


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text("abcd é😀", min_size=1, max_size=12), min_size=3, max_size=12), st.text("abcd é😀", max_size=30)
)
def test_rebuilt_merges_cut_a_text_as_tiktoken_does(texts, text):
    tok = train_tokenizer(texts * 3, 256 + 40)
    ranks = token_ranks(tok)
    merges = {merge: place for place, merge in enumerate(rebuild_merges(ranks))}
    parts = [part for word in regex.findall(PATTERN, text) for part in bpe(word.encode(), merges)]
    assert [ranks[part] for part in parts] == tok.encode_ordinary(text)


def test_the_merges_of_a_published_gpt2_come_back_line_by_line(tmp_path):
    merges = learn_merges(ANSWERS, 200)
    _, tok, _ = load_model(write_published(tmp_path / "gpt2", shaken_gpt(vocab_size=457), merges=merges))
    rebuilt = rebuild_merges(token_ranks(tok))
    assert [" ".join(map(in_characters, merge)) for merge in rebuilt] == merges


# What cannot be written


BYTES = {bytes([b]): b for b in range(256)}


@pytest.mark.parametrize(
    "ranks, sentence",
    [
        (BYTES | {b"ab": 256, b"abcd": 257}, "its token 257, b'abcd', is not the merge of two tokens before it"),
        (BYTES | {b"abc": 256, b"ab": 257}, "its token 256, b'abc', is not the merge"),
        ({t: r for t, r in BYTES.items() if r} | {b"ab": 0, b"cd": 256}, "no token for the byte 0"),
        (BYTES, "its tokenizer has no merges"),
    ],
)
def test_a_tokenizer_that_llama_cpp_cannot_run_is_refused(ranks, sentence, tmp_path):
    with pytest.raises(CourseError, match=f"m.gguf is not written: .*{re.escape(sentence)}"):
        write_gguf(tmp_path / "m.gguf", shaken_gpt(), encoding(ranks, "test"))
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_looks_like_end_of_text_is_refused(tmp_path):
    tokens = [EOT[:n].encode() for n in range(2, len(EOT) + 1)]
    ranks = BYTES | {token: 256 + n for n, token in enumerate(tokens)}
    with pytest.raises(CourseError, match=r"has the token '<\|endoftext\|>' twice"):
        write_gguf(tmp_path / "m.gguf", shaken_gpt(), encoding(ranks, "test"))


def test_a_dtype_a_width_and_a_vocabulary_that_cannot_be_are_refused(small_tok, tmp_path):
    with pytest.raises(CourseError, match="there is no dtype 'q4'; choose one of f32, f16, q8_0"):
        write_gguf(tmp_path / "m.gguf", shaken_gpt(), small_tok, dtype="q4")
    with pytest.raises(CourseError, match="multiple of 32, and n_embd is 48; use f16"):
        write_gguf(tmp_path / "m.gguf", shaken_gpt(n_embd=48), small_tok, dtype="q8_0")
    with pytest.raises(CourseError, match="knows 299 tokens, and its tokenizer makes 300"):
        write_gguf(tmp_path / "m.gguf", shaken_gpt(vocab_size=299), small_tok)


def test_a_disk_that_is_full_leaves_the_old_file(path, small_tok):
    resource = pytest.importorskip("resource")  # not on Windows
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(CourseError, match="No space left on the disk to write .*small.gguf"):
            write_gguf(path, shaken_gpt(vocab_size=400), small_tok)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


# What cannot be read


def rewrite(path, keys, tensors):
    """Write the file again by the gguf package, with other keys and tensors (None: left out)."""
    reader = gguf.GGUFReader(path)
    keys = {f.name: f.contents() for f in reader.fields.values() if not f.name.startswith("GGUF.")} | keys
    tensors = {t.name: np.array(t.data) for t in reader.tensors} | tensors
    writer = gguf.GGUFWriter(path, keys.pop("general.architecture"))
    for key, value in keys.items():
        if value is not None:
            kind = gguf.GGUFValueType.get_type(value)
            writer.add_key_value(key, value, kind, gguf.GGUFValueType.STRING if value == [] else None)
    for name, data in tensors.items():
        if data is not None:
            writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def array(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    "keys, tensors, sentence",
    [
        ({"general.architecture": "llama"}, {}, "its architecture is 'llama', not 'gpt2'"),
        ({"gpt2.attention.head_count": None}, {}, "lacks 'gpt2.attention.head_count'"),
        ({"gpt2.attention.head_count": 3}, {}, "3 heads cannot share a width of 64"),
        ({"gpt2.attention.head_count": 0}, {}, "0 heads"),
        ({"gpt2.attention.head_count": "four"}, {}, "is no GPT of the course"),
        ({"gpt2.attention.layer_norm_epsilon": 1e-6}, {}, "layer_norm_epsilon is 9.99999997"),
        ({"gpt2.context_length": 64}, {}, "context_length is 64, and should be 48"),
        ({"gpt2.block_count": 3}, {}, "block_count is 3, and should be 2"),
        ({"tokenizer.ggml.model": "llama"}, {}, "tokenizer.ggml.model is 'llama', and should be 'gpt2'"),
        ({"tokenizer.ggml.pre": "llama-bpe"}, {}, "tokenizer.ggml.pre is 'llama-bpe'"),
        ({"tokenizer.ggml.tokens": None}, {}, "lacks 'tokenizer.ggml.tokens'"),
        ({"tokenizer.ggml.merges": None}, {}, "lacks 'tokenizer.ggml.merges'"),
        ({"tokenizer.ggml.eos_token_id": None}, {}, "lacks 'tokenizer.ggml.eos_token_id'"),
        ({"tokenizer.ggml.eos_token_id": 11}, {}, "its end-of-text is not <|endoftext|>"),
        ({"course.meta": "{"}, {}, "is no GPT of the course"),
        ({}, {"token_embd.weight": None}, "lacks 'token_embd.weight'"),
        ({}, {"position_embd.weight": None}, "lacks 'position_embd.weight'"),
        ({}, {"position_embd.weight": array(47, 64)}, "context_length is 48, and should be 47"),
        ({}, {"token_embd.weight": array(301, 64)}, "300 tokens have 301 rows in the embedding"),
        ({}, {"blk.1.ffn_up.weight": array(64, 256)}, "size mismatch for transformer.h.1.mlp.c_fc.weight"),
        ({}, {"blk.0.attn_norm.bias": None}, 'Missing key(s) in state_dict: "transformer.h.0.ln_1.bias"'),
        ({}, {"output.weight": array(300, 64)}, 'Unexpected key(s) in state_dict: "output.weight"'),
    ],
)
def test_what_does_not_fit_is_named(keys, tensors, sentence, path):
    rewrite(path, keys, tensors)
    with pytest.raises(CourseError, match=rf"small\.gguf .*{re.escape(sentence)}.*export-gguf"):
        read_gguf(path)


def swapped(values):
    return values[1:2] + values[:1] + values[2:]


@pytest.mark.parametrize(
    "key, change, sentence",
    [
        ("tokens", lambda tokens: tokens[:-1], "its end-of-text"),
        ("tokens", lambda tokens: [*tokens[:7], tokens[8], *tokens[8:]], "twice"),
        ("tokens", lambda tokens: [*tokens[:7], "�", *tokens[8:]], "no token for the byte"),
        ("tokens", lambda tokens: [*tokens[:290], "漢", *tokens[291:]], "GPT-2's characters"),
        ("tokens", lambda tokens: list(range(len(tokens))), "is no GPT of the course"),
        ("merges", swapped, "tokenizer.ggml.merges is "),
        ("merges", lambda merges: merges[:-1], "tokenizer.ggml.merges is "),
    ],
)
def test_a_tokenizer_that_would_cut_otherwise_is_named(key, change, sentence, path):
    key = f"tokenizer.ggml.{key}"
    rewrite(path, {key: change(gguf.GGUFReader(path).fields[key].contents())}, {})
    with pytest.raises(CourseError, match=f"small.gguf .*{sentence}"):
        read_gguf(path)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_is_cut_short_anywhere_is_named(share, path):
    cut = path.with_name("cut.gguf")
    cut.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(CourseError, match="cut.gguf is damaged, cut short or no GGUF file"):
        read_gguf(cut)


@pytest.mark.parametrize("data", [b"", b"GGUF", b"GGML" + bytes(100), b"\x80\x04garbage" * 40])
def test_another_kind_of_file_is_named(data, tmp_path):
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(CourseError, match="m.gguf is damaged, cut short or no GGUF file"):
        read_gguf(tmp_path / "m.gguf")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(CourseError, match="m.gguf is missing"):
        read_gguf(tmp_path / "m.gguf")
    with pytest.raises(CourseError, match="cannot be read"):
        read_gguf(tmp_path)
