"""Blind A/B comparison by a person: who wrote which answer is hidden, and no judgement is ever lost."""

import html
import random

import ipywidgets as ipw
from IPython.display import HTML

from helpers.files import CourseError, display_path
from helpers.pairs.judgements import JudgementStore
from helpers.records import fingerprint
from helpers.show.annotate import JudgingTool, nothing_judged
from helpers.show.tables import side_by_side, table
from helpers.stats import wilson

BUTTONS = ("A is better", "B is better", "Tie", "Skip", "Undo")


def ab_card(prompt: str, left: str, right: str) -> HTML:
    """One question of the comparison: the prompt and two answers without names."""
    question = f'<div style="white-space:pre-wrap;margin:4px 0"><b>Prompt</b>: {html.escape(prompt)}</div>'
    return HTML(question + side_by_side(left, right, ("Answer A", "Answer B")).data)


class BlindAB(JudgingTool):
    """A blind comparison of two models' answers; each verdict is on disk the moment the button is pressed.

    items: list of dicts with "prompt" and one answer under each of the two names; equal answers are left out.
    store: takes the verdicts; a second call with the same store continues where the first stopped.
    seed: order of the items and of the two sides. Raises CourseError for an item without its three texts.
    """

    subject = "pairs"

    def __init__(self, items, store: JudgementStore, annotator="me", names=("before", "after"), seed=0):
        super().__init__(_unique(items, names), store, BUTTONS)
        self.names, self.seed = tuple(names), seed
        for label, button in self.buttons.items():
            button.on_click(lambda _button, label=label: self.press(label))
        self.box = ipw.VBox([self.card, ipw.HBox(list(self.buttons.values())), self.error, self.progress, self.status])
        self.start(annotator, seed)
        self.draw()

    def sides(self, key):
        """Which name stands on the left and which on the right: a coin per item, the same after a restart."""
        first, second = self.names
        return (first, second) if random.Random(f"{self.seed}:{key}").random() < 0.5 else (second, first)

    def press(self, label):
        """What a button does: take the last verdict back, or save one. At the end there is nothing to save."""
        if label == "Undo" or self.session.queue:
            self.attempt(self.session.undo if label == "Undo" else lambda: self.judge(label))

    def judge(self, label):
        """Save a verdict on the item shown."""
        key = self.session.queue[0]
        left, right = self.sides(key)
        verdict = {"A is better": left, "B is better": right}.get(label, label.lower())
        self.session.judge(verdict, prompt=self.items[key]["prompt"], left=left, right=right, names=list(self.names))

    def page(self, key: str) -> str:
        item, (left, right) = self.items[key], self.sides(key)
        return ab_card(item["prompt"], item[left], item[right]).data


blind_ab = BlindAB


def ab_result(store: JudgementStore, annotator=None) -> dict:
    """Wins of each name, ties, skips, and the second name's win rate with a 95 % Wilson interval.

    A tie counts half, a skip does not count. win_rate, low and high are None while nothing is judged.
    Raises CourseError if the store holds other judgements.
    """
    rows = store.latest(annotator)
    if not all("names" in row for row in rows):
        raise CourseError(
            f"{display_path(store.path)} holds judgements that are no A/B verdicts. Keep them in another file."
        )
    names = next((tuple(row["names"]) for row in rows), ("before", "after"))
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in (*names, "tie", "skip")}
    judged = counts[names[0]] + counts[names[1]] + counts["tie"]
    rate = (counts[names[1]] + counts["tie"] / 2) / judged if judged else None
    low, high = wilson(rate, judged) if judged else (None, None)
    return {**counts, "judged": judged, "of": names[1], "win_rate": rate, "low": low, "high": high}


def ab_summary(store: JudgementStore, annotator=None) -> HTML:
    """The result of `ab_result` as a one-line table, or a sentence if nothing is judged yet."""
    result = ab_result(store, annotator)
    if not result["judged"]:
        return nothing_judged(store)
    return table([result], caption=f"Win rate of {result['of']!r}: a tie counts half; low to high is a 95 % interval.")


def _unique(items, names) -> dict:
    """{content hash: item}. Pairs whose two answers are equal are left out: nobody can prefer one of them."""
    unique = {}
    for number, item in enumerate(items):
        texts = [item.get(key) for key in ("prompt", *names)]
        if not all(isinstance(text, str) for text in texts):
            wanted = ", ".join(repr(key) for key in ("prompt", *names))
            raise CourseError(f"Item {number} of the comparison needs a text under each of {wanted}.")
        if texts[1] != texts[2]:
            unique[fingerprint(*texts)] = item
    return unique
