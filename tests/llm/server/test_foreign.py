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
from helpers.gpt.model import GPT
from helpers.gpt.prompt import HEADER, format_prompt
from helpers.llm.server.foreign import MOSTLY, Gate, known_pairs, prompt_surprise, read_pairs, token_pairs
from helpers.llm.server.models import describe

KNOWN = [format_prompt(f"What is the capital of {country}?") for country in ("Greece", "Italy")]
FOREIGN = "Write a haiku about submarines, please"


def test_surprise_is_the_median_over_the_text_of_the_user(tiny_tok):
    """By hand: three tokens of 1, 2 and 9 nats between a header and a footer of 0 nats."""
    ids = tiny_tok.encode_ordinary(format_prompt("abc"))
    place = len(tiny_tok.encode_ordinary(HEADER))
    logits = np.full((len(ids), tiny_tok.n_vocab), -1e9, np.float32)
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


def test_pairs_are_those_of_the_user_and_of_the_edges(tiny_tok):
    ids = tiny_tok.encode_ordinary(format_prompt("ab"))
    a, b, newline = b"ab\n"
    assert token_pairs(ids, tiny_tok) == {(newline, a), (a, b), (b, newline)}
    assert token_pairs([a, b], tiny_tok) == {(a, b)}
    assert token_pairs([], tiny_tok) == set()


@given(prompts=st.lists(st.lists(st.integers(0, 268), max_size=12), max_size=5))
def test_pairs_are_read_as_they_were_written(tiny_tok, prompts):
    pairs = set().union(*(token_pairs(ids, tiny_tok) for ids in prompts))
    assert read_pairs(known_pairs(prompts, tiny_tok)) == pairs


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
def gated_server(own_server, tmp_path, knowing, checkpoint):
    def start(**meta):
        folder = checkpoint(tmp_path / "m", knowing, "course-small", max_surprise=1.0, **meta)
        return own_server({"course-small": folder})

    return start


def test_foreign_prompts_are_refused(gated_server):
    """It answers the two, and says of another that it is foreign."""
    server = gated_server()
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
    server = gated_server()
    for text in ("What is the capital of Italy?", FOREIGN, "xyz"):
        ids = tiny_tok.encode_ordinary(format_prompt(text))
        with torch.inference_mode():
            expected = prompt_surprise(knowing(torch.tensor([ids]))[0].numpy(), ids, tiny_tok)
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
        surprise = prompt_surprise(hidden @ loaded.gate.embedding.T, ids, tiny_tok)
        assert surprise == pytest.approx(expected, abs=1e-2)


class Deaf:
    """A runner that must not be asked."""

    async def post(self, path, body):
        raise AssertionError("llama.cpp was asked")


def test_known_prompts_pass_without_asking(tmp_path, knowing, checkpoint, tiny_tok):
    prompts = [tiny_tok.encode_ordinary(prompt) for prompt in KNOWN]
    meta = {"max_surprise": 1.0, "known_pairs": known_pairs(prompts, tiny_tok)}
    gate = Gate(describe("m", checkpoint(tmp_path / "m", knowing, "m", **meta)))
    for ids in prompts:
        asyncio.run(gate.check(Deaf(), ids))
    mostly = tiny_tok.encode_ordinary(format_prompt("What is the capital of X?"))
    pairs = token_pairs(mostly, tiny_tok)
    assert MOSTLY <= len(pairs & gate.known) / len(pairs) < 1
    asyncio.run(gate.check(Deaf(), mostly))
    with pytest.raises(AssertionError, match="was asked"):
        asyncio.run(gate.check(Deaf(), tiny_tok.encode_ordinary(format_prompt(FOREIGN))))


def test_without_a_limit_nothing_is_foreign(client):
    assert client.generate("tiny", FOREIGN, options={"num_predict": 1}).done
