"""The words of Ollama's REST API: reading a request, asking llama.cpp with it, writing the reply."""

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from helpers.llm.server.errors import ApiError
from helpers.llm.server.formats import json_schema
from helpers.llm.server.models import ModelInfo, iso
from helpers.llm.server.prompts import BARE, ROLES, render, render_jinja

KEEP_ALIVE = 300.0  # seconds a model stays in memory after its last request
# The options of a request with Ollama's defaults, which also say of which type each is.
SUPPORTED = {"seed": -1, "num_predict": -1, "num_ctx": 4096, "top_k": 40, "repeat_last_n": 64, "mirostat": 0}
SUPPORTED |= {"temperature": 0.8, "top_p": 0.9, "min_p": 0.0, "typical_p": 1.0, "repeat_penalty": 1.0, "stop": ()}
SUPPORTED |= {"presence_penalty": 0.0, "frequency_penalty": 0.0, "mirostat_tau": 5.0, "mirostat_eta": 0.1}
HARMLESS = {  # how the work is done, not what comes out
    **dict.fromkeys(("num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict"), 0),
    **dict.fromkeys(("use_mmap", "use_mlock", "numa", "low_vram", "f16_kv", "penalize_newline"), False),
    "tfs_z": 0.0,  # neither Ollama nor llama.cpp has it any longer
}
OPTIONS = SUPPORTED | HARMLESS
# llama.cpp, and so Ollama, has the temperature last. A model that is nearly sure, as the course's are, would be cut to
# one token before the temperature is looked at.
SAMPLERS = ("penalties", "top_k", "temperature", "typ_p", "top_p", "min_p")
# What of llama.cpp's last part is used; else it repeats the prompt and all settings.
FIELDS = ("content", "stop", "stop_type", "tokens_evaluated", "tokens_predicted", "timings", "completion_probabilities")
GO_TYPES = {int: "integer", float: "float32", bool: "boolean", tuple: "array"}
JSON_NAMES = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}
JSON_TYPES = {int: (int, float), float: (int, float), bool: bool, tuple: list}
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
LARGEST = 2**31 - 1  # of llama.cpp's integers
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass
class Ask:
    """A request to /api/generate or /api/chat, checked. Without messages: only load or unload the model."""

    model: str
    messages: list[dict]  # of "role" (system, user, assistant) and "content"
    chat: bool
    stream: bool
    options: dict  # those that were given
    keep_alive: float | None  # seconds; None: for ever
    schema: dict | None  # of JSON, which the reply must follow
    template: str = ""
    raw: bool = False  # the only message is the whole prompt
    logprobs: bool = False
    top_logprobs: int = 0


def read_json_body(body: bytes) -> dict:
    """The JSON object of a request body; ApiError 400 if it is not one."""
    if not body.strip():
        raise ApiError(400, "missing request body")
    try:
        value = json.loads(body, parse_int=_read_int)
        if SURROGATE.search(body):  # half a character, which nobody can send on: as in Ollama it becomes "�"
            text = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
            value = json.loads(text.decode("utf-16", "replace"))
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or not UTF-8
        raise ApiError(400, f"the request body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ApiError(400, "the request body must be a JSON object")
    return value


def _read_int(digits: str) -> int | float:
    """One that no option can hold is infinite, as JSON's 1e999 is."""
    return int(digits) if len(digits) < 300 else math.inf


def read_generate(body: dict) -> Ask:
    """A request to /api/generate. Raises ApiError for what is wrong or not built in."""
    prompt, system, template = (get(body, key, str, "") for key in ("prompt", "system", "template"))
    raw = get(body, "raw", bool, False)
    if get(body, "suffix", str, ""):
        raise ApiError(400, f"{model_name(body)} does not support insert: leave suffix out")
    if get(body, "context", list, []):
        raise ApiError(400, "this engine returns no context: leave it out, and send earlier turns to /api/chat")
    if raw and (system or template):
        raise ApiError(400, "raw mode does not support template, system, or context")
    refuse_images(body, model_name(body))
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "user", "content": prompt}]
    return _ask(body, chat=False, messages=messages if prompt else [], template=template, raw=raw)


def read_chat(body: dict) -> Ask:
    """A request to /api/chat, whose last message is the user's."""
    messages = get(body, "messages", list, [])
    if get(body, "tools", list, []):
        raise ApiError(400, f"{model_name(body)} does not support tools: leave tools out")
    for message in messages:
        if not isinstance(message, dict):
            raise ApiError(400, "each message must be an object with role and content")
        if (role := message.get("role")) not in ROLES:
            raise ApiError(400, f"a message has role {role!r}, not {', '.join(ROLES)}")
        refuse_images(message, model_name(body))
    texts = [{"role": message["role"], "content": get(message, "content", str, "")} for message in messages]
    if texts and texts[-1]["role"] != "user":
        raise ApiError(400, f"the last message is the {texts[-1]['role']}'s: end with what the user says")
    if texts and not texts[-1]["content"]:
        raise ApiError(400, "the user message is empty: put the question into its content")
    return _ask(body, chat=True, messages=texts)


def _ask(body: dict, **given) -> Ask:
    if get(body, "think", (bool, str), False):
        raise ApiError(400, f"{model_name(body)} does not support thinking: send think=false or leave it out")
    top = get(body, "top_logprobs", int, 0)
    if not 0 <= top <= 20:
        raise ApiError(400, "top_logprobs must be between 0 and 20")
    return Ask(
        model=model_name(body),
        stream=get(body, "stream", bool, True),
        options=read_options(get(body, "options", dict, {})),
        keep_alive=read_keep_alive(body.get("keep_alive")),
        schema=json_schema(body.get("format")),
        logprobs=get(body, "logprobs", bool, False),
        top_logprobs=top,
        **given,
    )


def model_name(body: dict) -> str:
    """The model that a request names ("name" is the key of older clients)."""
    name = get(body, "model", str, "") or get(body, "name", str, "")
    if not name:
        raise ApiError(400, "model is required")
    return name


def get(body: dict, key: str, kind, default):
    """body[key] if it has the right type, the default if it is missing or null; else ApiError 400."""
    value = body.get(key)
    if value is None:
        return default
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        wanted = " or ".join(JSON_NAMES[kind] for kind in kinds)
        raise ApiError(400, f"{key} must be of type {wanted}, not {json.dumps(value)[:60]}")
    return value


def refuse_images(holder: dict, model: str):
    if get(holder, "images", list, []):
        raise ApiError(400, f"{model} does not support images: it reads text only")


def read_options(given: dict) -> dict:
    """The options given, each of its type; names that Ollama does not have are ignored. A wrong type is a 500."""
    known = {name: value for name, value in given.items() if name in OPTIONS and value is not None}
    options = {name: _typed(name, value, type(OPTIONS[name])) for name, value in known.items()}
    if options.get("repeat_penalty", 1) <= 0:
        raise ApiError(400, "repeat_penalty must be greater than 0; 1 means no penalty")
    return {name: value for name, value in options.items() if name in SUPPORTED}


def _typed(name: str, value, kind: type):
    fits = isinstance(value, JSON_TYPES[kind]) and (kind is bool or not isinstance(value, bool))
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        raise ApiError(500, f'option "{name}" must be of type {GO_TYPES[kind]}')
    if kind is tuple:
        if not all(isinstance(item, str) for item in value):
            raise ApiError(500, f'option "{name}" must be of an array of strings')
        return tuple(item for item in value if item)
    return kind(value)


def read_keep_alive(value) -> float | None:
    """Seconds, or a duration like "5m" or "1h30m"; negative means for ever (None). ApiError 400 otherwise."""
    if value is None:
        return KEEP_ALIVE
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return None if value < 0 else float(value)
    text = value.strip() if isinstance(value, str) else ""
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)", text)
    if text in ("0", "-0", "+0") or (parts and "".join(n + u for n, u in parts) == text.lstrip("+-")):
        seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
        return None if text.startswith("-") and seconds else seconds
    shown = json.dumps(value)[:60]
    raise ApiError(400, f'invalid keep_alive {shown}: send seconds, or a duration with a unit such as "5m"')


def prompt_turns(ask: Ask, info: ModelInfo) -> list[str]:
    """All text that the model sees, by turn. Raises ApiError for a template or messages that cannot be used."""
    if ask.raw:
        return [ask.messages[0]["content"]]
    messages = ask.messages
    if info.system and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": info.system}, *messages]
    if info.chat_template and not (ask.template or info.template):
        return [render_jinja(info.chat_template, messages, info.special_tokens)]
    return render(ask.template or info.template or BARE, messages)


def num_ctx(ask: Ask, info: ModelInfo) -> int:
    """How many tokens prompt and answer may have together."""
    return min(info.context, max((SUPPORTED | info.options | ask.options)["num_ctx"], 4))


def completion(ask: Ask, info: ModelInfo, ids: list[int]) -> dict:
    """The request to llama.cpp's /completion for a prompt of these tokens. ApiError 400 if it is too long."""
    options = SUPPORTED | info.options | ask.options
    context = num_ctx(ask, info)
    room = context - len(ids)
    if room <= 0:
        fits = f"the prompt has {len(ids)} tokens and {info.name} reads {context} with the answer"
        raise ApiError(400, f"{fits}: shorten it (nothing is cut silently here)")
    limit = options.pop("num_predict")
    del options["num_ctx"]
    last_n = options["repeat_last_n"] if options["repeat_last_n"] >= 0 else context
    return options | {
        "prompt": ids,
        "stream": ask.stream,
        "n_predict": min(limit, room) if limit > 0 else room,  # -1: as far as the context goes
        "top_k": min(max(options["top_k"], 0), LARGEST),
        "repeat_last_n": min(last_n, LARGEST),
        "seed": options["seed"] % 2**32,  # -1 becomes the one that means: another each time
        "samplers": SAMPLERS,
        # What is left of an earlier prompt touches the last bits. A tiny model reads anew and repeats its reply.
        "cache_prompt": info.tok is None,
        "response_fields": FIELDS,
        "n_probs": max(ask.top_logprobs, 1) if ask.logprobs else 0,
        **({"json_schema": ask.schema} if ask.schema else {}),
    }


def logprob_entries(ask: Ask, part: dict) -> list[dict]:
    """Ollama's log-probabilities, of the raw logits, from a part of llama.cpp's answer."""
    return [
        _entry(token) | ({"top_logprobs": list(map(_entry, token["top_logprobs"]))} if ask.top_logprobs else {})
        for token in part.get("completion_probabilities", [])
        if token["bytes"]  # end-of-text is no part of the reply
    ]


def _entry(token: dict) -> dict:
    return {key: token[key] for key in ("token", "logprob", "bytes")}


def reply(ask: Ask, text: str, logprobs=None) -> dict:
    """One object of a reply, not yet the last."""
    answer = {"message": {"role": "assistant", "content": text}} if ask.chat else {"response": text}
    body = {"model": ask.model, "created_at": iso(datetime.now(UTC))} | answer | {"done": False}
    return body | {"logprobs": logprobs} if logprobs else body


def last_reply(ask: Ask, text: str, logprobs, last: dict, load: int, total: int) -> dict:
    """The last object of a reply, with the measurements from llama.cpp's last part; durations in nanoseconds."""
    return reply(ask, text, logprobs) | {
        "done": True,
        "done_reason": "length" if last["stop_type"] == "limit" else "stop",
        "total_duration": total,
        "load_duration": load,
        "prompt_eval_count": last["tokens_evaluated"],
        "prompt_eval_duration": int(last["timings"]["prompt_ms"] * 1e6),
        "eval_count": last["tokens_predicted"],
        "eval_duration": int(last["timings"]["predicted_ms"] * 1e6),
    }
