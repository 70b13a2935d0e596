"""Rankings of several answers to one question, and the pairs in them.

A ranking is a tuple of tiers, best first; a tier is a tuple of answer numbers, counted from 0, that are tied:
((1,), (0, 2)) says that answer 1 is the best and that 0 and 2 are equally good.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations, product
from pathlib import Path

from helpers.files import CourseError, display_path, read_jsonl, write_jsonl
from helpers.pairs.checks import normalised
from helpers.pairs.judgements import JudgementStore
from helpers.records import PreferenceRecord, fingerprint

Ranking = tuple[tuple[int, ...], ...]

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
    model: str = ""  # that wrote the answers; nobody who ranks them sees it

    def __post_init__(self):
        if len(self.answers) > MOST:
            raise CourseError(f"{self.instruction!r} has {len(self.answers)} answers; at most {MOST} can be ranked.")
        if len(self.answers) != len(distinct(self.answers)) or len(self.answers) < 2:
            raise CourseError(f"{self.instruction!r} needs two or more different answers. Use distinct(answers).")

    @cached_property
    def key(self) -> str:
        """By which the judgements on this question and these answers are found again."""
        return fingerprint(self.instruction, self.input, self.answers)


def save_candidates(path, items: Iterable[Candidates]) -> Path:
    """Write candidates to a .jsonl file, before anybody judges them: judgements belong to these very answers.

    Raises CourseError if the file is there: drawn again, other answers would take the place of the judged ones.
    """
    if Path(path).exists():
        advice = "Load them, or choose another file for new ones."
        raise CourseError(f"{display_path(path)} already holds candidates, and judgements may belong to them. {advice}")
    return write_jsonl(path, map(asdict, items))


def load_candidates(path) -> list[Candidates]:
    """The candidates of a file, as they were when they were saved. Raises CourseError for a line that holds none."""
    items = []
    for number, row in enumerate(read_jsonl(path), start=1):
        try:
            items.append(Candidates(**row | {"answers": tuple(row["answers"])}))
        except (TypeError, KeyError, AttributeError) as error:
            what = "holds no candidates: instruction, input, output, answers. Fix or delete this line."
            raise CourseError(f"{display_path(path)}, row {number}, {what}") from error
    return items


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


def best_worst(best: int | Sequence[int], worst: int | Sequence[int], count: int) -> Ranking:
    """The ranking of somebody who names only the best and the worst answer, or several that are equally good.

    Those between stand in one tier, but nobody has compared them.
    """
    best, worst = ((named,) if isinstance(named, int) else tuple(named) for named in (best, worst))
    if len({*best, *worst}) < len(best + worst) or not all(0 <= number < count for number in best + worst):
        raise CourseError(f"Best and worst must be two different ones of {count} answers.")
    return ranked_by_scores((number in best) - (number in worst) for number in range(count))


def in_number_order(ranking: Iterable[Iterable[int]]) -> Ranking:
    """The ranking with each tier in the order of its numbers: which of two tied answers was named first says nothing.

    So two people who ranked alike have the same ranking, although each saw the answers in another order.
    """
    return tuple(tuple(sorted(tier)) for tier in ranking)


def in_words(ranking: Ranking) -> str:
    """ "2>1=3": what `parse_ranking` reads."""
    return ">".join("=".join(str(number + 1) for number in tier) for tier in ranking)


def winning_pairs(ranking: Ranking, which: str = "all") -> list[tuple[int, int]]:
    """(better, worse) numbers: all pairs that the ranking orders, or the first of the best tier and of the last one.

    Tied answers make no pair, so a ranking with a single tier has none.
    """
    return agreed_pairs([ranking], which)


def agreed_pairs(rankings: Sequence[Ranking], which: str = "all") -> list[tuple[int, int]]:
    """(better, worse) numbers that every ranking orders so; "best-worst": the first of everybody's best and worst.

    Several answers can share the best tier, or the last one: two people agree if their tiers have an answer in common.
    """
    if which not in PAIRS_OF:
        raise CourseError(f"Unknown pairs {which!r}. Choose one of {', '.join(PAIRS_OF)}.")
    first, *others = ([*_ordered_pairs(ranking, which)] for ranking in rankings)
    agreed = [pair for pair in first if all(pair in other for other in others)]
    return agreed[:1] if which == "best-worst" else agreed


def _ordered_pairs(ranking: Ranking, which: str) -> Iterator[tuple[int, int]]:
    """Of any two tiers, or of the best and the last one only."""
    tiers = ranking if which == "all" else ranking[:1] + ranking[1:][-1:]
    for upper, lower in combinations(tiers, 2):
        yield from product(upper, lower)


def to_pairs(item: Candidates, numbers: Iterable[tuple[int, int]]) -> list[PreferenceRecord]:
    """Preference pairs from (better, worse) numbers; see `winning_pairs`."""
    question = {"instruction": item.instruction, "input": item.input, "output": item.output}
    return [
        PreferenceRecord(**question, chosen=item.answers[better], rejected=item.answers[worse])
        for better, worse in numbers
    ]


def rankings(items: Iterable[Candidates], store: JudgementStore) -> dict[str, dict[str, Ranking]]:
    """item -> annotator -> ranking, for those of the items that somebody ranked and did not skip."""
    ranked: dict[str, dict[str, Ranking]] = {item.key: {} for item in items}
    for row in store.latest():
        if row["item"] in ranked and row["verdict"] != SKIP:
            ranked[row["item"]][row["annotator"]] = in_number_order(row["verdict"])
    return {key: by_annotator for key, by_annotator in ranked.items() if by_annotator}


def annotated_pairs(items: Iterable[Candidates], store: JudgementStore, which: str = "all") -> list[PreferenceRecord]:
    """The pairs on which all annotators who ranked them agree; see `agreed_pairs`."""
    items = list(items)
    ranked = rankings(items, store)
    judged = [item for item in items if item.key in ranked]
    return [pair for item in judged for pair in to_pairs(item, agreed_pairs([*ranked[item.key].values()], which))]


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
