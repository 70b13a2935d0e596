"""A tiny GPT with random weights and a small tokenizer: nonsense, but real nonsense, in milliseconds.

And what the tests of the engine share.
"""

import time

import httpx
import ollama
import psutil
import pytest
import torch

from helpers import files
from helpers.gpt.checkpoints import load_model, save_checkpoint
from helpers.gpt.config import GPTConfig
from helpers.gpt.gguf import write_gguf
from helpers.gpt.model import GPT
from helpers.gpt.tokenizer import encoding, load_tokenizer, save_tokenizer
from helpers.llm.server.models import describe
from helpers.llm.server.serve import start

MERGES = [b'{"', b'":', b'": ', b'"}', b"th", b"the", b" the", b"er", b"\xc3\xa9", b"\xf0\x9f", b"ou", b"you", b"\n\n"]
PATIENCE = 60  # seconds: a busy machine is no failure


def random_gpt(vocab_size, tok, seed=0, block_size=160):
    """Weights large enough that every token changes what comes next. It writes no halves of characters.

    The last norm makes vectors whose sum is near 0, to which its bias adds: minus ones in an embedding lower a logit.
    """
    torch.manual_seed(seed)
    model = GPT(GPTConfig(vocab_size, block_size, n_layer=2, n_head=2, n_embd=32)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.15)
        model.transformer.ln_f.bias.add_(1.0)
        halves = [*range(128, 256), tok.encode_single_token(b"\xf0\x9f"), *range(tok.n_vocab, vocab_size)]
        model.transformer.wte.weight[halves] -= 1.0
    return model


@pytest.fixture(scope="session")
def session_build(tmp_path_factory):
    return tmp_path_factory.mktemp("build")


@pytest.fixture(scope="module", autouse=True)
def build(session_build):
    """What the engine converts, and what is created, goes here and not into the reader's build/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BUILD", session_build)
        yield session_build


@pytest.fixture
def own_build(tmp_path, monkeypatch):
    """A build/ of one's own, for tests that create and delete."""
    monkeypatch.setattr(files, "BUILD", tmp_path / "build")
    return tmp_path / "build"


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """A data/ of one's own, with an empty folder for course models."""
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    (tmp_path / "data" / "models").mkdir(parents=True)
    return tmp_path / "data"


@pytest.fixture(scope="session")
def tiny_tok(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    ranks = {bytes([b]): b for b in range(256)} | {m: 256 + i for i, m in enumerate(MERGES)}
    save_tokenizer(encoding(ranks, "tiny"), folder)
    return load_tokenizer(str(folder))


@pytest.fixture(scope="session")
def tiny_gpt(tiny_tok):
    return random_gpt(tiny_tok.n_vocab + 3, tiny_tok)  # as some real models: more rows than tokens


@pytest.fixture(scope="session")
def checkpoint(session_build, tiny_tok):
    """Call it to save a model as the checkpoint `name`, converted already: that takes seconds in another process."""

    def save(folder, model, name, **meta):
        save_checkpoint(folder, model, tiny_tok, **meta)
        digest = describe(name, folder).digest
        write_gguf(session_build / "engine" / f"{name}@{digest[:16]}-F32.gguf", *load_model(folder))
        return folder

    return save


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory, tiny_gpt, checkpoint):
    return checkpoint(tmp_path_factory.mktemp("tiny"), tiny_gpt, "tiny", about="random weights")


@pytest.fixture(scope="session")
def long_gguf(tmp_path_factory, tiny_tok):
    """A model that can write for a long time: 16,384 tokens."""
    model = random_gpt(tiny_tok.n_vocab, tiny_tok, block_size=2**14)
    return write_gguf(tmp_path_factory.mktemp("long") / "long.gguf", model, tiny_tok)


@pytest.fixture(scope="module")
def server(tiny_checkpoint):
    server = start({"tiny": tiny_checkpoint})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(server.url, timeout=PATIENCE, trust_env=False)


@pytest.fixture(scope="module")
def http(server):
    with httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False) as http:
        yield http


@pytest.fixture
def own_server():
    """A server of one's own, for tests that slow it down or damage it."""
    servers = []

    def make(models, slots=16):
        servers.append(start(models, slots=slots))
        one = servers[-1]
        one.client = ollama.Client(one.url, timeout=PATIENCE, trust_env=False)
        one.http = httpx.Client(base_url=one.url, timeout=PATIENCE, trust_env=False)
        return one

    yield make
    for one in servers:
        one.http.close()
        one.stop()


@pytest.fixture(scope="session")
def llama_cpp():
    """Call it for the process in which llama.cpp runs a model of a server."""

    def process(server, name="tiny"):
        server.client.generate(name, keep_alive=-1)
        return psutil.Process(server._library.loaded[name].runners[0]._process.pid)

    return process


@pytest.fixture(scope="session")
def eventually():
    """Call it with a condition that must come true."""

    def wait(condition, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come true"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def refused():
    def refused(http, status, path="/api/generate", **body):
        response = http.post(path, json={"model": "tiny", "prompt": "x"} | body)
        assert response.status_code == status, response.text[-200:]
        return response.json()["error"]

    return refused
