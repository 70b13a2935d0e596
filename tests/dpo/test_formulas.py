"""Every loss of the table against numbers worked by hand, its gradient, and its behaviour at the far ends."""

import inspect
import math
import re

import pytest
import torch

from helpers.dpo.logprobs import PairLogps, UnpairedLogps
from helpers.dpo.losses import LOSSES, capped_exp, log1mexp

PAIRED = [name for name in LOSSES if name != "kto"]
UNPAIRED = {name: loss.unpaired for name, loss in LOSSES.items() if loss.unpaired}

# One pair: log π = -4 and -7, log π_ref = -6 and -8, 4 and 2 tokens. So a_w = 2, a_l = 1, h = 1; of the first two
# tokens (the shorter length) the log-ratios are 0.5 and 1.
BY_HAND = PairLogps(
    *torch.tensor([[-4.0], [-7.0], [4.0], [2.0], [-6.0], [-8.0], [0.5], [1.0], [0.6], [1.0]], dtype=torch.float64)
)


def sigma(x):
    return 1 / (1 + math.exp(-x))


def log_sigma(x):
    return -math.log(1 + math.exp(-x))


def log_odds(mean):
    return math.log(math.exp(mean) / (1 - math.exp(mean)))


EXPECTED = {  # with the beta of the table
    "dpo": -log_sigma(0.1),
    "reverse-kl": -log_sigma(0.1),
    "cdpo": -0.9 * log_sigma(0.1) - 0.1 * log_sigma(-0.1),
    "robust": (-0.9 * log_sigma(0.1) + 0.1 * log_sigma(-0.1)) / 0.8,
    "ipo": (2 / 4 - 1 / 2 - 5) ** 2,
    "ipo-sum": (1 - 5) ** 2,
    "hinge": 0.9,
    "dpop": -log_sigma(0.1),  # the chosen response rose, so nothing is added
    "rpo": -log_sigma(0.1) + 4 / 4,
    "rpo-sum": -log_sigma(0.1) - 0.02 * 2,
    "dpo-kl": -log_sigma(0.3) + 0.01 * 0.8,  # the mean of 0.6 and 1.0 nats
    "sft": 4 / 4,
    "ld-dpo": -log_sigma(0.1 * ((0.5 + 0.5 * 1.5) - 1)),  # the last 1.5 of a_w = 2 come from its third and fourth token
    "dpo-norm": -log_sigma(5 * (2 / 4 - 1 / 2)),
    "r-dpo": -log_sigma(0.1 + 0.05 * (4 - 2)),
    "simpo": -log_sigma(2 * (-4 / 4) - 2 * (-7 / 2) - 0.5),
    "orpo": 1 - 0.1 * log_sigma(log_odds(-1) - log_odds(-3.5)),
    "cpo": -log_sigma(0.1 * 3) + 1,
    "apo-zero": 1 - sigma(0.2) + sigma(0.1),
    "apo-down": sigma(0.2) + 1 - sigma(0.1),
    "exo": sigma(0.1) * (log_sigma(0.1) - math.log(0.999)) + sigma(-0.1) * (log_sigma(-0.1) - math.log(0.001)),
    "nca": -log_sigma(0.02) - 0.5 * log_sigma(-0.02) - 0.5 * log_sigma(-0.01),
    "bco": -log_sigma(0.02) - log_sigma(-0.01),
    "sppo-hard": (2 - 500) ** 2 + (1 + 500) ** 2,
    "discopop": (1 - sigma(1.0)) * -log_sigma(0.05) + sigma(1.0) * math.exp(-0.05),
    "forward-kl": -log_sigma(0.1 * (math.exp(-1) - math.exp(-2))),
    "js": -log_sigma(0.1 * (log_sigma(2) - log_sigma(1))),
    "alpha": -log_sigma(0.1 * (math.exp(-0.5) - math.exp(-1)) / 0.5),
}


def value(name, pairs, **settings):
    loss = LOSSES[name]
    pairs = pairs if loss.reference else pairs._replace(ref_w=None, ref_l=None)
    return loss.formula(pairs, **settings)


def test_every_loss_is_worked_by_hand():
    assert EXPECTED.keys() == set(PAIRED)


@pytest.mark.parametrize("name", PAIRED)
def test_values_by_hand(name):
    assert value(name, BY_HAND).item() == pytest.approx(EXPECTED[name], rel=1e-9)


def test_the_mean_of_the_sft_losses_is_the_mean_over_all_tokens_of_the_batch():
    two = PairLogps(*torch.tensor([[-4.0, -9.0], [-7.0, -7.0], [4.0, 2.0], [2.0, 2.0]]))
    assert value("sft", two).mean().item() == pytest.approx((4 + 9) / (4 + 2))


def test_dpop_adds_what_the_chosen_response_lost():
    fell = BY_HAND._replace(ref_w=torch.tensor([-3.5], dtype=torch.float64))  # a_w = -0.5, h = -1.5
    assert value("dpop", fell).item() == pytest.approx(-log_sigma(0.1 * (-1.5 - 50 * 0.5)))


def test_unpaired_values_by_hand():
    unpaired = UnpairedLogps(
        *torch.tensor([[-4.0, -7.0], [-6.0, -8.0]]), torch.tensor([True, False]), torch.tensor(0.5)
    )
    expected = {
        "kto": [1 - sigma(0.1 * 1.5), 1 - sigma(0.1 * -0.5)],
        "apo-zero": [1 - sigma(0.2), sigma(0.1)],
        "bco": [-log_sigma(0.02), -log_sigma(-0.01)],
    }
    assert expected.keys() == UNPAIRED.keys()
    for name, values in expected.items():
        assert UNPAIRED[name].formula(unpaired).tolist() == pytest.approx(values, rel=1e-5)


def test_the_two_ipos_differ_by_the_length_alone():
    """Bug of the field: averaged over the wrong length. Each side has its own."""
    one_token = BY_HAND._replace(n_w=torch.ones(1), n_l=torch.ones(1))
    assert value("ipo", one_token).item() == pytest.approx(value("ipo-sum", one_token).item())
    swapped = BY_HAND._replace(n_w=BY_HAND.n_l, n_l=BY_HAND.n_w)
    padded = BY_HAND._replace(n_w=torch.full((1,), 4.0), n_l=torch.full((1,), 4.0))
    right = value("ipo", BY_HAND).item()
    assert right == pytest.approx(25) and right != value("ipo", swapped).item() != value("ipo", padded).item() != right


@pytest.mark.parametrize("name", PAIRED)
def test_gradients_are_those_of_the_formula(name):
    """Against differences in double precision, for the sides that the policy can move."""
    torch.manual_seed(0)
    pairs = PairLogps(*(3 * torch.randn(6, dtype=torch.float64) for _ in range(10)))
    lengths = torch.randint(1, 20, (2, 6)).double()
    pairs = pairs._replace(n_w=lengths[0], n_l=lengths[1], logp_w=pairs.logp_w - 12, logp_l=pairs.logp_l - 12)
    pairs = pairs._replace(ref_w=pairs.ref_w - 12, ref_l=pairs.ref_l - 12)
    sides = ("logp_w", "logp_l", *(("shared_w", "shared_l") if name == "ld-dpo" else ()))
    start = [getattr(pairs, side).clone().requires_grad_() for side in sides]
    call = lambda *moved: value(name, pairs._replace(**dict(zip(sides, moved, strict=True))))  # noqa: E731
    assert torch.autograd.gradcheck(call, start)


@pytest.mark.parametrize("name", [name for name in PAIRED if name != "discopop"])
def test_each_asks_for_the_chosen_side_over_the_rejected(name):
    """At the start, where policy and reference are equal, the chosen side is not pushed below the rejected one."""
    start = PairLogps(*(torch.full((1,), x) for x in (-9.0, -9.0, 5.0, 5.0, -9.0, -9.0, 0.0, 0.0, 0.0, 0.0)))
    start = start._replace(
        logp_w=torch.tensor([-9.0], requires_grad=True), logp_l=torch.tensor([-9.0], requires_grad=True)
    )
    value(name, start).sum().backward()
    assert start.logp_w.grad.item() < (0 if name == "sft" else start.logp_l.grad.item())


def test_discopop_pushes_the_wrong_way_around_0():
    """A loss found by search, not derived: its curve has a dip left of 0 (arXiv 2406.08414, fig. 5)."""
    h = torch.tensor([-60.0, -20.0, 0.0, 20.0, 100.0], requires_grad=True)
    zero, one = torch.zeros(5), torch.ones(5)
    value("discopop", PairLogps(h, zero, one, one, zero, zero)).sum().backward()
    assert h.grad.sign().tolist() == [-1, -1, 1, -1, -1]


# The far ends: no NaN, no infinity, in value or gradient.

FAR = [0.0, 1e-3, 1.0, 30.0, 100.0, 1e3, 1e4]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", PAIRED)
def test_no_nan_or_infinity_at_the_far_ends(name, dtype):
    grid = torch.tensor([-x for x in FAR] + FAR, dtype=dtype)
    a_w, a_l = (side.flatten() for side in torch.meshgrid(grid, grid, indexing="ij"))
    logp_w, logp_l = (a - a.abs().max() for a in (a_w, a_l))  # log-probs are at most 0
    base = torch.full_like(a_w, -1e4)
    for tokens in (1.0, 40.0):
        moved = [logp.clone().requires_grad_() for logp in (logp_w, logp_l)]
        n = torch.full_like(a_w, tokens)
        pairs = PairLogps(*moved, n, n, base, base, moved[0] - base, moved[1] - base, *torch.ones(2, 1))
        losses = value(name, pairs)
        assert losses.isfinite().all(), losses[~losses.isfinite()]
        losses.float().mean().backward()
        assert all(side.grad.isfinite().all() for side in moved if side.grad is not None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", UNPAIRED)
def test_unpaired_losses_stay_finite_as_well(name, dtype):
    logp = torch.tensor([-x for x in FAR], dtype=dtype).repeat(2).requires_grad_()
    ref, liked = torch.full_like(logp, -5e3), torch.arange(2 * len(FAR)) < len(FAR)
    for z0 in (0.0, 1e4):
        losses = UNPAIRED[name].formula(UnpairedLogps(logp, ref.detach(), liked, torch.tensor(z0, dtype=dtype)), 1.0)
        losses.float().mean().backward()
        assert losses.isfinite().all() and logp.grad.isfinite().all()


def test_the_cap_of_exp_bends_nothing_below_it_and_goes_on_rising():
    x = torch.tensor([-50.0, 0.0, 29.9, 31.0, 1e4], requires_grad=True)
    found = capped_exp(x)
    torch.testing.assert_close(found[:3], x[:3].exp())
    found.sum().backward()
    assert found.diff().gt(0).all() and x.grad.isfinite().all() and x.grad[-1] > 0


def test_log1mexp_is_exact_near_0_and_far_from_it():
    x = torch.tensor([-1e-6, -0.5, -0.7, -5.0, -80.0], requires_grad=True)
    exact = [math.log(-math.expm1(v)) if v > -1 else math.log1p(-math.exp(v)) for v in x.tolist()]
    assert log1mexp(x).tolist() == pytest.approx(exact, rel=1e-5, abs=1e-30)
    log1mexp(x).sum().backward()
    assert x.grad.isfinite().all()


# The table itself.


@pytest.mark.parametrize(
    "loss", [*LOSSES.values(), *UNPAIRED.values()], ids=[*LOSSES, *(f"unpaired {n}" for n in UNPAIRED)]
)
def test_each_row_of_the_table_says_where_it_is_from(loss):
    assert re.search(r"arXiv \d{4}\.\d{5}", loss.source) and loss.equation
    first, *settings = inspect.signature(loss.formula).parameters
    assert first in ("p", "u") and settings == list(loss.settings) and settings[:1] in (["beta"], [])
    assert all(isinstance(default, float) and default > 0 for default in loss.settings.values())


def test_a_reference_free_loss_uses_none():
    assert {name for name, loss in LOSSES.items() if not loss.reference} == {"simpo", "orpo", "cpo", "sft"}
