"""One scoring path: in the order of the samples, without gradient and dropout, for pairs, single rows and prefixes."""

from dataclasses import replace

import pytest
import torch

from helpers.dpo.logprobs import concatenated_forward, score, sequence_logprobs
from helpers.gpt.batches import TokenRow, collate


def check(logps, model, samples):
    sides = len(samples[0].rows)
    assert logps.shape == (len(samples), sides) and not logps.requires_grad
    with torch.no_grad():
        expected = [sequence_logprobs(model.eval(), collate(sample.rows)) for sample in samples]
    torch.testing.assert_close(logps, torch.stack(expected), rtol=1e-5, atol=1e-4)


def test_scores_keep_the_order_of_the_pairs(model, pairs):
    check(score(model, pairs, batch_size=3), model, pairs)
    check(score(model, pairs[:1], batch_size=3), model, pairs[:1])
    assert score(model, []).numel() == 0


def test_single_rows_are_scored_as_the_sides_of_pairs_are(model, pairs):
    rows = [TokenRow(pair.prompt, pair.rejected) for pair in pairs]
    check(score(model, rows, batch_size=4), model, rows)
    torch.testing.assert_close(score(model, rows)[:, 0], score(model, pairs)[:, 1])


def test_the_shared_prefix_is_two_more_columns(model, pairs):
    with_prefix = score(model, [replace(pair, shared_prefix=True) for pair in pairs])
    assert with_prefix.shape == (len(pairs), 4)
    torch.testing.assert_close(with_prefix[:, :2], score(model, pairs))
    shorter = (torch.tensor([[len(p.chosen), len(p.rejected)] for p in pairs]).argmin(dim=1), torch.arange(len(pairs)))
    torch.testing.assert_close(with_prefix[shorter[1], shorter[0] + 2], with_prefix[shorter[1], shorter[0]])


def test_dropout_is_off_meanwhile_and_the_mode_comes_back(make_gpt, pairs):
    model = make_gpt(dropout=0.3).train()
    logps = score(model, pairs)
    assert model.training
    check(logps, model, pairs)


def test_the_mode_comes_back_after_an_error_too(model, pairs):
    def broken(model, samples):
        raise RuntimeError

    model.train()
    with pytest.raises(RuntimeError):
        score(model, pairs, forward=broken)
    assert model.training


def test_the_check_catches_dropout_and_gradients(make_gpt, pairs, monkeypatch):
    model = make_gpt(dropout=0.3).train()
    monkeypatch.setattr(model, "eval", lambda: model)
    noisy = score(model, pairs)
    monkeypatch.undo()
    with pytest.raises(AssertionError):
        check(noisy, model, pairs)
    with pytest.raises(AssertionError):
        check(concatenated_forward(model.eval(), pairs), model, pairs)


def test_the_check_catches_the_order_of_the_buckets(model, pairs):
    turned = lambda model, samples: concatenated_forward(model, samples[::-1])  # noqa: E731
    with pytest.raises(AssertionError):
        check(score(model, pairs, batch_size=4, forward=turned), model, pairs)
