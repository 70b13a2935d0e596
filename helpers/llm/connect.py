"""Finding a language model: the Ollama that is running, else the embedded engine. Both speak HTTP."""

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

import httpx
import ollama
import psutil
from ollama._client import _parse_host

from helpers.files import CourseError, display_path
from helpers.llm.client import LLM, TROUBLE, Retry, http_settings, on_this_computer
from helpers.llm.pace import Pace

DEFAULT_HOST = "127.0.0.1:11434"
EMBEDDED_MODEL = "course-small"
COURSE_MODELS = (EMBEDDED_MODEL, "course-weak")  # the embedded engine can always serve these
SMALL_MODELS = "`ollama pull gemma3:1b` (815 MB) or `ollama pull llama3.2:3b` (2.0 GB, better)"
EMBEDDING_FAMILIES = {"bert", "nomic-bert", "nomic-bert-moe"}  # for servers too old to list capabilities
# Made for other work than answering: code, sums, pictures, safety checks, or not yet trained to follow instructions.
FOR_OTHER_WORK = re.compile(
    r"code|devstral|sql|math|llava|moondream|ocr|embed|guard|[-:](?:base|text)\b", re.IGNORECASE
)
# Bytes. Smaller than ABLE, a model rewrites poorly; below TOY it is somebody's experiment, and above LARGE too much for
# an ordinary laptop: such a one has to be asked for.
TOY, ABLE, LARGE = 200_000_000, 1_500_000_000, 9_000_000_000


@dataclass(frozen=True)
class Model:
    """One model of a server's list."""

    name: str
    digest: str
    size: int
    chats: bool
    thinks: bool
    suits: bool  # may be taken by `connect` if none is asked for

    def __str__(self) -> str:
        return f"{self.name} ({self.size / 1e9:.1f} GB)"


def connect(
    model: str | None = None,
    host: str | None = None,
    *,
    timeout: float = 120.0,
    retry: Retry | None = None,
    num_ctx: int | None = None,
    warm_up: bool = True,
) -> LLM:
    """Connect to a chat model and print one line that says which.

    A model or host asked for, here or in COURSE_MODEL and OLLAMA_HOST, is served or refused with a
    CourseError, never replaced. With neither, a running Ollama that has a suitable chat model is preferred, else the
    embedded engine is started; it also serves models that only it has (course-small, …).
    A model that ends in ".gguf" is a file, which the embedded engine runs: a real chat model without Ollama.
    `timeout`: seconds a request may take, or more once the server was measured to be slow. `num_ctx`: tokens that
    prompt and reply may have together (Ollama's own default is 4096 on most computers). `warm_up`: have the model of
    Ollama or of a file loaded now.
    """
    model = model or os.environ.get("COURSE_MODEL", "").strip() or None
    host = host or os.environ.get("OLLAMA_HOST", "").strip() or None
    settings = {"timeout": timeout, "retry": retry or Retry(), "num_ctx": num_ctx}
    if model and model.endswith(".gguf"):
        return _on_file(Path(model), warm_up, settings)
    address = _address(host)
    only_there = host and model not in COURSE_MODELS
    models, trouble = [], ""
    try:
        models = _chat_models(address)
    except CourseError as error:
        if only_there:
            raise
        trouble = str(error)
    if chosen := _choose(models, model):
        return _on_ollama(chosen, models, address, warm_up, settings)
    if only_there:
        raise CourseError(_nothing_suitable(address, models, model))
    return _on_embedded(model or EMBEDDED_MODEL, address, models, trouble, settings)


def _on_ollama(chosen: Model, models: list[Model], address: str, warm_up: bool, settings: dict) -> LLM:
    llm = _llm(chosen, address, settings)
    if llm.embedded:
        print(f"Using {llm.model} on the embedded engine at {address}.")
    else:
        others = [model for model in models if model != chosen]
        listed = f"It also has {', '.join(map(str, others))}: connect(model={others[0].name!r}). " if others else ""
        engine = f"For the embedded engine instead: connect(model={EMBEDDED_MODEL!r})."
        print(f"Using {chosen} on Ollama at {address}. {listed}{engine}")
    return _warm(llm, warm_up and not llm.embedded)


def _warm(llm: LLM, warm_up: bool) -> LLM:
    if warm_up:  # a first call loads the model, and its reply can differ from later equal calls: it is discarded
        llm.ask("Hello", num_predict=1, temperature=0)
    return llm


def _on_file(path: Path, warm_up: bool, settings: dict) -> LLM:
    """The model in a GGUF file, on the embedded engine. Raises CourseError if it is missing, damaged or cannot chat."""
    server = _embedded_server()
    address, name = server.url.rstrip("/"), server.add(path)
    chosen = _find(_chat_models(address), name)
    if chosen is None:
        raise CourseError(f"{display_path(path)} holds an embedding model, which cannot chat: choose a chat model.")
    loading = " Loading it now." if warm_up else ""
    print(f"Using {name} ({display_path(path)}) on the embedded engine at {address}.{loading}")
    return _warm(_llm(chosen, address, settings), warm_up)


def _on_embedded(name: str, ollama_at: str, models: list[Model], trouble: str, settings: dict) -> LLM:
    address = _embedded_server().url.rstrip("/")
    chosen = _find(_chat_models(address), name)
    if chosen:
        print(f"Using {name} on the embedded engine at {address}. {_how_to_get_ollama(models, trouble)}")
        return _llm(chosen, address, settings)
    if name == EMBEDDED_MODEL:
        raise CourseError(f"The embedded engine has no {name}: restore data/models/{name}, e.g. with git.")
    if trouble:
        advice = f"get the model with `ollama pull {name}`, or choose {EMBEDDED_MODEL!r}, which needs no Ollama."
        raise CourseError(f"{trouble} Then {advice}")
    raise CourseError(_nothing_suitable(ollama_at, models, name))


def _llm(chosen: Model, address: str, settings: dict) -> LLM:
    version = _version(address)
    embedded = version.endswith("-course")  # also if it was started with `python3 -m helpers serve`
    pace = Pace()
    return LLM(
        client=_client(address, settings["timeout"], pace),
        model=chosen.name,
        host=address,
        digest=chosen.digest,
        engine=f"{'embedded engine' if embedded else 'ollama'} {version}",
        embedded=embedded,
        thinks=chosen.thinks,
        pace=pace,
        **settings,
    )


def _how_to_get_ollama(models: list[Model], trouble: str) -> str:
    if trouble:
        return f"For a larger model: start Ollama, {SMALL_MODELS}, and connect again."
    if not models:
        return f"Ollama is running but has no chat model yet: {SMALL_MODELS}, and connect again."
    first = (_choose(models, None) or models[0]).name
    return f"For a model on Ollama instead: connect(model={first!r}). It has {', '.join(map(str, models))}."


def _nothing_suitable(address: str, models: list[Model], model: str | None) -> str:
    if not models:
        return f"Ollama at {address} has no chat model yet. Get one with {SMALL_MODELS}."
    names = ", ".join(map(str, models))
    if model is None:
        choose = "Choose one (COURSE_MODEL or connect(model=…))"
        return f"Ollama at {address} has no model that is taken unasked, but {names}. {choose}, or get {SMALL_MODELS}."
    return (
        f"Ollama at {address} has no chat model {model!r}. It has: {names}. Choose one of these "
        f"(COURSE_MODEL or connect(model=…)), or get yours with `ollama pull {model}`."
    )


def _choose(models: list[Model], name: str | None) -> Model | None:
    """The model asked for; by default the smallest able one, else the ablest small one, if possible one that does not
    think first. None if there is none that suits.
    """
    if name:
        return _find(models, name)
    suitable = [model for model in models if model.suits]
    by_size = sorted(suitable, key=lambda model: (model.size < ABLE, model.thinks, abs(model.size - ABLE)))
    return _find(models, EMBEDDED_MODEL) or next(iter(by_size), None)


def _find(models: list[Model], name: str) -> Model | None:
    return next((model for model in models if model.name in (name, f"{name}:latest")), None)


def _chat_models(address: str) -> list[Model]:
    """Every model of a server that can chat. Raises CourseError if no server answers there."""
    largest = _largest(address)
    try:
        with _client(address, timeout=10) as client:
            known = [_described(client, entry, largest) for entry in client.list().models]
    except TROUBLE as error:
        advice = "Start it (the Ollama app, or `ollama serve`) or correct OLLAMA_HOST."
        raise CourseError(f"No Ollama answers at {address} ({_reason(error)}). {advice}") from error
    return [model for model in known if model.chats]


def _largest(address: str) -> float:
    """Bytes of the largest model that is taken unasked: on this computer half of its memory at most."""
    return min(LARGE, psutil.virtual_memory().total / 2) if on_this_computer(address) else LARGE


def _described(client: ollama.Client, entry: ollama.ListResponse.Model, largest: float) -> Model:
    try:
        can, whole = client.show(entry.model).capabilities, True
    except (ollama.ResponseError, httpx.TimeoutException, ValueError):  # one damaged model: the others are of use
        can, whole = None, False
    family, name, size = entry.details.family if entry.details else None, entry.model, int(entry.size or 0)
    chats = family not in EMBEDDING_FAMILIES if can is None else "completion" in can
    elsewhere = name.endswith("cloud") or FOR_OTHER_WORK.search(name)
    suits = whole and chats and not elsewhere and TOY <= size <= largest
    return Model(name, entry.digest or "", size, chats, "thinking" in (can or []), suits)


def _client(address: str, timeout: float, pace: Pace | None = None) -> ollama.Client:
    hooks = {"event_hooks": {"request": [pace.give_time]}} if pace else {}
    limits = httpx.Timeout(timeout, connect=min(5, timeout))
    return ollama.Client(address, timeout=limits, **hooks, **http_settings(address))


def _address(host: str | None) -> str:
    """OLLAMA_HOST, with or without scheme and port, as a URL, read as the client reads it.

    0.0.0.0 is where a server listens, not where it is reached.
    """
    try:
        url = httpx.URL(_parse_host(host or DEFAULT_HOST))
    except (ValueError, httpx.InvalidURL) as error:
        raise CourseError(f"OLLAMA_HOST={host!r} is no address ({error}). Write it like {DEFAULT_HOST}.") from error
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(url.host, url.host)
    return str(url.copy_with(host=reachable)).rstrip("/")


def _version(address: str) -> str:
    """The server's version; the `ollama` client has no call for it."""
    try:
        answer = httpx.get(f"{address}/api/version", timeout=10, **http_settings(address))
        return answer.json()["version"]
    except (httpx.HTTPError, ValueError, KeyError):
        return "unknown"


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionError):
        return "nothing listens there"
    if isinstance(error, ollama.ResponseError):
        return f"another program listens there, and answers with status {error.status_code}"
    return f"{type(error).__name__}: {error}".rstrip(": ")


@functools.cache
def _embedded_server():
    """Started once in each kernel, and stopped with it."""
    from helpers.llm.server.serve import start  # a real Ollama does not need it

    return start()
