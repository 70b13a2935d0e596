"""How far annotators agree on rankings: raw, and beyond chance, with intervals over questions.

A ranking is compared two answers at a time, and a tie is a vote like any other. The comparisons of one question hang
together, as one glance at its answers has decided them all; so an interval draws whole questions anew.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from itertools import combinations, permutations

import numpy as np
from sklearn.metrics import cohen_kappa_score

from helpers.pairs.judgements import JudgementStore
from helpers.pairs.ranking import Candidates, Ranking, rankings
from helpers.records import fingerprint
from helpers.stats import wilson

Votes = dict[str, dict[str, str]]  # comparison, "item:a-b" -> annotator -> "a", "b" or "tie"

RESAMPLES = 999  # of questions, for an interval
ENOUGH_QUESTIONS = 10  # for an interval: of fewer the draws show far too little of the spread


def votes_on(item: Candidates, rankings: dict[str, Ranking], ends_only: Collection[str] = ()) -> Votes:
    """What each annotator's ranking says about each two answers of an item.

    ends_only: annotators who named the best and the worst only; they have no vote on two answers between.
    Which of the two is called "a" is arbitrary but fixed (by the hash of its text): if "a" always were the first
    answer, a habit of the model that wrote them would look like agreement by chance.
    """
    numbers = sorted(range(len(item.answers)), key=lambda number: fingerprint(item.answers[number]))
    votes = {f"{item.key}:{a}-{b}": {} for a, b in combinations(numbers, 2)}
    for annotator, ranking in rankings.items():
        place = {number: tier for tier, numbers in enumerate(ranking) for number in numbers}
        ends = (0, len(ranking) - 1) if annotator in ends_only else place.values()
        for a, b in combinations(numbers, 2):
            if place[a] != place[b] or place[a] in ends:
                vote = "tie" if place[a] == place[b] else "a" if place[a] < place[b] else "b"
                votes[f"{item.key}:{a}-{b}"][annotator] = vote
    return votes


def votes(items: Iterable[Candidates], store: JudgementStore) -> Votes:
    """Every annotator's vote on every two answers that they compared."""
    items = list(items)
    ranked, found = rankings(items, store), {}
    ends_only = {(row["item"], row["annotator"]) for row in store.latest() if row.get("mode") == "best-worst"}
    for item in items:
        by_annotator = ranked.get(item.key, {})
        found |= votes_on(item, by_annotator, {name for name in by_annotator if (item.key, name) in ends_only})
    return found


def pairwise_agreement(votes: Votes) -> list[dict]:
    """For each two annotators, over what both judged: raw agreement, and Cohen's κ (1960): 0 is chance, 1 perfect.

    "low" and "high": the 95 % interval of the agreement, over questions; Wilson's for so many questions if all agree
    equally well, as drawing them anew then tells nothing.
    κ is None where both gave all comparisons the same vote: then chance explains everything.
    """
    annotators = sorted({annotator for given in votes.values() for annotator in given})
    rows = []
    for one, two in combinations(annotators, 2):
        both = {place: (given[one], given[two]) for place, given in votes.items() if one in given and two in given}
        if not both:
            continue
        left, right = zip(*both.values(), strict=True)
        kappa = float(cohen_kappa_score(left, right)) if len({*left, *right}) > 1 else None
        share, questions = agreeing(both.values()), len(grouped_by_question(both))
        low, high = interval_over_questions(both, agreeing) or wilson(share, questions)
        counts = {"questions": questions, "comparisons": len(both)}
        row = {"annotators": f"{one}, {two}"} | counts | {"agreement": share, "low": low, "high": high, "kappa": kappa}
        rows.append(row)
    return rows


def agreeing(both: Collection[tuple[str, str]]) -> float:
    """The share of comparisons on which two annotators gave the same vote."""
    return sum(one == two for one, two in both) / len(both)


def nominal_alpha(units: list[list]) -> float | None:
    """Krippendorff's α = 1 - D_o / D_e, where votes are either equal or not. Each unit holds the votes on one item.

    A unit with a single vote says nothing about agreement and is left out. None if all votes are the same.
    """
    units = [votes for votes in units if len(votes) >= 2]
    counts = Counter(vote for votes in units for vote in votes)
    n = counts.total()
    unequal = [sum(a != b for a, b in permutations(votes, 2)) / (len(votes) - 1) for votes in units]
    by_chance = sum(a * b for a, b in permutations(counts.values(), 2))
    return 1 - (sum(unequal) / n) / (by_chance / (n * (n - 1))) if by_chance else None


def alpha(votes: Votes) -> dict[str, float | int | None]:
    """Krippendorff's α over the comparisons with at least two votes, by any number of annotators.

    A vote is "a", "b" or "tie", and any two of them are equally different: the nominal distance. "low" and "high" are
    the 95 % interval over questions; None where drawing questions anew tells nothing: all are alike, or there is one.
    """
    shared = {place: [*given.values()] for place, given in votes.items() if len(given) >= 2}
    low, high = interval_over_questions(shared, nominal_alpha) or (None, None)
    counts = {
        "questions": len(grouped_by_question(shared)),
        "comparisons": len(shared),
        "votes": sum(map(len, shared.values())),
    }
    return counts | {"alpha": nominal_alpha([*shared.values()]), "low": low, "high": high}


def grouped_by_question(comparisons: dict[str, Collection]) -> list[list]:
    """What was voted on the comparisons of each question; a comparison's name begins with its item's key."""
    groups = defaultdict(list)
    for place, given in comparisons.items():
        groups[place.partition(":")[0]].append(given)
    return list(groups.values())


def interval_over_questions(
    comparisons: dict[str, Collection], measure: Callable[[list], float | None], seed: int = 0
) -> tuple[float, float] | None:
    """The 95 % interval of a measure of comparisons: whole questions are drawn anew, with replacement (Efron 1979).

    Draws in which the measure is None are left out. None if all draws give the same value, or the questions are few:
    that is no interval. With a dozen questions it is still too narrow.
    """
    questions, coin = grouped_by_question(comparisons), random.Random(seed)
    if len(questions) < ENOUGH_QUESTIONS:
        return None
    draws = (coin.choices(questions, k=len(questions)) for _ in range(RESAMPLES))
    measured = [measure([given for question in draw for given in question]) for draw in draws]
    found = [value for value in measured if value is not None]
    low, high = np.percentile(found, [2.5, 97.5]) if found else (0, 0)
    return (float(low), float(high)) if low < high else None
