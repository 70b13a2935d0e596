"""What a loss sees of a batch: one row of plain numbers a pair, or a response with its thumb."""

from typing import NamedTuple

import torch
from torch import Tensor

from helpers.dpo.data import collate
from helpers.dpo.logprobs import sequence_logprobs, whole_and_head
from helpers.dpo.thumbs import TokenThumb
from helpers.files import CourseError


class Pairs(NamedTuple):
    """What a loss sees of B preference pairs: (B,) each. w marks the chosen response, l the rejected one."""

    logp_w: Tensor  # log π(y_w|x), summed over the tokens of the response, end-of-text included
    logp_l: Tensor
    n_w: Tensor  # tokens of the response
    n_l: Tensor
    ref_w: Tensor | None = None  # log π_ref(y_w|x); None if there is no reference
    ref_l: Tensor | None = None
    head_w: Tensor | None = None  # log-ratio of the first min(n_w, n_l) tokens, for LD-DPO
    head_l: Tensor | None = None

    @property
    def a_w(self) -> Tensor:
        """Log-ratio of the chosen response. Raises CourseError without a reference."""
        return self.logp_w - need_reference(self.ref_w)

    @property
    def a_l(self) -> Tensor:
        """Log-ratio of the rejected response. Raises CourseError without a reference."""
        return self.logp_l - need_reference(self.ref_l)

    @property
    def h(self) -> Tensor:
        """How much more the policy raised the chosen than the rejected response, in nats."""
        return self.a_w - self.a_l

    @property
    def head_h(self) -> Tensor:
        """The part of h that comes from the first min(n_w, n_l) tokens. Raises CourseError if it is not known."""
        if self.head_w is None:
            raise CourseError("This loss tells first tokens from later ones. Call reference_logprobs with heads=True.")
        return self.head_w - self.head_l

    @property
    def z0(self) -> Tensor:
        """KTO's point of comparison, from the pairs of the batch: their mean log-ratio, at least 0, no gradient."""
        return torch.cat([self.a_w, self.a_l]).mean().clamp(min=0).detach()


class Thumbs(NamedTuple):
    """What a loss sees of B single responses, each with a thumb up or down: (B,) each, but z0."""

    logp: Tensor  # log π(y|x), summed over the tokens of the response
    ref: Tensor  # log π_ref(y|x)
    liked: Tensor  # bool
    z0: Tensor  # (), estimates KL(π‖π_ref): mean log-ratio of mismatched responses, at least 0, no gradient

    @property
    def a(self) -> Tensor:
        """Log-ratio of the response."""
        return self.logp - self.ref

    @property
    def sign(self) -> Tensor:
        """+1 for a thumb up, -1 for a thumb down."""
        return 2.0 * self.liked - 1.0


def need_reference(logp) -> Tensor:
    """The reference's log-probs, or a CourseError if there are none."""
    if logp is None:
        raise CourseError("This loss compares with a reference, and there is none. Pass the reference log-probs.")
    return logp


def observe(policy, pairs, reference=None) -> Pairs | Thumbs:
    """One forward pass over TokenPairs or TokenThumbs: what a loss needs to know of them.

    reference: rows of `reference_logprobs` for the same pairs, (B, 2), or (B, 4) with the heads; None if there is none.
    """
    device = next(policy.parameters()).device
    batch = collate(pairs).to(device)
    refs = (None, None) if reference is None else reference.to(device).unbind(dim=1)
    if len(refs) == 4:
        logps, heads = whole_and_head(policy, batch)
        head_w, head_l = (heads - torch.cat(refs[2:])).chunk(2)
    else:
        logps, head_w, head_l = sequence_logprobs(policy, batch), None, None
    if isinstance(pairs[0], TokenThumb):
        return _thumbs(logps, refs, torch.tensor([thumb.liked for thumb in pairs], device=device))
    lengths = batch.mask.sum(dim=1).to(logps.dtype)
    return Pairs(*logps.chunk(2), *lengths.chunk(2), *refs[:2], head_w, head_l)


def _thumbs(logps, refs, liked) -> Thumbs:
    """The first half of the rows are the responses, the second the mismatched ones that z0 is taken from."""
    logp, other = logps.chunk(2)
    ref, ref_other = (need_reference(side) for side in refs[:2])
    return Thumbs(logp, ref, liked, (other - ref_other).mean().clamp(min=0).detach())
