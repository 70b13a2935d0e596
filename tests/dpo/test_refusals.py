"""What training refuses, before it starts or while it happens: one clear sentence each."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from helpers.dpo.data import unpaired_from_pairs
from helpers.dpo.logprobs import concatenated_forward, score
from helpers.dpo.losses import dpo_loss, resolve_loss
from helpers.dpo.train import DPOSettings, check_start, fit, train_dpo
from helpers.files import CourseError


def test_a_policy_that_is_not_the_reference_is_refused(make_gpt, model, data, trained):
    with pytest.raises(CourseError, match="first loss is ln 2"):
        trained(make_gpt(seed=1), data)
    policy, _ = trained(model, data)  # the reference of a policy that was trained already
    with pytest.raises(CourseError, match="first loss is ln 2"):
        trained(policy, data)


@pytest.mark.parametrize("bug", ["padding", "order", "end-of-text", "mean"])
def test_a_reference_made_in_another_way_is_refused(bug, model, data, trained):
    train, reference, validation = data
    wrong = {
        "padding": lambda lp: lp - torch.tensor([3.0, 1.0]),
        "order": lambda lp: lp.flip(1),
        "end-of-text": lambda lp: lp + 2.0,
        "mean": lambda lp: lp / 9,
    }[bug](reference)
    with pytest.raises(CourseError, match="first loss is ln 2"):
        trained(model, (train, wrong, validation))


def test_dropout_that_ignores_eval_is_noticed(model, data, settings):
    policy = copy.deepcopy(model)
    plain = policy.hidden
    policy.hidden = lambda idx: F.dropout(plain(idx), 0.2)
    with pytest.raises(CourseError, match="first loss is ln 2"):
        fit(policy, *data[:2], settings)


def test_check_start_accepts_rounding(model, data):
    check_start(model, data[0], data[1] + 1e-3, concatenated_forward)


def test_reference_of_other_pairs_no_pairs_and_frozen_weights_are_refused(model, data, trained):
    train, reference, validation = data
    with pytest.raises(CourseError, match="7 pairs"):
        trained(model, (train[:7], reference, validation))
    with pytest.raises(CourseError, match="no training pairs"):
        trained(model, ([], None, validation))
    with pytest.raises(CourseError, match="frozen"):
        trained(copy.deepcopy(model).requires_grad_(False), data)


def test_a_loss_without_gradient_is_refused(model, data, trained):
    with pytest.raises(CourseError, match="No gradient"):
        trained(model, data, loss=lambda p: 0 * p.h)


def test_a_loss_that_is_not_finite_names_the_pair_and_keeps_the_weights(model, data, same_weights, settings):
    calls, policies = [], []

    def breaks(p):
        calls.append(1)
        return p.h * (math.nan if len(calls) == 3 else 1)

    policy = copy.deepcopy(model)
    keep = lambda row: policies.append(copy.deepcopy(policy))  # noqa: E731
    with pytest.raises(
        CourseError, match="The loss breaks is nan for 4 of 4 rows; the first has logp_w = -.*Correct its formula"
    ):
        fit(policy, *data[:2], settings, breaks, callback=keep)
    assert same_weights(policy, policies[1])


def test_weights_that_are_not_finite_are_reported_with_the_step(model, data, settings):
    """Nothing is wrong with the loss here, so the message must not blame it."""
    policy = copy.deepcopy(model)
    broken = lambda row: policy.lm_head.weight.data.fill_(math.nan)  # noqa: E731
    with pytest.raises(CourseError, match="Step 2: the loss is nan.*smaller lr"):
        fit(policy, *data[:2], settings, callback=broken)


OUT_OF_RANGE = [
    *(dict(lr=-1), dict(lr=math.nan), dict(lr=0), dict(lr=math.inf), dict(max_grad_norm=0)),
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
    "no function": (3, "There is no loss 3. There are: dpo, "),
    "mean": (lambda p: p.h.mean(), "returned \\(\\), and it must return one number a pair, \\(4,\\)"),
    "column": (lambda p: p.h[:, None], "returned \\(4, 1\\), and"),
    "number": (lambda p: 0.7, "returned float, and"),
    "two results": (lambda p: (p.h, p.h), "returned tuple, and"),
    "nan": (lambda p: (-p.h.abs() - 1).sqrt(), "is nan for 4 of 4 rows; the first has logp_w"),
    "infinite": (lambda p: 1 / (p.n_w - p.n_w), "is inf for 4 of 4 rows"),
    "takes nothing": (lambda: 0, "takes nothing, and it must take one PairLogps"),
    "takes log-ratios": (dpo_loss, "dpo_loss has no default for rejected_logratios. A loss takes one PairLogps"),
    "takes too much": (lambda a, b, c: a, "has no default for b, c"),
    "shared prefix is not known": ("ld-dpo", "Make the pairs with TokenPair\\(shared_prefix=True\\)"),
    "detached": (lambda p: p.h.detach(), "has no gradient. Compute it without .detach"),
    "of single responses": ("kto", "these are pairs. Take them apart with unpaired_from_pairs"),
    "needs no reference": ("simpo", 'The loss "simpo" does without a reference, and one was given. Pass None'),
}


@pytest.mark.parametrize("what", WRONG_LOSSES)
def test_a_loss_that_cannot_work_is_refused_before_the_first_step(what, model, data, same_weights):
    loss, message = WRONG_LOSSES[what]
    policy = copy.deepcopy(model)
    with pytest.raises(CourseError, match=message):
        fit(policy, *data[:2], DPOSettings(epochs=1, batch_size=4), loss)
    assert same_weights(policy, model)


# A scoring function of a learner's.

WRONG_FORWARDS = {
    "one side": (lambda logps: logps[:, 0], r"forward returned \(4,\), torch.float32, and it must return .* \(4, 2\)"),
    "sides first": (lambda logps: logps.T, r"forward returned \(2, 4\), torch.float32"),
    "per token": (lambda logps: logps[:, :, None], r"forward returned \(4, 2, 1\)"),
    "two tensors": (lambda logps: logps.unbind(dim=1), "forward returned tuple"),
    "whole numbers": (lambda logps: logps.long(), r"forward returned \(4, 2\), torch.int64"),
    "half precision": (lambda logps: logps.bfloat16(), r"forward returned \(4, 2\), torch.bfloat16"),
    "no gradient": (
        lambda logps: logps.detach(),
        "carry no gradient, so nothing would be learned. Compute them without",
    ),
}


@pytest.mark.parametrize("what", WRONG_FORWARDS)
def test_a_forward_that_cannot_work_is_refused_before_the_first_step(what, model, data, same_weights):
    change, message = WRONG_FORWARDS[what]
    policy = copy.deepcopy(model)
    with pytest.raises(CourseError, match=message):
        fit(policy, *data[:2], DPOSettings(batch_size=4), forward=lambda *args: change(concatenated_forward(*args)))
    assert same_weights(policy, model)


@pytest.mark.parametrize("what", [name for name in WRONG_FORWARDS if name != "no gradient"])
def test_score_and_the_loop_refuse_it_too(what, model, data, settings):
    change, message = WRONG_FORWARDS[what]
    forward = lambda *args: change(concatenated_forward(*args))  # noqa: E731
    with pytest.raises(CourseError, match=message):
        score(model, data[0][:4], forward=forward)
    optimizer = torch.optim.AdamW(model.parameters())
    with pytest.raises(CourseError, match=message):
        next(train_dpo(model, optimizer, *data[:2], settings, resolve_loss(), forward))


@pytest.mark.parametrize("loss", ["dpo", "ipo-sum", lambda p: p.a_w])
def test_a_loss_that_needs_a_reference_says_so(loss, model, data, trained):
    with pytest.raises(CourseError, match="compares with a reference, and there is none"):
        trained(model, (data[0], None, None), loss=loss)


@pytest.mark.parametrize("loss", ["dpo", "ipo", "simpo"])
def test_unpaired_data_and_a_paired_loss_do_not_fit(loss, model, data, trained):
    unpaired = unpaired_from_pairs(data[0])
    with pytest.raises(CourseError, match="learns from pairs, and these are single responses.* kto, apo-zero, bco"):
        trained(model, (unpaired, score(model, unpaired), None), loss=loss)


def test_pairs_and_unpaired_data_do_not_mix(model, data, trained):
    unpaired = unpaired_from_pairs(data[2][0])
    with pytest.raises(CourseError, match="Train on one kind at a time"):
        trained(model, (*data[:2], (unpaired, score(model, unpaired))))
