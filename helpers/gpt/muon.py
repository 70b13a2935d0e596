"""Muon (Jordan 2024): momentum whose every update is made orthogonal, for the matrices inside the blocks.

The same steps as `torch.optim.Muon`, but computed in float32. That one works in bfloat16, which is several times slower
on the many CPUs without units for it, and differs from CPU to CPU.
"""

import math

import torch

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan 2024: a x + b x^3 + c x^5 drives singular values towards 1


def orthogonal(matrices, steps):
    """The nearest orthogonal matrices, roughly: (B, m, n) -> (B, m, n), most singular values between 0.5 and 1.5."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.size(1) > matrices.size(2)
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def muon_step(matrices, averages, lr, weight_decay, momentum, ns_steps):
    """Move matrices of one shape (m, n) in place: Nesterov momentum, made orthogonal; weight decay apart from it."""
    updates = []
    for p, average in zip(matrices, averages, strict=True):
        average.lerp_(p.grad, 1 - momentum)
        updates.append(p.grad.lerp(average, momentum))
    m, n = matrices[0].shape
    rate = lr * math.sqrt(max(1, m / n))
    for p, update in zip(matrices, orthogonal(torch.stack(updates), ns_steps), strict=True):
        p.mul_(1 - lr * weight_decay).sub_(rate * update)


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum (Jordan 2024, kellerjordan.github.io/posts/muon) and decoupled weight decay.

    Takes matrices only; ValueError for any other shape.
    """

    def __init__(self, params, lr=1e-2, weight_decay=0.1, momentum=0.95, ns_steps=4):
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, momentum=momentum, ns_steps=ns_steps))
        for p in (p for group in self.param_groups for p in group["params"]):
            if p.dim() != 2:
                raise ValueError(f"Muon is for matrices, and a parameter has the shape {tuple(p.shape)}.")

    @torch.no_grad()
    def step(self):
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            options = {name: group[name] for name in ("lr", "weight_decay", "momentum", "ns_steps")}
            moving = [p for p in group["params"] if p.grad is not None]
            for shape in dict.fromkeys(p.shape for p in moving):  # equal shapes go through as one batch
                matrices = [p for p in moving if p.shape == shape]
                averages = [self.state[p].setdefault("momentum_buffer", torch.zeros_like(p)) for p in matrices]
                muon_step(matrices, averages, **options)
