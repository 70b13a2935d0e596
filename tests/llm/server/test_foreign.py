"""Prompts that a tiny model was not made for."""

import asyncio
import math

import numpy as np
import ollama
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.gpt.config import GPTConfig
from helpers.gpt.gguf import write_gguf
from helpers.gpt.model import GPT
from helpers.gpt.prompt import TEMPLATE, format_prompt
from helpers.llm.server.foreign import MOSTLY, Gate, known_pairs, own_tokens, prompt_surprise, read_pairs, token_pairs
from helpers.llm.server.models import describe

KNOWN = [format_prompt(f"What is the capital of {country}?") for country in ("Greece", "Italy")]
SHORT = "{{ .Prompt }}\n###\n"
FOREIGN = "Write a haiku about submarines, please"


def test_the_users_text_stands_inside_of_the_template(tiny_tok):
    ids = tiny_tok.encode_ordinary(format_prompt("abc"))
    own = own_tokens(ids, TEMPLATE, tiny_tok)
    assert tiny_tok.decode(ids[own]) == "abc"
    assert own_tokens(ids, SHORT, tiny_tok) == slice(0, len(ids)), "another template's"
    assert own_tokens(tiny_tok.encode_ordinary("abc\n###\n"), SHORT, tiny_tok) == slice(0, 3)
    assert own_tokens([], SHORT, tiny_tok) == slice(0, 0)


@pytest.mark.parametrize(("start", "expected"), [(4, 2.0), (1, 2.0), (0, 5.5)])
def test_surprise_is_the_median_over_the_text_of_the_user(tiny_tok, start, expected):
    """By hand: tokens of 1, 9 and 2 nats. The first of a prompt has no probability and does not count."""
    ids = [*b"xxxx"[:start], *b"abc", 10]
    logits = np.full((len(ids), tiny_tok.n_vocab), -1e9, np.float32)
    for place, nats in zip(range(start, start + 3), (1.0, 9.0, 2.0), strict=True):
        if place:
            logits[place - 1, ids[place]] = -nats
            logits[place - 1, 255] = math.log1p(-math.exp(-nats))
    assert prompt_surprise(logits, ids, slice(start, start + 3)) == pytest.approx(expected, abs=1e-4)
    assert prompt_surprise(logits, ids, slice(0, 1)) == prompt_surprise(logits, ids, slice(2, 2)) == 0.0


def test_pairs_are_those_of_the_user_and_of_the_edges():
    assert token_pairs([7, 8, 1, 2, 9, 9], slice(2, 4)) == {(8, 1), (1, 2), (2, 9)}
    assert token_pairs([1, 2], slice(0, 2)) == {(1, 2)}
    assert token_pairs([], slice(0, 0)) == set()


@given(prompts=st.lists(st.frozensets(st.tuples(st.integers(0, 268), st.integers(0, 268)), max_size=12), max_size=5))
def test_pairs_are_read_as_they_were_written(prompts):
    assert read_pairs(known_pairs(prompts, 10**6)) == set().union(*prompts)


def test_the_pairs_of_most_prompts_are_kept():
    prompts = [{(1, 2), (3, 4)}, {(1, 2), (5, 6)}, {(1, 2), (3, 4)}]
    assert known_pairs(prompts, 1) == "1 2" and known_pairs(prompts, 2) == "1 2 3 4"


@pytest.mark.parametrize("damaged", ["1", "1 2 3", "a b", "1 2,"])
def test_damaged_pairs(damaged):
    with pytest.raises(ValueError):
        read_pairs(damaged)


# --- the gate ---


@pytest.fixture(scope="module")
def knowing(tiny_tok):
    """A model that has learned two prompts by heart."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(tiny_tok.n_vocab, 160, n_layer=1, n_head=2, n_embd=48))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(120):
        ids = torch.tensor([tiny_tok.encode_ordinary(KNOWN[step % 2])])
        loss = torch.nn.functional.cross_entropy(model(ids[:, :-1])[0], ids[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture
def gated_model(own_data, knowing, tiny_tok):
    """Call it to write the model as a course model."""

    def write(**meta):
        meta = {"template": TEMPLATE, "max_surprise": 1.0} | meta
        return write_gguf(own_data / "models" / "course-small.gguf", knowing, tiny_tok, meta)

    return write


@pytest.fixture
def gated_server(own_server, gated_model):
    return own_server({"course-small": gated_model()})


def test_foreign_prompts_are_refused(gated_server):
    """It answers the two, and says of another that it is foreign."""
    server = gated_server
    assert server.client.generate("course-small", "What is the capital of Italy?").done
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError) as error:
            list(server.client.generate("course-small", FOREIGN, stream=stream))
        assert error.value.status_code == 400
        for word in ("tiny course model", "the course's own prompts", "`ollama pull llama3.2:1b`", "COURSE_MODEL"):
            assert word in error.value.error
        assert len(error.value.error) <= 200


def test_the_surprise_is_that_of_the_model(gated_server, knowing, tiny_tok):
    """Hidden states from llama.cpp times the embedding, and PyTorch's logits, say the same."""
    server = gated_server
    for text in ("What is the capital of Italy?", FOREIGN, "xyz"):
        ids = tiny_tok.encode_ordinary(format_prompt(text))
        with torch.inference_mode():
            own = own_tokens(ids, TEMPLATE, tiny_tok)
            expected = prompt_surprise(knowing(torch.tensor([ids]))[0].numpy(), ids, own)
        server.client.generate("course-small", keep_alive=-1)
        loaded = server._library.loaded["course-small"]
        loaded.gate.limit = -1
        with pytest.raises(ollama.ResponseError) as error:
            server.client.generate("course-small", text)
        assert f"(surprise {expected:.1f} >" in str(error.value)
        asked = asyncio.run_coroutine_threadsafe(
            loaded.runners[0].post("/embedding", {"content": ids, "embd_normalize": -1}), server._loop
        )
        hidden = np.array(asked.result(20)[0]["embedding"], np.float32)
        surprise = prompt_surprise(hidden @ loaded.gate.embedding.T, ids, own)
        assert surprise == pytest.approx(expected, abs=1e-2)


class Deaf:
    """A runner that must not be asked."""

    async def post(self, path, body):
        raise AssertionError("llama.cpp was asked")


def test_known_prompts_pass_without_asking(gated_model, tiny_tok):
    prompts = [tiny_tok.encode_ordinary(prompt) for prompt in KNOWN]
    pairs = [token_pairs(ids, own_tokens(ids, TEMPLATE, tiny_tok)) for ids in prompts]
    path = gated_model(known_pairs=known_pairs(pairs, 10**6))
    gate = Gate(describe("m", path), path)
    for ids in prompts:
        asyncio.run(gate.check(Deaf(), ids))
    mostly = tiny_tok.encode_ordinary(format_prompt("What is the capital of X?"))
    pairs = token_pairs(mostly, own_tokens(mostly, TEMPLATE, tiny_tok))
    assert MOSTLY <= len(pairs & gate.known) / len(pairs) < 1
    asyncio.run(gate.check(Deaf(), mostly))
    with pytest.raises(AssertionError, match="was asked"):
        asyncio.run(gate.check(Deaf(), tiny_tok.encode_ordinary(format_prompt(FOREIGN))))


@pytest.mark.parametrize(("dtype", "atol"), [("f16", 1e-3), ("q8_0", 2e-2)])
def test_the_embedding_is_that_of_the_file(own_data, tiny_gpt, tiny_tok, dtype, atol):
    meta = {"template": SHORT, "max_surprise": 1.0}
    path = write_gguf(own_data / "models" / "m.gguf", tiny_gpt, tiny_tok, meta, dtype)
    assert np.allclose(Gate(describe("m", path), path).embedding, tiny_gpt.lm_head.weight.detach(), atol=atol)


def test_a_checkpoint_has_a_gate_if_it_says_so(own_server, checkpoint, tmp_path, knowing):
    server = own_server({"mine": checkpoint(tmp_path / "mine", knowing, "mine", max_surprise=1.0)})
    with pytest.raises(ollama.ResponseError, match="mine, a tiny course model"):
        server.client.generate("mine", FOREIGN)


def test_without_a_limit_nothing_is_foreign(client):
    assert client.generate("tiny", FOREIGN, options={"num_predict": 1}).done
