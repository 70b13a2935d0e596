"""Every named loss trains, a learner's own function is an equal of them, and unpaired data works as well."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from helpers.dpo.data import unpaired_from_pairs
from helpers.dpo.logprobs import PairLogps, concatenated_forward, forward_with_kl, score
from helpers.dpo.losses import LOSSES, dpo_loss, resolve_loss
from helpers.dpo.train import DPOSettings, evaluate_pairs
from helpers.files import CourseError

UNPAIRED = [name for name, loss in LOSSES.items() if loss.unpaired]
SHORT = DPOSettings(lr=1e-3, epochs=12, batch_size=4, eval_every=100)


def for_loss(name, model, data):
    """Pairs and reference log-probs as this loss wants them."""
    train, _, (val, _) = data
    shared = name == "ld-dpo"
    train, val = ([replace(pair, shared_prefix=shared) for pair in pairs] for pairs in (train, val))
    known = LOSSES[name].reference
    return train, score(model, train) if known else None, (val, score(model, val) if known else None)


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ("discopop", "kto")])
def test_every_named_loss_raises_the_chosen_side_above_the_rejected(name, model, data, trained):
    arguments = for_loss(name, model, data)
    forward = partial(forward_with_kl, reference=model) if name == "dpo-kl" else concatenated_forward
    _, history = trained(model, arguments, SHORT, loss=name, forward=forward)
    change = [history[-1][f"{side}_logps"] - history[0][f"{side}_logps"] for side in ("chosen", "rejected")]
    assert change[0] > change[1] + 1, change
    assert history[-1]["margin"] > history[0]["margin"] and math.isfinite(history[-1]["val_loss"])


def test_discopop_falls_into_its_dip(model, data, trained):
    """Its curve rises around h = 0 (test_formulas), so from the start it goes down on the wrong side."""
    _, history = trained(model, data, SHORT, loss="discopop")
    assert history[-1]["loss"] < history[0]["loss"] and history[-1]["margin"] < 0


@pytest.mark.parametrize("name", UNPAIRED)
def test_every_unpaired_loss_raises_what_was_liked(name, model, data, trained):
    unpaired = unpaired_from_pairs(data[0])
    settings = DPOSettings(lr=1e-3, epochs=12, batch_size=8)
    policy, history = trained(model, (unpaired, score(model, unpaired), None), settings, loss=name)
    assert evaluate_pairs(policy, *data[:2], resolve_loss())["accuracy"] == 1
    assert history[-1]["accuracy"] > 0.7 and {"rewards", "z0", "logps"} <= set(history[0])


# What resolve_loss makes of a name.


def test_settings_are_the_losses_own_unless_others_are_given():
    assert resolve_loss("simpo").settings == {"beta": 2.0, "gamma": 0.5}
    assert resolve_loss("sppo_hard").settings == {"beta": 0.001} and resolve_loss().settings == {"beta": 0.1}
    assert resolve_loss("SimPO", beta=3.0).settings["beta"] == 3.0
    assert resolve_loss("rpo-sum", beta=0.3).settings == {"beta": 0.3, "rpo_alpha": 0.02}


def test_a_setting_in_two_places_is_refused():
    loss = resolve_loss("rpo-sum", beta=0.3)
    assert resolve_loss(loss) is loss
    mine = partial(lambda p, beta=0.1: -beta * p.h, beta=0.3)
    for twice in (loss, mine):
        with pytest.raises(CourseError, match="beta is given twice"):
            resolve_loss(twice, beta=0.2)


def test_plain_dpo_with_an_anchor_is_refused_and_the_losses_that_have_one_are_named():
    has = "The loss \"dpo\" has no setting 'rpo_alpha'. It has beta. Losses that have it: rpo, rpo-sum."
    with pytest.raises(CourseError, match=has):
        resolve_loss("dpo", rpo_alpha=0.1)


@pytest.mark.parametrize("beta", [0, -1, math.nan, math.inf, "0.1"])
def test_a_beta_that_cannot_work_is_refused(beta):
    for loss in ("ipo", lambda p, beta=0.1: beta * p.h):
        with pytest.raises(CourseError, match="beta is .* must be a number above 0"):
            resolve_loss(loss, beta=beta)


def test_further_settings_reach_the_formula():
    pairs = PairLogps(*torch.tensor([[-3.0], [-5.0], [2.0], [2.0], [-3.0], [-3.0]]))
    sure, doubtful = (resolve_loss("cdpo", beta=1.0, epsilon=e)(pairs)[0].item() for e in (0.0, 0.5))
    assert sure == pytest.approx(math.log(1 + math.exp(-2)))
    assert doubtful == pytest.approx((math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 2)
    with pytest.raises(CourseError, match="The loss \"cdpo\" has no setting 'eps'. It has beta, epsilon."):
        resolve_loss("cdpo", eps=0.1)


# A learner's own function.

PAIRS = PairLogps(*torch.tensor([[-3.0, -4.0], [-5.0, -2.0], [2.0, 4.0], [1.0, 2.0], [-4.0, -4.0], [-3.0, -4.0]]))


def test_a_function_takes_pair_logps_and_its_rewards_have_its_beta():
    loss = resolve_loss(lambda p, beta=0.1: F.relu(1 - p.h))
    assert loss(PAIRS).tolist() == [0.0, 3.0]  # h = 1 - (-2) = 3 and 0 - 2 = -2
    chosen, rejected = loss.rewards(PAIRS)
    assert chosen.tolist() == pytest.approx([0.1, 0.0]) and rejected.tolist() == pytest.approx([-0.2, 0.2])
    assert resolve_loss(lambda p: -p.h).rewards(PAIRS)[0].tolist() == [1.0, 0.0]  # without a beta: in nats


def test_rewards_carry_no_gradient():
    pairs = PAIRS._replace(logp_w=PAIRS.logp_w.clone().requires_grad_())
    loss = resolve_loss("dpo")
    assert loss(pairs).requires_grad and not any(reward.requires_grad for reward in loss.rewards(pairs))


def test_its_settings_are_its_defaults_those_bound_and_those_given():
    def mine(p, beta=0.5):
        return beta * p.h

    for loss, used in [
        (resolve_loss(mine), 0.5), (resolve_loss(mine, beta=0.2), 0.2), (resolve_loss(partial(mine, beta=0.7)), 0.7),
        (resolve_loss(lambda p, beta: beta * p.h, beta=0.2), 0.2),
        (resolve_loss(lambda p, beta=0.1: dpo_loss(p.a_w, p.a_l, beta)[0], beta=1.0), math.log(1 + math.exp(-3)) / 3),
    ]:  # fmt: skip
        assert loss(PAIRS)[0].item() == pytest.approx(3 * used)


def test_a_loss_without_a_reference_trains_on_the_plain_log_probs(model, data, trained):
    def mine(p):
        return F.softplus(p.logp_l / p.n_l - p.logp_w / p.n_w)

    _, history = trained(model, (data[0], None, (data[2][0], None)), SHORT, loss=mine)
    assert history[-1]["loss"] < history[0]["loss"] - 0.2
    assert history[0]["margin"] != 0 and "reference_chosen_logps" not in history[0]


def test_per_token_losses_log_rewards_per_token():
    chosen, rejected = resolve_loss("dpo-norm", beta=1.0).rewards(PAIRS)
    assert chosen.tolist() == [0.5, 0.0] and rejected.tolist() == [-2.0, 1.0]
    without = PAIRS._replace(ref_w=None, ref_l=None)
    assert resolve_loss("simpo", beta=1.0).rewards(without)[0].tolist() == [-1.5, -1.0]
