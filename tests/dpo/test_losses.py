"""The DPO loss against values worked by hand, its gradient against the formula, and wrong versions caught."""

import math

import pytest
import torch
import torch.nn.functional as F

from helpers.dpo.logprobs import PairLogps
from helpers.dpo.losses import LOSSES, dpo_loss

CHOSEN = torch.tensor([1.0, 0.0, -2.0, 30.0])
REJECTED = torch.tensor([-1.0, 0.0, 3.0, -70.0])


def check_values(loss):
    """Worked by hand: h = 2, 0, -5, 100 and beta = 0.1, so margins 0.2, 0, -0.5, 10."""
    losses, chosen, rejected = loss(CHOSEN, REJECTED, beta=0.1)
    by_hand = [math.log(1 + math.exp(-m)) for m in (0.2, 0.0, -0.5, 10.0)]
    assert losses.tolist() == pytest.approx(by_hand, rel=1e-4)
    assert losses[1].item() == pytest.approx(math.log(2))
    assert chosen.tolist() == pytest.approx([0.1, 0.0, -0.2, 3.0])
    assert rejected.tolist() == pytest.approx([-0.1, 0.0, 0.3, -7.0])
    assert not chosen.requires_grad and not rejected.requires_grad


def check_gradient(loss, beta=0.3):
    """arXiv 2305.18290, below eq. 7: -beta σ(-beta h) for the chosen side, the opposite for the rejected."""
    chosen, rejected = CHOSEN.clone().requires_grad_(), REJECTED.clone().requires_grad_()
    loss(chosen, rejected, beta=beta)[0].sum().backward()
    weight = beta * torch.sigmoid(-beta * (CHOSEN - REJECTED))
    torch.testing.assert_close(chosen.grad, -weight)
    torch.testing.assert_close(rejected.grad, weight)


def check_finite(loss):
    losses, _, _ = loss(torch.tensor([-1e4, 1e4]), torch.tensor([1e4, -1e4]), beta=1.0)
    assert losses.tolist() == [2e4, 0.0]


def check(loss):
    check_values(loss)
    check_gradient(loss)
    check_finite(loss)


def variant(losses=None, rewards=None):
    def loss(chosen, rejected, beta=0.1):
        right, chosen_rewards, rejected_rewards = dpo_loss(chosen, rejected, beta)
        wrong = losses(chosen, rejected, beta) if losses else right
        return wrong, *(rewards(chosen, rejected, beta) if rewards else (chosen_rewards, rejected_rewards))

    return loss


BUGS = {
    "sides swapped": variant(lambda c, r, b: -F.logsigmoid(b * (r - c))),
    "sign of the loss": variant(lambda c, r, b: F.logsigmoid(b * (c - r))),
    "beta outside": variant(lambda c, r, b: -b * F.logsigmoid(c - r)),
    "beta forgotten": variant(lambda c, r, b: -F.logsigmoid(c - r)),
    "beta divides": variant(lambda c, r, b: -F.logsigmoid((c - r) / b)),
    "log of sigmoid overflows": variant(lambda c, r, b: -torch.log(torch.sigmoid(b * (c - r)))),
    "sum of both sides": variant(lambda c, r, b: -F.logsigmoid(b * (c + r))),
    "gradient on one side only": variant(lambda c, r, b: -F.logsigmoid(b * (c - r.detach()))),
    "no gradient (stuck at 0.693)": variant(lambda c, r, b: -F.logsigmoid(b * (c - r).detach())),
    "rewards without beta": variant(rewards=lambda c, r, b: (c.detach(), r.detach())),
    "rewards with gradient": variant(rewards=lambda c, r, b: (b * c.clone().requires_grad_(), b * r)),
}


def test_dpo_loss():
    check(dpo_loss)


@pytest.mark.parametrize("bug", BUGS)
def test_the_checks_catch(bug):
    with pytest.raises((AssertionError, RuntimeError)):
        check(BUGS[bug])


def test_start_is_ln_2_at_any_beta():
    for beta in (0.01, 0.1, 1.0, 10.0):
        losses, _, _ = dpo_loss(torch.zeros(3), torch.zeros(3), beta)
        assert losses.tolist() == pytest.approx([math.log(2)] * 3)


def test_batch_of_one_and_gradcheck():
    chosen = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    rejected = torch.tensor([-0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda c, r: dpo_loss(c, r, 0.5)[0], (chosen, rejected))


def pair_logps(chosen, rejected):
    """PairLogps with these log-ratios."""
    nothing, one = torch.zeros_like(chosen), torch.ones_like(chosen)
    return PairLogps(chosen, rejected, one, one, nothing, nothing)


def test_the_anchor_starts_at_ln_2_and_pulls_the_chosen_side_up():
    chosen, rejected = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    losses = LOSSES["rpo-sum"].formula(pair_logps(chosen, rejected), beta=0.1, rpo_alpha=0.02)
    assert losses.tolist() == pytest.approx([math.log(2)] * 3)
    losses.sum().backward()
    assert chosen.grad.tolist() == pytest.approx([-0.1 * 0.5 - 0.02] * 3)
    assert rejected.grad.tolist() == pytest.approx([0.1 * 0.5] * 3)


def test_without_an_anchor_it_is_dpo():
    chosen, rejected = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
    plain, _, _ = dpo_loss(chosen, rejected, 0.3)
    assert torch.allclose(LOSSES["rpo-sum"].formula(pair_logps(chosen, rejected), 0.3, rpo_alpha=0.0), plain)
