"""Prompts that a tiny course model was not made for: it would answer them with nonsense, so they are refused.

What decides is the model's own surprise at the prompt. llama.cpp gives no log-probabilities of a prompt, but its hidden
states, which times the embedding matrix are the logits. That costs as much as a short answer, so a prompt whose pairs
of neighbouring tokens are mostly known is let through without it.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from helpers.gpt.config import open_gguf
from helpers.gpt.prompt import HOLE
from helpers.llm.server.errors import ApiError
from helpers.llm.server.models import GET_IT_AGAIN, ModelInfo
from helpers.llm.server.runner import Runner

MOSTLY = 0.6  # share of a prompt's pairs


def own_tokens(ids, template, tok) -> slice:
    """Where the user's text stands in a prompt: inside of the template, or everywhere if that is missing."""
    header, footer = map(tok.encode_ordinary, template.split(HOLE))
    start = len(header) if ids[: len(header)] == header else 0
    return slice(start, len(ids) - len(footer) if ids[-len(footer) :] == footer else len(ids))


def token_pairs(ids, own: slice) -> set[tuple[int, int]]:
    """The pairs of neighbouring tokens in the user's text and at its edges."""
    return set(pairwise(ids[max(own.start - 1, 0) : own.stop + 1]))


def known_pairs(prompts: Iterable[set[tuple[int, int]]], most: int) -> str:
    """The pairs that most of the prompts have, so many: "first second,second first second ...", sorted."""
    followers = {}
    for first, second in sorted(pair for pair, _ in Counter(chain.from_iterable(prompts)).most_common(most)):
        followers.setdefault(first, []).append(str(second))
    return " ".join(f"{first} {','.join(seconds)}" for first, seconds in followers.items())


def read_pairs(text: str) -> set[tuple[int, int]]:
    """The pairs again. Raises ValueError for what `known_pairs` does not write."""
    words = text.split()
    followers = zip(words[::2], words[1::2], strict=True)
    return {(int(first), int(second)) for first, seconds in followers for second in seconds.split(",")}


def prompt_surprise(logits: np.ndarray, ids, own: slice) -> float:
    """How foreign a prompt is to a model: the median of -log π (nats) over the tokens of the user's text.

    logits: (T, vocab_size) for the T tokens `ids`; own: `own_tokens`, of which the prompt's first has no π. A median,
    so that a question about one invented name is not foreign.
    """
    places = np.arange(max(own.start, 1), own.stop)
    if not len(places):
        return 0.0
    logits = logits[places - 1]
    highest = logits.max(-1)
    log_normalizers = highest + np.log(np.exp(logits - highest[:, None]).sum(-1))
    return float(np.median(log_normalizers - logits[np.arange(len(places)), np.array(ids)[places]]))


class Gate:
    """What a model does not let in."""

    def __init__(self, info: ModelInfo, path: Path):
        """path: the model as GGUF. CourseError if it is damaged."""
        from gguf import dequantize

        self.name, self.tok, self.template, self.limit = info.name, info.tok, info.template, info.meta["max_surprise"]
        self.known = read_pairs(info.meta.get("known_pairs", ""))
        tensors = {tensor.name: tensor for tensor in open_gguf(path, GET_IT_AGAIN).tensors}
        embedding = tensors["token_embd.weight"]
        self.embedding = dequantize(embedding.data, embedding.tensor_type)  # (vocab_size, n_embd), float32

    async def check(self, runner: Runner, ids: list[int]):
        """Raises ApiError for a foreign prompt."""
        own = own_tokens(ids, self.template, self.tok)
        pairs = token_pairs(ids, own)
        if len(pairs & self.known) >= MOSTLY * len(pairs):
            return
        answer = await runner.post("/embedding", {"content": ids, "embd_normalize": -1})
        hidden = np.array(answer[0]["embedding"], np.float32)  # (T, n_embd), after the last norm
        surprise = prompt_surprise(hidden @ self.embedding.T, ids, own)
        if surprise > self.limit:
            raise ApiError(
                400,
                f"{self.name}, a tiny course model, answers only the course's own prompts; this one is "
                f"foreign to it (surprise {surprise:.1f} > {self.limit:.1f}). For it: `ollama pull llama3.2:1b`, "
                "COURSE_MODEL=llama3.2:1b, OLLAMA_HOST",
            )
