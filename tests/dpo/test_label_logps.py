"""What a loss sees: the right number in the right field, for pairs and for unpaired data."""

import random
from collections import Counter
from dataclasses import replace

import pytest
import torch

from helpers.dpo.data import TokenPair, Unpaired, unpaired_from_pairs
from helpers.dpo.logprobs import concatenated_forward, label_logps, score
from helpers.dpo.losses import resolve_loss
from helpers.files import CourseError


@torch.no_grad()
def by_hand(model, prompt, response):
    """log π of each token of the response, one forward pass each."""
    found = []
    for end in range(len(response)):
        logits = model(torch.tensor([prompt + response[:end]]))[0, -1]
        found.append(logits.log_softmax(0)[response[end]].item())
    return found


def logps_of(model, samples, reference=None):
    return label_logps(samples, concatenated_forward(model, samples), reference)


def test_every_field_of_pairs(model, make_gpt, pairs):
    other, pairs = make_gpt(seed=3), [replace(pair, shared_prefix=True) for pair in pairs]
    logps = logps_of(model, pairs, score(other, pairs))
    for i, pair in enumerate(pairs):
        shorter = min(len(pair.chosen), len(pair.rejected))
        for side, response in (("w", pair.chosen), ("l", pair.rejected)):
            mine, theirs = by_hand(model, pair.prompt, response), by_hand(other, pair.prompt, response)
            field = {name: getattr(logps, f"{name}_{side}")[i].item() for name in ("logp", "ref", "n", "shared", "a")}
            assert field["logp"] == pytest.approx(sum(mine), abs=1e-3)
            assert field["ref"] == pytest.approx(sum(theirs), abs=1e-3)
            assert field["a"] == pytest.approx(sum(mine) - sum(theirs), abs=1e-3)
            assert field["shared"] == pytest.approx(sum(mine[:shorter]) - sum(theirs[:shorter]), abs=1e-3)
            assert field["n"] == len(response)
    assert logps.h.tolist() == (logps.a_w - logps.a_l).tolist()
    assert any(len(pair.chosen) != len(pair.rejected) for pair in pairs)


def test_without_a_reference_a_log_ratio_is_refused(model, pairs):
    logps = logps_of(model, pairs)
    assert logps.ref_w is None and logps.logp_w.shape == (len(pairs),)
    with pytest.raises(CourseError, match="there is none"):
        logps.h  # noqa: B018


def test_a_shared_prefix_does_not_ask_for_a_reference(model, pairs):
    logps = logps_of(model, [replace(pair, shared_prefix=True) for pair in pairs])
    assert logps.shared_w is None and resolve_loss("simpo")(logps).shape == (len(pairs),)
    with pytest.raises(CourseError, match="compares with a reference, and there is none"):
        resolve_loss("ld-dpo")(logps)


# Unpaired data.


def test_z0_of_unpaired_data_is_the_mean_log_ratio_of_mismatched_responses(model, make_gpt, pairs):
    other, unpaired = make_gpt(seed=3), unpaired_from_pairs(pairs)
    logps = logps_of(model, unpaired, score(other, unpaired))
    ratios = [
        sum(by_hand(model, t.prompt, t.mismatched)) - sum(by_hand(other, t.prompt, t.mismatched)) for t in unpaired
    ]
    assert logps.z0.item() == pytest.approx(max(0, sum(ratios) / len(ratios)), abs=1e-3)
    flipped = logps_of(other, unpaired, score(model, unpaired))
    assert {logps.z0.item(), flipped.z0.item()} > {0.0}  # one of the two directions is clamped
    assert not logps.z0.requires_grad and logps.logp.requires_grad
    for i, sample in enumerate(unpaired):
        mine, theirs = by_hand(model, sample.prompt, sample.response), by_hand(other, sample.prompt, sample.response)
        assert logps.a[i].item() == pytest.approx(sum(mine) - sum(theirs), abs=1e-3)
    assert logps.label.tolist() == [True] * len(pairs) + [False] * len(pairs)
    assert logps.sign.tolist() == [1] * len(pairs) + [-1] * len(pairs)


def test_a_pair_becomes_two_single_responses_each_with_an_answer_to_another_prompt(pairs):
    unpaired = unpaired_from_pairs(pairs)
    assert [(t.prompt, t.response, t.label) for t in unpaired] == [
        *((p.prompt, p.chosen, True) for p in pairs),
        *((p.prompt, p.rejected, False) for p in pairs),
    ]
    owners = {tuple(t.response): t.prompt for t in unpaired}
    assert all(owners[tuple(t.mismatched)] != t.prompt for t in unpaired)
    mismatched = Counter(tuple(t.mismatched) for t in unpaired)  # as many of them liked as not, or z0 would be skewed
    assert mismatched == Counter(tuple(t.response) for t in unpaired)


def test_one_side_of_each_pair_by_a_coin(pairs):
    unpaired = unpaired_from_pairs(pairs * 20, both=False, seed=1)
    assert len(unpaired) == len(pairs) * 20
    assert 0.35 < Counter(t.label for t in unpaired)[True] / len(unpaired) < 0.65
    assert unpaired == unpaired_from_pairs(pairs * 20, both=False, seed=1)


def test_mismatched_responses_fit_into_the_context():
    rng = random.Random(0)
    pairs = [TokenPair([n] * rng.randint(1, 20), [1] * rng.randint(1, 20), [2]) for n in range(30)]
    longest = max(pair.length for pair in pairs)
    assert all(isinstance(t, Unpaired) and t.length <= longest for t in unpaired_from_pairs(pairs))


def test_one_prompt_is_not_enough():
    with pytest.raises(CourseError, match="at least two different prompts"):
        unpaired_from_pairs([TokenPair([1, 2], [3], [4]), TokenPair([1, 2], [5], [6])])


def test_much_unpaired_data_takes_no_time():
    pairs = [TokenPair([n // 256, n % 256], [1, 2, 3], [4, 5]) for n in range(32_000)]
    assert len(unpaired_from_pairs(pairs)) == 64_000
