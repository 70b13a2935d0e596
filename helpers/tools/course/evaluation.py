"""What the replies of the course models amount to: rows with intervals and bars, and the tables in data/README.md."""

import math
from collections import defaultdict
from pathlib import Path

from helpers.files import DATA, CourseError, read_json, write_bytes
from helpers.llm.connect import EMBEDDED_MODEL
from helpers.stats import wilson
from helpers.tools.course.directions import DIRECTIONS
from helpers.tools.course.rewrites import KEPT, MANNER
from helpers.tools.course.verdicts import ELSE, FOLLOWS, RIGHT, SAYS_SO, TURNED_DOWN

START, END = "<!-- evaluate-course-models writes from here -->", "<!-- to here -->"
EVERY_FAMILY = "stream: every family"
# (row, measure): the bar; a measure of what should not happen has to stay below it
BARS = {
    ("by hand: known", RIGHT): 0.85,
    ("by hand: known", TURNED_DOWN): 0.05,
    ("by hand: near", ELSE): 0.05,
    ("stream: near", ELSE): 0.05,
    ("by hand: far", SAYS_SO): 0.90,
    ("stream: far", SAYS_SO): 0.90,
    **{(f"rewrite: {direction}", MANNER): 0.95 for direction in DIRECTIONS},
    **{(f"rewrite: {direction}", KEPT): 0.97 for direction in DIRECTIONS},
    ("unseen words", KEPT): 0.85,
    ("judge: known voices", RIGHT): 0.95,
    ("judge: unseen voices", RIGHT): 0.85,
    ("judge: correctness", RIGHT): 0.90,
    ("schema", FOLLOWS): 1.0,
    ("by hand: json", FOLLOWS): 0.95,
    ("stream: JSON", FOLLOWS): 0.95,
}
UNWANTED = {TURNED_DOWN, ELSE}


def tallied(replies: list[dict], key=lambda one: one["row"]) -> dict[tuple[str, str], tuple[int, int]]:
    """(row, measure) -> (how often it holds, how often it was measured)."""
    counts = defaultdict(lambda: [0, 0])
    for one in replies:
        for measure, holds in one["verdict"].items():
            counts[key(one), measure][0] += holds
            counts[key(one), measure][1] += 1
    return {row: tuple(count) for row, count in counts.items()}


def is_met(row: str, measure: str, share: float) -> bool | None:
    """Whether a share meets its bar; None without a bar."""
    bar = BARS.get((row, measure))
    return None if bar is None else share <= bar if measure in UNWANTED else share >= bar


def share_text(successes: int, trials: int) -> str:
    """ "91.5 % (302/330; 88.0 to 94.1)", with Wilson's 95 % interval."""
    low, high = wilson(successes / trials, trials)
    return f"{successes / trials:.1%} ({successes}/{trials}; {100 * low:.1f} to {100 * high:.1f})".replace("%", " %")


def bar_text(row: str, measure: str) -> str:
    bar = BARS.get((row, measure))
    return "" if bar is None else f"{'≤' if measure in UNWANTED else '≥'} {bar:.0%}".replace("%", " %")


def met_text(row: str, measure: str, count: tuple[int, int]) -> str:
    return {None: "", True: ", met", False: ", MISSED"}[is_met(row, measure, count[0] / count[1])]


def section_lines(replies: list[dict]) -> list[str]:
    """A line for each measure, to be printed."""
    return [
        f"  {row:28} {measure:30} {share_text(*count):34} {bar_text(row, measure)}{met_text(row, measure, count)}"
        for (row, measure), count in tallied(replies).items()
    ]


def facts_known(replies: list[dict], sizes: dict[str, int]) -> tuple[float, float, int]:
    """(how many facts of the tables are answered rightly, half of the 95 % interval, how many there are).

    Of each family its size times the share that was right of facts drawn evenly; sizes: 0 for a computed family.
    """
    families = [one for one in replies if one["row"] == EVERY_FAMILY]
    known, variance, total = 0.0, 0.0, 0
    for (family, measure), (right, trials) in tallied(families, lambda one: one["group"]).items():
        if measure == RIGHT:
            share = (right + 1) / (trials + 2)  # of the variance: it is not 0 where all were right
            known += sizes[family] * right / trials
            variance += sizes[family] ** 2 * share * (1 - share) / trials * (trials < sizes[family])
            total += sizes[family]
    return known, 1.96 * math.sqrt(variance), total


def amounting(replies: list[dict], sizes: dict[str, int]) -> dict:
    """The rows, the families, and how many facts are known, in words."""
    groups = {f"{row}, {group}": [] for row, group in sorted({(one["row"], one["group"]) for one in replies})}
    for one in replies:
        groups[f"{one['row']}, {one['group']}"].append(one)
    known, half, total = facts_known(replies, sizes)
    return {
        "rows": [[*key, *count] for key, count in tallied(replies).items()],
        "groups": {name: {m: list(c) for (_, m), c in tallied(some).items()} for name, some in groups.items()},
        "known": f"{known:,.0f} ± {half:,.0f} of the {total:,} facts in the tables are answered rightly.",
    }


def write_readme(result_files: dict[str, Path]) -> None:
    """Write the tables between their marks in data/README.md; says so if a model has not been measured yet.

    CourseError if the marks are not there.
    """
    if missing := [name for name, file in result_files.items() if not file.exists()]:
        print(f"data/README.md stays as it is until {' and '.join(missing)} has been measured, too.")
        return
    path = DATA / "README.md"
    text = path.read_text(encoding="utf-8")
    if text.count(START) != 1 or text.count(END) != 1:
        raise CourseError(f"data/README.md must have the lines {START!r} and {END!r} once.")
    before, rest = text.split(START)
    tables = readme_tables({name: read_json(file) for name, file in result_files.items()})
    write_bytes(path, f"{before}{START}\n{tables}\n{END}{rest.split(END)[1]}".encode())


def readme_tables(results: dict[str, dict]) -> str:
    """What stands in data/README.md: the models, all rows, and the families of facts."""
    lines = [f"- `{name}` ({one['digest'][:12]}): {one['known']}" for name, one in results.items()]
    heads = " | ".join(f"`{name}`" for name in results)
    lines += ["", f"| what | measure | bar | {heads} |", "|---|---|---|" + "---|" * len(results)]
    for row, measure in {(row, measure): 0 for one in results.values() for row, measure, *_ in one["rows"]}:
        lines.append(f"| {row} | {measure} | {bar_text(row, measure)} | {' | '.join(cells(results, row, measure))} |")
    names = [name for name in next(iter(results.values()))["groups"] if name.startswith(EVERY_FAMILY)]
    lines += ["", f"| family, right | {heads} |", "|---|" + "---|" * len(results)]
    for name in names:
        found = [share_text(*one["groups"][name][RIGHT]) for one in results.values()]
        lines.append(f"| `{name.removeprefix(EVERY_FAMILY + ', ')}` | {' | '.join(found)} |")
    return "\n".join(lines)


def cells(results: dict[str, dict], row: str, measure: str) -> list[str]:
    """A figure of each model; only the course's own model has bars to meet."""
    texts = []
    for name, one in results.items():
        count = {tuple(key): (holds, of) for *key, holds, of in one["rows"]}.get((row, measure))
        text = share_text(*count) if count else ""
        texts.append(text + met_text(row, measure, count) if count and name == EMBEDDED_MODEL else text)
    return texts
