"""Building against a real HTTP server: rows, provenance, resume and retries."""

import itertools
import json
import random
import tracemalloc
from collections import Counter
from dataclasses import replace

import pytest

from helpers.files import DATA, CourseError, read_jsonl
from helpers.pairs.method import BuildSettings
from helpers.pairs.row import RunKey, first_seed
from helpers.pairs.run import build_preferences, finished_rows, five_keys
from helpers.politeness import POLITENESS
from helpers.records import FIVE_KEYS, load_instructions, load_preferences, save_preferences

RECORDS = load_instructions(DATA / "instruction-data.json")[:40]
SETTINGS = BuildSettings(workers=4)


def result(path, llm, settings=SETTINGS, records=RECORDS):
    return [five_keys(row) for row in finished_rows(records, llm, path, settings) if row["status"] == "ok"]


def test_every_record_becomes_a_pair_with_its_provenance(fake_ollama, tmp_path, capsys, llm_of):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    llm = llm_of(server)
    summary = build_preferences(RECORDS, llm, path, SETTINGS)
    assert (summary.made, summary.reused, summary.retried, summary.set_aside, summary.failed) == (
        40,
        0,
        0,
        0,
        0,
    )
    assert len(server.bodies) == 40 and "40 made" in str(summary)
    rows = {row["fingerprint"]: row for row in read_jsonl(path)}
    assert len(rows) == 40
    for row in rows.values():
        rewrite = row["chosen"] if row["direction"] == "more polite" else row["rejected"]
        assert {row["chosen"], row["rejected"]} == {row["output"], rewrite} and row["raw_reply"].strip() == rewrite
        assert row["prompt"] in [body["prompt"] for body in server.bodies] and row["direction"] in row["prompt"]
        assert (row["method"], row["engine"], row["model"], row["digest"]) == (
            "rewrite",
            "ollama 0",
            "test-model",
            "abc",
        )
        assert row["seed"] == first_seed(row["fingerprint"], 123)
        assert (row["temperature"], row["prompt_version"], row["failed_attempts"]) == (
            BuildSettings().temperature,
            1,
            [],
        )
        assert row["time"].endswith("+00:00") and row["seconds"] > 0
    seeds = {body["options"]["seed"] for body in server.bodies}
    assert len(seeds) == len(server.bodies), "one seed for all would throw the same dice for every answer"
    assert [row["output"] for row in result(path, llm)] == [record.output for record in RECORDS]
    save_preferences(tmp_path / "out.json", result(path, llm))
    assert len(load_preferences(tmp_path / "out.json")) == 40
    assert list(json.loads((tmp_path / "out.json").read_text())[0]) == list(FIVE_KEYS)


def test_a_second_run_asks_for_nothing(fake_ollama, tmp_path, llm_of):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    before = path.read_bytes()
    summary = build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    assert (summary.made, summary.reused) == (0, 40) and len(server.bodies) == 40
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "llm"),
    [
        (BuildSettings(seed=124), {}),
        (BuildSettings(temperature=0.1), {}),
        (BuildSettings(strict=False), {}),
        (BuildSettings(), {"digest": "other"}),
        (BuildSettings(), {"model": "other"}),
    ],
)
def test_another_setting_or_model_asks_anew(fake_ollama, tmp_path, settings, llm, llm_of):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    build_preferences(RECORDS[:5], llm_of(server), path, BuildSettings())
    summary = build_preferences(RECORDS[:5], llm_of(server, **llm), path, settings)
    assert (summary.made, summary.reused) == (5, 0) and len(read_jsonl(path)) == 10
    assert len(result(path, llm_of(server, **llm), settings)) == 5


def test_more_records_later_and_in_another_order(fake_ollama, tmp_path, llm_of):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    build_preferences(RECORDS[:10], llm_of(server), path, BuildSettings(workers=1))
    shuffled = random.Random(1).sample(RECORDS, len(RECORDS))
    summary = build_preferences(shuffled, llm_of(server), path, SETTINGS)
    assert (summary.made, summary.reused) == (30, 10)
    assert [row["output"] for row in result(path, llm_of(server), records=shuffled)] == [r.output for r in shuffled]


def test_a_record_that_comes_twice_is_asked_once(fake_ollama, tmp_path, llm_of):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    build_preferences([RECORDS[0], RECORDS[0]], llm_of(server), path, SETTINGS)
    assert len(server.bodies) == 1 and len(result(path, llm_of(server), records=[RECORDS[0]] * 2)) == 2


def test_a_malformed_reply_is_retried_with_another_seed_then_set_aside(fake_ollama, tmp_path, llm_of):
    asked = Counter()

    def answer(body):
        asked[body["prompt"]] += 1
        first = asked[body["prompt"]] == 1
        if RECORDS[1].output in body["prompt"] or RECORDS[2].output in body["prompt"] and first:
            return "Gladly! Bananas."
        return "Dear friend, " + body["prompt"].split("Answer: ")[1].split("\n\nRewrite")[0]

    server, path = fake_ollama(answer=answer), tmp_path / "pairs.jsonl"
    summary = build_preferences(RECORDS[:5], llm_of(server), path, SETTINGS)
    assert (summary.made, summary.set_aside, summary.retried) == (4, 1, 3)
    rows = {row["output"]: row for row in read_jsonl(path)}
    again, aside = rows[RECORDS[2].output], rows[RECORDS[1].output]
    assert again["status"] == "ok" and len(again["failed_attempts"]) == 1
    assert again["seed"] == first_seed(again["fingerprint"], 123) + 1
    assert aside["status"] == "set aside" and aside["chosen"] is aside["rejected"] is None
    first = first_seed(aside["fingerprint"], 123)
    assert [attempt["seed"] for attempt in aside["failed_attempts"]] == [first, first + 1, first + 2]
    assert all("Bananas" in attempt["reply"] for attempt in aside["failed_attempts"])
    assert any(reason.startswith("fact lost") for reason in aside["reason"])
    summary = build_preferences(RECORDS[:5], llm_of(server), path, SETTINGS)
    assert (summary.made, summary.reused, summary.set_aside, summary.retried) == (0, 4, 1, 0)
    assert len(server.bodies) == 8
    assert len(result(path, llm_of(server))) == 4


def test_a_refused_record_is_set_aside_with_the_servers_words(fake_ollama, tmp_path, llm_of):
    trouble = (400, "this prompt is far outside the course")
    server = fake_ollama(trouble=lambda body: trouble if RECORDS[1].output in body["prompt"] else None)
    summary = build_preferences(RECORDS[:4], llm_of(server), tmp_path / "pairs.jsonl", SETTINGS)
    assert (summary.made, summary.set_aside, summary.retried, len(server.bodies)) == (3, 1, 0, 4)
    (aside,) = [row for row in read_jsonl(tmp_path / "pairs.jsonl") if row["status"] == "set aside"]
    assert "far outside the course" in aside["reason"][0]


def test_one_failing_record_does_not_stop_the_others_and_is_asked_again(fake_ollama, tmp_path, llm_of):
    path = tmp_path / "pairs.jsonl"
    server = fake_ollama(trouble=lambda body: (500, "crash") if RECORDS[1].output in body["prompt"] else None)
    summary = build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    assert (summary.made, summary.failed) == (39, 1) and len(read_jsonl(path)) == 39
    server.trouble = lambda body: None
    summary = build_preferences(RECORDS, llm_of(server), path, SETTINGS)
    assert (summary.made, summary.reused, summary.failed) == (1, 39, 0)


def test_records_are_taken_only_as_they_are_needed(fake_ollama, tmp_path, llm_of):
    """An endless stream can be built from: when the server stops, little more than its replies was read."""
    taken, server = [], fake_ollama()
    server.trouble = lambda body: (500, "stop") if len(server.bodies) > 20 else None

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield RECORDS[0].model_copy(update={"instruction": f"Question {number}?"})

    with pytest.raises(CourseError, match="are safe; run again"):
        build_preferences(endless(), llm_of(server), tmp_path / "pairs.jsonl", BuildSettings(workers=2))
    assert 20 <= len(taken) <= 20 + 4 + 4 + 4  # replies, failures, and twice 2 × workers ahead


def test_a_stream_goes_on_where_it_stopped_and_counts_each_record(fake_ollama, tmp_path, llm_of):
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    build_preferences(iter(RECORDS[:7]), llm_of(server), path, SETTINGS)
    twice = [record for record in RECORDS[:10] for _ in range(2)]
    summary = build_preferences(iter(twice), llm_of(server), path, SETTINGS)
    assert (summary.made, summary.reused, len(server.bodies)) == (3, 17, 10)
    assert summary.made + summary.reused + summary.set_aside + summary.failed == len(twice)


def test_an_old_row_is_used(fake_ollama, tmp_path, llm_of):
    """Rows of the first version of the builder had fewer keys; what it finished stays finished."""
    server, path = fake_ollama(), tmp_path / "pairs.jsonl"
    build_preferences(RECORDS[:3], llm_of(server), path, SETTINGS)
    new = ("requests", "attempts", "calls", "prompt_tokens", "tokens", "method_version")
    old = [{key: value for key, value in row.items() if key not in new} for row in read_jsonl(path)]
    path.write_text("".join(json.dumps(row) + "\n" for row in old), encoding="utf-8")
    assert build_preferences(RECORDS[:3], llm_of(server), path, SETTINGS).reused == 3
    assert len(result(path, llm_of(server), records=RECORDS[:3])) == 3


def test_a_file_that_was_never_made(fake_ollama, tmp_path, llm_of):
    with pytest.raises(CourseError, match="pairs.jsonl is missing"):
        list(finished_rows(RECORDS, llm_of(fake_ollama()), tmp_path / "pairs.jsonl"))


def test_memory_does_not_grow_with_the_rows(fake_ollama, tmp_path, llm_of):
    """Each reply is very long; far less than the rows themselves is kept of them."""
    server = fake_ollama(answer=lambda body: "Dear friend, " + "a" * 30_000)
    settings = BuildSettings(max_retries=0, workers=2, max_in_vain=99)

    def cost(count):
        path = tmp_path / f"{count}.jsonl"
        tracemalloc.start()
        build_preferences(RECORDS[:count], llm_of(server), path, settings)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak, path.stat().st_size

    cost(2)  # what is loaded or compiled at first use
    (less_memory, less_text), (more_memory, more_text) = cost(10), cost(40)
    assert more_memory - less_memory < 0.5 * (more_text - less_text)


def test_another_version_of_the_criterion_asks_anew(fake_ollama, llm_of, monkeypatch):
    llm, newer = llm_of(fake_ollama()), replace(POLITENESS, version=2)
    first = RunKey.of(llm, SETTINGS, None).fingerprint(RECORDS[0])
    monkeypatch.setattr("helpers.pairs.row.POLITENESS", newer)
    assert first != RunKey.of(llm, replace(SETTINGS, criterion=newer), None).fingerprint(RECORDS[0])
