"""Ranking answers by hand: a blind, shuffled card, one line to type, and every judgement saved at once."""

import html
import random
import re

import ipywidgets as ipw
from IPython.display import HTML, display

from helpers.files import CourseError, display_path
from helpers.pairs.judgements import JudgementStore, Session
from helpers.pairs.ranking import SKIP, Candidates, Ranking, best_worst, in_number_order, in_words, parse_ranking
from helpers.politeness import POLITENESS
from helpers.records import one_line_question
from helpers.show.tables import table

MODES = {
    "ranking": "Type the numbers from best to worst, e.g. {example}, and press Enter. Ties: 1=2.",
    "best-worst": "Type the best and the worst number, e.g. {example}, and press Enter. Two bests: 1=3>2.",
}
LETTERS = {"All tied": "t", "Skip": "s", "Undo": "u"}  # what may be typed instead of pressing the button


def shown_order(item: Candidates, annotator: str) -> list[int]:
    """Numbers of the answers in the order in which this annotator sees them, the same after a restart."""
    return random.Random(f"{annotator}:{item.key}").sample(range(len(item.answers)), len(item.answers))


def read_entry(text: str, mode: str, order: list[int]) -> Ranking:
    """What was typed about the answers as shown, as a ranking of the answers as stored.

    Raises CourseError with the reason if it cannot be read.
    """
    count = len(order)
    if text.strip().lower() == "t":
        places = (tuple(range(count)),)
    elif mode == "best-worst":
        named = re.fullmatch(r"([1-9](?:=[1-9])*)>?([1-9](?:=[1-9])*)", re.sub(r"\s", "", text))
        if not named:
            raise CourseError(f"{text!r} does not name the best and the worst. Type e.g. 21, or 1=3>2 for two bests.")
        places = best_worst(*([int(digit) - 1 for digit in tier.split("=")] for tier in named.groups()), count)
    else:
        places = parse_ranking(text, count)
    return in_number_order((order[place] for place in tier) for tier in places)


def ranking_card(item: Candidates, order: list[int]) -> HTML:
    """The question and its numbered answers, without a word on where they come from."""
    question = html.escape(one_line_question(item.instruction, item.input))
    rows = [(str(number), item.answers[place]) for number, place in enumerate(order, start=1)]
    head = f'<div style="white-space:pre-wrap;margin:4px 0"><b>Question</b>: {question}</div>'
    return HTML(head + table(rows, ["", "answer"], widths=[6, 94]).data)


def guidelines_panel(text: str = POLITENESS.guidelines) -> HTML:
    """The written guidelines, one paragraph a line."""
    lines = "".join(f'<p style="margin:4px 0">{html.escape(line)}</p>' for line in text.splitlines() if line.strip())
    return HTML(f'<div style="padding:0 12px;border-left:3px solid #7f7f7f"><b>Guidelines</b>{lines}</div>')


def nothing_judged(store: JudgementStore) -> HTML:
    """What stands in place of a table of judgements."""
    where = html.escape(display_path(store.path))
    return HTML(f"<p>No judgement in {where} yet. Use the tool above, then run this cell again.</p>")


def how_to_enter(mode: str, count: int) -> str:
    """One sentence on what to type."""
    if mode not in MODES:
        raise CourseError(f"Unknown mode {mode!r}. Choose one of {', '.join(MODES)}.")
    digits = [*range(2, count + 1), 1] if mode == "ranking" else [2, 1]
    letters = " ".join(f"{label}: {letter}." for label, letter in LETTERS.items())
    return f"{MODES[mode].format(example=''.join(map(str, digits)))} {letters}"


def ranking_task(item: Candidates, annotator: str, mode: str) -> str:
    """The card of an item as this annotator sees it, and what to type."""
    how = f"<p>{html.escape(how_to_enter(mode, len(item.answers)))}</p>"
    return ranking_card(item, shown_order(item, annotator)).data + how


def ranking_page(
    item: Candidates, annotator: str = "me", mode: str = "ranking", guidelines: str = POLITENESS.guidelines
) -> HTML:
    """The annotation tool as a static page: what this annotator sees of this item."""
    return HTML(ranking_task(item, annotator, mode) + guidelines_panel(guidelines).data)


class JudgingTool:
    """What `annotate` and `blind_ab` share. `.box` is what is shown; `.buttons` maps a label to its button.

    A tool adds its `subject`, what is judged in the plural, and `page(key)`, the HTML of one item.
    """

    def __init__(self, items: dict, store: JudgementStore, labels):
        self.items, self.store = items, store
        self.card, self.status, self.error = ipw.HTML(), ipw.HTML(), ipw.HTML()
        self.progress = ipw.IntProgress(min=0, max=max(1, len(items)), description="judged")
        self.buttons = {label: ipw.Button(description=label) for label in labels}

    def start(self, annotator: str, seed):
        """Take up this annotator's work where it stopped; the seed gives the order of the items."""
        self.session = Session(self.store, annotator, random.Random(seed).sample(sorted(self.items), len(self.items)))

    def attempt(self, step):
        """Call `step` and show what comes next. An error is shown instead, and changes nothing."""
        try:
            step()
        except CourseError as error:  # an alert is read out by a screen reader
            self.error.value = f'<p role="alert" style="font-weight:bold">{html.escape(str(error))}</p>'
        else:
            self.draw()

    def draw(self):
        """Show how far the session is, and the item at the head of the queue or the end."""
        done, queue = self.session.done, self.session.queue
        self.error.value, self.progress.value = "", len(done)
        saved = f"Saved in {display_path(self.store.path)}."
        self.status.value = html.escape(f"{len(done)} of {len(self.items)} judged. {saved}")
        for label, button in self.buttons.items():
            button.disabled = not (done if label == "Undo" else queue)
        self.card.value = self.page(queue[0]) if queue else f"<p>All {self.subject} are judged. Thank you.</p>"

    def _ipython_display_(self):
        display(self.box)


class Annotator(JudgingTool):
    """A tool to rank the answers of `Candidates`, blind, shuffled for each annotator; see `ranking_page` for its look.

    store: takes each judgement at once; a second call goes on where the first stopped.
    mode: "ranking" of all answers, or "best-worst". Raises CourseError for another mode.
    `.entry` is the line to type in.
    """

    subject = "questions"

    def __init__(self, items, store, annotator="me", mode="ranking", guidelines=POLITENESS.guidelines):
        super().__init__({item.key: item for item in items}, store, ["Save", *LETTERS])
        how_to_enter(mode, 2)
        self.mode = mode
        self.name = ipw.Text(annotator, description="annotator", continuous_update=False)
        self.entry = ipw.Text(description="ranking", continuous_update=False)
        self.digits = [ipw.Button(description=str(n), layout=ipw.Layout(width="3em")) for n in range(1, 10)]
        self._typing = True  # False while the program itself writes into the line
        self._connect()
        self.box = ipw.HBox([self._left(), ipw.HTML(guidelines_panel(guidelines).data, layout=ipw.Layout(width="34%"))])
        self.begin()

    def _connect(self):
        self.name.observe(lambda _change: self.begin(), names="value")
        self.entry.observe(lambda change: self._typing and self.submit(change["new"]), names="value")
        for digit in self.digits:
            digit.on_click(lambda button: self._write(self.entry.value + button.description))
        for label, letter in LETTERS.items():
            self.buttons[label].on_click(lambda _button, letter=letter: self.submit(letter))
        self.buttons["Save"].on_click(lambda _button: self.submit(self.entry.value))

    def _left(self) -> ipw.VBox:
        mouse = ipw.HBox([*self.digits, self.buttons["Save"]])
        rest = ipw.HBox([self.buttons[label] for label in LETTERS])
        children = [self.name, self.card, self.entry, mouse, rest, self.error, self.progress, self.status]
        return ipw.VBox(children, layout=ipw.Layout(width="66%"))

    def begin(self):
        """Start for the annotator in the line above the card. Without a name nothing can be judged."""
        self.session = None
        self.attempt(lambda: self.start(self.name.value, seed=self.name.value))

    def submit(self, text: str):
        """Do what was typed: rank, skip or undo. What cannot be read or saved is shown, and changes nothing."""
        typed = text.strip().lower()
        if typed and self.session and (typed == "u" or self.session.queue):
            self.attempt(self.session.undo if typed == "u" else lambda: self.judge(typed))

    def judge(self, typed: str):
        """Save a judgement on the item shown; "s" skips it. The row can be read without any other file."""
        item = self.items[self.session.queue[0]]
        verdict = SKIP if typed == "s" else read_entry(typed, self.mode, shown_order(item, self.name.value))
        question = {"instruction": item.instruction, "input": item.input, "answers": list(item.answers)}
        self.session.judge(verdict, mode=self.mode, **question)

    def page(self, key: str) -> str:
        return ranking_task(self.items[key], self.name.value, self.mode)

    def draw(self):
        super().draw()
        self._write("")
        queue = self.session.queue
        self.entry.disabled = not queue
        count = len(self.items[queue[0]].answers) if queue else 0
        for number, digit in enumerate(self.digits, start=1):
            digit.layout.display = None if number <= count else "none"

    def _write(self, text: str):
        self._typing, self.entry.value = False, text
        self._typing = True


annotate = Annotator


def judgements_table(items, store: JudgementStore) -> HTML:
    """The latest judgements on these items, a row each, or a sentence if there is none."""
    known = {item.key: item.instruction for item in items}
    rows = [
        (row["annotator"], known[row["item"]], "skipped" if row["verdict"] == SKIP else in_words(row["verdict"]))
        for row in store.latest()
        if row["item"] in known
    ]
    if not rows:
        return nothing_judged(store)
    caption = "Numbers are those of the stored answers, not of the shuffled page."
    return table(rows, ["annotator", "question", "judgement"], caption=caption)
