"""One preference set from several methods: every row keeps its provenance, and nothing is dropped silently."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.criterion import Criterion
from helpers.files import CourseError, write_jsonl
from helpers.pairs.checks import kind, normalised, prompt_key
from helpers.pairs.near_duplicates import near_repeats
from helpers.pairs.provenance import PROVENANCE
from helpers.pairs.run import five_keys
from helpers.politeness import POLITENESS
from helpers.records import fingerprint, save_preferences


@dataclass(frozen=True)
class Merged:
    """`rows` are the merged set, grouped by question; `left_out` are the others, each with its "reason"."""

    rows: list[dict]
    left_out: list[dict]
    methods: tuple[str, ...] = ()  # in the order of trust

    def counts(self) -> list[dict]:
        """For a table: of each method, how many pairs came in, were kept, or were left out, and why."""
        fates = Counter((row["method"], kind(row.get("reason", "kept"))) for row in self.rows + self.left_out)
        columns = {"duplicates": "duplicate", "contradictions": "contradiction", "kept": "kept"}
        return [
            {"method": method, "pairs": sum(fates[method, fate] for fate in columns.values())}
            | {column: fates[method, fate] for column, fate in columns.items()}
            for method in self.methods
        ]


def merge(sets: Iterable[Iterable[dict]], same: Callable[[str], str] = normalised) -> Merged:
    """Merge the finished rows of several methods. The order of the sets is the order of trust.

    A row is left out as a duplicate of a kept one with the same question and answers, or nearly so (`near_repeats`);
    the kept row names the other's method in "also". It is left out as a contradiction if the kept rows on its question
    say the opposite, directly (B over A) or in a chain (B over C, C over A). Rows that were set aside are no pairs.
    same: answers count as the same if this function gives the same for both, by default the text up to case and
    punctuation. With `Criterion.voice_of`, pairs contradict if they prefer opposite voices.
    Raises CourseError for a row that does not say which method made it.
    """
    groups: dict[str, list[dict]] = {}
    left_out = []
    pairs = [row for rows in sets for row in rows if _finished(row)["status"] == "ok"]
    for row in pairs:
        question = prompt_key(row)
        kept = groups.setdefault(question, [])
        merged = _with_provenance(row, question)
        if twin := next((other for other in kept if _sides(other, normalised) == _sides(row, normalised)), None):
            left_out.append(_duplicate(merged, twin))
        elif opponents := _opposite(kept, row, same):
            by = ", ".join(dict.fromkeys(other["method"] for other in opponents))
            left_out.append(merged | {"reason": f"contradiction: with {by}", "against": opponents[0]})
        else:
            kept.append(merged)
    methods = tuple(dict.fromkeys(row["method"] for row in pairs))
    rows = [row for kept in groups.values() for row in kept]
    repeats = near_repeats(rows)
    left_out += [_duplicate(rows[index], rows[other]) for index, (other, _) in repeats.items()]
    return Merged([row for index, row in enumerate(rows) if index not in repeats], left_out, methods)


def _with_provenance(row: dict, question: str) -> dict:
    merged = five_keys(row) | {"group": fingerprint(question), "fingerprint": row["fingerprint"], "also": []}
    return merged | {name: row[name] for name in PROVENANCE if row.get(name) is not None}


def _duplicate(row: dict, twin: dict) -> dict:
    twin["also"].append(row["method"])
    return row | {"reason": f"duplicate: of a pair by {twin['method']}", "against": twin}


def _finished(row: dict) -> dict:
    missing = [key for key in ("status", "method", "fingerprint") if key not in row]
    if missing:
        question = str(row.get("instruction", ""))[:40]
        raise CourseError(
            f"A row to be merged ({question!r}) has no {', '.join(missing)}. Merge the rows of `finished_rows`, not an "
            "exported file: that one has lost where its rows came from."
        )
    return row


def _sides(row: dict, same: Callable[[str], str]) -> tuple[str, str]:
    return same(row["chosen"]), same(row["rejected"])


def _opposite(kept: Sequence[dict], row: dict, same: Callable[[str], str]) -> list[dict]:
    """The kept rows by which the rejected side is already better than the chosen one: a shortest such chain."""
    better, worse = _sides(row, same)
    if better == worse:
        return []
    edges = [(_sides(other, same), other) for other in kept]
    chains, reached = [(worse, [])], {worse}
    for place, chain in chains:  # breadth first; the list grows while it is read
        for (high, low), other in edges:
            if high != place or low in reached:
                continue
            if low == better:
                return [*chain, other]
            reached.add(low)
            chains.append((low, [*chain, other]))
    return []


def save_merged(path, merged: Merged) -> tuple[Path, Path]:
    """Write `path` (JSON, the five keys) and its neighbour .jsonl (the same rows in the same order, with provenance).

    Raises CourseError if a row is no pair, or if there is none.
    """
    path = Path(path)
    return save_preferences(path, merged.rows), write_jsonl(path.with_suffix(".jsonl"), merged.rows)


def cost(rows: Sequence[dict], workers: int = 1, criterion: Criterion = POLITENESS) -> dict[str, float | None]:
    """What a method's rows cost and brought, those set aside included.

    seconds: what all requests took one after the other, divided by the `workers` that asked at once. Then shares of
    the records: "yield" became pairs, "ties" the judge could not tell apart. "decided": share of the pairs whose sides
    differ by the rule of the criterion; "agree": share of these whose chosen side has the higher level, None of none.
    """
    good = [row for row in rows if row["status"] == "ok"]
    ties = sum(any(reason.startswith("tie") for reason in row["reason"]) for row in rows)
    levels = [(criterion.level(row["chosen"]), criterion.level(row["rejected"])) for row in good]
    agree = [chosen > rejected for chosen, rejected in levels if chosen != rejected]
    return {
        **{name: sum(row[name] for row in rows) for name in ("calls", "tokens")},
        "seconds": sum(row["seconds"] for row in rows) / workers,
        "pairs": len(good),
        "yield": len(good) / max(1, len(rows)),
        "ties": ties / max(1, len(rows)),
        "decided": len(agree) / max(1, len(good)),
        "agree": sum(agree) / len(agree) if agree else None,
    }
