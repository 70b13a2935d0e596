"""log π(response | prompt): the one number the loss needs of each row."""


def token_logprobs(model, batch):
    """log π of every response token of the batch, (N,), and the row that each belongs to, (N,)."""
    rows, positions = batch.mask.nonzero(as_tuple=True)
    hidden = model.hidden(batch.idx)[rows, positions]  # (N, C): no logits for prompt and padding
    logprobs = model.lm_head(hidden).float().log_softmax(dim=-1)
    targets = batch.targets[rows, positions]
    return logprobs.gather(-1, targets[:, None]).squeeze(-1), rows


def sequence_logprobs(model, batch):
    """log π(response | prompt) of every row, (2B,): summed over its response tokens, end-of-text included."""
    logprobs, rows = token_logprobs(model, batch)
    return logprobs.new_zeros(len(batch.idx)).index_add(0, rows, logprobs)


def whole_and_head(model, batch):
    """Two sums of every row, (2B,) each: over its whole response, and over as many tokens as both responses have.

    The second one ends where the shorter response of the pair ends (LD-DPO, arXiv 2409.06411).
    """
    logprobs, rows = token_logprobs(model, batch)
    place = batch.mask.cumsum(dim=1)[batch.mask]  # 1 for the first response token, 2 for the second, ...
    shorter = batch.mask.sum(dim=1).view(2, -1).amin(dim=0).repeat(2)
    head = logprobs * (place <= shorter[rows])
    return tuple(logprobs.new_zeros(len(batch.idx)).index_add(0, rows, part) for part in (logprobs, head))
