"""The client over real HTTP: what it sends, and what it does when the server misbehaves."""

import asyncio
import itertools
import time
from contextlib import aclosing

import httpx
import ollama
import pytest

from helpers.llm.client import LLM, LLMError, Retry

QUICK = Retry(tries=4, first=0.01, longest=0.02)


def llm_of(server, timeout=5.0, **settings):
    client = ollama.Client(server.url, timeout=httpx.Timeout(timeout), trust_env=False)
    return LLM(client=client, model="test-model", host=server.url, timeout=timeout, retry=QUICK, **settings)


def first(count, trouble):
    """This trouble for the first `count` requests."""
    numbers = itertools.count()
    return lambda body: trouble if next(numbers) < count else None


def test_reply_and_request(fake_ollama):
    server = fake_ollama(answer=lambda body: "  Athens. \n")
    reply = llm_of(server).ask("Where?", seed=3, temperature=0.5, top_k=7, stop=["\n"])
    assert (reply.text, reply.done_reason, reply.prompt_tokens, reply.tokens) == ("Athens.", "stop", 7, 5)
    assert reply.raw["response"] == "  Athens. \n"
    (body,) = server.bodies
    # Ollama ignores seed and temperature at the top level, so they must stand inside the options.
    assert body["options"] == {"seed": 3, "temperature": 0.5, "top_k": 7, "stop": ["\n"], "num_predict": 256}
    assert body["prompt"] == "Where?" and body["stream"] is False and "seed" not in body and "think" not in body


def test_what_is_not_given_is_left_to_the_model(fake_ollama):
    server = fake_ollama()
    llm_of(server).ask("Where?")
    assert server.bodies[0]["options"] == {"num_predict": 256} and "format" not in server.bodies[0]


def test_format_and_thinking(fake_ollama):
    server = fake_ollama()
    llm_of(server, thinks=True).ask("Which?", format={"type": "object"})
    assert server.bodies[0]["format"] == {"type": "object"} and server.bodies[0]["think"] is False


@pytest.mark.parametrize(("tokens", "cut"), [(1300, False), (4080, False), (4091, True), (4096, True), (20_000, True)])
def test_a_prompt_that_ollama_cut_is_noticed(fake_ollama, tokens, cut):
    server = fake_ollama()
    server.context = 4096
    if not cut:
        assert llm_of(server).ask("word" * tokens).prompt_tokens == tokens
        return
    with pytest.raises(LLMError, match="reads 4,096 tokens.*num_ctx=") as caught:
        llm_of(server).ask("word" * tokens)
    assert caught.value.refused and len(server.bodies) == 1
    fits = int(str(caught.value).split("num_ctx=")[1].split(")")[0])
    assert tokens + 256 <= fits <= 2.5 * max(tokens, 4096)
    llm_of(server, num_ctx=fits).ask("word" * tokens)
    assert server.bodies[-1]["options"]["num_ctx"] == fits


def test_nothing_is_said_where_the_context_is_not_known(fake_ollama):
    server = fake_ollama(models={"another": ["completion"]})
    server.context = 4096
    assert llm_of(server).ask("word" * 5000).prompt_tokens == 4096


@pytest.mark.parametrize("own", [{}, {"num_ctx": 512}])
def test_one_num_ctx_goes_with_every_request(fake_ollama, own):
    server = fake_ollama(answer=lambda body: "x")
    llm = llm_of(server, num_ctx=8192)
    llm.ask("x", **own)
    list(llm.stream("x", **own))
    asyncio.run(pieces_of(llm, **own))
    assert [body["options"]["num_ctx"] for body in server.bodies] == [own.get("num_ctx", 8192)] * 3


@pytest.mark.parametrize(
    "trouble",
    [
        (500, "runner crashed"),
        (503, "server busy"),
        (502, "bad gateway"),
        "cut",
        "half",
        "not json",
        "a list",
        "not done",
    ],
)
def test_passing_trouble_is_retried(fake_ollama, trouble):
    server = fake_ollama(answer=lambda body: "fine", trouble=first(3, trouble))
    assert llm_of(server).ask("x").text == "fine"
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ((500, "runner crashed"), "runner crashed"),
        ((503, "server busy, please try again"), "busy"),
        ("cut", "does not answer"),
        ("half", "does not answer"),
        ("not json", "not in Ollama's format"),
        ("a list", "not in Ollama's format"),
        ("not done", "broke off"),
    ],
)
def test_lasting_trouble_is_explained(fake_ollama, trouble, words):
    server = fake_ollama(trouble=lambda body: trouble)
    with pytest.raises(LLMError, match=words) as caught:
        llm_of(server).ask("x")
    assert len(server.bodies) == 4 and not caught.value.refused and server.url in str(caught.value)


@pytest.mark.parametrize(
    ("trouble", "words", "refused"),
    [
        ((400, "the prompt is far outside the course"), "far outside", True),
        ((500, 'option "seed" must be of type integer'), "must be of type", True),
        ((404, "model 'test-model' not found"), "ollama pull test-model", False),
        ((501, "not implemented here"), "not implemented", False),
        ((500, "model requires more system memory (9 GiB) than is available"), "smaller model", False),
    ],
)
def test_hopeless_requests_are_not_repeated(fake_ollama, trouble, words, refused):
    server = fake_ollama(trouble=lambda body: trouble)
    with pytest.raises(LLMError, match=words) as caught:
        llm_of(server).ask("x")
    assert len(server.bodies) == 1 and caught.value.refused is refused


def test_a_hanging_server_is_tried_twice(fake_ollama):
    server = fake_ollama(trouble=lambda body: "hang")
    started = time.monotonic()
    with pytest.raises(LLMError, match="no answer within 0.3 s"):
        llm_of(server, timeout=0.3).ask("x")
    assert len(server.bodies) == 2 and time.monotonic() - started < 2


def test_a_server_that_is_gone(fake_ollama):
    server = fake_ollama()
    llm = llm_of(server)
    assert llm.ask("x").text
    server.stop()
    with pytest.raises(LLMError, match="does not answer.*ollama serve"):
        LLM(client=ollama.Client(server.url, trust_env=False), model="m", host=server.url, retry=QUICK).ask("x")


def test_back_off_grows_with_jitter():
    pauses = [[Retry().pause(attempt) for _ in range(200)] for attempt in range(6)]
    for attempt, seen in enumerate(pauses):
        full = min(8.0, 0.5 * 2**attempt)
        assert full / 2 <= min(seen) < max(seen) <= full


def test_stream(fake_ollama):
    server = fake_ollama(answer=lambda body: "one two three")
    assert list(llm_of(server).stream("x", seed=1)) == ["one ", "two ", "three", ""]
    assert server.bodies[0]["options"] == {"seed": 1}


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("cut stream", "broke off"), ("error in stream", "error was encountered"), ("cut", "does not answer")],
)
def test_broken_streams(fake_ollama, trouble, words):
    pieces = []
    with pytest.raises(LLMError, match=words):
        for piece in llm_of(fake_ollama(trouble=lambda body: trouble)).stream("x"):
            pieces.append(piece)
    assert pieces == ([] if trouble == "cut" else ["Half a"])


QUESTION = [{"role": "user", "content": "Where?"}]


async def pieces_of(llm, count=None, **options):
    """The first `count` pieces of the answer, all by default; then the iterator is closed."""
    pieces = []
    async with aclosing(llm.stream_chat(QUESTION, **options)) as stream:
        async for piece in stream:
            pieces.append(piece)
            if len(pieces) == count:
                break
    return pieces


def test_stream_chat(fake_ollama):
    server = fake_ollama(answer=lambda body: "one two three")
    assert asyncio.run(pieces_of(llm_of(server, thinks=True), seed=1)) == ["one ", "two ", "three", ""]
    (body,) = server.bodies
    assert (body["messages"], body["options"], body["think"]) == (QUESTION, {"seed": 1}, False)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("cut stream", "broke off"),
        ("error in stream", "error was encountered"),
        ("cut", "does not answer"),
        ((404, "model 'test-model' not found"), "has no model 'test-model'"),
        ("hang", "no answer within 0.2 s"),
    ],
)
def test_broken_chats(fake_ollama, trouble, words):
    with pytest.raises(LLMError, match=words):
        asyncio.run(pieces_of(llm_of(fake_ollama(trouble=lambda body: trouble), timeout=0.2)))


def test_a_chat_that_is_stopped_hangs_up(fake_ollama):
    server = fake_ollama(trouble=lambda body: "endless stream")
    assert asyncio.run(pieces_of(llm_of(server), count=3)) == ["Half a"] * 3
    assert server.hung_up.wait(5)


def test_ask_many_keeps_the_order_and_works_at_once(fake_ollama):
    server = fake_ollama(answer=lambda body: body["prompt"], delay=0.02)
    asks = [f"prompt {number}" for number in range(30)] + [{"prompt": "last", "seed": 9}]
    replies = llm_of(server).ask_many(asks, workers=6, temperature=0.25)
    assert [reply.text for reply in replies] == asks[:-1] + ["last"]
    assert all(body["options"]["temperature"] == 0.25 for body in server.bodies)
    assert 2 <= server.most_at_once <= 6


def test_ask_many_stops_at_the_first_lasting_failure(fake_ollama):
    server = fake_ollama(trouble=lambda body: (404, "no such model") if body["prompt"] == "2" else None, delay=0.01)
    with pytest.raises(LLMError, match="ollama pull test-model"):
        llm_of(server).ask_many([str(number) for number in range(500)], workers=2)
    assert len(server.bodies) < 20
