"""Rankings of several answers to one question, the pairs in them, and how far annotators agree.

A ranking is a tuple of tiers, best first; a tier is a tuple of answer numbers, counted from 0, that are tied:
((1,), (0, 2)) says that answer 1 is the best and that 0 and 2 are equally good.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations

from sklearn.metrics import cohen_kappa_score

from helpers.files import CourseError
from helpers.pairs.checks import normalised
from helpers.pairs.judgements import JudgementStore
from helpers.records import PreferenceRecord, fingerprint

Ranking = tuple[tuple[int, ...], ...]
Votes = dict[str, dict[str, str]]  # comparison -> annotator -> "a", "b" or "tie"

SKIP = "skip"  # the verdict of somebody who cannot say
PAIRS_OF = ("all", "best-worst")
MOST = 9  # answers to one question: each is named by one digit


@dataclass(frozen=True)
class Candidates:
    """A question and at least two different answers, which are to be ranked."""

    instruction: str
    input: str
    output: str  # the answer of the instruction data; it need not be among the candidates
    answers: tuple[str, ...]

    def __post_init__(self):
        if len(self.answers) > MOST:
            raise CourseError(f"{self.instruction!r} has {len(self.answers)} answers; at most {MOST} can be ranked.")
        if len(self.answers) != len(distinct(self.answers)) or len(self.answers) < 2:
            raise CourseError(f"{self.instruction!r} needs two or more different answers. Use distinct(answers).")

    @cached_property
    def key(self) -> str:
        """By which the judgements on this question and these answers are found again."""
        return fingerprint(self.instruction, self.input, self.answers)


def distinct(answers: Iterable[str]) -> tuple[str, ...]:
    """The answers without empty ones and repetitions (up to case and punctuation), in order."""
    unique = {}
    for answer in answers:
        if answer.strip():
            unique.setdefault(normalised(answer), answer)
    return tuple(unique.values())


def parse_ranking(text: str, count: int) -> Ranking:
    """ "2>1=3", or shorter "21=3", as tiers: answer 2 is the best, 1 and 3 are tied. Answers are counted from 1.

    Raises CourseError unless each of the `count` answers is named once.
    """
    compact = re.sub(r"[\s>]", "", text)
    named = [int(digit) for digit in re.findall(r"\d", compact)]
    if not re.fullmatch(r"\d(=?\d)*", compact) or sorted(named) != list(range(1, count + 1)):
        example = ">".join(map(str, range(count, 0, -1)))
        raise CourseError(f"{text!r} is no ranking. Name each of 1 to {count} once, e.g. {example}; ties are 1=2.")
    return tuple(tuple(int(digit) - 1 for digit in tier.split("=")) for tier in re.findall(r"\d(?:=\d)*", compact))


def best_worst(best: int, worst: int, count: int) -> Ranking:
    """The ranking of somebody who names only the best and the worst answer; those between are tied."""
    if best == worst or not all(0 <= number < count for number in (best, worst)):
        raise CourseError(f"Best and worst must be two different ones of {count} answers.")
    return ranked_by_scores((number == best) - (number == worst) for number in range(count))


def in_words(ranking: Ranking) -> str:
    """ "2>1=3": what `parse_ranking` reads."""
    return ">".join("=".join(str(number + 1) for number in tier) for tier in ranking)


def winning_pairs(ranking: Ranking, which: str = "all") -> list[tuple[int, int]]:
    """(better, worse) numbers: all pairs that the ranking orders, or the first of the best tier and of the last one.

    Tied answers make no pair, so a ranking with a single tier has none.
    """
    if which not in PAIRS_OF:
        raise CourseError(f"Unknown pairs {which!r}. Choose one of {', '.join(PAIRS_OF)}.")
    if which == "best-worst":
        return [(ranking[0][0], ranking[-1][0])] if len(ranking) > 1 else []
    return [(a, b) for upper, lower in combinations(ranking, 2) for a in upper for b in lower]


def to_pairs(item: Candidates, ranking: Ranking, which: str = "all") -> list[PreferenceRecord]:
    """Preference pairs of a ranking; see `winning_pairs`."""
    question = {"instruction": item.instruction, "input": item.input, "output": item.output}
    return [
        PreferenceRecord(**question, chosen=item.answers[better], rejected=item.answers[worse])
        for better, worse in winning_pairs(ranking, which)
    ]


def rankings(items: Iterable[Candidates], store: JudgementStore) -> dict[str, dict[str, Ranking]]:
    """item -> annotator -> ranking, for those of the items that somebody ranked and did not skip."""
    ranked: dict[str, dict[str, Ranking]] = {item.key: {} for item in items}
    for row in store.latest():
        if row["item"] in ranked and row["verdict"] != SKIP:
            ranked[row["item"]][row["annotator"]] = tuple(map(tuple, row["verdict"]))
    return {key: by_annotator for key, by_annotator in ranked.items() if by_annotator}


def annotated_pairs(items: Iterable[Candidates], store: JudgementStore, which: str = "all") -> list[PreferenceRecord]:
    """The pairs on which all annotators who ranked them agree; see `winning_pairs`."""
    items, pairs = list(items), []
    ranked = rankings(items, store)
    for item in items:
        of_each = [to_pairs(item, ranking, which) for ranking in ranked.get(item.key, {}).values()]
        pairs += [pair for pair in of_each[0] if all(pair in others for others in of_each[1:])] if of_each else []
    return pairs


def ranked_by_wins(winners: dict[tuple[int, int], str | None], count: int) -> Ranking:
    """Tiers by the share of its duels that an answer won, a tie counting half (Copeland's rule).

    winners: (i, j) -> "a" if answer i won, "b" if j did, or "tie"; a duel without a verdict (None) does not count.
    """
    points, duels = [0.0] * count, [0] * count
    for pair, winner in winners.items():
        for number, side in zip(pair, "ab", strict=True):
            points[number] += {side: 1.0, "tie": 0.5}.get(winner, 0.0)
            duels[number] += winner is not None
    return ranked_by_scores(p / max(1, n) for p, n in zip(points, duels, strict=True))


def ranked_by_scores(scores: Iterable[float]) -> Ranking:
    """Tiers by a score of each answer, the highest first."""
    tiers = defaultdict(list)
    for number, score in enumerate(scores):
        tiers[score].append(number)
    return tuple(tuple(tiers[score]) for score in sorted(tiers, reverse=True))


# --- Agreement ------------------------------------------------------------------------------------------------


def votes_on(item: Candidates, rankings: dict[str, Ranking]) -> Votes:
    """What each annotator's ranking says about each two answers of an item.

    Which of the two is called "a" is arbitrary but fixed (by the hash of its text): if "a" always were the first
    answer, a habit of the model that wrote them would look like agreement by chance.
    """
    numbers = sorted(range(len(item.answers)), key=lambda number: fingerprint(item.answers[number]))
    votes = {f"{item.key}:{a}-{b}": {} for a, b in combinations(numbers, 2)}
    for annotator, ranking in rankings.items():
        place = {number: tier for tier, numbers in enumerate(ranking) for number in numbers}
        for a, b in combinations(numbers, 2):
            vote = "tie" if place[a] == place[b] else "a" if place[a] < place[b] else "b"
            votes[f"{item.key}:{a}-{b}"][annotator] = vote
    return votes


def votes(items: Iterable[Candidates], store: JudgementStore) -> Votes:
    """Every annotator's vote on every two answers."""
    items = list(items)
    ranked = rankings(items, store)
    return {place: vote for item in items for place, vote in votes_on(item, ranked.get(item.key, {})).items()}


def pairwise_agreement(votes: Votes) -> list[dict]:
    """For each two annotators, over what both judged: raw agreement, and Cohen's κ (1960): 0 is chance, 1 perfect.

    κ is None where both gave all comparisons the same vote: then chance explains everything.
    """
    annotators = sorted({annotator for given in votes.values() for annotator in given})
    rows = []
    for one, two in combinations(annotators, 2):
        both = [(given[one], given[two]) for given in votes.values() if one in given and two in given]
        if not both:
            continue
        left, right = zip(*both, strict=True)
        kappa = float(cohen_kappa_score(left, right)) if len({*left, *right}) > 1 else None
        agreement = sum(a == b for a, b in both) / len(both)
        row = {"annotators": f"{one}, {two}", "comparisons": len(both), "agreement": agreement, "kappa": kappa}
        rows.append(row)
    return rows


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
    """Krippendorff's α over the comparisons with at least two decisive votes, by any number of annotators.

    Ties and missing votes are left out, and what is left is "a" or "b": so the nominal distance fits.
    """
    decisive = [[vote for vote in given.values() if vote != "tie"] for given in votes.values()]
    units = [given for given in decisive if len(given) >= 2]
    return {"comparisons": len(units), "votes": sum(map(len, units)), "alpha": nominal_alpha(units)}
