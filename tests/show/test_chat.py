"""The chat with thumbs: every event is logged, nothing that was typed or generated becomes HTML."""

import pytest

from helpers.files import CourseError
from helpers.pairs.methods.feedback import FeedbackLog, opinions
from helpers.show import chat, chat_turn

ATTACK = '<img src=x onerror="alert(1)">'


@pytest.fixture
def log(tmp_path):
    return FeedbackLog(tmp_path / "feedback.jsonl")


def shown(widget):
    return "".join(turn.children[0].value for turn in widget.history.children)


def thumbs(widget, turn=-1):
    up, down = widget.history.children[turn].children[1].children
    return up, down


def kinds(log):
    return [event["event"] for event in log.events()]


def test_a_question_is_answered_and_logged(log):
    widget = chat(lambda question: f"About {question}: yes.", log, user="ada")
    widget.entry.value = "  Greece "
    widget.send.click()  # the line is empty by now: nothing is asked twice
    assert "Greece" in shown(widget) and "About Greece: yes." in shown(widget)
    (event,) = log.events()
    assert (event["event"], event["instruction"], event["answer"], event["user"]) == (
        "answer", "Greece", "About Greece: yes.", "ada",
    )  # fmt: skip
    assert widget.entry.value == ""


def test_enter_sends_and_an_empty_question_does_not(log):
    widget = chat(str.upper, log)
    widget.entry.value = "why?"
    widget.send.click()
    assert kinds(log) == ["answer"] and len(widget.turns) == 1


def test_a_thumb_is_on_disk_at_once_and_the_same_thumb_takes_it_back(log):
    widget = chat(str.upper, log)
    for question in ("one", "two"):
        widget.ask(question)
    up, down = thumbs(widget, 0)
    up.click()
    assert kinds(log)[-1] == "up" and log.events()[-1]["answer"] == "ONE" and "👍" in shown(widget)
    down.click()
    assert [(one.up, one.down) for one in opinions(log.events())] == [(0, 1)] and "👍" not in shown(widget)
    down.click()
    assert kinds(log) == ["answer", "answer", "up", "down", "undo"] and opinions(log.events()) == []
    assert "👎" not in shown(widget) and widget.turns[0]["vote"] is None


def test_whatever_is_typed_or_generated_is_escaped(log):
    widget = chat(lambda question: ATTACK + question, log)
    widget.ask(ATTACK)
    assert "<img" not in shown(widget) and "&lt;img" in shown(widget)
    assert "<img" not in chat_turn(ATTACK, ATTACK, "up").data
    assert log.events()[0]["answer"] == ATTACK + ATTACK  # the log keeps what was said

    def broken(question):
        raise CourseError(f"No answer to {question}.")

    widget = chat(broken, log)
    widget.ask(ATTACK)
    assert "<img" not in widget.status.value and "&lt;img" in widget.status.value


def test_an_error_is_told_and_the_question_stays(log):
    def broken(question):
        raise CourseError("Ollama does not answer. Start it again.")

    widget = chat(broken, log)
    widget.entry.value = "why?"
    widget.send.click()
    assert "Start it again" in widget.status.value and widget.entry.value == "why?"
    assert widget.turns == [] and log.events() == []


def test_a_vote_that_cannot_be_saved_is_not_shown(log, monkeypatch):
    widget = chat(str.upper, log)
    widget.ask("one")

    def full(*args, **more):
        raise CourseError("No space left.")

    monkeypatch.setattr(type(log), "add", full)
    thumbs(widget)[0].click()
    assert "not saved" in widget.status.value and widget.turns[0]["vote"] is None and "👍" not in shown(widget)


def test_the_static_turn_names_its_thumb_for_readers_who_cannot_see_it():
    assert 'aria-label="thumb down"' in chat_turn("Why?", "So.", "down").data
    assert "aria-label" not in chat_turn("Why?", "So.").data
