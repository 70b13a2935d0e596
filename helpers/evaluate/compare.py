"""Two models on the same questions: what changed, on which tasks, and who wins when both answers are equally long."""

import numpy as np

from helpers.files import CourseError
from helpers.stats import Estimate, difference, estimate


def before_after(before, after) -> list[dict]:
    """Rows for a table: each measure before and after, the paired difference and its 95 % interval.

    before, after: {measure: values (n,)} as `per_answer` returns them, of the same questions in the same order.
    """
    return [{"measure": name, **_change(before[name], after[name])} for name in before]


def by_task(tasks, before, after) -> list[dict]:
    """Rows for a table: `before_after` of one measure, task by task; the largest loss first.

    tasks, before, after: one entry for each question. A task of one question has no interval (None).
    """
    tasks, before, after = np.asarray(tasks), np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if not len(tasks) == len(before) == len(after):
        raise CourseError("by_task needs one task and one value before and after for each question.")
    groups = {task: tasks == task for task in sorted(set(tasks.tolist()))}
    rows = [
        {"task": task, "questions": int(rows.sum()), **_change(before[rows], after[rows])}
        for task, rows in groups.items()
    ]
    return sorted(rows, key=lambda row: row["difference"])


def _change(before, after) -> dict:
    change = difference(after, before) if len(before) != 1 else ((after - before).item(), None, None)
    values = (before.mean(), after.mean(), *change)
    return dict(zip(("before", "after", "difference", "low", "high"), values, strict=True))


def length_matched(scores, gaps, within=0) -> Estimate:
    """The win rate of a among contests whose answers are equally long, with an interval over questions.

    scores (contests, questions): 1 where a wins, 0 where b does, 0.5 for a tie. gaps: tokens of a minus those of b.
    A question with several such contests counts once, with their mean; one without any is left out. `within` above 0
    lets in answers of nearly equal length: more contests, but length then counts a little. Raises CourseError if fewer
    than 20 questions are left.
    """
    scores, equal = np.asarray(scores, dtype=float), np.abs(gaps) <= within
    if scores.ndim != 2 or scores.shape != equal.shape:
        raise CourseError(
            "length_matched needs scores and gaps of the same shape: one row a contest, one column a question."
        )
    asked = equal.any(axis=0)
    if asked.sum() < 20:
        raise CourseError(
            f"Only {asked.sum()} questions have two answers of the same length, and 20 are needed: draw more answers."
        )
    return estimate((scores * equal).sum(axis=0)[asked] / equal.sum(axis=0)[asked])
