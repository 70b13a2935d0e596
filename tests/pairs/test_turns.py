"""A build that has so many minutes: it begins what fits, ends soon after, and the next one goes on."""

import itertools
import threading
import time

import pytest

from helpers.files import DATA, CourseError
from helpers.llm.pace import Pace
from helpers.llm.plan import FEWEST
from helpers.pairs.method import BuildSettings
from helpers.pairs.run import build_preferences
from helpers.pairs.turns import Turns
from helpers.records import load_instructions

RECORDS = load_instructions(DATA / "instruction-data.json")[:60]
SETTINGS, SECOND = BuildSettings(workers=16), 1 / 60  # a second, in minutes


@pytest.fixture
def slow(fake_ollama, monkeypatch):
    """A server that needs 0.1 s for each request, one after the other."""
    monkeypatch.setattr("helpers.llm.pace.SHORT", 0.02)
    return fake_ollama(slots=1, work=lambda body: 0.1)


def test_what_fits_is_made_and_the_next_run_goes_on(slow, llm_of, tmp_path):
    started = time.monotonic()
    summary = build_preferences(RECORDS, llm_of(slow), tmp_path / "pairs.jsonl", SETTINGS, minutes=2 * SECOND)
    assert time.monotonic() - started < 3.5
    assert FEWEST < summary.made == len(slow.bodies) <= 23 and summary.made + summary.left == 60
    assert f"{summary.left} left for another run" in str(summary)
    again = build_preferences(RECORDS, llm_of(slow), tmp_path / "pairs.jsonl", SETTINGS, minutes=1 * SECOND)
    assert again.reused == summary.made and again.made >= FEWEST and again.left == 60 - again.made - again.reused


def test_ten_are_made_however_little_time_there_is(slow, llm_of, tmp_path):
    summary = build_preferences(RECORDS, llm_of(slow), tmp_path / "pairs.jsonl", SETTINGS, minutes=0)
    assert (summary.made, summary.left, len(slow.bodies)) == (FEWEST, 50, FEWEST)


def test_with_time_enough_nothing_is_left(fake_ollama, llm_of, tmp_path):
    summary = build_preferences(RECORDS, llm_of(fake_ollama()), tmp_path / "pairs.jsonl", SETTINGS, minutes=5)
    assert (summary.made, summary.left) == (60, 0) and "left" not in str(summary)


def test_records_without_end_end_with_the_minutes(slow, llm_of, tmp_path):
    records = (RECORDS[0].model_copy(update={"instruction": f"Question {n}?"}) for n in itertools.count())
    summary = build_preferences(records, llm_of(slow), tmp_path / "pairs.jsonl", SETTINGS, minutes=0)
    assert (summary.made, summary.left) == (FEWEST, 0)


def test_after_an_error_nothing_more_is_begun(slow, llm_of, tmp_path):
    slow.trouble = lambda body: (404, "gone")
    with pytest.raises(CourseError, match="stopped after 4 failures"):
        build_preferences(RECORDS, llm_of(slow), tmp_path / "pairs.jsonl", SETTINGS)
    time.sleep(0.5)
    assert len(slow.bodies) <= 7, "sixteen threads were at work, but only what was sent may still end"


def test_one_more_record_than_the_server_works_on_is_begun():
    pace = Pace()
    turns = Turns(pace, None)
    assert turns.begin() and turns.begin()
    third = threading.Thread(target=turns.begin)
    third.start()
    third.join(0.3)
    assert third.is_alive()
    pace.at_once = 2
    third.join(5)
    assert not third.is_alive() and not turns.over


def test_whoever_waits_for_a_turn_is_let_go_when_the_build_stops():
    turns, answers = Turns(Pace(), None), []
    assert turns.begin() and turns.begin()
    third = threading.Thread(target=lambda: answers.append(turns.begin()))
    third.start()
    turns.stop()
    third.join(5)
    assert answers == [False] and turns.over
