"""log π(response | prompt), the one number the loss needs of each row, and what a loss sees of a batch.

All scoring in the course goes this way: rows -> `collate` -> `sequence_logprobs`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from helpers.dpo.data import Unpaired
from helpers.files import CourseError
from helpers.gpt.batches import collate


def vocabulary_logprobs(model, batch):
    """log π of the whole vocabulary at the M response positions of the batch, (M, V), and the row of each, (M,)."""
    rows, positions = batch.mask.nonzero(as_tuple=True)
    hidden = model.hidden(batch.idx)[rows, positions]  # (M, C): no logits for prompt and padding
    return model.lm_head(hidden).float().log_softmax(dim=-1), rows


def token_logprobs(model, batch):
    """log π of every response token of the batch, (M,), and the row that each belongs to, (M,)."""
    logprobs, rows = vocabulary_logprobs(model, batch)
    return logprobs.gather(-1, batch.targets[batch.mask][:, None]).squeeze(-1), rows


def sequence_logprobs(model, batch):
    """log π(response | prompt) of every row, (N,): summed over its response tokens, end-of-text included."""
    logprobs, rows = token_logprobs(model, batch)
    return logprobs.new_zeros(len(batch.idx)).index_add(0, rows, logprobs)


def concatenated_forward(model, samples):
    """log π of all sides of B samples in one forward pass: (B, sides); of pairs, chosen and rejected: (B, 2)."""
    rows = [row for side in zip(*(sample.rows for sample in samples), strict=True) for row in side]
    batch = collate(rows).to(next(model.parameters()).device)
    return sequence_logprobs(model, batch).view(-1, len(samples)).T


def checked_logps(logps, samples) -> Tensor:
    """Raises CourseError unless forward returned (B, sides) or, with the KL, (B, 2 sides), in float32 or finer."""
    shape = (len(samples), len(samples[0].rows))
    shapes = shape, (shape[0], 2 * shape[1])
    if not isinstance(logps, Tensor) or logps.shape not in shapes or logps.dtype not in (torch.float32, torch.float64):
        result = f"{tuple(logps.shape)}, {logps.dtype}" if isinstance(logps, Tensor) else type(logps).__name__
        raise CourseError(
            f"forward returned {result}, and it must return log-probs {shape}, torch.float32: one row a sample, one "
            "column a side; of a pair the chosen response in column 0, the rejected one in column 1."
        )
    return logps


def forward_with_kl(model, samples, reference):
    """log π of all sides, and KL(π‖π_ref) summed over the positions of each: (B, 2 sides), log-probs first.

    At a position the KL is exact, a sum over the vocabulary; reference is the frozen model (the sequential KL of
    arXiv 2404.11999, taken in the other direction).
    """
    rows = [row for side in zip(*(sample.rows for sample in samples), strict=True) for row in side]
    batch = collate(rows).to(next(model.parameters()).device)
    logprobs, places = vocabulary_logprobs(model, batch)
    with torch.no_grad():
        reference_logprobs, _ = vocabulary_logprobs(reference, batch)
    of_tokens = logprobs.gather(-1, batch.targets[batch.mask][:, None]).squeeze(-1)
    kl = (logprobs.exp() * (logprobs - reference_logprobs)).sum(dim=-1)
    sums = logprobs.new_zeros(2, len(batch.idx)).index_add(1, places, torch.stack([of_tokens, kl]))
    return sums.view(-1, len(samples)).T


@torch.no_grad()
def score(model, samples, batch_size=16, forward=concatenated_forward) -> Tensor:
    """log π(response | prompt) of every side of every sample, (n, sides), in the order of the samples, on the CPU.

    samples: TokenPairs give (n, 2), the chosen responses in column 0 and the rejected ones in column 1; TokenRows
        (a prompt and one response) give (n, 1); Unpaired gives (n, 2), the response and the mismatched one.
    forward: scores one batch of samples, (B, sides); the KL of each side, as `forward_with_kl` adds it, is kept.
        Raises CourseError if it returns anything else.
    There is no gradient, and the model is in eval mode meanwhile: dropout would add noise to the numbers.
    """
    order, scored = sorted(range(len(samples)), key=lambda i: samples[i].length), []
    was_training = model.training
    model.eval()
    try:
        for start in range(0, len(order), batch_size):
            batch = [samples[i] for i in order[start : start + batch_size]]
            scored.append(checked_logps(forward(model, batch), batch).cpu())
    finally:
        model.train(was_training)
    if not scored:
        return torch.empty(0, 0)
    scored = torch.cat(scored)
    return torch.empty_like(scored).index_copy(0, torch.tensor(order), scored)


class PairLogps(NamedTuple):
    """What a loss sees of B preference pairs: (B,) each. w marks the chosen response, l the rejected one."""

    logp_w: Tensor  # log π(y_w|x), summed over the tokens of the response, end-of-text included
    logp_l: Tensor
    n_w: Tensor  # tokens of the response
    n_l: Tensor
    ref_w: Tensor | None = None  # log π_ref(y_w|x); None if there is no reference
    ref_l: Tensor | None = None
    shared_w: Tensor | None = None  # log-ratio of the shared prefix, the first min(n_w, n_l) tokens, for LD-DPO
    shared_l: Tensor | None = None
    kl_w: Tensor | None = None  # KL(π‖π_ref) summed over the positions of the response, if `forward_with_kl` scored it
    kl_l: Tensor | None = None

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
    def shared_h(self) -> Tensor:
        """The part of h that comes from the shared prefix. Raises CourseError if that was not scored."""
        if self.shared_w is None:
            raise CourseError("This loss needs the shared prefix. Make the pairs with TokenPair(shared_prefix=True).")
        return self.shared_w - self.shared_l

    @property
    def kl(self) -> Tensor:
        """Mean KL(π‖π_ref) along the two responses, in nats. Raises CourseError if it was not scored."""
        if self.kl_w is None:
            raise CourseError("This loss needs the KL. Score with partial(forward_with_kl, reference=...) as forward.")
        return (self.kl_w + self.kl_l) / 2


class UnpairedLogps(NamedTuple):
    """What a loss sees of B single responses, each liked or not: (B,) each, but z0."""

    logp: Tensor  # log π(y|x), summed over the tokens of the response
    ref: Tensor  # log π_ref(y|x)
    label: Tensor  # bool: liked
    z0: Tensor  # (), estimates KL(π‖π_ref): mean log-ratio of mismatched responses, at least 0, no gradient

    @property
    def a(self) -> Tensor:
        """Log-ratio of the response."""
        return self.logp - self.ref

    @property
    def sign(self) -> Tensor:
        """+1 for a liked response, -1 for another."""
        return 2.0 * self.label - 1.0


def need_reference(logp) -> Tensor:
    """The reference's log-probs, or a CourseError if there are none."""
    if logp is None:
        raise CourseError("This loss compares with a reference, and there is none. Compute its log-probs with score.")
    return logp


def label_logps(samples, logps, reference=None) -> PairLogps | UnpairedLogps:
    """Log-probs of B samples under the policy and the reference, (B, sides) each, by name, for the loss.

    logps: as a forward returns them, with or without the KL of each side in further columns.
    reference: the rows of `score` for the same samples; None, or no columns, if there is none.
    Raises CourseError if the policy's have another shape, or less precision than float32.
    """
    checked_logps(logps, samples)
    sides = len(samples[0].rows)
    logps, kl = logps[:, :sides], logps[:, sides:].unbind(dim=1)
    refs = () if reference is None else reference.to(logps.device).unbind(dim=1)
    if isinstance(samples[0], Unpaired):
        return _unpaired_logps(samples, *logps.unbind(dim=1), *(refs or (None, None)))
    lengths = [[len(row.response) for row in sample.rows[:2]] for sample in samples]
    n_w, n_l = logps.new_tensor(lengths).unbind(dim=1)
    logp_w, logp_l, *shared = logps.unbind(dim=1)
    shared = [logp - ref for logp, ref in zip(shared, refs[2:], strict=True)] if refs else ()
    shared_and_kl = *(shared or (None, None)), *kl[:2]
    return PairLogps(logp_w, logp_l, n_w, n_l, *(refs[:2] or (None, None)), *shared_and_kl)


def _unpaired_logps(samples, logp, mismatched, ref, ref_mismatched) -> UnpairedLogps:
    z0 = (mismatched - need_reference(ref_mismatched)).mean().clamp(min=0).detach()
    return UnpairedLogps(logp, ref, torch.tensor([s.label for s in samples], device=logp.device), z0)


def check_losses(name, losses, logps):
    """Raises CourseError unless there is one number a row, with a gradient, and finite, where the log-probs are."""
    logp = logps[0]
    if not isinstance(losses, Tensor) or losses.shape != logp.shape:
        shape = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
        raise CourseError(
            f"The loss {name} returned {shape}, and it must return one number a pair, {tuple(logp.shape)}: "
            "the mean is taken later."
        )
    bad = ~losses.isfinite() & logp.isfinite()  # log-probs that are not finite are another matter
    if bad.any():
        row = bad.nonzero()[0, 0].item()
        fields = {field: values for field, values in logps._asdict().items() if values is not None and values.ndim}
        where = ", ".join(f"{field} = {values[row].item():.4g}" for field, values in fields.items())
        raise CourseError(
            f"The loss {name} is {losses[row].item()} for {bad.sum().item()} of {len(bad)} rows; the first has "
            f"{where}. Correct its formula, or try a smaller beta or lr."
        )
    if logp.requires_grad and not losses.requires_grad:
        raise CourseError(
            f"The loss {name} has no gradient. Compute it without .detach(), .item() and torch.no_grad()."
        )
