"""Preference losses: pure functions of log-ratios, one row a pair.

A log-ratio is log π(y|x) - log π_ref(y|x), summed over the tokens of the response y. Each loss takes those of
the chosen and of the rejected responses and returns losses, chosen rewards and rejected rewards, all (B,).
"""

import torch.nn.functional as F


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
