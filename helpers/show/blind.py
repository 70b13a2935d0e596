"""Blind A/B comparison by a person: who wrote which answer is hidden, and no judgement is ever lost."""

import hashlib
import html
import json
import os
import random
import time
from pathlib import Path

import ipywidgets as ipw
from IPython.display import HTML, display

from helpers.files import CourseError, read_jsonl, shown, write_bytes
from helpers.show.tables import side_by_side, table
from helpers.stats import wilson

VERDICTS = {"A is better": "left", "B is better": "right", "Tie": "tie", "Skip": "skip"}


def ab_card(prompt: str, left: str, right: str) -> HTML:
    """One question of the comparison: the prompt and two answers without names."""
    question = f'<div style="white-space:pre-wrap;margin:4px 0"><b>Prompt</b>: {html.escape(prompt)}</div>'
    return HTML(question + side_by_side(left, right, ("Answer A", "Answer B")).data)


class BlindAB:
    """The widget behind `blind_ab`. `.box` is what is shown; `.buttons` maps a label to its button."""

    def __init__(self, items, save_to, annotator="me", names=("before", "after"), seed=0):
        self.path, self.annotator, self.names, self.seed = Path(save_to), annotator, tuple(names), seed
        self.items = _unique(items, self.names)
        _mend(self.path)
        self.done = _judged(self.path, annotator)
        self.queue = [key for key in self._order() if key not in self.done]
        self.card, self.status = ipw.HTML(), ipw.HTML()
        self.progress = ipw.IntProgress(min=0, max=max(1, len(self.items)), description="judged")
        self.buttons = {label: ipw.Button(description=label) for label in (*VERDICTS, "Undo")}
        for label, button in self.buttons.items():
            button.on_click(lambda _button, label=label: self.press(label))
        self.box = ipw.VBox([self.card, ipw.HBox(list(self.buttons.values())), self.progress, self.status])
        self.draw()

    def _order(self):
        return random.Random(self.seed).sample(sorted(self.items), len(self.items))

    def sides(self, key):
        """Which name stands on the left and which on the right: a coin per item, the same after a restart."""
        first, second = self.names
        return (first, second) if random.Random(f"{self.seed}:{key}").random() < 0.5 else (second, first)

    def press(self, label):
        """What a button does: take the last verdict back, or save one."""
        self.undo() if label == "Undo" else self.judge(label)

    def judge(self, label):
        """Save a verdict on the item shown, then show the next one."""
        if not self.queue:
            return
        key = self.queue[0]
        left, right = self.sides(key)
        verdict = {"left": left, "right": right}.get(VERDICTS[label], VERDICTS[label])
        self._save(
            {
                "item": key,
                "prompt": self.items[key]["prompt"],
                "left": left,
                "right": right,
                "names": list(self.names),
                "verdict": verdict,
            }
        )
        self.done[key] = verdict
        self.queue.pop(0)
        self.draw()

    def undo(self):
        """Take the last verdict back and ask that item again. The file keeps both lines."""
        mine = [key for key in self.done if key in self.items]
        if not mine:
            return
        key = mine[-1]
        self._save({"item": key, "verdict": "undo"})
        del self.done[key]
        self.queue.insert(0, key)
        self.draw()

    def _save(self, row):
        _append(self.path, {**row, "annotator": self.annotator, "time": time.strftime("%Y-%m-%dT%H:%M:%S")})

    def draw(self):
        """Show the item at the head of the queue, or the end."""
        judged = len(self.items) - len(self.queue)
        self.progress.value = judged
        self.status.value = html.escape(f"{judged} of {len(self.items)} judged. Saved in {shown(self.path)}.")
        for label in VERDICTS:
            self.buttons[label].disabled = not self.queue
        self.buttons["Undo"].disabled = judged == 0
        if not self.queue:
            self.card.value = "<p>All pairs are judged. Thank you.</p>"
            return
        item, (left, right) = self.items[self.queue[0]], self.sides(self.queue[0])
        self.card.value = ab_card(item["prompt"], item[left], item[right]).data

    def _ipython_display_(self):
        display(self.box)


def blind_ab(items, save_to, annotator="me", names=("before", "after"), seed=0) -> BlindAB:
    """A blind comparison of two models' answers; each verdict is on disk the moment the button is pressed.

    items: list of dicts with "prompt" and one answer under each of the two names; equal answers are left out.
    save_to: a JSONL file; a second call with the same file continues where the first stopped.
    seed: order of the items and of the two sides. Raises CourseError for an item without its three texts.
    """
    return BlindAB(items, save_to, annotator, names, seed)


def ab_result(path, annotator=None) -> dict:
    """Wins of each name, ties, skips, and the second name's win rate with a 95 % Wilson interval.

    A tie counts half, a skip does not count. win_rate, low and high are None while nothing is judged.
    """
    rows = _standing(path, annotator)
    names = next((tuple(row["names"]) for row in rows), ("before", "after"))
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in (*names, "tie", "skip")}
    judged = counts[names[0]] + counts[names[1]] + counts["tie"]
    rate = (counts[names[1]] + counts["tie"] / 2) / judged if judged else None
    low, high = wilson(rate, judged) if judged else (None, None)
    return {**counts, "judged": judged, "of": names[1], "win_rate": rate, "low": low, "high": high}


def ab_summary(path, annotator=None) -> HTML:
    """The result of `ab_result` as a one-line table, or a sentence if nothing is judged yet."""
    result = ab_result(path, annotator)
    if not result["judged"]:
        where = html.escape(shown(path))
        return HTML(f"<p>No judgement in {where} yet. Use the buttons above, then run this cell again.</p>")
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
            unique[hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]] = item
    return unique


def _standing(path, annotator=None) -> list[dict]:
    """The verdicts that stand, in order, after undo and re-judging."""
    standing = {}
    for row in read_jsonl(path) if Path(path).exists() else []:
        if annotator is not None and row.get("annotator") != annotator:
            continue
        standing.pop((row.get("annotator"), row.get("item")), None)
        if row.get("verdict") != "undo":
            standing[row.get("annotator"), row.get("item")] = row
    return list(standing.values())


def _judged(path, annotator) -> dict:
    return {row["item"]: row["verdict"] for row in _standing(path, annotator)}


def _mend(path):
    """Cut a last line that a crash left half-written, so that the next one starts on a line of its own."""
    if path.exists() and (data := path.read_bytes()) and not data.endswith(b"\n"):
        write_bytes(path, data[: data.rfind(b"\n") + 1])


def _append(path, row):
    """Add one line and wait until it is on disk."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CourseError(
            f"The judgement was not saved: {shown(path)} cannot be written ({error.strerror}). Name another."
        ) from error
