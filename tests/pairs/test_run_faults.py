"""The builder and a server, a disk or a file that fails: what is finished stays, and the next run goes on."""

import subprocess
import sys
import threading
import time

import pytest

from helpers.files import DATA, ROOT, CourseError, read_jsonl
from helpers.pairs.method import BuildSettings, Method, Outcome
from helpers.pairs.row import first_seed
from helpers.pairs.run import build_preferences, finished_rows, five_keys
from helpers.records import load_instructions

RECORDS = load_instructions(DATA / "instruction-data.json")[:40]
SETTINGS = BuildSettings(workers=4)


def result(path, llm):
    return [five_keys(row) for row in finished_rows(RECORDS, llm, path, SETTINGS) if row["status"] == "ok"]


@pytest.fixture
def expected(fake_ollama, tmp_path, llm_of):
    """The undisturbed result."""
    server, path = fake_ollama(), tmp_path / "reference.jsonl"
    build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    return result(path, llm_of(server))


@pytest.mark.parametrize(
    "trouble",
    [(404, "model not found"), (500, "crash"), (503, "busy"), "cut", "half", "not json", "a list", "not done", "hang"],
)
def test_a_server_that_fails_halfway(fake_ollama, tmp_path, trouble, llm_of, expected):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    server.trouble = lambda body: trouble if len(server.bodies) > 15 else None
    patience = 0.2 if trouble == "hang" else 5.0
    with pytest.raises(CourseError, match="are safe; run again"):
        build_preferences(RECORDS, llm_of(server, timeout=patience), path, SETTINGS)
    kept = len(read_jsonl(path))
    assert 1 <= kept <= 15
    server.trouble = lambda body: None
    summary = build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    assert (summary.reused, summary.made) == (kept, 40 - kept)
    assert result(path, llm_of(server)) == expected


def test_a_server_that_dies_and_comes_back_elsewhere(fake_ollama, tmp_path, llm_of, expected):
    server, path = fake_ollama(delay=0.01), tmp_path / "pairs.jsonl"
    threading.Timer(0.15, server.stop).start()
    with pytest.raises(CourseError, match="are safe; run again"):
        build_preferences(RECORDS, llm_of(server), path, BuildSettings(workers=1))
    other = fake_ollama()
    build_preferences(RECORDS, llm_of(other), path, SETTINGS)
    assert result(path, llm_of(other)) == expected


def test_a_second_builder_is_refused_while_the_first_works(fake_ollama, tmp_path, llm_of):
    server, path = fake_ollama(delay=0.05), tmp_path / "pairs.jsonl"
    first = threading.Thread(target=build_preferences, args=(RECORDS, llm_of(server), path, SETTINGS))
    first.start()
    while not server.bodies:
        time.sleep(0.01)
    with pytest.raises(CourseError, match="is writing to"):
        build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    first.join()
    assert len(read_jsonl(path)) == 40 and len(server.bodies) == 40


def test_a_server_that_is_absent(fake_ollama, tmp_path, llm_of):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    server.stop()
    with pytest.raises(CourseError, match="does not answer.*ollama serve.*are safe; run again"):
        build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (lambda body: " \n", {"empty"}),
        (lambda body: "and on " * body["options"]["num_predict"] + "…", {"cut off", "fact lost"}),  # an endless loop
        (lambda body: "<script>alert(1)</script>", {"fact lost", "new number"}),
    ],
)
def test_a_useless_reply_is_asked_for_again_then_set_aside(fake_ollama, tmp_path, llm_of, answer, kinds):
    server, path = fake_ollama(answer=answer), tmp_path / "pairs.jsonl"
    summary = build_preferences(RECORDS[:3], llm_of(server), path, SETTINGS)
    assert (summary.made, summary.set_aside, summary.retried, len(server.bodies)) == (0, 3, 6, 9)
    assert all(body["options"]["num_predict"] == SETTINGS.num_predict for body in server.bodies), (
        "an endless loop must have an end"
    )
    assert set(summary.reasons) == kinds and max(summary.reasons.values()) == 3
    for row in read_jsonl(path):
        first = first_seed(row["fingerprint"], 123)
        assert [attempt["seed"] for attempt in row["failed_attempts"]] == [first, first + 1, first + 2]
        assert row["chosen"] is row["rejected"] is row["raw_reply"] is None and row["calls"] == 3


def test_a_slow_server_with_one_place_is_not_given_up_for_its_queue(fake_ollama, tmp_path, llm_of, monkeypatch):
    """Sixteen workers at once would let the last wait for twice the time limit."""
    monkeypatch.setattr("helpers.llm.pace.SHORT", 0.02)
    server = fake_ollama(slots=1, work=lambda body: 0.1)
    llm = llm_of(server, timeout=0.8)
    summary = build_preferences(RECORDS[:24], llm, tmp_path / "pairs.jsonl", BuildSettings(workers=16))
    assert (summary.made, summary.failed, len(server.bodies)) == (24, 0, 24) and server.most_at_once <= 3


def test_a_build_in_which_nothing_passes_stops_and_says_why(fake_ollama, tmp_path, llm_of):
    answers = ["", "I could say bananas."]
    server = fake_ollama(answer=lambda body: answers[body["options"]["seed"] % 2])
    path, settings = tmp_path / "pairs.jsonl", BuildSettings(workers=1, max_retries=1, max_in_vain=10)
    with pytest.raises(CourseError) as caught:
        build_preferences(RECORDS, llm_of(server), path, settings)
    rows, words = read_jsonl(path), str(caught.value)
    assert len(rows) == 10 and "Not one pair after 10 records" in words and "The last reply of test-model: '" in words
    lost = sum(row["reason"][0].startswith("fact lost") for row in rows)
    assert f"fact lost {lost / 10:.0%}" in words and "strict=False" in words and "section 8 of notebook 01" in words
    with pytest.raises(CourseError, match="Not one pair after 20 records"):  # ten more chances
        build_preferences(RECORDS, llm_of(server), path, settings)
    assert len(read_jsonl(path)) == 20


def test_one_good_pair_or_ties_do_not_stop_the_build(fake_ollama, tmp_path, llm_of):
    def answer(body):
        return f"Gladly: {RECORDS[3].output}" if RECORDS[3].output in body["prompt"] else ""

    server, path = fake_ollama(answer=answer), tmp_path
    settings = BuildSettings(workers=1, max_retries=0, max_in_vain=5)
    summary = build_preferences(RECORDS, llm_of(server), path / "one.jsonl", settings)
    assert summary.made >= 1 and summary.in_vain == summary.set_aside == 40 - summary.made
    ties = Method("ties", 1, 0, lambda record, ask, seed: Outcome(tie=True))
    assert build_preferences(RECORDS, llm_of(server), path / "ties.jsonl", settings, ties).ties == 40


def test_good_rows_of_an_earlier_run_do_not_let_hard_records_stop_the_build(fake_ollama, tmp_path, llm_of):
    server, path = fake_ollama(answer=lambda body: ""), tmp_path / "pairs.jsonl"
    build_preferences(RECORDS[:2], llm_of(fake_ollama()), path, SETTINGS)
    settings = BuildSettings(workers=1, max_retries=0, max_in_vain=5)
    assert build_preferences(RECORDS[:12], llm_of(server), path, settings).in_vain == 10


def test_half_a_surrogate_pair_in_a_reply_does_not_stop_the_build(fake_ollama, tmp_path, llm_of):
    server = fake_ollama(answer=lambda body: f"Gladly \ud83d {body['prompt'].split('Answer: ')[1].split(chr(10))[0]}")
    path = tmp_path / "pairs.jsonl"
    assert build_preferences(RECORDS[:2], llm_of(server), path, SETTINGS).set_aside == 2
    assert all("broken character" in row["reason"][0] for row in read_jsonl(path))
    assert all("\ud83d" in row["failed_attempts"][0]["reply"] for row in read_jsonl(path))


def test_a_torn_last_line_costs_one_request(fake_ollama, tmp_path, llm_of, expected):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    path.write_bytes(path.read_bytes()[:-20])
    summary = build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    assert (summary.made, summary.reused, len(server.bodies)) == (1, 39, 41)
    assert result(path, llm_of(server)) == expected


FULL = """
import resource, sys
import ollama
from helpers.llm.client import LLM
from helpers.files import DATA, CourseError
from helpers.pairs.run import build_preferences
from helpers.records import load_instructions

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # a file may not grow beyond this: a disk with an end
url, path = sys.argv[1:]
llm = LLM(client=ollama.Client(url, trust_env=False), model="test-model", host=url, digest="abc")
try:
    build_preferences(load_instructions(DATA / "instruction-data.json")[:40], llm, path)
except CourseError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sets a limit of the operating system")
def test_a_full_disk_keeps_the_rows_and_the_next_run_goes_on(fake_ollama, tmp_path, llm_of, expected):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    command = [sys.executable, "-c", FULL, server.url, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "could not be written" in done.stderr and "All rows before it are safe" in done.stderr
    kept = len(read_jsonl(path))
    assert 3 <= kept < 40 and path.read_bytes().endswith(b"\n") and path.stat().st_size <= 20_000
    summary = build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    assert (summary.reused, summary.made) == (kept, 40 - kept)
    assert result(path, llm_of(server)) == expected
