"""Constrained decoding holds whatever the logits say: here they are random, which is the hardest case."""

import json
from typing import Literal

import jsonschema
import pytest
import torch
from pydantic import BaseModel, Field

from helpers.files import CourseError
from helpers.llm.server.constrain import Constraint, closed, grammar


class Judgement(BaseModel):
    winner: Literal["A", "B"]
    score: int = Field(ge=1, le=5)


class Nested(BaseModel):
    judgements: list[Judgement] = Field(min_length=1, max_length=2)
    sure: bool
    note: str = Field(max_length=4)


SCHEMAS = {
    "judgement": Judgement.model_json_schema(),
    "nested": Nested.model_json_schema(),
    "optional": {"type": "object", "properties": {"a": {"enum": [1, "é", None]}, "b": {"type": "null"}}},
    "any of": {"anyOf": [{"const": {"x": [1, 2]}}, {"type": "array", "items": {"type": "boolean"}, "maxItems": 3}]},
    "bare integer": {"type": "integer", "minimum": -20, "maximum": 300},
}


def write(tok, constraint, seed, longest=400):
    """Draw from random logits under the constraint, as the batcher does; the bytes, or None if cut."""
    generator, out = torch.Generator().manual_seed(seed), []
    while not constraint.finished and len(out) < longest:
        logits = constraint.mask(3 * torch.randn(tok.n_vocab, generator=generator))
        token = int(torch.multinomial(logits.softmax(-1), 1, generator=generator))
        if token == tok.eot_token:
            return tok.decode_bytes(out)
        constraint.accept(token)
        out.append(token)
    return tok.decode_bytes(out) if constraint.finished else None


@pytest.mark.parametrize("name", SCHEMAS)
def test_random_logits_give_valid_json(tiny_tok, name):
    for seed in range(20):
        text = write(tiny_tok, Constraint(tiny_tok, grammar(SCHEMAS[name])), seed).decode("utf-8")
        jsonschema.validate(json.loads(text), SCHEMAS[name])
        value = json.loads(text)
        if name != "optional":  # "é" may be written as itself or as \u00e9
            assert text in (json.dumps(value), json.dumps(value, ensure_ascii=False)), "free whitespace was written"


def test_json_mode_gives_an_object(tiny_tok):
    texts = [write(tiny_tok, Constraint(tiny_tok, grammar("json")), seed) for seed in range(10)]
    complete = [json.loads(text) for text in texts if text is not None]
    assert complete and all(isinstance(value, dict) for value in complete)


def test_end_of_text_only_when_the_value_is_complete(tiny_tok):
    constraint = Constraint(tiny_tok, grammar({"type": "integer"}))
    assert constraint.mask(torch.zeros(tiny_tok.n_vocab))[tiny_tok.eot_token] == float("-inf")
    constraint.accept(ord("7"))
    assert constraint.mask(torch.zeros(tiny_tok.n_vocab))[tiny_tok.eot_token] == 0
    assert not constraint.finished  # another digit may follow


def test_mask_keeps_the_logits_it_allows(tiny_tok):
    logits = torch.randn(tiny_tok.n_vocab)
    masked = Constraint(tiny_tok, grammar({"enum": ["x"]})).mask(logits)
    assert masked.isfinite().nonzero().flatten().tolist() == [ord('"')]
    assert masked[ord('"')] == logits[ord('"')]


def test_a_token_outside_the_grammar_is_an_error(tiny_tok):
    with pytest.raises(RuntimeError, match="constrained decoding failed"):
        Constraint(tiny_tok, grammar({"enum": ["x"]})).accept(ord("y"))


@pytest.mark.parametrize("absent", [None, ""])
def test_no_format_is_no_constraint(absent):
    assert grammar(absent) is None


@pytest.mark.parametrize("bad", ["xml", 3, ["json"], True])
def test_other_formats_are_refused(bad):
    with pytest.raises(CourseError, match="invalid format"):
        grammar(bad)


@pytest.mark.parametrize("bad", [{"type": "objec"}, {"type": "string", "not": {"const": "a"}}, {"$ref": "#/nowhere"}])
def test_schemas_that_cannot_be_held_are_refused(tiny_tok, bad):
    with pytest.raises(CourseError, match="schema in format cannot be used"):
        Constraint(tiny_tok, grammar(bad))


def test_objects_are_closed_as_in_ollama():
    schema = {
        "properties": {
            "properties": {"type": "object", "properties": {}},
            "open": {"additionalProperties": True},
        },
        "$defs": {"D": {"properties": {"a": True}}},
        "anyOf": [{"items": {"properties": {}}}],
    }
    before = json.dumps(schema)
    result = closed(schema)
    assert json.dumps(schema) == before, "the caller's schema is left alone"
    assert result["additionalProperties"] is False
    assert result["properties"]["properties"]["additionalProperties"] is False
    assert result["properties"]["open"] == {"additionalProperties": True}
    assert result["$defs"]["D"] == {"properties": {"a": True}, "additionalProperties": False}
    assert result["anyOf"][0]["items"]["additionalProperties"] is False
    assert "additionalProperties" not in closed({"properties": {}, "allOf": [{"properties": {}}]})
