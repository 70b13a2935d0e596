"""A small chat with thumbs: people ask, a model answers, and what they think of it is stored at once."""

import html

import ipywidgets as ipw
from IPython.display import HTML, display

from helpers.files import CourseError
from helpers.pairs.judgements import SHOWN, UNDO, JudgementStore
from helpers.pairs.methods.feedback import thumb
from helpers.show.style import BLUE, blend

THUMBS = {"up": "👍", "down": "👎"}
BUBBLE = "padding:6px 10px;margin:2px 0;border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere;color:#111111"


def chat_turn(question: str, answer: str, vote: str | None = None) -> HTML:
    """One question, its answer, and the thumb that it got ("up", "down" or None)."""
    sign = f' <span role="img" aria-label="thumb {vote}">{THUMBS[vote]}</span>' if vote else ""
    return HTML(
        f'<div style="{BUBBLE};background:#f0f0f0"><b>You</b>: {html.escape(question)}</div>'
        f'<div style="{BUBBLE};background:{blend(BLUE, 0.15)}"><b>Model</b>: {html.escape(answer)}{sign}</div>'
    )


class Chat:
    """A chat whose answers can be given a thumb up or down; each is on the disk before the page shows it.

    reply: a function from a question to an answer. Its CourseErrors are shown, not raised.
    store: takes the verdicts SHOWN, "up", "down" and UNDO, as `helpers.pairs.methods.feedback.opinions` reads them.
    `.box` is what is shown; `.turns` are the questions and answers so far.
    """

    def __init__(self, reply, store: JudgementStore, annotator="me"):
        self.reply, self.store, self.annotator, self.turns = reply, store, annotator, []
        wide = ipw.Layout(width="36em", max_width="100%")
        # The text comes whole, with Enter: key by key, Enter could overtake the last keys.
        self.entry = ipw.Text(placeholder="Ask a question, then press Enter", continuous_update=False, layout=wide)
        self.send, self.status, self.history = ipw.Button(description="Send"), ipw.HTML(), ipw.VBox()
        self.entry.observe(lambda change: self.ask(change["new"]), names="value")
        self.send.on_click(lambda _: self.ask(self.entry.value))
        self.box = ipw.VBox([self.history, ipw.HBox([self.entry, self.send]), self.status])

    def ask(self, question: str) -> None:
        """Show the model's answer below the others, with its two thumbs. An error is shown and loses nothing."""
        question = question.strip()
        if not question:
            return
        try:
            answer = self.reply(question)
            self.save(question, answer, SHOWN)
        except CourseError as error:
            self.say(str(error))
            return
        self.turns.append({"question": question, "answer": answer, "vote": None})
        self.history.children = [*self.history.children, self._turn(self.turns[-1])]
        self.entry.value = ""

    def _turn(self, turn) -> ipw.VBox:
        card = ipw.HTML(chat_turn(turn["question"], turn["answer"]).data)
        buttons = ipw.HBox()
        for vote, sign in THUMBS.items():
            button = ipw.Button(description=sign, tooltip=f"thumb {vote}", layout=ipw.Layout(width="4em"))
            button.on_click(lambda _, vote=vote: self.vote(turn, vote, card))
            buttons.children += (button,)
        return ipw.VBox([card, buttons])

    def vote(self, turn, vote, card) -> None:
        """Save a thumb; the same thumb a second time takes it back."""
        taken_back = turn["vote"] == vote
        try:
            self.save(turn["question"], turn["answer"], UNDO if taken_back else vote)
        except CourseError as error:
            self.say(f"Your thumb was not saved. {error}")
            return
        turn["vote"] = None if taken_back else vote
        card.value = chat_turn(turn["question"], turn["answer"], turn["vote"]).data

    def save(self, question, answer, verdict) -> None:
        """Store a verdict on an answer, and say so if it is a person's."""
        self.store.add(**thumb(self.annotator, question, "", answer, verdict))
        self.say("" if verdict == SHOWN else "Saved.")

    def say(self, text) -> None:
        self.status.value = html.escape(text)

    def _ipython_display_(self):
        display(self.box)


chat = Chat
