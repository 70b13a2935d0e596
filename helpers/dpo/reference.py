"""The reference model's log-probabilities, computed once before training."""

import torch

from helpers.dpo.data import collate
from helpers.dpo.logprobs import sequence_logprobs, whole_and_head


@torch.no_grad()
def reference_logprobs(model, pairs, batch_size=16, heads=False):
    """log π_ref of the chosen (column 0) and the rejected response (column 1) of every pair: (len(pairs), 2).

    heads: also their first tokens, as many as the shorter one has (columns 2 and 3), which the loss "ld-dpo" needs.
    The model is in eval mode meanwhile, because dropout would blur the reference.
    """
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    logprobs = torch.empty(len(pairs), 4 if heads else 2)
    order = sorted(range(len(pairs)), key=lambda i: pairs[i].length)
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        batch = collate([pairs[i] for i in indices]).to(device)
        sums = torch.cat(whole_and_head(model, batch)) if heads else sequence_logprobs(model, batch)
        logprobs[indices] = sums.view(logprobs.size(1), -1).T.cpu()
    model.train(was_training)
    return logprobs
