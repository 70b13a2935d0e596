"""What a loss sees: the right number in the right field, for pairs and for thumbs."""

import random
from collections import Counter

import pytest
import torch

from helpers.dpo.data import TokenPair
from helpers.dpo.observe import Pairs, observe
from helpers.dpo.reference import reference_logprobs
from helpers.dpo.thumbs import TokenThumb, thumbs_from_pairs
from helpers.files import CourseError


@torch.no_grad()
def by_hand(model, prompt, response):
    """log π of each token of the response, one forward pass each."""
    found = []
    for end in range(len(response)):
        logits = model(torch.tensor([prompt + response[:end]]))[0, -1]
        found.append(logits.log_softmax(0)[response[end]].item())
    return found


def test_every_field_of_pairs(model, make_gpt, pairs):
    other = make_gpt(seed=3)
    reference = reference_logprobs(other, pairs, heads=True)
    seen = observe(model, pairs, reference)
    for i, pair in enumerate(pairs):
        shorter = min(len(pair.chosen), len(pair.rejected))
        for side, response in (("w", pair.chosen), ("l", pair.rejected)):
            mine, theirs = by_hand(model, pair.prompt, response), by_hand(other, pair.prompt, response)
            field = {name: getattr(seen, f"{name}_{side}")[i].item() for name in ("logp", "ref", "n", "head", "a")}
            assert field["logp"] == pytest.approx(sum(mine), abs=1e-3)
            assert field["ref"] == pytest.approx(sum(theirs), abs=1e-3)
            assert field["a"] == pytest.approx(sum(mine) - sum(theirs), abs=1e-3)
            assert field["head"] == pytest.approx(sum(mine[:shorter]) - sum(theirs[:shorter]), abs=1e-3)
            assert field["n"] == len(response)
    assert seen.h.tolist() == (seen.a_w - seen.a_l).tolist()
    assert any(len(pair.chosen) != len(pair.rejected) for pair in pairs)


def test_the_first_two_columns_are_the_same_with_and_without_heads(model, pairs):
    with_heads = reference_logprobs(model, pairs, heads=True)
    assert with_heads.shape == (len(pairs), 4)
    torch.testing.assert_close(with_heads[:, :2], reference_logprobs(model, pairs))


def test_without_a_reference_a_log_ratio_is_refused(model, pairs):
    seen = observe(model, pairs)
    assert seen.ref_w is None and seen.logp_w.shape == (len(pairs),)
    with pytest.raises(CourseError, match="there is none"):
        seen.h  # noqa: B018


def test_z0_of_pairs_is_at_least_0_and_has_no_gradient():
    up = torch.tensor([3.0, 1.0], requires_grad=True)
    zero, one = torch.zeros(2), torch.ones(2)
    assert Pairs(up, zero, one, one, zero, zero).z0.item() == 1.0  # (3 + 1 + 0 + 0) / 4
    assert Pairs(-up, zero, one, one, zero, zero).z0.item() == 0.0
    assert not Pairs(up, zero, one, one, zero, zero).z0.requires_grad


# Thumbs.


def test_z0_of_thumbs_is_the_mean_log_ratio_of_mismatched_responses(model, make_gpt, pairs):
    other, thumbs = make_gpt(seed=3), thumbs_from_pairs(pairs)
    reference = reference_logprobs(other, thumbs)
    seen = observe(model, thumbs, reference)
    ratios = [sum(by_hand(model, t.prompt, t.other)) - sum(by_hand(other, t.prompt, t.other)) for t in thumbs]
    assert seen.z0.item() == pytest.approx(max(0, sum(ratios) / len(ratios)), abs=1e-3)
    flipped = observe(other, thumbs, reference_logprobs(model, thumbs))
    assert {seen.z0.item(), flipped.z0.item()} > {0.0}  # one of the two directions is clamped
    assert not seen.z0.requires_grad and seen.logp.requires_grad
    for i, thumb in enumerate(thumbs):
        mine, theirs = by_hand(model, thumb.prompt, thumb.response), by_hand(other, thumb.prompt, thumb.response)
        assert seen.a[i].item() == pytest.approx(sum(mine) - sum(theirs), abs=1e-3)
    assert seen.liked.tolist() == [True, False] * len(pairs)
    assert seen.sign.tolist() == [1, -1] * len(pairs)


def test_a_pair_becomes_two_thumbs_each_with_an_answer_to_another_prompt(pairs):
    thumbs = thumbs_from_pairs(pairs)
    assert [(t.prompt, t.response, t.liked) for t in thumbs] == [
        (p.prompt, response, liked) for p in pairs for response, liked in ((p.chosen, True), (p.rejected, False))
    ]
    owners = {tuple(t.response): t.prompt for t in thumbs}
    assert all(owners[tuple(t.other)] != t.prompt for t in thumbs)


def test_one_side_of_each_pair_by_a_coin(pairs):
    thumbs = thumbs_from_pairs(pairs * 20, both=False, seed=1)
    assert len(thumbs) == len(pairs) * 20
    assert 0.35 < Counter(t.liked for t in thumbs)[True] / len(thumbs) < 0.65
    assert thumbs == thumbs_from_pairs(pairs * 20, both=False, seed=1)


def test_mismatched_responses_fit_into_the_context():
    rng = random.Random(0)
    pairs = [TokenPair([n] * rng.randint(1, 20), [1] * rng.randint(1, 20), [2]) for n in range(30)]
    longest = max(pair.length for pair in pairs)
    assert all(isinstance(t, TokenThumb) and t.length <= longest for t in thumbs_from_pairs(pairs))


def test_one_prompt_is_not_enough():
    with pytest.raises(CourseError, match="at least two different prompts"):
        thumbs_from_pairs([TokenPair([1, 2], [3], [4]), TokenPair([1, 2], [5], [6])])


def test_many_thumbs_take_no_time():
    pairs = [TokenPair([n // 256, n % 256], [1, 2, 3], [4, 5]) for n in range(32_000)]
    assert len(thumbs_from_pairs(pairs)) == 64_000
