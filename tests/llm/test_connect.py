"""Which model `connect` chooses, what it says, and how it explains what it cannot do."""

import dataclasses
import importlib
import socket
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from helpers.files import CourseError
from helpers.llm.client import LLMError, Retry
from helpers.llm.connect import connect
from helpers.llm.server.serve import start

module = importlib.import_module("helpers.llm.connect")
pytestmark = pytest.mark.usefixtures("clean_environment")
CHAT, EMBEDDING, THINKING = ["completion"], ["embedding"], ["completion", "thinking"]


@pytest.fixture
def nowhere():
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def embedded(fake_ollama, monkeypatch):
    """The embedded engine's place is taken by a second server."""
    server = fake_ollama(models={"course-small": CHAT, "course-weak": CHAT, "my-dpo": CHAT})
    server.version = "0.33.0-course"
    monkeypatch.setattr(module, "_embedded_server", lambda: SimpleNamespace(url=server.url))
    return server


def running(monkeypatch, server):
    """A server on Ollama's usual port."""
    monkeypatch.setattr(module, "DEFAULT_HOST", getattr(server, "url", server))


def said(capsys):
    """The one line that was printed, and nothing on stderr."""
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and err == ""
    return out


def test_a_running_ollama_is_preferred(fake_ollama, embedded, monkeypatch, capsys):
    server = fake_ollama(models={"embed": EMBEDDING, "llama3.2:1b": CHAT})
    running(monkeypatch, server)
    llm = connect()
    assert (llm.model, llm.host, llm.embedded) == ("llama3.2:1b", server.url, False)
    assert (llm.digest, llm.engine) == ("digest-of-llama3.2:1b", "ollama 0.0.0-fake")
    line = said(capsys)
    assert "llama3.2:1b" in line and server.url in line and "connect(model='course-small')" in line
    assert [body["options"]["num_predict"] for body in server.bodies] == [1]  # the throwaway call
    assert embedded.bodies == []


@pytest.mark.parametrize(
    "sizes, chosen",
    [
        ({"qwen3:0.6b": 5e8, "gemma3:1b": 8e8, "llama3.2:3b": 2e9, "llama3.1:8b": 5e9, "big:70b": 4e10}, "llama3.2:3b"),
        ({"qwen3:0.6b": 5e8, "gemma3:1b": 8e8, "polite-gpt": 1e7}, "gemma3:1b"),
        ({"thinker:4b": 2.5e9, "llama3.1:8b": 5e9}, "llama3.1:8b"),  # thinks first: slow
        ({"thinker:4b": 2.5e9, "gemma3:1b": 8e8}, "thinker:4b"),
        ({"starcoder2:3b": 1.7e9, "codellama:7b": 3.8e9, "mistral:7b": 4.1e9, "llama3.2:3b-text": 2e9}, "mistral:7b"),
        ({"llama-guard3:1b": 1.6e9, "some-cloud": 2e9, "llama3.2:1b-instruct": 1.3e9}, "llama3.2:1b-instruct"),
        ({"wizard-math:7b": 4e9, "llava:7b": 4.7e9, "gemma3:1b": 8e8}, "gemma3:1b"),
        ({"big:70b": 4e10, "polite-gpt": 1e7, "qwen2.5-coder:7b": 4.7e9}, "course-small"),  # none is taken unasked
    ],
)
def test_a_model_of_sensible_size_is_chosen(fake_ollama, embedded, monkeypatch, capsys, sizes, chosen):
    server = fake_ollama(models={name: THINKING if "think" in name else CHAT for name in sizes})
    server.sizes = sizes
    running(monkeypatch, server)
    assert connect().model == chosen
    line = said(capsys)
    assert all(name in line for name in sizes)  # what else there is
    assert {body["model"] for body in server.bodies} <= {chosen}


def test_only_models_that_are_not_taken_unasked(fake_ollama):
    server = fake_ollama(models={"big:70b": CHAT})
    server.sizes = {"big:70b": 4e10}
    with pytest.raises(CourseError, match=r"taken unasked, but big:70b \(40.0 GB\).*COURSE_MODEL"):
        connect(host=server.url)
    assert connect(host=server.url, model="big:70b").model == "big:70b"


def test_a_model_for_half_of_the_memory_at_most(fake_ollama, monkeypatch):
    server = fake_ollama(models={"llama3.1:8b": CHAT, "gemma3:1b": CHAT})
    server.sizes = {"llama3.1:8b": 4.9e9, "gemma3:1b": 8e8}
    monkeypatch.setattr(module.psutil, "virtual_memory", lambda: SimpleNamespace(total=8e9))
    assert connect(host=server.url).model == "gemma3:1b"


def test_a_damaged_model_leaves_the_others(fake_ollama, monkeypatch):
    running(monkeypatch, fake_ollama(models={"damaged": None, "llama3.2:3b": CHAT}))
    assert connect().model == "llama3.2:3b"
    assert connect(model="damaged").model == "damaged"  # who asks for it learns from Ollama what is wrong


def test_no_ollama_starts_the_embedded_engine(embedded, nowhere, monkeypatch, capsys):
    running(monkeypatch, nowhere)
    llm = connect()
    assert (llm.model, llm.host, llm.embedded) == ("course-small", embedded.url, True)
    assert llm.digest == "digest-of-course-small" and llm.engine == "embedded engine 0.33.0-course"
    line = said(capsys)
    assert "course-small" in line and "ollama pull" in line
    assert llm.ask("Where?").text


@pytest.mark.parametrize("models", [{}, {"embed": EMBEDDING}])
def test_an_ollama_without_chat_models(fake_ollama, embedded, monkeypatch, capsys, models):
    running(monkeypatch, fake_ollama(models=models))
    assert connect().embedded
    line = said(capsys)
    assert "no chat model yet" in line and "ollama pull gemma3:1b" in line and "815 MB" in line


def test_the_embedded_engine_can_be_asked_for(fake_ollama, embedded, monkeypatch, capsys):
    running(monkeypatch, fake_ollama())
    assert connect(model="course-small").embedded
    assert "connect(model='test-model')" in said(capsys)
    monkeypatch.setenv("COURSE_MODEL", "my-dpo")
    assert connect().model == "my-dpo"


def test_an_embedded_engine_of_its_own(embedded, monkeypatch, capsys):
    """Started with `python3 -m helpers serve`: known by its version; its course model is the default."""
    embedded.sizes = {"course-weak": 10**10, "my-dpo": 6 * 10**8}
    monkeypatch.setenv("OLLAMA_HOST", embedded.url)
    llm = connect()
    assert (llm.model, llm.embedded, llm.engine) == ("course-small", True, "embedded engine 0.33.0-course")
    assert "on the embedded engine at" in said(capsys)
    assert embedded.bodies == []  # "Hello" is foreign to a course model


def test_course_model_is_honoured_and_an_argument_wins(fake_ollama, monkeypatch):
    running(monkeypatch, fake_ollama(models={"a": CHAT, "b:latest": CHAT, "c": THINKING}))
    monkeypatch.setenv("COURSE_MODEL", "b")
    assert connect().model == "b:latest"
    llm = connect(model="c")
    assert llm.model == "c" and llm.thinks


def test_a_missing_model_names_those_available(fake_ollama, embedded, monkeypatch):
    running(monkeypatch, fake_ollama(models={"a": CHAT, "b": CHAT, "embed": EMBEDDING}))
    with pytest.raises(
        CourseError, match=r"no chat model 'llama9'.*It has: a \(.*, b \(1.0 GB\)\..*ollama pull llama9"
    ):
        connect(model="llama9")


def test_a_missing_model_without_ollama(embedded, nowhere, monkeypatch):
    running(monkeypatch, nowhere)
    monkeypatch.setenv("COURSE_MODEL", "llama3.2:1b")
    with pytest.raises(CourseError, match=r"No Ollama answers.*ollama pull llama3.2:1b.*course-small"):
        connect()


@pytest.mark.parametrize(
    "form", ["{ip}:{port}", "http://{ip}:{port}", "http://{ip}:{port}/", "0.0.0.0:{port}", ":{port}"]
)
def test_forms_of_ollama_host(fake_ollama, monkeypatch, form):
    server = fake_ollama()
    monkeypatch.setenv("OLLAMA_HOST", form.format(ip="127.0.0.1", port=server.server_address[1]))
    llm = connect()
    assert llm.host == server.url and llm.ask("x").text


def test_an_explicit_host_is_never_replaced(fake_ollama, embedded, nowhere, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", nowhere)
    with pytest.raises(CourseError, match="No Ollama answers.*OLLAMA_HOST"):
        connect()
    with pytest.raises(CourseError, match="no chat model yet.*815 MB"):
        connect(host=fake_ollama(models={"embed": EMBEDDING}).url)
    with pytest.raises(CourseError, match="no chat model 'my-dpo'.*It has: test-model"):
        connect(host=fake_ollama().url, model="my-dpo")
    assert connect(model="course-small").embedded  # the one model that the printed line always offers


@pytest.mark.parametrize("host", ["http://[::1", "127.0.0.1:port", "http://"])
def test_a_nonsense_host(monkeypatch, host):
    monkeypatch.setenv("OLLAMA_HOST", host)
    with pytest.raises(CourseError, match="OLLAMA_HOST"):
        connect()


def test_another_program_on_the_port():
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
        with pytest.raises(CourseError, match="No Ollama answers at .*another program.*404"):
            connect(host=f"127.0.0.1:{other.server_address[1]}")
        other.shutdown()


def test_a_proxy_is_not_asked_for_this_computer(fake_ollama, nowhere, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", nowhere)
    monkeypatch.setenv("http_proxy", nowhere)
    monkeypatch.setenv("ALL_PROXY", nowhere)
    assert connect(host=fake_ollama().url).ask("x").text


def test_a_model_that_does_not_load(fake_ollama):
    server = fake_ollama(trouble=lambda body: "hang")
    with pytest.raises(CourseError, match="no answer within 0.2 s.*smaller model"):
        connect(host=server.url, timeout=0.2, retry=Retry(first=0.01))


def test_the_context_is_set_when_the_model_is_loaded(fake_ollama):
    server = fake_ollama()
    connect(host=server.url, num_ctx=8192).ask("x")
    assert [body["options"]["num_ctx"] for body in server.bodies] == [8192, 8192]


def test_the_real_embedded_engine(tiny_checkpoint, nowhere, monkeypatch, capsys):
    """The engine itself, with random weights behind its API: noise, but the same noise for the same seed."""
    running(monkeypatch, nowhere)
    server = start({"course-small": tiny_checkpoint})
    monkeypatch.setattr(module, "_embedded_server", lambda: server)
    llm = connect()
    assert llm.embedded and len(llm.digest) == 64 and "course-small on the embedded engine" in said(capsys)
    alone = llm.ask("Where?", seed=1, temperature=0.8, num_predict=8)
    together = llm.ask_many(["Where?"] * 6, seed=1, temperature=0.8, num_predict=8)
    assert alone.tokens and {reply.text for reply in together} == {alone.text}
    with pytest.raises(LLMError, match="refused.*tokens") as caught:
        llm.ask("far too long " * 100)
    assert caught.value.refused
    server.stop()
    with pytest.raises(LLMError, match="Restart the kernel"):
        dataclasses.replace(llm, retry=Retry(first=0.01)).ask("Where?")


@pytest.fixture
def engine(own_server, monkeypatch):
    """The embedded engine itself, without models of the course."""
    server = own_server({})
    monkeypatch.setattr(module, "_embedded_server", lambda: server)
    return server


@pytest.mark.parametrize("warm_up", [True, False])
def test_a_gguf_file(engine, long_gguf, monkeypatch, capsys, warm_up):
    monkeypatch.setenv("COURSE_MODEL", str(long_gguf))
    llm = connect(warm_up=warm_up)
    assert (llm.model, llm.host, llm.embedded) == ("long", engine.url, True)
    line = said(capsys)
    assert f"Using long ({long_gguf})" in line and ("Loading it now." in line) == warm_up
    assert ("long" in engine._library.loaded) == warm_up
    assert llm.ask("Where?", num_predict=3).text
