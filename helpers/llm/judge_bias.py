"""How far a judge can be trusted: its accuracy before and after the swap rule, and its taste for length and for itself.

`winners` are `Verdict.winner`: "a", "b", "tie", or None for a contest that was set aside. `truth` holds, contest by
contest, who should win by another measure: "a", "b" or "tie".
"""

from collections.abc import Sequence

from helpers.files import CourseError
from helpers.llm.judge import Contest, Verdict

PLACE = {"a": ("A", "B"), "b": ("B", "A")}  # the right labels, as it stands and swapped


def share(successes: int, trials: int) -> float | None:
    """successes / trials, or None if there was no trial."""
    return successes / trials if trials else None


def accuracy(verdicts: Sequence[Verdict], truth: Sequence[str]) -> dict[str, float | int | None]:
    """What the swap rule buys, on the contests that have a true winner.

    "single verdicts right": of all single labels, as if each contest were judged once, in a random order;
    "right in both orders": of all contests; "kept": contests with a winner after the swap rule;
    "kept right": of those. A contest that was set aside counts as judged, and as wrong.
    """
    known = [(verdict, side) for verdict, side in _paired(verdicts, truth) if side in PLACE]
    labels = [(label, right) for v, s in known for label, right in zip((v.first, v.swapped), PLACE[s], strict=True)]
    won = [verdict.winner == side for verdict, side in known]
    kept = sum(verdict.winner in PLACE for verdict, _ in known)
    return {
        "contests": len(known),
        "single verdicts right": share(sum(label == right for label, right in labels), len(labels)),
        "right in both orders": share(sum(won), len(known)),
        "kept": share(kept, len(known)),
        "kept right": share(sum(won), kept),
    }


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


def _excess(decided: list[tuple[str, str, str]], name: str) -> dict[str, float | None]:
    judged = share(sum(winner == side for winner, _, side in decided), len(decided))
    true = share(sum(true == side for _, true, side in decided), len(decided))
    excess = judged - true if decided else None
    return {f"{name} wins, by the judge": judged, f"{name} wins, in truth": true, "excess": excess}


def _paired(verdicts: Sequence, truth: Sequence) -> list[tuple]:
    if len(verdicts) != len(truth):
        raise CourseError(f"{len(verdicts)} verdicts do not fit {len(truth)} true winners.")
    return list(zip(verdicts, truth, strict=True))
