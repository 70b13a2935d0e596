"""The reference: computed once, without gradient and dropout, in the order of the pairs."""

import pytest
import torch

from helpers.dpo import reference
from helpers.dpo.data import collate
from helpers.dpo.logprobs import sequence_logprobs
from helpers.dpo.reference import reference_logprobs


def check(logprobs, model, pairs):
    assert logprobs.shape == (len(pairs), 2) and not logprobs.requires_grad
    with torch.no_grad():
        expected = [sequence_logprobs(model.eval(), collate([pair])) for pair in pairs]
    torch.testing.assert_close(logprobs, torch.stack(expected), rtol=1e-5, atol=1e-4)


def test_reference_logprobs_keep_the_order_of_the_pairs(model, pairs):
    check(reference_logprobs(model, pairs, batch_size=3), model, pairs)
    check(reference_logprobs(model, pairs[:1], batch_size=3), model, pairs[:1])
    assert reference_logprobs(model, []).shape == (0, 2)


def test_dropout_is_off_meanwhile_and_the_mode_comes_back(make_gpt, pairs):
    model = make_gpt(dropout=0.3).train()
    logprobs = reference_logprobs(model, pairs)
    assert model.training
    check(logprobs, model, pairs)


def test_the_check_catches_dropout_and_gradients(make_gpt, pairs, monkeypatch):
    model = make_gpt(dropout=0.3).train()
    monkeypatch.setattr(model, "eval", lambda: model)
    noisy = reference_logprobs(model, pairs)
    monkeypatch.undo()
    with pytest.raises(AssertionError):
        check(noisy, model, pairs)
    logprobs = sequence_logprobs(model.eval(), collate(pairs)).view(2, -1).T
    with pytest.raises(AssertionError):
        check(logprobs, model, pairs)


def test_the_check_catches_the_order_of_the_buckets(model, pairs, monkeypatch):
    monkeypatch.setattr(reference, "collate", lambda batch: collate(batch[::-1]))
    with pytest.raises(AssertionError):
        check(reference_logprobs(model, pairs, batch_size=4), model, pairs)
