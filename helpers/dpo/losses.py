"""Preference losses: what each of them sees, and each of them in one line.

`dpo_loss` and `anchored_dpo_loss` are the functions that notebooks 05 and 07 write. `LOSSES` holds DPO and its
relatives, each with a formula over `Pairs` (helpers/dpo/observe.py), its equation, its source and the beta to start
from; `UNPAIRED` holds those over `Thumbs`, single responses with a thumb up or down.

A log-ratio is a = log π(y|x) - log π_ref(y|x), summed over the tokens of the response y; h = a_w - a_l.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, sigmoid
from torch.nn.functional import logsigmoid, relu


def dpo_loss(chosen_logratios, rejected_logratios, beta=0.1):
    """DPO (arXiv 2305.18290, eq. 7): losses (B,), and the rewards of both sides (B,), without gradient."""
    margins = beta * (chosen_logratios - rejected_logratios)
    losses = -F.logsigmoid(margins)
    chosen_rewards = beta * chosen_logratios.detach()
    rejected_rewards = beta * rejected_logratios.detach()
    return losses, chosen_rewards, rejected_rewards


def anchored_dpo_loss(chosen_logratios, rejected_logratios, beta=0.1, anchor=0.0):
    """DPO plus anchor * -log pi(y_w|x), up to a constant: as RPO (arXiv 2404.19733), with the sum over tokens.

    The loss is still ln 2 at the start. anchor = 0 is plain DPO.
    """
    losses, chosen_rewards, rejected_rewards = dpo_loss(chosen_logratios, rejected_logratios, beta)
    return losses - anchor * chosen_logratios, chosen_rewards, rejected_rewards


class Loss(NamedTuple):
    """One loss of the field: what it computes, where it is from, and what it needs."""

    formula: Callable  # (Pairs or Thumbs, beta, further settings) -> losses (B,), finite for finite log-probs
    equation: str
    source: str
    beta: float = 0.1  # the one to start from
    reference: bool = True  # False: it does without, and must not be given one
    per_token: bool = False  # its reward is a mean over tokens, so that beta is per token, too


def nll(logp, n) -> Tensor:
    """Negative log-likelihood of a token, in the mean."""
    return -logp / n


def log_odds(logp, n) -> Tensor:
    """log p/(1 - p) of p = exp(logp / n), a token's probability in the mean (arXiv 2403.07691).

    log(1 - p) is log 0 for a response that is certain, so p is held one millionth below 1.
    """
    mean = (logp / n).clamp(max=-1e-6)
    return mean - log1mexp(mean)


def log1mexp(x) -> Tensor:
    """log(1 - exp(x)) for x < 0, to full precision on both sides of -ln 2 (Mächler 2012)."""
    near = x > -math.log(2)
    close, far = torch.where(near, x, -1.0), torch.where(near, -1.0, x)  # no NaN from the branch not taken
    return torch.where(near, torch.log(-torch.expm1(close)), torch.log1p(-torch.exp(far)))


def capped_exp(x, cap=30.0) -> Tensor:
    """exp(x) up to the cap, and its tangent beyond: it cannot overflow, and still pulls wherever exp would."""
    return torch.exp(x.clamp(max=cap)) * (1 + relu(x - cap))


LOSSES = {
    "dpo": Loss(
        lambda p, beta: -logsigmoid(beta * p.h),
        "-log σ(βh)",
        "arXiv 2305.18290, eq. 7",
    ),
    "cdpo": Loss(
        lambda p, beta, epsilon=0.1: -(1 - epsilon) * logsigmoid(beta * p.h) - epsilon * logsigmoid(-beta * p.h),
        "-(1-ε) log σ(βh) - ε log σ(-βh)",
        "Mitchell 2023, A note on DPO with noisy preferences; arXiv 2403.00409",
    ),
    "robust": Loss(
        lambda p, beta, epsilon=0.1: (
            (epsilon * logsigmoid(-beta * p.h) - (1 - epsilon) * logsigmoid(beta * p.h)) / (1 - 2 * epsilon)
        ),
        "[-(1-ε) log σ(βh) + ε log σ(-βh)] / (1-2ε)",
        "arXiv 2403.00409",
    ),
    "ipo": Loss(
        lambda p, beta: (p.a_w / p.n_w - p.a_l / p.n_l - 1 / (2 * beta)) ** 2,
        "(a_w/n_w - a_l/n_l - 1/(2β))²",
        "arXiv 2310.12036, eq. 17, with means over tokens, as in TRL",
        per_token=True,
    ),
    "ipo-sum": Loss(
        lambda p, beta: (p.h - 1 / (2 * beta)) ** 2,
        "(h - 1/(2β))²",
        "arXiv 2310.12036, eq. 17, with sums over tokens, as in the code of DPO's authors",
    ),
    "hinge": Loss(
        lambda p, beta: relu(1 - beta * p.h),
        "max(0, 1 - βh)",
        "SLiC-HF, arXiv 2305.10425; with a reference in RSO, arXiv 2309.06657",
    ),
    "dpop": Loss(
        lambda p, beta, lam=50.0: -logsigmoid(beta * (p.h - lam * relu(-p.a_w))),
        "-log σ(β(h - λ max(0, -a_w)))",
        "Smaug, arXiv 2402.13228",
    ),
    "rpo": Loss(
        lambda p, beta, alpha=1.0: -logsigmoid(beta * p.h) + alpha * nll(p.logp_w, p.n_w),
        "-log σ(βh) - α log π(y_w|x) / n_w",
        "arXiv 2404.19733",
    ),
    "ld-dpo": Loss(
        lambda p, beta, alpha=0.5: -logsigmoid(beta * (alpha * p.h + (1 - alpha) * p.head_h)),
        "-log σ(βh), where tokens after the first min(n_w, n_l) count α",
        "arXiv 2409.06411",
    ),
    "dpo-norm": Loss(
        lambda p, beta: -logsigmoid(beta * (p.a_w / p.n_w - p.a_l / p.n_l)),
        "-log σ(β(a_w/n_w - a_l/n_l))",
        "length-normalised DPO of Tülu 3, arXiv 2411.15124",
        beta=5.0,
        per_token=True,
    ),
    "r-dpo": Loss(
        lambda p, beta, alpha=0.05: -logsigmoid(beta * p.h + alpha * (p.n_w - p.n_l)),
        "-log σ(βh + α(n_w - n_l))",
        "arXiv 2403.19159",
    ),
    "simpo": Loss(
        lambda p, beta, gamma=0.5: -logsigmoid(beta * (p.logp_w / p.n_w - p.logp_l / p.n_l) - gamma),
        "-log σ(β log π(y_w|x)/n_w - β log π(y_l|x)/n_l - γ)",
        "arXiv 2405.14734",
        beta=2.0,
        reference=False,
        per_token=True,
    ),
    "orpo": Loss(
        lambda p, beta: nll(p.logp_w, p.n_w) - beta * logsigmoid(log_odds(p.logp_w, p.n_w) - log_odds(p.logp_l, p.n_l)),
        "-log π(y_w|x)/n_w - β log σ(log odds(y_w) - log odds(y_l))",
        "arXiv 2403.07691, where β is λ",
        reference=False,
        per_token=True,
    ),
    "cpo": Loss(
        lambda p, beta, alpha=1.0: -logsigmoid(beta * (p.logp_w - p.logp_l)) + alpha * nll(p.logp_w, p.n_w),
        "-log σ(β(log π(y_w|x) - log π(y_l|x))) - α log π(y_w|x) / n_w",
        "arXiv 2401.08417, with the likelihood per token, as in TRL",
        reference=False,
    ),
    "kto": Loss(
        lambda p, beta: sigmoid(-beta * (p.a_w - p.z0)) + sigmoid(beta * (p.a_l - p.z0)),
        "[1 - σ(β(a_w - z0))] + [1 - σ(β(z0 - a_l))]",
        "arXiv 2402.01306, on both sides of a pair, z0 from the pairs themselves",
    ),
    "apo-zero": Loss(
        lambda p, beta: sigmoid(-beta * p.a_w) + sigmoid(beta * p.a_l),
        "1 - σ(βa_w) + σ(βa_l)",
        "arXiv 2408.06266, eq. 7",
    ),
    "apo-down": Loss(
        lambda p, beta: sigmoid(beta * p.a_w) + sigmoid(-beta * p.h),
        "σ(βa_w) + 1 - σ(βh)",
        "arXiv 2408.06266, eq. 8",
    ),
    "exo": Loss(
        lambda p, beta, epsilon=1e-3: (
            sigmoid(beta * p.h) * (logsigmoid(beta * p.h) - math.log(1 - epsilon))
            + sigmoid(-beta * p.h) * (logsigmoid(-beta * p.h) - math.log(epsilon))
        ),
        "σ(βh)[log σ(βh) - log(1-ε)] + σ(-βh)[log σ(-βh) - log ε]",
        "arXiv 2402.00856, eq. 16",
    ),
    "nca": Loss(
        lambda p, beta: -logsigmoid(beta * p.a_w) - (logsigmoid(-beta * p.a_w) + logsigmoid(-beta * p.a_l)) / 2,
        "-log σ(βa_w) - ½ log σ(-βa_w) - ½ log σ(-βa_l)",
        "arXiv 2402.05369",
        beta=0.01,
    ),
    "bco": Loss(
        lambda p, beta: -logsigmoid(beta * p.a_w) - logsigmoid(-beta * p.a_l),
        "-log σ(βa_w) - log σ(-βa_l)",
        "arXiv 2404.04656, without the shift of rewards, as in TRL",
        beta=0.01,
    ),
    "sppo-hard": Loss(
        lambda p, beta: (p.a_w - 1 / (2 * beta)) ** 2 + (p.a_l + 1 / (2 * beta)) ** 2,
        "(a_w - 1/(2β))² + (a_l + 1/(2β))²",
        "arXiv 2405.00675, eq. 4.7 with certain preferences",
        beta=0.001,
    ),
    "discopop": Loss(  # s e^(-βh) is computed as e^(log s - βh), which cannot overflow as τ < 1
        lambda p, beta, tau=0.05: (
            -sigmoid(-beta * p.h / tau) * logsigmoid(beta * p.h) + torch.exp(logsigmoid(beta * p.h / tau) - beta * p.h)
        ),
        "(1-s)(-log σ(βh)) + s e^(-βh), where s = σ(βh/τ)",
        "arXiv 2406.08414, eq. 5",
        beta=0.05,
    ),
    "forward-kl": Loss(
        lambda p, beta: -logsigmoid(beta * (capped_exp(-p.a_l) - capped_exp(-p.a_w))),
        "-log σ(β(e^(-a_l) - e^(-a_w)))",
        "f-DPO with f' = 1 - 1/u, arXiv 2309.16240",
    ),
    "js": Loss(
        lambda p, beta: -logsigmoid(beta * (logsigmoid(p.a_w) - logsigmoid(p.a_l))),
        "-log σ(β(log σ(a_w) - log σ(a_l)))",
        "f-DPO with f' = log 2u/(1+u), arXiv 2309.16240",
    ),
    "alpha": Loss(
        lambda p, beta, alpha=0.5: (
            -logsigmoid(beta * (capped_exp(-alpha * p.a_l) - capped_exp(-alpha * p.a_w)) / alpha)
        ),
        "-log σ(β(e^(-α a_l) - e^(-α a_w)) / α)",
        "f-DPO with f' = (1 - u^(-α))/α, arXiv 2309.16240",
    ),
}
LOSSES["reverse-kl"] = LOSSES["dpo"]._replace(source="f-DPO with f' = 1 + log u, which is DPO, arXiv 2309.16240")

UNPAIRED = {
    "kto": Loss(
        lambda t, beta: sigmoid(-beta * t.sign * (t.a - t.z0)),
        "1 - σ(β(a - z0)) if liked, 1 - σ(β(z0 - a)) if not",
        "arXiv 2402.01306, both weights 1",
    ),
    "apo-zero": Loss(
        lambda t, beta: sigmoid(-beta * t.sign * t.a),
        "1 - σ(βa) if liked, σ(βa) if not",
        "arXiv 2408.06266, as TRL's apo_zero_unpaired",
    ),
    "bco": Loss(
        lambda t, beta: -logsigmoid(beta * t.sign * t.a),
        "-log σ(βa) if liked, -log σ(-βa) if not",
        "arXiv 2404.04656, without the shift of rewards",
        beta=0.01,
    ),
}
