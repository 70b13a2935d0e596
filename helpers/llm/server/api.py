"""The words of Ollama's REST API: reading a request, rendering its prompt, writing the reply."""

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from helpers.files import CourseError
from helpers.gpt.sampling import Sampling
from helpers.llm.server.batching import Done, Job
from helpers.llm.server.constrain import Constraint, grammar
from helpers.llm.server.models import Loaded, iso

KEEP_ALIVE = 300.0  # seconds a model stays in memory after its last request
# The options of a request with Ollama's defaults, which also say of which type each is.
SUPPORTED = {"seed": -1, "num_predict": -1, "num_ctx": 4096, "top_k": 40, "repeat_last_n": 64}
SUPPORTED |= {"temperature": 0.8, "top_p": 0.9, "min_p": 0.0, "repeat_penalty": 1.0, "stop": ()}
# Would change the text and is not built in: only the value that does nothing is taken.
NOT_BUILT_IN = {"typical_p": 1.0, "tfs_z": 1.0, "mirostat": 0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
HARMLESS = {  # how the work is done, not what comes out
    **dict.fromkeys(("num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict"), 0),
    **dict.fromkeys(("use_mmap", "use_mlock", "numa", "low_vram", "f16_kv", "penalize_newline"), False),
    **dict.fromkeys(("mirostat_tau", "mirostat_eta"), 0.0),
}
OPTIONS = SUPPORTED | NOT_BUILT_IN | HARMLESS
GO_TYPES = {int: "integer", float: "float32", bool: "boolean", tuple: "array"}
JSON_NAMES = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}
JSON_TYPES = {int: (int, float), float: (int, float), bool: bool, tuple: list}
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)


class ApiError(CourseError):
    """An error for the client: HTTP status and sentence."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


@dataclass
class Ask:
    """A request to /api/generate or /api/chat, checked. prompt None: only load or unload the model."""

    model: str
    prompt: str | None
    system: str
    chat: bool
    stream: bool
    options: dict
    keep_alive: float | None  # seconds; None: for ever
    format: object = None
    template: str = ""
    raw: bool = False
    logprobs: bool = False
    top_logprobs: int = 0


def read_json_body(body: bytes) -> dict:
    """The JSON object of a request body; ApiError 400 if it is not one."""
    if not body.strip():
        raise ApiError(400, "missing request body")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or not UTF-8
        raise ApiError(400, f"the request body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ApiError(400, "the request body must be a JSON object")
    return value


def read_generate(body: dict) -> Ask:
    """A request to /api/generate. Raises ApiError for what is wrong or not built in."""
    prompt, system, template = (get(body, key, str, "") for key in ("prompt", "system", "template"))
    raw = get(body, "raw", bool, False)
    if get(body, "suffix", str, ""):
        raise ApiError(400, f"{model_name(body)} does not support insert: leave suffix out")
    if get(body, "context", list, []):
        raise ApiError(400, "course models answer one turn: leave context out, send it all as the prompt")
    if raw and (system or template):
        raise ApiError(400, "raw mode does not support template, system, or context")
    refuse_images(body, model_name(body))
    return _ask(body, chat=False, prompt=prompt or None, system=system, template=template, raw=raw)


def read_chat(body: dict) -> Ask:
    """A request to /api/chat: at most one system message, then one user message."""
    messages = get(body, "messages", list, [])
    if get(body, "tools", list, []):
        raise ApiError(400, f"{model_name(body)} does not support tools: leave tools out")
    for message in messages:
        if not isinstance(message, dict):
            raise ApiError(400, "each message must be an object with role and content")
        if (role := message.get("role")) not in ("system", "user", "assistant", "tool"):
            raise ApiError(400, f"a message has role {role!r}, not system, user, assistant or tool")
        refuse_images(message, model_name(body))
    roles = [message["role"] for message in messages]
    if messages and roles not in (["user"], ["system", "user"]):
        advice = "send one user message, if you like with a system message before it"
        raise ApiError(400, f"course models answer one turn: {advice}; this request has {', '.join(roles)}")
    texts = [get(message, "content", str, "") for message in messages]
    if messages and not texts[-1]:
        raise ApiError(400, "the user message is empty: put the question into its content")
    system = texts[0] if len(texts) == 2 else ""
    return _ask(body, chat=True, prompt=texts[-1] if texts else None, system=system)


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
        format=body.get("format"),
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
    """All supported options, with Ollama's defaults. A wrong type is a 500, an unknown name is ignored."""
    options = dict(SUPPORTED)
    for name, value in given.items():
        if name not in OPTIONS or value is None:
            continue
        value = _typed(name, value, type(OPTIONS[name]))
        if name in NOT_BUILT_IN and value != NOT_BUILT_IN[name]:
            raise ApiError(501, f"the embedded engine has no {name}: leave it out, or use a model on Ollama")
        if name in SUPPORTED:
            options[name] = value
    # What is out of range is cut as Ollama's sampler does it; top_p 0 leaves the most likely token.
    options["temperature"] = options["temperature"] if options["temperature"] > 1e-5 else 0.0
    options["top_p"], options["min_p"] = (min(max(options[name], 1e-9), 1.0) for name in ("top_p", "min_p"))
    if options["repeat_penalty"] <= 0:
        raise ApiError(400, "repeat_penalty must be greater than 0; 1 means no penalty")
    return options


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


def render(template: str, system: str, prompt: str) -> str:
    """Put system and prompt into a template. Where it has no place for system, that goes before the prompt.

    Of Ollama's template language only the variables System, Prompt and Response are known: ApiError 501 for
    the rest.
    """
    actions = [match.group(1) for match in ACTION.finditer(template)]
    if unknown := [action for action in actions if action not in (".System", ".Prompt", ".Response")]:
        here = "templates of this engine know {{ .System }}, {{ .Prompt }} and {{ .Response }}"
        raise ApiError(501, f"{here}, not {{{{ {unknown[0]} }}}}; use raw=true with a finished prompt instead")
    if ".Prompt" not in actions:
        raise ApiError(400, "the template has no {{ .Prompt }}, so the model would never see the prompt")
    if system and ".System" not in actions:
        prompt = f"{system}\n\n{prompt}"
    values = {".System": system, ".Prompt": prompt}
    until_response = re.split(r"\{\{-?\s*\.Response\s*-?\}\}", template)[0]
    return ACTION.sub(lambda match: values[match.group(1)], until_response)


def make_job(ask: Ask, loaded: Loaded, emit) -> Job:
    """The request as the batcher takes it. ApiError 400 if the prompt is too long or the format unusable."""
    info, o = loaded.info, ask.options
    text = ask.prompt if ask.raw else render(ask.template or info.template, ask.system, ask.prompt)
    ids = loaded.tok.encode_ordinary(text)
    context = min(info.config.block_size, max(o["num_ctx"], 4))
    if len(ids) >= context:
        fits = f"the prompt has {len(ids)} tokens and {info.name} reads {context} with the answer"
        raise ApiError(400, f"{fits}: shorten it (nothing is cut silently here)")
    try:
        rules = grammar(ask.format)
        constraint = Constraint(loaded.tok, rules) if rules else None
    except CourseError as error:
        raise ApiError(400, str(error)) from error
    room = context - len(ids)
    limit = min(o["num_predict"], room) if o["num_predict"] > 0 else room  # -1: as far as the context goes
    top = ask.top_logprobs if ask.logprobs else None
    sampling = Sampling(o["temperature"], max(o["top_k"], 0), o["top_p"], o["min_p"], o["repeat_penalty"])
    drawing = {name: o[name] for name in ("seed", "stop", "repeat_last_n")}
    return Job(ids, emit, limit, sampling, constraint=constraint, top_logprobs=top, **drawing)


def reply(ask: Ask, text: str, logprobs=None) -> dict:
    """One object of a reply, not yet the last."""
    answer = {"message": {"role": "assistant", "content": text}} if ask.chat else {"response": text}
    body = {"model": ask.model, "created_at": iso(datetime.now(UTC))} | answer | {"done": False}
    return body | {"logprobs": logprobs} if logprobs else body


def last_reply(ask: Ask, text: str, logprobs, done: Done, prompt_tokens: int, load: int, total: int) -> dict:
    """The last object of a reply, with the measurements; durations in nanoseconds."""
    return reply(ask, text, logprobs) | {
        "done": True,
        "done_reason": done.reason,
        "total_duration": total,
        "load_duration": load,
        "prompt_eval_count": prompt_tokens,
        "prompt_eval_duration": done.prompt_duration,
        "eval_count": done.tokens,
        "eval_duration": done.duration,
    }
