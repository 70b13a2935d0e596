"""Every named loss trains, a learner's own function is called as it asks to be, and unpaired data works as well."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from helpers.dpo.losses import LOSSES, UNPAIRED, anchored_dpo_loss, dpo_loss
from helpers.dpo.objective import as_objective, named
from helpers.dpo.observe import Pairs
from helpers.dpo.reference import reference_logprobs
from helpers.dpo.thumbs import thumbs_from_pairs
from helpers.dpo.train import DPOSettings, evaluate_pairs
from helpers.files import CourseError

SHORT = DPOSettings(lr=1e-3, epochs=12, batch_size=4, eval_every=100)


def for_loss(name, model, data):
    """Reference log-probs as this loss wants them, and the pairs."""
    _, train, val = data
    heads = name == "ld-dpo"
    reference = reference_logprobs(model, train, heads=heads), reference_logprobs(model, val, heads=heads)
    return (reference if LOSSES[name].reference else None), train, val


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "discopop"])
def test_every_named_loss_raises_the_chosen_side_above_the_rejected(name, model, data, trained):
    arguments = for_loss(name, model, data)
    _, history = trained(model, arguments, SHORT, loss=name)
    change = [history[-1][f"{side}_logps"] - history[0][f"{side}_logps"] for side in ("chosen", "rejected")]
    assert change[0] > change[1] + 1, change
    assert history[-1]["margin"] > history[0]["margin"] and math.isfinite(history[-1]["val_loss"])


def test_discopop_falls_into_its_dip(model, data, trained):
    """Its curve rises around h = 0 (test_formulas), so from the start it goes down on the wrong side."""
    _, history = trained(model, data, SHORT, loss="discopop")
    assert history[-1]["loss"] < history[0]["loss"] and history[-1]["margin"] < 0


@pytest.mark.parametrize("name", UNPAIRED)
def test_every_unpaired_loss_raises_what_was_liked(name, model, data, trained):
    thumbs = thumbs_from_pairs(data[1])
    reference = reference_logprobs(model, thumbs), torch.empty(0, 2)
    policy, history = trained(model, (reference, thumbs, []), DPOSettings(lr=1e-3, epochs=12, batch_size=8), loss=name)
    found = evaluate_pairs(policy, data[1], data[0][0], dpo_loss, batch_size=8)
    assert found["accuracy"] == 1
    assert history[-1]["accuracy"] > 0.7 and {"rewards", "z0", "logps"} <= set(history[0])


def test_the_default_is_dpo_with_the_anchor(model, data, trained, same_weights, settings):
    with_anchor = partial(anchored_dpo_loss, beta=0.1, anchor=0.02)
    plain = DPOSettings(**(vars(settings) | {"anchor": 0.0}))
    assert same_weights(trained(model, data)[0], trained(model, data, loss=with_anchor)[0])
    assert same_weights(trained(model, data, plain)[0], trained(model, data, loss="dpo")[0])
    assert not same_weights(trained(model, data, plain)[0], trained(model, data)[0])


def test_beta_is_the_losses_own_unless_the_settings_give_one():
    assert named("simpo").beta == 2.0 and named("sppo_hard").beta == 0.001
    assert as_objective("SimPO", beta=3.0).beta == 3.0
    assert as_objective(named("robust", epsilon=0.2), beta=0.5).beta == 0.5
    assert as_objective().beta == 0.1


@pytest.mark.parametrize("beta", [0, -1, math.nan, math.inf, "0.1"])
def test_a_beta_that_cannot_work_is_refused(beta):
    with pytest.raises(CourseError, match="beta is .* must be a number above 0"):
        named("ipo", beta)
    with pytest.raises(CourseError, match="beta is .* must be a number above 0"):
        as_objective(named("ipo"), beta)


def test_further_settings_reach_the_formula():
    pairs = Pairs(*torch.tensor([[-3.0], [-5.0], [2.0], [2.0], [-3.0], [-3.0]]))
    sure, doubtful = (named("cdpo", beta=1.0, epsilon=e)(pairs)[0].item() for e in (0.0, 0.5))
    assert sure == pytest.approx(math.log(1 + math.exp(-2)))
    assert doubtful == pytest.approx((math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 2)
    with pytest.raises(CourseError, match="The loss \"cdpo\" has no setting 'eps'. It has epsilon."):
        named("cdpo", eps=0.1)


# A learner's own function.

PAIRS = Pairs(*torch.tensor([[-3.0, -4.0], [-5.0, -2.0], [2.0, 4.0], [1.0, 2.0], [-4.0, -4.0], [-3.0, -4.0]]))


def test_a_function_may_ask_for_log_ratios_or_for_pairs():
    on_ratios = lambda chosen, rejected: F.relu(1 - (chosen - rejected))  # noqa: E731
    on_pairs = lambda pairs: F.relu(1 - pairs.h)  # noqa: E731
    for function in (on_ratios, on_pairs):
        losses, chosen, rejected = as_objective(function)(PAIRS)
        assert losses.tolist() == [0.0, 3.0]  # h = 1 - (-2) = 3 and 0 - 2 = -2
        assert chosen.tolist() == pytest.approx([0.1, 0.0]) and rejected.tolist() == pytest.approx([-0.2, 0.2])


def test_its_own_rewards_are_kept_and_carry_no_gradient():
    pairs = PAIRS._replace(logp_w=PAIRS.logp_w.clone().requires_grad_())
    losses, chosen, rejected = as_objective(lambda p: (p.h, 7 * p.a_w, p.n_l))(pairs)
    assert losses.requires_grad and not chosen.requires_grad
    assert chosen.tolist() == [7, 0] and rejected.tolist() == [1, 2]


def test_it_gets_beta_only_if_it_asks_for_it():
    def with_default(pairs, beta=0.5):
        return beta * pairs.h

    def required(pairs, beta):
        return beta * pairs.h

    for function, given, used in [
        *((with_default, None, 0.5), (with_default, 0.2, 0.2), (required, None, 0.1), (required, 0.2, 0.2)),
        *((partial(with_default, beta=0.7), 0.2, 0.7), (lambda p: p.h, 0.2, 1.0)),
    ]:
        losses, *_ = as_objective(function, beta=given)(PAIRS)
        assert losses[0].item() == pytest.approx(3 * used)


def test_a_loss_without_a_reference_trains_on_the_plain_log_probs(model, data, trained):
    def mine(pairs):
        return F.softplus(pairs.logp_l / pairs.n_l - pairs.logp_w / pairs.n_w)

    _, history = trained(model, (None, *data[1:]), SHORT, loss=mine)
    assert history[-1]["loss"] < history[0]["loss"] - 0.2
    assert history[0]["margin"] != 0 and "reference_chosen_logps" not in history[0]


def test_per_token_losses_log_rewards_per_token():
    _, chosen, rejected = named("dpo-norm", beta=1.0)(PAIRS)
    assert chosen.tolist() == [0.5, 0.0] and rejected.tolist() == [-2.0, 1.0]
    without = PAIRS._replace(ref_w=None, ref_l=None)
    _, chosen, _ = named("simpo", beta=1.0)(without)
    assert chosen.tolist() == [-1.5, -1.0]
