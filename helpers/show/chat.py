"""A small chat with thumbs: people ask, a model answers, and what they think of it is logged, event by event."""

import html

import ipywidgets as ipw
from IPython.display import HTML, display

from helpers.files import CourseError
from helpers.show.style import BLUE, blend

THUMBS = {"up": "👍", "down": "👎"}
BUBBLE = "padding:6px 10px;margin:2px 0;border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere;color:#111111"


def chat_turn(question: str, answer: str, vote: str | None = None) -> HTML:
    """One question, its answer, and the thumb that it got ("up", "down" or None)."""
    said = f"<b>You</b>: {html.escape(question)}"
    replied = f"<b>Model</b>: {html.escape(answer)}"
    thumb = f' <span role="img" aria-label="thumb {vote}">{THUMBS[vote]}</span>' if vote else ""
    return HTML(
        f'<div style="{BUBBLE};background:#f0f0f0">{said}</div>'
        f'<div style="{BUBBLE};background:{blend(BLUE, 0.15)}">{replied}{thumb}</div>'
    )


class Chat:
    """The widget behind `chat`. `.box` is what is shown; `.turns` are the questions and answers so far."""

    def __init__(self, reply, log, user="me"):
        self.reply, self.log, self.user, self.turns = reply, log, user, []
        wide = ipw.Layout(width="36em", max_width="100%")
        # The text comes whole, with Enter: key by key, Enter could overtake the last keys.
        self.entry = ipw.Text(placeholder="Ask a question, then press Enter", continuous_update=False, layout=wide)
        self.send, self.status, self.history = ipw.Button(description="Send"), ipw.HTML(), ipw.VBox()
        self.entry.observe(lambda change: self.ask(change["new"]), names="value")
        self.send.on_click(lambda _: self.ask(self.entry.value))
        self.box = ipw.VBox([self.history, ipw.HBox([self.entry, self.send]), self.status])

    def ask(self, question: str) -> None:
        """Show the model's answer below the others, with its two thumbs. An error is told and loses nothing."""
        question = question.strip()
        if not question:
            return
        try:
            answer = self.reply(question)
            self._log("answer", question, answer)
        except CourseError as error:
            self.say(str(error))
            return
        self.turns.append({"question": question, "answer": answer, "vote": None})
        self.history.children = [*self.history.children, self._turn(self.turns[-1])]
        self.entry.value = ""

    def _turn(self, turn) -> ipw.VBox:
        card = ipw.HTML(chat_turn(turn["question"], turn["answer"]).data)
        buttons = [
            ipw.Button(description=sign, tooltip=f"thumb {vote}", layout=ipw.Layout(width="4em"))
            for vote, sign in THUMBS.items()
        ]
        for button, vote in zip(buttons, THUMBS, strict=True):
            button.on_click(lambda _, vote=vote: self.vote(turn, vote, card))
        return ipw.VBox([card, ipw.HBox(buttons)])

    def vote(self, turn, vote, card) -> None:
        """Log a thumb; the same thumb a second time takes it back."""
        event = "undo" if turn["vote"] == vote else vote
        try:
            self._log(event, turn["question"], turn["answer"])
        except CourseError as error:
            self.say(f"Your thumb was not saved. {error}")
            return
        turn["vote"] = None if event == "undo" else vote
        card.value = chat_turn(turn["question"], turn["answer"], turn["vote"]).data

    def _log(self, event, question, answer) -> None:
        self.log.add(event, question, answer, user=self.user)
        self.say("Saved." if event != "answer" else "")

    def say(self, text) -> None:
        self.status.value = html.escape(text)

    def _ipython_display_(self):
        display(self.box)


def chat(reply, log, user="me") -> Chat:
    """A chat whose answers can be given a thumb up or down; every event is on the disk before the page shows it.

    reply: a function from a question to an answer. Its CourseErrors are shown, not raised.
    log: where the events go, with `add(event, question, answer, user=...)`; events are "answer" (one was shown),
        "up", "down" and "undo", as in `helpers.pairs.methods.feedback`.
    """
    return Chat(reply, log, user)
