"""The chat with thumbs: every thumb is stored, nothing that was typed or generated becomes HTML."""

import pytest

from helpers.files import CourseError
from helpers.pairs.judgements import SHOWN, UNDO, JudgementStore
from helpers.pairs.methods.feedback import opinions
from helpers.show import chat, chat_turn

ATTACK = '<img src=x onerror="alert(1)">'


@pytest.fixture
def store(tmp_path):
    return JudgementStore(tmp_path / "thumbs.jsonl")


def shown(widget):
    return "".join(turn.children[0].value for turn in widget.history.children)


def thumbs(widget, turn=-1):
    up, down = widget.history.children[turn].children[1].children
    return up, down


def kinds(store):
    return [row["verdict"] for row in store.rows()]


def test_a_question_is_answered_and_stored(store):
    widget = chat(lambda question: f"About {question}: yes.", store, annotator="ada")
    widget.entry.value = "  Greece "
    widget.send.click()  # the line is empty by now: nothing is asked twice
    assert "Greece" in shown(widget) and "About Greece: yes." in shown(widget)
    (row,) = store.rows()
    assert (row["verdict"], row["instruction"], row["answer"], row["annotator"]) == (
        SHOWN, "Greece", "About Greece: yes.", "ada",
    )  # fmt: skip
    assert widget.entry.value == ""


def test_enter_sends_and_an_empty_question_does_not(store):
    widget = chat(str.upper, store)
    widget.entry.value = "why?"
    widget.send.click()
    assert kinds(store) == [SHOWN] and len(widget.turns) == 1


def test_a_thumb_is_on_disk_at_once_and_the_same_thumb_takes_it_back(store):
    widget = chat(str.upper, store)
    for question in ("one", "two"):
        widget.ask(question)
    up, down = thumbs(widget, 0)
    up.click()
    assert kinds(store)[-1] == "up" and store.rows()[-1]["answer"] == "ONE" and "👍" in shown(widget)
    down.click()
    assert [(one.up, one.down) for one in opinions(store.rows())] == [(0, 1)] and "👍" not in shown(widget)
    down.click()
    assert kinds(store) == [SHOWN, SHOWN, "up", "down", UNDO] and opinions(store.rows()) == []
    assert "👎" not in shown(widget) and widget.turns[0]["vote"] is None


def test_whatever_is_typed_or_generated_is_escaped(store):
    widget = chat(lambda question: ATTACK + question, store)
    widget.ask(ATTACK)
    assert "<img" not in shown(widget) and "&lt;img" in shown(widget)
    assert "<img" not in chat_turn(ATTACK, ATTACK, "up").data
    assert store.rows()[0]["answer"] == ATTACK + ATTACK  # the file keeps what was said

    def broken(question):
        raise CourseError(f"No answer to {question}.")

    widget = chat(broken, store)
    widget.ask(ATTACK)
    assert "<img" not in widget.status.value and "&lt;img" in widget.status.value


def test_an_error_is_told_and_the_question_stays(store):
    def broken(question):
        raise CourseError("Ollama does not answer. Start it again.")

    widget = chat(broken, store)
    widget.entry.value = "why?"
    widget.send.click()
    assert "Start it again" in widget.status.value and widget.entry.value == "why?"
    assert widget.turns == [] and store.rows() == []


def test_a_vote_that_cannot_be_saved_is_not_shown(store, monkeypatch):
    widget = chat(str.upper, store)
    widget.ask("one")

    def full(*args, **more):
        raise CourseError("No space left.")

    monkeypatch.setattr(type(store), "add", full)
    thumbs(widget)[0].click()
    assert "not saved" in widget.status.value and widget.turns[0]["vote"] is None and "👍" not in shown(widget)


def test_the_static_turn_names_its_thumb_for_readers_who_cannot_see_it():
    assert 'aria-label="thumb down"' in chat_turn("Why?", "So.", "down").data
    assert "aria-label" not in chat_turn("Why?", "So.").data
