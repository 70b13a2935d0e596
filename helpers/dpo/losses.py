"""Preference losses, each of them in one line of one table.

A loss is a function of one `PairLogps` (helpers/dpo/logprobs.py) and its settings, beta first, each with a default; it
returns the losses (B,). `LOSSES` holds DPO and its relatives with their equations and sources; `resolve_loss` takes a
name of it, or a function that a learner wrote. `dpo_loss` and `kl_dpo_loss` are those of notebooks 05 and 07.

A log-ratio is a = log π(y|x) - log π_ref(y|x), summed over the tokens of the response y; h = a_w - a_l.
"""

import difflib
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, sigmoid
from torch.nn.functional import logsigmoid, relu

from helpers.dpo.logprobs import UnpairedLogps, check_losses
from helpers.files import CourseError


def dpo_loss(chosen_logratios, rejected_logratios, beta=0.1):
    """DPO (arXiv 2305.18290, eq. 7): losses (B,), and the rewards of both sides (B,), without gradient."""
    margins = beta * (chosen_logratios - rejected_logratios)
    losses = -F.logsigmoid(margins)
    chosen_rewards = beta * chosen_logratios.detach()
    rejected_rewards = beta * rejected_logratios.detach()
    return losses, chosen_rewards, rejected_rewards


def kl_dpo_loss(p, beta=0.3, kl_coef=0.01):
    """DPO plus kl_coef * KL(π‖π_ref) along both responses: still ln 2 at the start; kl_coef = 0 is plain DPO."""
    return dpo_loss(p.a_w, p.a_l, beta)[0] + kl_coef * p.kl


class Loss(NamedTuple):
    """One loss of the field: what it computes, where it is from, and what it needs."""

    formula: Callable  # (PairLogps, beta and further settings with their defaults) -> losses (B,), finite
    equation: str = ""
    source: str = ""
    reference: bool = True  # False: it does without, and must not be given one
    per_token: bool = False  # its reward is a mean over tokens, so that beta is per token, too
    unpaired: "Loss | None" = None  # the same for UnpairedLogps, if there is such a thing

    @property
    def settings(self) -> dict:
        """beta and the further settings of the formula, by name, with their defaults."""
        return {p.name: p.default for p in list(inspect.signature(self.formula).parameters.values())[1:]}


def nll(logp, n) -> Tensor:
    """Mean negative log-likelihood per token."""
    return -logp / n


def log_odds(logp, n) -> Tensor:
    """log p/(1 - p) of p = exp(logp / n), the geometric mean of the token probabilities (arXiv 2403.07691).

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


def refuse_pairs(p, beta=0.1):
    """The formula for pairs of a loss that has none. Raises CourseError."""
    raise CourseError(
        "This loss learns from single responses, each beside a mismatched one, and these are pairs. Take them apart "
        "with unpaired_from_pairs(pairs), from helpers.dpo.data, and score those."
    )


KTO = Loss(
    lambda u, beta=0.1: sigmoid(-beta * u.sign * (u.a - u.z0)),
    "1 - σ(β(a - z0)) if liked, 1 - σ(β(z0 - a)) if not",
    "arXiv 2402.01306, both weights 1",
)

# fmt: off
LOSSES = {
    "dpo": Loss(
        lambda p, beta=0.1: dpo_loss(p.a_w, p.a_l, beta)[0],
        "-log σ(βh)", "arXiv 2305.18290, eq. 7"),
    "cdpo": Loss(
        lambda p, beta=0.1, epsilon=0.1: -(1 - epsilon) * logsigmoid(beta * p.h) - epsilon * logsigmoid(-beta * p.h),
        "-(1-ε) log σ(βh) - ε log σ(-βh)", "Mitchell 2023, A note on DPO with noisy preferences; arXiv 2403.00409"),
    "robust": Loss(
        lambda p, beta=0.1, epsilon=0.1: (
            (epsilon * logsigmoid(-beta * p.h) - (1 - epsilon) * logsigmoid(beta * p.h)) / (1 - 2 * epsilon)),
        "[-(1-ε) log σ(βh) + ε log σ(-βh)] / (1-2ε)", "arXiv 2403.00409"),
    "ipo": Loss(
        lambda p, beta=0.1: (p.a_w / p.n_w - p.a_l / p.n_l - 1 / (2 * beta)) ** 2,
        "(a_w/n_w - a_l/n_l - 1/(2β))²", "arXiv 2310.12036, eq. 17, with means over tokens, as in TRL", per_token=True),
    "ipo-sum": Loss(
        lambda p, beta=0.1: (p.h - 1 / (2 * beta)) ** 2,
        "(h - 1/(2β))²", "arXiv 2310.12036, eq. 17, with sums over tokens, as in the code of DPO's authors"),
    "hinge": Loss(
        lambda p, beta=0.1: relu(1 - beta * p.h),
        "max(0, 1 - βh)", "SLiC-HF, arXiv 2305.10425; with a reference in RSO, arXiv 2309.06657"),
    "dpop": Loss(
        lambda p, beta=0.1, lam=50.0: -logsigmoid(beta * (p.h - lam * relu(-p.a_w))),
        "-log σ(β(h - λ max(0, -a_w)))", "Smaug, arXiv 2402.13228"),
    "rpo": Loss(
        lambda p, beta=0.1, rpo_alpha=1.0: -logsigmoid(beta * p.h) + rpo_alpha * nll(p.logp_w, p.n_w),
        "-log σ(βh) - α log π(y_w|x) / n_w", "arXiv 2404.19733"),
    "rpo-sum": Loss(
        lambda p, beta=0.1, rpo_alpha=0.02: -logsigmoid(beta * p.h) - rpo_alpha * p.a_w,
        "-log σ(βh) - α a_w",
        "arXiv 2404.19733, with the sum over tokens, up to a constant: an anchor on the chosen response"),
    "dpo-kl": Loss(
        kl_dpo_loss, "-log σ(βh) + κ (KL_w + KL_l) / 2", "notebook 07; the KL along a response: arXiv 2404.11999"),
    "sft": Loss(
        lambda p: -p.logp_w / p.n_w.mean(),
        "-log π(y_w|x), whose mean is taken over all tokens of the batch",
        "fine-tuning on the chosen responses alone, as Preferred-FT in arXiv 2305.18290",
        reference=False, per_token=True),
    "ld-dpo": Loss(
        lambda p, beta=0.1, alpha=0.5: -logsigmoid(beta * (alpha * p.h + (1 - alpha) * p.shared_h)),
        "-log σ(βh), where tokens after the shared prefix count α", "arXiv 2409.06411"),
    "dpo-norm": Loss(
        lambda p, beta=5.0: -logsigmoid(beta * (p.a_w / p.n_w - p.a_l / p.n_l)),
        "-log σ(β(a_w/n_w - a_l/n_l))", "length-normalised DPO of Tülu 3, arXiv 2411.15124", per_token=True),
    "r-dpo": Loss(
        lambda p, beta=0.1, alpha=0.05: -logsigmoid(beta * p.h + alpha * (p.n_w - p.n_l)),
        "-log σ(βh + α(n_w - n_l))", "arXiv 2403.19159"),
    "simpo": Loss(
        lambda p, beta=2.0, gamma=0.5: -logsigmoid(beta * (p.logp_w / p.n_w - p.logp_l / p.n_l) - gamma),
        "-log σ(β log π(y_w|x)/n_w - β log π(y_l|x)/n_l - γ)", "arXiv 2405.14734", reference=False, per_token=True),
    "orpo": Loss(
        lambda p, beta=0.1: (
            nll(p.logp_w, p.n_w) - beta * logsigmoid(log_odds(p.logp_w, p.n_w) - log_odds(p.logp_l, p.n_l))),
        "-log π(y_w|x)/n_w - β log σ(log odds(y_w) - log odds(y_l))", "arXiv 2403.07691, where β is λ",
        reference=False, per_token=True),
    "cpo": Loss(
        lambda p, beta=0.1, alpha=1.0: -logsigmoid(beta * (p.logp_w - p.logp_l)) + alpha * nll(p.logp_w, p.n_w),
        "-log σ(β(log π(y_w|x) - log π(y_l|x))) - α log π(y_w|x) / n_w",
        "arXiv 2401.08417, with the likelihood per token, as in TRL", reference=False),
    "kto": KTO._replace(formula=refuse_pairs, unpaired=KTO),
    "apo-zero": Loss(
        lambda p, beta=0.1: sigmoid(-beta * p.a_w) + sigmoid(beta * p.a_l),
        "1 - σ(βa_w) + σ(βa_l)", "arXiv 2408.06266, eq. 7",
        unpaired=Loss(
            lambda u, beta=0.1: sigmoid(-beta * u.sign * u.a),
            "1 - σ(βa) if liked, σ(βa) if not", "arXiv 2408.06266, as TRL's apo_zero_unpaired")),
    "apo-down": Loss(
        lambda p, beta=0.1: sigmoid(beta * p.a_w) + sigmoid(-beta * p.h),
        "σ(βa_w) + 1 - σ(βh)", "arXiv 2408.06266, eq. 8"),
    "exo": Loss(
        lambda p, beta=0.1, epsilon=1e-3: (
            sigmoid(beta * p.h) * (logsigmoid(beta * p.h) - math.log(1 - epsilon))
            + sigmoid(-beta * p.h) * (logsigmoid(-beta * p.h) - math.log(epsilon))),
        "σ(βh)[log σ(βh) - log(1-ε)] + σ(-βh)[log σ(-βh) - log ε]", "arXiv 2402.00856, eq. 16"),
    "nca": Loss(
        lambda p, beta=0.01: -logsigmoid(beta * p.a_w) - (logsigmoid(-beta * p.a_w) + logsigmoid(-beta * p.a_l)) / 2,
        "-log σ(βa_w) - ½ log σ(-βa_w) - ½ log σ(-βa_l)", "arXiv 2402.05369"),
    "bco": Loss(
        lambda p, beta=0.01: -logsigmoid(beta * p.a_w) - logsigmoid(-beta * p.a_l),
        "-log σ(βa_w) - log σ(-βa_l)", "arXiv 2404.04656, without the shift of rewards, as in TRL",
        unpaired=Loss(
            lambda u, beta=0.01: -logsigmoid(beta * u.sign * u.a),
            "-log σ(βa) if liked, -log σ(-βa) if not", "arXiv 2404.04656, without the shift of rewards")),
    "sppo-hard": Loss(
        lambda p, beta=0.001: (p.a_w - 1 / (2 * beta)) ** 2 + (p.a_l + 1 / (2 * beta)) ** 2,
        "(a_w - 1/(2β))² + (a_l + 1/(2β))²", "arXiv 2405.00675, eq. 4.7 with certain preferences"),
    "discopop": Loss(  # s e^(-βh) is computed as e^(log s - βh), which cannot overflow as τ < 1
        lambda p, beta=0.05, tau=0.05: (
            -sigmoid(-beta * p.h / tau) * logsigmoid(beta * p.h)
            + torch.exp(logsigmoid(beta * p.h / tau) - beta * p.h)),
        "(1-s)(-log σ(βh)) + s e^(-βh), where s = σ(βh/τ)", "arXiv 2406.08414, eq. 5"),
    "forward-kl": Loss(
        lambda p, beta=0.1: -logsigmoid(beta * (capped_exp(-p.a_l) - capped_exp(-p.a_w))),
        "-log σ(β(e^(-a_l) - e^(-a_w)))", "f-DPO with f' = 1 - 1/u, arXiv 2309.16240"),
    "js": Loss(
        lambda p, beta=0.1: -logsigmoid(beta * (logsigmoid(p.a_w) - logsigmoid(p.a_l))),
        "-log σ(β(log σ(a_w) - log σ(a_l)))", "f-DPO with f' = log 2u/(1+u), arXiv 2309.16240"),
    "alpha": Loss(
        lambda p, beta=0.1, alpha=0.5: (
            -logsigmoid(beta * (capped_exp(-alpha * p.a_l) - capped_exp(-alpha * p.a_w)) / alpha)),
        "-log σ(β(e^(-α a_l) - e^(-α a_w)) / α)", "f-DPO with f' = (1 - u^(-α))/α, arXiv 2309.16240"),
}
# fmt: on
LOSSES["reverse-kl"] = LOSSES["dpo"]._replace(source="f-DPO with f' = 1 + log u, which is DPO, arXiv 2309.16240")


@dataclass(frozen=True)
class Objective:
    """What training minimises: a loss with its settings. `resolve_loss` makes one."""

    name: str
    loss: Loss
    settings: dict  # beta and the further ones of the formula

    def __call__(self, logps) -> Tensor:
        """Losses (B,) of PairLogps or UnpairedLogps, with gradient.

        Raises CourseError if the loss does not fit the data, and unless there is one finite number a row.
        """
        loss = self.loss.unpaired if isinstance(logps, UnpairedLogps) else self.loss
        if loss is None:
            names = ", ".join(name for name, other in LOSSES.items() if other.unpaired)
            raise CourseError(
                f'The loss "{self.name}" learns from pairs, and these are single responses, liked or not. '
                f"Losses for those: {names}."
            )
        if not loss.reference and logps.ref_w is not None:
            raise CourseError(
                f'The loss "{self.name}" does without a reference, and one was given. Pass None for its log-probs.'
            )
        losses = loss.formula(logps, **self.settings)
        check_losses(self.name, losses, logps)
        return losses

    def rewards(self, logps) -> tuple[Tensor, ...]:
        """Implicit rewards (B,) of both sides of PairLogps, of the response of UnpairedLogps; no gradient.

        beta (1 if the loss has none) times the log-ratio, or log π without a reference; per token if the loss is.
        """
        beta = self.settings.get("beta", 1.0)
        if isinstance(logps, UnpairedLogps):
            return ((beta * logps.a).detach(),)
        ratios = (logps.logp_w, logps.logp_l) if logps.ref_w is None else (logps.a_w, logps.a_l)
        lengths = (logps.n_w, logps.n_l) if self.loss.per_token else (1, 1)
        return tuple((beta * ratio / n).detach() for ratio, n in zip(ratios, lengths, strict=True))


def resolve_loss(loss="dpo", **settings) -> Objective:
    """The objective that a name of LOSSES, or a function of one PairLogps (or UnpairedLogps), stands for.

    settings: beta and the further ones by the names in the formula, e.g. resolve_loss("robust", epsilon=0.2).
    Raises CourseError for a name or a setting that does not exist, a setting given twice, a bad beta, and a function
    that asks for anything else.
    """
    twice = settings if isinstance(loss, Objective) else settings.keys() & getattr(loss, "keywords", {}).keys()
    if twice:
        raise CourseError(f"{', '.join(twice)} is given twice: the loss has a value already. Name it in one place.")
    if isinstance(loss, Objective):
        return loss
    name, entry = _of_function(loss) if callable(loss) else _by_name(loss)
    if unknown := settings.keys() - entry.settings.keys():
        setting, options = min(unknown), ", ".join(entry.settings) or "none"
        has = [key for key, other in LOSSES.items() if setting in other.settings]
        hint = f" Losses that have it: {', '.join(has)}." if has else ""
        raise CourseError(f'The loss "{name}" has no setting {setting!r}. It has {options}.{hint}')
    objective = Objective(name, entry, entry.settings | settings)
    if missing := [key for key, value in objective.settings.items() if value is inspect.Parameter.empty]:
        raise CourseError(
            f"The loss {name} has no default for {', '.join(missing)}. A loss takes one PairLogps, and settings with "
            "defaults; one of the log-ratios is: lambda p, beta=0.1: dpo_loss(p.a_w, p.a_l, beta)[0]."
        )
    beta = objective.settings.get("beta", 1.0)
    if not (isinstance(beta, (int, float)) and 0 < beta < math.inf):
        raise CourseError(f"beta is {beta!r}, and it must be a number above 0.")
    return objective


def _of_function(function):
    """A function of the learner's as an entry of the table; of unpaired data it sees UnpairedLogps."""
    name = getattr(getattr(function, "func", function), "__name__", type(function).__name__)
    if not inspect.signature(function).parameters:
        raise CourseError(f"The loss {name} takes nothing, and it must take one PairLogps.")
    return name, Loss(function, unpaired=Loss(function))


def _by_name(name):
    key = str(name).lower().replace("_", "-")
    if key not in LOSSES:
        near = difflib.get_close_matches(key, LOSSES, n=1, cutoff=0.4)
        hint = f'Did you mean "{near[0]}"?' if near else f"There are: {', '.join(LOSSES)}."
        raise CourseError(f"There is no loss {name!r}. {hint}")
    return key, LOSSES[key]
