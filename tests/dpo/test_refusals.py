"""What training refuses, before it starts or while it happens: one clear sentence each."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from helpers.dpo.losses import dpo_loss
from helpers.dpo.reference import reference_logprobs
from helpers.dpo.thumbs import thumbs_from_pairs
from helpers.dpo.train import DPOSettings, check_start, compare, train_dpo
from helpers.files import CourseError


def test_a_policy_that_is_not_the_reference_is_refused(make_gpt, model, data, trained):
    with pytest.raises(CourseError, match="should be ln 2"):
        trained(make_gpt(seed=1), data)
    policy, _ = trained(model, data)  # the reference of a policy that was trained already
    with pytest.raises(CourseError, match="should be ln 2"):
        trained(policy, data)


@pytest.mark.parametrize("bug", ["padding", "order", "end-of-text", "mean"])
def test_a_reference_made_in_another_way_is_refused(bug, model, data, monkeypatch, trained):
    reference, train, val = data
    wrong = {
        "padding": lambda lp: lp - torch.tensor([3.0, 1.0]),
        "order": lambda lp: lp.flip(1),
        "end-of-text": lambda lp: lp + 2.0,
        "mean": lambda lp: lp / 9,
    }[bug](reference[0])
    with pytest.raises(CourseError, match="should be ln 2"):
        trained(model, ((wrong, reference[1]), train, val))


def test_dropout_that_ignores_eval_is_noticed(model, data, settings):
    policy = copy.deepcopy(model)
    plain = policy.hidden
    policy.hidden = lambda idx: F.dropout(plain(idx), 0.2)
    with pytest.raises(CourseError, match="should be ln 2"):
        train_dpo(policy, *data, settings)


def test_check_start_accepts_rounding(model, data):
    _, metrics = compare(model, data[1], data[0][0] + 1e-3, dpo_loss)
    check_start(metrics)


def test_reference_of_other_pairs_no_pairs_and_frozen_weights_are_refused(model, data, trained):
    reference, train, val = data
    with pytest.raises(CourseError, match="7 pairs"):
        trained(model, (reference, train[:7], val))
    with pytest.raises(CourseError, match="no training pairs"):
        trained(model, ((torch.empty(0, 2), reference[1]), [], val))
    with pytest.raises(CourseError, match="frozen"):
        trained(copy.deepcopy(model).requires_grad_(False), data)


def test_a_loss_without_gradient_is_refused(model, data, trained):
    def stuck(chosen, rejected):
        return dpo_loss(0 * chosen, 0 * rejected)

    with pytest.raises(CourseError, match="No gradient"):
        trained(model, data, loss=stuck)


def test_a_loss_that_is_not_finite_names_the_pair_and_keeps_the_weights(model, data, same_weights, settings):
    calls, policies = [], []

    def breaks(chosen, rejected):
        calls.append(1)
        losses, *rewards = dpo_loss(chosen, rejected)
        return losses * (math.nan if len(calls) == 3 else 1), *rewards

    policy = copy.deepcopy(model)
    no_val = (data[0][0], torch.empty(0, 2)), data[1], []
    keep = lambda row: policies.append(copy.deepcopy(policy))  # noqa: E731
    with pytest.raises(
        CourseError, match="The loss breaks is nan for 4 of 4 rows; the first has logp_w = -.*Mend its formula"
    ):
        train_dpo(policy, *no_val, settings, loss=breaks, callback=keep)
    assert same_weights(policy, policies[1])


def test_weights_that_are_not_finite_are_reported_with_the_step(model, data, settings):
    """Nothing is wrong with the loss here, so the message must not blame it."""
    policy = copy.deepcopy(model)
    broken = lambda row: policy.lm_head.weight.data.fill_(math.nan)  # noqa: E731
    no_val = (data[0][0], torch.empty(0, 2)), data[1], []
    with pytest.raises(CourseError, match="Step 2: the loss is nan.*smaller lr"):
        train_dpo(policy, *no_val, settings, callback=broken)


OUT_OF_RANGE = [
    *(dict(beta=0), dict(beta=-1), dict(beta=math.nan), dict(lr=0), dict(lr=math.inf), dict(max_grad_norm=0)),
    *(dict(epochs=0), dict(epochs=1.5), dict(batch_size=0), dict(eval_every=0), dict(checkpoint_every=0)),
    *(dict(lr="5e-5"), dict(seed=None), dict(warmup=2), dict(weight_decay=-1), dict(seed=-1)),
]


@pytest.mark.parametrize("change", OUT_OF_RANGE, ids=str)
def test_settings_that_cannot_work_are_named(change):
    with pytest.raises(CourseError, match=f"DPOSettings.{next(iter(change))} is"):
        DPOSettings(**change)


# Losses and data that do not fit together.

WRONG_LOSSES = {
    "no such name": ("smpo", "There is no loss 'smpo'. Did you mean \"simpo\""),
    "nothing near": ("xyzzy", "There is no loss 'xyzzy'. There are: dpo, "),
    "no function": (3, "loss is 3, and it must be the name of a loss or a function"),
    "mean": (lambda p: p.h.mean(), "returned \\(\\), and it must return one number a pair, \\(4,\\)"),
    "column": (lambda p: p.h[:, None], "returned \\(4, 1\\), and"),
    "number": (lambda p: 0.7, "returned float, and"),
    "two results": (lambda p: (p.h, p.h), "returned tuple, and"),
    "wrong rewards": (lambda c, r: (c - r, c.mean(), r.mean()), "returned \\(\\), and"),
    "nan": (lambda p: (-p.h.abs() - 1).sqrt(), "is nan for 4 of 4 rows; the first has logp_w"),
    "infinite": (lambda p: 1 / (p.n_w - p.n_w), "is inf for 4 of 4 rows"),
    "nothing to see": (lambda: 0, "takes 0 things besides beta, and it must take the log-ratios of both sides, or one"),
    "too much to see": (lambda a, b, c: a, "takes 3 things besides beta"),
    "heads are not known": ("ld-dpo", "Call reference_logprobs with heads=True"),
    "needs no reference": ("simpo", 'The loss "simpo" does without a reference, and one was given. Pass None'),
}


@pytest.mark.parametrize("what", WRONG_LOSSES)
def test_a_loss_that_cannot_work_is_refused_before_the_first_step(what, model, data, trained, same_weights):
    loss, message = WRONG_LOSSES[what]
    policy = copy.deepcopy(model)
    with pytest.raises(CourseError, match=message):
        train_dpo(policy, *data, DPOSettings(epochs=1, batch_size=4), loss=loss)
    assert same_weights(policy, model)


@pytest.mark.parametrize("loss", [None, "dpo", "ipo-sum", "kto", dpo_loss, lambda pairs: pairs.a_w])
def test_a_loss_that_needs_a_reference_says_so(loss, model, data, trained):
    with pytest.raises(CourseError, match="compares with a reference, and there is none"):
        trained(model, (None, *data[1:]), loss=loss)


@pytest.mark.parametrize("loss", [None, "dpo", "ipo", "simpo"])
def test_unpaired_data_and_a_paired_loss_do_not_fit(loss, model, data, trained):
    thumbs = thumbs_from_pairs(data[1])
    reference = reference_logprobs(model, thumbs), torch.empty(0, 2)
    with pytest.raises(CourseError, match="learns from pairs, and these are single responses.* kto, apo-zero, bco"):
        trained(model, (reference, thumbs, []), loss=loss)


def test_pairs_and_thumbs_do_not_mix(model, data, trained):
    thumbs = thumbs_from_pairs(data[2])
    reference = data[0][0], reference_logprobs(model, thumbs)
    with pytest.raises(CourseError, match="Train on one kind at a time"):
        trained(model, (reference, data[1], thumbs))


def test_a_function_for_pairs_is_refused_on_thumbs(model, data, trained):
    thumbs = thumbs_from_pairs(data[1])
    reference = reference_logprobs(model, thumbs), torch.empty(0, 2)
    with pytest.raises(CourseError, match="dpo_loss takes 2 things besides beta, and it must take one Thumbs"):
        trained(model, (reference, thumbs, []), loss=dpo_loss)
