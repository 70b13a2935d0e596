"""Constrained decoding: only tokens that keep the reply inside a JSON schema may be drawn (llguidance).

The mask falls on the logits before sampling, so whatever the model is, a finished reply is valid. Objects and
lists are laid out as `json.dumps` does it, without free whitespace: a small model cannot write blanks without end.
"""

from functools import cache

import numpy as np
import torch
from llguidance import LLMatcher
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from llguidance.tiktoken import lltokenizer_from_encoding

from helpers.files import CourseError

LAYOUT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "coerce_one_of": True}
SCHEMA_MAPPINGS = ("properties", "$defs", "definitions")  # keywords that hold a mapping of schemas
SCHEMA_LISTS = ("anyOf", "oneOf", "prefixItems")  # keywords that hold a list of schemas


class Constraint:
    """One reply's way through a grammar. `mask` before each draw, `accept` after it, until `finished`."""

    def __init__(self, tok, grammar: str):
        """Raises CourseError if llguidance cannot hold to the grammar."""
        self.matcher = LLMatcher(grammar_tokenizer(tok), grammar, log_level=0)
        self.bits = allocate_token_bitmask(1, tok.n_vocab)
        self.n_vocab = tok.n_vocab
        if self.matcher.is_error():
            reason = self.matcher.get_error().splitlines()[0]
            raise CourseError(f"The JSON schema in format cannot be used: {reason}.")

    def mask(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits (vocab_size,) with -inf at every token that may not come next."""
        fill_next_token_bitmask(self.matcher, self.bits)
        if self.matcher.is_error():
            raise RuntimeError(f"constrained decoding failed: {self.matcher.get_error()}")
        allowed = np.unpackbits(self.bits[0].view(np.uint8), bitorder="little")[: self.n_vocab]
        return logits.masked_fill(torch.from_numpy(allowed) == 0, float("-inf"))

    def accept(self, token: int):
        """Tell the grammar which token was drawn."""
        if not self.matcher.consume_token(token):
            raise RuntimeError(f"constrained decoding failed: {self.matcher.get_error()}")

    @property
    def finished(self) -> bool:
        """True when the value is complete and nothing can follow."""
        return self.matcher.is_stopped()


@cache
def grammar_tokenizer(tok):
    """llguidance's view of a tiktoken encoding; made once, it takes up to a second."""
    return lltokenizer_from_encoding(tok)


def grammar(format) -> str | None:
    """Ollama's `format` as a grammar: "json" is any JSON object, a dict a JSON schema, None or "" nothing.

    As in Ollama, an object has only the properties that its schema lists. Anything else raises CourseError.
    """
    if format is None or format == "":
        return None
    if format == "json":
        return LLMatcher.grammar_from_json_schema({"type": "object"}, overrides=LAYOUT)
    if not isinstance(format, dict):
        raise CourseError(f'invalid format: {format!r}; expected "json" or a valid JSON Schema object')
    return LLMatcher.grammar_from_json_schema(closed(format), overrides=LAYOUT)


def closed(schema):
    """The schema with additionalProperties false wherever it lists properties and does not say otherwise."""
    if not isinstance(schema, dict):
        return schema  # true and false are schemas too
    out = dict(schema)
    for key in SCHEMA_MAPPINGS:
        if isinstance(out.get(key), dict):
            out[key] = {name: closed(value) for name, value in out[key].items()}
    for key in SCHEMA_LISTS:
        if isinstance(out.get(key), list):
            out[key] = [closed(value) for value in out[key]]
    if isinstance(out.get("items"), dict):
        out["items"] = closed(out["items"])
    if "properties" in out and "allOf" not in out:
        out.setdefault("additionalProperties", False)
    return out
