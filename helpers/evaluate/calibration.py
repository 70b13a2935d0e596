"""Is the implicit reward right, and does it know how sure it may be?"""

import numpy as np

from helpers.files import CourseError


def reward_accuracy(policy_logps, reference_logps):
    """1 for each pair whose chosen side has the higher DPO reward, else 0. Inputs: (n, 2), chosen first."""
    chosen, rejected = (policy_logps - reference_logps).unbind(dim=1)
    return (chosen > rejected).float()


def margins(policy_logps, reference_logps, beta) -> np.ndarray:
    """β times the difference of the log-ratios of each pair, in nats: (n,). Inputs: tensors (n, 2), chosen first."""
    chosen, rejected = (policy_logps - reference_logps).unbind(dim=1)
    return (beta * (chosen - rejected)).double().numpy()


def reliability(margins, bins=5) -> list[dict]:
    """Pairs in bins of equal width by confidence: how sure the reward is, and how often it is right.

    A margin m says: chosen beats rejected with probability σ(m). The reward names the side with the higher one, with
    confidence σ(|m|) from 0.5 to 1, and is right if that is the chosen side; at m = 0 it is half right. Rows with
    low, high (limits of the bin), pairs, confidence (mean), right (share); empty bins are left out.
    """
    confidence, right = _claims(margins)
    edges = np.linspace(0.5, 1, bins + 1)
    places = np.clip(np.digitize(confidence, edges) - 1, 0, bins - 1)  # σ(|m|) = 1 belongs to the last bin
    rows = []
    for place in sorted(set(places.tolist())):
        of = places == place
        row = {"low": edges[place], "high": edges[place + 1], "pairs": int(of.sum())}
        rows.append(row | {"confidence": confidence[of].mean(), "right": right[of].mean()})
    return rows


def calibration_error(margins, bins=5) -> float:
    """Expected calibration error (arXiv 1706.04599): mean of |right - confidence| over the bins, weighted by pairs."""
    rows = reliability(margins, bins)
    total = sum(row["pairs"] for row in rows)
    return float(sum(row["pairs"] * abs(row["right"] - row["confidence"]) for row in rows) / total)


def _claims(margins):
    margins = np.asarray(margins, dtype=float)
    if margins.ndim != 1 or not len(margins) or not np.isfinite(margins).all():
        raise CourseError("Calibration needs a list of finite margins, one for each pair.")
    return 1 / (1 + np.exp(-np.minimum(abs(margins), 60))), (np.sign(margins) + 1) / 2
