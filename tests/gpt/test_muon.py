"""Muon against PyTorch's own, and what makes it Muon."""

import pytest
import torch

from helpers.gpt.muon import Muon, orthogonal

SHAPES = [(24, 8), (8, 24), (8, 8), (24, 8)]


def matrices():
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def steps(optimizer, parameters, number):
    generator = torch.Generator().manual_seed(1)
    for _ in range(number):
        for p in parameters:
            p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()


def test_as_in_pytorch_up_to_bfloat16():
    ours, theirs, start = matrices(), matrices(), matrices()
    steps(Muon(ours, lr=0.1, weight_decay=0.2), ours, 3)
    peer = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.2, momentum=0.95, ns_steps=4)
    steps(peer, theirs, 3)
    for mine, other, before in zip(ours, theirs, start, strict=True):
        moved = (other - before).norm()
        assert (mine - other).norm() < 0.02 * moved  # bfloat16 keeps eight bits


@pytest.mark.parametrize("shape", SHAPES)
def test_updates_are_nearly_orthogonal(shape):
    made = orthogonal(torch.randn(3, *shape, generator=torch.Generator().manual_seed(2)), steps=5)
    values = torch.linalg.svdvals(made)
    assert made.shape == (3, *shape)
    assert 0.4 < values.min() and values.max() < 1.5


def test_parameters_without_gradient_stay():
    moving, resting = matrices()[:2]
    optimizer = Muon([moving, resting], lr=0.1)
    moving.grad = torch.ones_like(moving)
    before = resting.clone(), moving.clone()
    optimizer.step()
    assert torch.equal(resting, before[0]) and not torch.equal(moving, before[1])


def test_a_zero_gradient_moves_nothing_but_the_decay():
    (p,) = matrices()[:1]
    before = p.detach().clone()
    p.grad = torch.zeros_like(p)
    Muon([p], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(p.detach(), 0.95 * before)


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"\(5,\)"):
        Muon([torch.nn.Parameter(torch.ones(5))])
