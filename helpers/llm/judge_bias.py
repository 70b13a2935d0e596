"""How far a judge can be trusted: against the truth, against another judge, and by what it likes.

`winners` are `Verdict.winner`: "a", "b", "tie", or None for a contest without a verdict. `truth` holds, contest by
contest, who should win by another measure: "a", "b" or "tie".
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import cohen_kappa_score

from helpers.files import CourseError
from helpers.llm.judge import Contest, Verdict, scores
from helpers.stats import Estimate, wilson

PLACE = {"a": ("A", "B"), "b": ("B", "A")}  # the right labels, as it stands and swapped


def accuracy(verdicts: Sequence[Verdict], truth: Sequence[str]) -> dict[str, int | Estimate | None]:
    """What the swap rule buys, on the contests that have a true winner; shares with Wilson's 95 % intervals.

    "single verdicts right": of all single labels, as if each contest were judged once, in a random order;
    "right in both orders": of all contests; "kept": contests with a winner after the swap rule;
    "kept right": of those. A contest without a verdict counts as judged, and as wrong. A share of nothing is None.
    """
    known = [(verdict, side) for verdict, side in _paired(verdicts, truth) if side in PLACE]
    labels = [(label, right) for v, s in known for label, right in zip((v.first, v.swapped), PLACE[s], strict=True)]
    won = [verdict.winner == side for verdict, side in known]
    kept = sum(verdict.winner in PLACE for verdict, _ in known)
    return {
        "contests": len(known),
        # Both labels of a contest come from one judge and one text: the interval counts them as one trial.
        "single verdicts right": _with_interval(sum(label == right for label, right in labels) / 2, len(known)),
        "right in both orders": _with_interval(sum(won), len(known)),
        "kept": _with_interval(kept, len(known)),
        "kept right": _with_interval(sum(won), kept),
    }


def position_bias(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """How the two verdicts on a contest go together, as shares of the contests that have one.

    "A both times" and "B both times" follow the place and not the answer. "no verdict" is a share of all contests.
    """
    pairs = [(v.first, v.swapped) for v in verdicts if v.winner is not None]
    if not pairs:
        raise CourseError("No contest has a verdict. Check the contests and the judge.")
    kinds = {"the same answer": PLACE.values(), "A both times": [("A", "A")], "B both times": [("B", "B")]}
    shares = {kind: share(sum(pair in labels for pair in pairs), len(pairs)) for kind, labels in kinds.items()}
    return shares | {"no choice": 1 - sum(shares.values()), "no verdict": 1 - len(pairs) / len(verdicts)}


def length_bias(winners: Sequence[str | None], contests: Sequence[Contest], truth: Sequence[str]) -> dict:
    """How often the longer answer wins, by the judge and in truth, where both name a winner and lengths differ.

    "excess" is the difference: 0 for a judge that does not care for length. Among the contests that are ties in truth,
    "longer wins a tie" should be one half.
    """
    longer = ["a" if len(a) > len(b) else "b" if len(b) > len(a) else None for _, a, b in contests]
    rows = [(w, t, long) for (w, t), long in zip(_paired(winners, truth), longer, strict=True) if long and w in PLACE]
    decided = [(winner, true, long) for winner, true, long in rows if true in PLACE]
    tied = [winner == long for winner, true, long in rows if true == "tie"]
    return {"contests": len(decided), **_excess(decided, "longer"), "longer wins a tie": share(sum(tied), len(tied))}


def self_preference(winners: Sequence[str | None], own: Sequence[str], truth: Sequence[str]) -> dict:
    """How often the answer that the judge's own model wrote wins, by the judge and in truth, where both name a winner.

    own: "a" or "b", the side that the judge wrote. "excess" is the difference; 0 is fair.
    """
    rows = [(w, t, mine) for (w, t), mine in zip(_paired(winners, truth), own, strict=True)]
    decided = [(winner, true, mine) for winner, true, mine in rows if winner in PLACE and true in PLACE]
    return {"contests": len(decided), **_excess(decided, "own")}


def agreement(one: Sequence[Verdict], two: Sequence[Verdict]) -> dict[str, float | int | None]:
    """How far two judges agree: raw, and as Cohen's κ (1960): 0 is chance, 1 is perfect.

    Over the contests on which both have a verdict ("without a verdict" counts the others), and over those of them
    that neither calls a tie. What cannot be computed is None: there are no such contests, or both judges give all of
    them the same verdict, so that chance explains everything.
    """
    both = np.array(_paired(scores(one), scores(two))).reshape(-1, 2).T  # (2, contests)
    judged = both[:, ~np.isnan(both).any(axis=0)]
    decisive = judged[:, (judged != 0.5).all(axis=0)]
    return {
        "contests": judged.shape[1],
        **_agreed("", judged),
        "decisive": decisive.shape[1],
        **_agreed("decisive ", decisive),
        "without a verdict": both.shape[1] - judged.shape[1],
    }


def share(successes: int, trials: int) -> float | None:
    """successes / trials, or None if there was no trial."""
    return successes / trials if trials else None


def _with_interval(successes: float, trials: int) -> Estimate | None:
    return Estimate(successes / trials, *wilson(successes / trials, trials)) if trials else None


def _agreed(name: str, pair: np.ndarray) -> dict[str, float | None]:
    one, two = (2 * pair).astype(int)  # scikit-learn wants classes: 0, 1, 2
    kappa = float(cohen_kappa_score(one, two)) if len({*one, *two}) > 1 else None
    return {f"{name}agreement": share(int((one == two).sum()), len(one)), f"{name}kappa": kappa}


def _excess(decided: list[tuple[str, str, str]], name: str) -> dict[str, float | None]:
    judged = share(sum(winner == side for winner, _, side in decided), len(decided))
    true = share(sum(true == side for _, true, side in decided), len(decided))
    excess = judged - true if decided else None
    return {f"{name} wins, by the judge": judged, f"{name} wins, in truth": true, "excess": excess}


def _paired(verdicts: Sequence, truth: Sequence) -> list[tuple]:
    if len(verdicts) != len(truth):
        raise CourseError(f"{len(verdicts)} verdicts do not fit {len(truth)} others: give one of each for a contest.")
    return list(zip(verdicts, truth, strict=True))
