"""Batches and log-probs against one row at a time by hand; every known way to get them wrong is caught."""

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from helpers.dpo.data import tokenize_pair
from helpers.dpo.logprobs import (
    concatenated_forward,
    forward_with_kl,
    label_logps,
    score,
    sequence_logprobs,
    token_logprobs,
)
from helpers.dpo.losses import resolve_loss
from helpers.files import CourseError
from helpers.gpt.batches import Batch, collate


def by_hand(model, prompt, response):
    """log π(response | prompt), one token after the other, without batch, padding or mask."""
    total, ids = 0.0, list(prompt)
    for token in response:
        logits = model(torch.tensor([ids]))[0, -1].double()
        total += (logits[token] - logits.exp().sum().log()).item()
        ids.append(token)
    return total


def rows_of(pairs):
    """The chosen responses first, then the rejected ones in the same order."""
    return [pair.rows[0] for pair in pairs] + [pair.rows[1] for pair in pairs]


def batch_of(pairs):
    return collate(rows_of(pairs))


@torch.no_grad()
def check(model, pairs, collate=batch_of, sequence_logprobs=sequence_logprobs):
    expected = [by_hand(model, p.prompt, p.chosen) for p in pairs]
    expected += [by_hand(model, p.prompt, p.rejected) for p in pairs]
    found = sequence_logprobs(model, collate(pairs))
    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx(expected, abs=1e-3)


def test_sequence_logprobs(model, pairs):
    check(model, pairs)
    check(model, pairs[:1])  # a batch of one


def test_gradient_reaches_every_weight(model, pairs):
    sequence_logprobs(model, batch_of(pairs)).sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def test_token_logprobs_are_one_per_response_token(model, pairs):
    logprobs, rows = token_logprobs(model, batch_of(pairs))
    lengths = [len(p.chosen) for p in pairs] + [len(p.rejected) for p in pairs]
    assert torch.bincount(rows).tolist() == lengths
    assert (logprobs < 0).all()


def test_neighbours_and_padding_do_not_change_a_row(model, pairs):
    together = sequence_logprobs(model, batch_of(pairs)).view(2, -1)
    alone = torch.stack([sequence_logprobs(model, batch_of([p])) for p in pairs], dim=1)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-4)


def test_head_sees_response_positions_only(model, pairs):
    seen = []
    model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    sequence_logprobs(model, batch_of(pairs))
    assert seen == [(sum(len(p.chosen) + len(p.rejected) for p in pairs), model.config.vocab_size)]


# The bugs that the field has met. Each replaces the function by a wrong one; `check` must notice.


def wrong_sum(reduce):
    def wrong(model, batch):
        logprobs = model(batch.idx).log_softmax(-1).gather(-1, batch.targets[..., None]).squeeze(-1)
        return reduce(logprobs, batch.mask)

    return wrong


def wrong_mask(change):
    def wrong(pairs):
        batch = batch_of(pairs)
        return Batch(batch.idx, batch.targets, change(batch, pairs))

    return wrong


def shifted(mask, by):
    return torch.roll(mask, by, dims=1)


def prompt_unmasked(batch, pairs, rows):
    mask = batch.mask.clone()
    for row in rows:
        mask[row, : len(pairs[row % len(pairs)].prompt)] = True
    return mask


def padding_counted(batch, pairs):
    starts = torch.tensor([len(p.prompt) - 1 for p in pairs] * 2)
    return torch.arange(batch.mask.size(1)) >= starts[:, None]


def left_padded(pairs):
    batch = batch_of(pairs)
    shifts = [batch.mask.size(1) - int(row.nonzero().max()) - 1 for row in batch.mask]
    return Batch(*(torch.stack([row.roll(s) for row, s in zip(t, shifts, strict=True)]) for t in batch))


def changed_ends(change):
    def wrong(pairs):
        return batch_of([replace(p, chosen=change(p.chosen), rejected=change(p.rejected)) for p in pairs])

    return wrong


def interleaved(pairs):
    order = torch.arange(2 * len(pairs)).view(2, -1).T.flatten()
    return Batch(*(t[order] for t in batch_of(pairs)))


BUGS = {
    "mean, not sum": dict(sequence_logprobs=wrong_sum(lambda x, m: (x * m).sum(1) / m.sum(1))),
    "mean over padded length": dict(sequence_logprobs=wrong_sum(lambda x, m: (x * m).mean(1))),
    "probabilities, not logs": dict(sequence_logprobs=wrong_sum(lambda x, m: (x.exp() * m).sum(1))),
    "no mask": dict(sequence_logprobs=wrong_sum(lambda x, m: x.sum(1))),
    "targets not shifted": dict(collate=lambda pairs: (b := batch_of(pairs))._replace(targets=b.idx)),
    "mask one late": dict(collate=wrong_mask(lambda b, p: shifted(b.mask, 1))),
    "mask one early": dict(collate=wrong_mask(lambda b, p: shifted(b.mask, -1))),
    "first response token left out": dict(collate=wrong_mask(lambda b, p: b.mask & shifted(b.mask, 1))),
    "last prompt token counted": dict(collate=wrong_mask(lambda b, p: b.mask | shifted(b.mask, -1))),
    "prompts counted": dict(collate=wrong_mask(lambda b, p: prompt_unmasked(b, p, range(2 * len(p))))),
    "rejected prompts counted": dict(collate=wrong_mask(lambda b, p: prompt_unmasked(b, p, range(len(p), 2 * len(p))))),
    "padding counted": dict(collate=wrong_mask(padding_counted)),
    "end-of-text masked as padding": dict(collate=wrong_mask(lambda b, p: b.mask & (b.targets != 256))),
    "end-of-text missing": dict(collate=changed_ends(lambda ids: ids[:-1])),
    "end-of-text doubled": dict(collate=changed_ends(lambda ids: ids + ids[-1:])),
    "left padding": dict(collate=left_padded),
    "rows interleaved": dict(collate=interleaved),
    "sides swapped": dict(
        collate=lambda pairs: batch_of([replace(p, chosen=p.rejected, rejected=p.chosen) for p in pairs])
    ),
    "response cut": dict(collate=changed_ends(lambda ids: ids[:3])),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_check_catches(bug, model, pairs):
    with pytest.raises(AssertionError):
        check(model, pairs, **BUGS[bug])


def test_the_check_catches_dropout(make_gpt, pairs):
    noisy = make_gpt(dropout=0.2)
    check(noisy, pairs)
    noisy.train()
    with pytest.raises(AssertionError):
        check(noisy, pairs)


def test_the_check_catches_dropout_that_ignores_eval(model, pairs):
    plain = model.hidden
    model.hidden = lambda idx, *rest: F.dropout(plain(idx, *rest), 0.2)
    with pytest.raises(AssertionError):
        check(model, pairs)


# The boundary between prompt and response.


def merging_tokenizer(tok):
    """Like GPT-2's: a newline and what follows may become one token, and so may " a" and " b"."""
    import tiktoken

    ranks = {bytes([i]): i for i in range(256)} | {b"\n\n": 256, b"\na": 257, b" a": 258}
    return tiktoken.Encoding(
        "merging", pat_str=r"[\s\S]+", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 259}
    )


def check_boundary(tokenize, tok, prompt="Q\n", chosen="a b", rejected="\nno"):
    pair = tokenize(prompt, chosen, rejected, tok, block_size=48)
    assert tok.decode(pair.prompt) == prompt
    for ids, text in ((pair.chosen, chosen), (pair.rejected, rejected)):
        assert tok.decode(ids[:-1]) == text
        assert ids[-1] == tok.eot_token and ids.count(tok.eot_token) == 1


def tokenized_together(prompt, chosen, rejected, tok, block_size):
    """The bug: the whole text is tokenised and cut after as many tokens as the prompt alone has."""
    pair = tokenize_pair(prompt, chosen, rejected, tok, block_size)
    cut = len(pair.prompt)
    whole = [tok.encode_ordinary(prompt + side) + [tok.eot_token] for side in (chosen, rejected)]
    return replace(pair, chosen=whole[0][cut:], rejected=whole[1][cut:])


def test_no_token_straddles_the_boundary(tok):
    check_boundary(tokenize_pair, merging_tokenizer(tok))


@pytest.mark.parametrize("wrong", [tokenized_together])
def test_the_boundary_check_catches(wrong, tok):
    with pytest.raises(AssertionError):
        check_boundary(wrong, merging_tokenizer(tok))


def test_text_that_looks_like_end_of_text_is_plain_text(tok):
    pair = tokenize_pair("Q", "yes<|endoftext|>", "no", tok, block_size=48)
    assert pair.chosen.count(tok.eot_token) == 1


def test_forward_with_kl_gives_the_log_probs_and_the_kl_along_each_side(model, pairs):
    reference = copy.deepcopy(model)
    with torch.no_grad():
        for p in model.parameters():
            p += 0.02 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel()))
        logps, kl = forward_with_kl(model, pairs, reference).split(2, dim=1)
        assert torch.allclose(logps, concatenated_forward(model, pairs), atol=1e-5)
        pair = pairs[0]
        row = torch.tensor([pair.prompt + pair.rejected])
        ours, theirs = (m(row)[0, len(pair.prompt) - 1 : -1].log_softmax(-1) for m in (model, reference))
        assert torch.isclose(kl[0, 1], (ours.exp() * (ours - theirs)).sum(), atol=1e-5)
        assert (kl > 0).all()
        assert torch.allclose(forward_with_kl(reference, pairs, reference)[:, 2:], torch.zeros(1), atol=1e-6)


def test_the_kl_reaches_the_loss_by_name_and_its_absence_is_an_error(model, pairs):
    logps = label_logps(pairs, forward_with_kl(model, pairs, copy.deepcopy(model)), score(model, pairs))
    assert torch.allclose(resolve_loss("dpo-kl", beta=0.3)(logps), torch.tensor(2.0).log(), atol=1e-5)
    held = score(model, pairs, forward=partial(forward_with_kl, reference=model))
    assert held.shape == (len(pairs), 4)
    with pytest.raises(CourseError, match="forward_with_kl"):
        resolve_loss("dpo-kl")(label_logps(pairs, concatenated_forward(model, pairs), score(model, pairs)))
