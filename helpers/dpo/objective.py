"""What training minimises: a loss by its name, or a function that the learner wrote in a cell."""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from helpers.dpo.losses import LOSSES, UNPAIRED, anchored_dpo_loss
from helpers.dpo.observe import Thumbs
from helpers.files import CourseError


@dataclass(frozen=True)
class Objective:
    """A loss with everything that it needs but the data. `named` and `as_objective` make one."""

    name: str
    function: Callable  # Pairs or Thumbs -> losses (B,), or (losses, chosen_rewards, rejected_rewards)
    beta: float | None = 0.1  # None: the function has its own
    reference: bool | None = None  # must there be one? None: a function of the learner's may do as it likes
    per_token: bool = False

    def __call__(self, seen):
        """Losses (B,) with gradient, and the rewards of both sides (B,) without; of Thumbs both are the same.

        Raises CourseError if the reference is missing or too much, and unless there is one finite number a row.
        """
        check_reference(self, seen)
        settings = {} if self.beta is None else {"beta": self.beta}
        found = self.function(seen, **settings)
        losses, *rewards = found if isinstance(found, tuple) and len(found) == 3 else (found,)
        for values in (losses, *rewards):
            check_result(self.name, values, seen)
        return losses, *(values.detach() for values in rewards or implicit_rewards(self, seen))


def implicit_rewards(objective, seen):
    """beta times the log-ratio of each side; per token where the loss is, and of log π where there is no reference."""
    beta = objective.beta or 0.1
    if isinstance(seen, Thumbs):
        return (beta * seen.a,) * 2
    ratios = (seen.logp_w, seen.logp_l) if seen.ref_w is None else (seen.a_w, seen.a_l)
    lengths = (seen.n_w, seen.n_l) if objective.per_token else (1, 1)
    return tuple(beta * ratio / length for ratio, length in zip(ratios, lengths, strict=True))


def named(name, beta=None, unpaired=False, **settings) -> Objective:
    """The loss of this name in LOSSES (or UNPAIRED), with its own beta unless one is given.

    settings: its further ones, by the names in its formula, e.g. named("robust", epsilon=0.2).
    Raises CourseError for a name or a setting that does not exist, a bad beta, and a paired loss on unpaired data.
    """
    table, key = UNPAIRED if unpaired else LOSSES, str(name).lower().replace("_", "-")
    if unpaired and key in LOSSES and key not in UNPAIRED:
        raise CourseError(
            f'The loss "{key}" learns from pairs, and these are single responses with a thumb up or down. '
            f"Losses for those: {', '.join(UNPAIRED)}."
        )
    if key not in table:
        raise CourseError(f"There is no loss {name!r}. {suggestion(key, table)}")
    loss = table[key]
    options = list(inspect.signature(loss.formula).parameters)[2:]
    if unknown := settings.keys() - set(options):
        raise CourseError(f'The loss "{key}" has no setting {min(unknown)!r}. It has {", ".join(options) or "none"}.')
    beta = loss.beta if beta is None else checked_beta(beta)
    return Objective(key, partial(loss.formula, **settings), beta, loss.reference, loss.per_token)


def suggestion(name, names) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    return f'Did you mean "{near[0]}"?' if near else f"There are: {', '.join(names)}."


def checked_beta(beta) -> float:
    if not (isinstance(beta, (int, float)) and 0 < beta < float("inf")):
        raise CourseError(f"beta is {beta!r}, and it must be a number above 0.")
    return beta


def as_objective(loss=None, beta=None, anchor=0.0, unpaired=False) -> Objective:
    """The objective that the argument `loss` of train_dpo stands for.

    loss: None (DPO with the anchor), a name of LOSSES, what `named` returned, or a function of either
        - the log-ratios of both sides, (chosen_logratios, rejected_logratios), as in notebook 05, or
        - one Pairs (of unpaired data: Thumbs), which has the lengths and plain log-probs, too,
        that returns the losses (B,), or a triple of the losses and the rewards of both sides.
    beta: None is the loss's own; a function gets it if it has a parameter of that name.
    Raises CourseError as `named` does, and for anything else.
    """
    if isinstance(loss, Objective):
        return loss if beta is None else replace(loss, beta=checked_beta(beta))
    if isinstance(loss, str) or (loss is None and unpaired):
        return named(loss or "dpo", beta, unpaired)
    if loss is None:
        loss, beta = partial(anchored_dpo_loss, anchor=anchor), beta or LOSSES["dpo"].beta
    if not callable(loss):
        raise CourseError(f"loss is {loss!r}, and it must be the name of a loss or a function.")
    return of_function(loss, beta, unpaired)


def of_function(loss, beta, unpaired) -> Objective:
    """A function of the learner's as an Objective. Its required parameters say what it wants to see."""
    name = getattr(getattr(loss, "func", loss), "__name__", type(loss).__name__)
    parameters = dict(inspect.signature(loss).parameters)
    beta = own_beta(loss, parameters.pop("beta", None), beta)
    wanted = [p for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(wanted) == 1:
        return Objective(name, loss, beta)
    if len(wanted) == 2 and not unpaired:
        return Objective(name, partial(on_log_ratios, loss), beta, reference=True)
    data = "one Thumbs" if unpaired else "the log-ratios of both sides, or one Pairs"
    raise CourseError(f"The loss {name} takes {len(wanted)} things besides beta, and it must take {data}.")


def own_beta(loss, parameter, beta):
    """The beta that a function is called with: bound by functools.partial, given, its default, or DPO's."""
    if parameter is None:
        return None
    bound = "beta" in getattr(loss, "keywords", {})
    default = LOSSES["dpo"].beta if parameter.default is parameter.empty else parameter.default
    return checked_beta(default if bound or beta is None else beta)


def on_log_ratios(loss, pairs, **settings):
    """Call a function of (chosen_logratios, rejected_logratios) on Pairs."""
    return loss(pairs.a_w, pairs.a_l, **settings)


def check_reference(objective, seen):
    known = (seen.ref if isinstance(seen, Thumbs) else seen.ref_w) is not None
    if objective.reference is False and known:
        raise CourseError(
            f'The loss "{objective.name}" does without a reference, and one was given. Pass None for its log-probs.'
        )
    if objective.reference and not known:
        raise CourseError(
            f'The loss "{objective.name}" compares with a reference, and there is none. '
            "Compute its log-probs with reference_logprobs."
        )


def check_result(name, values, seen):
    """One finite number a row, or a CourseError that says where it went wrong."""
    logps = seen[0]
    if not isinstance(values, torch.Tensor) or values.shape != logps.shape:
        shape = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
        raise CourseError(
            f"The loss {name} returned {shape}, and it must return one number a pair, {tuple(logps.shape)}: "
            "the mean is taken later."
        )
    bad = ~values.isfinite() & logps.isfinite()  # log-probs that are not finite are another matter
    if bad.any():
        row = bad.nonzero()[0, 0].item()
        what = f"The loss {name} is {values[row].item()} for {bad.sum().item()} of {len(bad)} rows"
        where = ", ".join(
            f"{field} = {value[row].item():.4g}"
            for field, value in seen._asdict().items()
            if value is not None and value.ndim
        )
        raise CourseError(f"{what}; the first has {where}. Mend its formula, or try a smaller beta or lr.")
