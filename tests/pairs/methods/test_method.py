"""The contract between a method and the builder, with methods made for the purpose."""

import dataclasses

import pytest

from helpers.files import DATA, CourseError, read_jsonl
from helpers.llm.client import LLMError
from helpers.llm.recording import RecordingLLM, nth_seed
from helpers.pairs.method import BuildSettings, Method, Outcome, question_and_answer
from helpers.pairs.row import first_seed
from helpers.pairs.run import build_preferences, finished_rows, five_keys
from helpers.records import load_instructions

RECORDS = load_instructions(DATA / "instruction-data.json")[:6]
SETTINGS = BuildSettings(workers=2)
ONE_BY_ONE = BuildSettings(workers=1)


def method(make, **changes):
    return dataclasses.replace(Method("test", 1, 1, make), **changes)


def longer(record, ask, seed):
    """The record's answer, and the model's."""
    reply = ask.ask(f"Say more: {record.output}", seed=seed, num_predict=9)
    return Outcome(record.output, reply.text, notes={"length": len(reply.text)})


@pytest.fixture
def built(fake_ollama, llm_of, tmp_path):
    """Call it with a method; gives (summary, rows in the order of the records, bodies that the server saw)."""

    def build(made, records=RECORDS, settings=SETTINGS, **server):
        server, path = fake_ollama(**server), tmp_path / "rows.jsonl"
        llm = llm_of(server)
        summary = build_preferences(records, llm, path, settings, made)
        return summary, list(finished_rows(records, llm, path, settings, made)), server.bodies

    return build


def test_the_row_holds_the_pair_the_notes_and_each_request(built):
    summary, rows, bodies = built(method(longer))
    assert (summary.made, len(rows), len(bodies)) == (6, 6, 6)
    for record, row in zip(RECORDS, rows, strict=True):
        assert five_keys(row) == {
            **{"instruction": record.instruction, "input": record.input, "output": record.output},
            **{"chosen": record.output, "rejected": "Hello."},
        }
        (request,) = row["requests"]
        assert (request["prompt"], request["raw_reply"]) == (f"Say more: {record.output}", "Hello.")
        assert request["options"] == {"seed": first_seed(row["fingerprint"], 123), "num_predict": 9}
        assert (request["model"], request["digest"], request["done_reason"]) == ("test-model", "abc", "stop")
        assert (request["prompt_tokens"], request["tokens"], row["tokens"]) == (7, 5, 5)
        assert (row["method"], row["method_version"], row["length"], row["calls"]) == ("test", 1, 6, 1)
        assert row["seed"] == request["options"]["seed"] and row["seconds"] == request["seconds"] > 0


def test_problems_are_asked_again_with_the_next_seed(built):
    def make(record, ask, seed):
        ask.ask("x", seed=seed)
        return Outcome("a", "b", problems=("bad: try again", "worse: it is"), notes={"length": 3})

    summary, (row,), bodies = built(method(make), RECORDS[:1])
    assert summary.set_aside == 1 and row["reason"] == ["bad: try again", "worse: it is"]
    assert summary.reasons == {"bad": 1, "worse": 1} and row["chosen"] is row["seed"] is None
    first = first_seed(row["fingerprint"], 123)
    assert [attempt["seed"] for attempt in row["failed_attempts"]] == [first, first + 1, first + 2]
    assert [body["options"]["seed"] for body in bodies] == [first, first + 1, first + 2]
    assert (row["calls"], row["prompt_tokens"], row["tokens"], row["length"]) == (3, 21, 15, 3)


def test_a_retry_that_succeeds_keeps_what_failed_before(built):
    attempts = []

    def make(record, ask, seed):
        attempts.append(ask.ask("x", seed=seed))
        return Outcome("a", "b") if len(attempts) == 2 else Outcome(problems=("bad: try again",))

    summary, (row,), _ = built(method(make), RECORDS[:1])
    assert (summary.made, summary.retried, row["attempts"], row["calls"]) == (1, 1, 2, 2)
    assert len(row["requests"]) == len(row["failed_attempts"]) == len(row["failed_attempts"][0]["requests"]) == 1
    assert row["seed"] == row["failed_attempts"][0]["seed"] + 1


def test_a_tie_is_set_aside_at_once(built):
    def make(record, ask, seed):
        ask.ask("x", seed=seed)
        return Outcome("a", "b", tie=record is RECORDS[1], notes={"verdicts": ["A", "A"]})

    summary, rows, bodies = built(method(make))
    assert (summary.made, summary.set_aside, summary.ties, summary.retried, len(bodies)) == (5, 1, 1, 0, 6)
    assert rows[1]["status"] == "set aside" and rows[1]["reason"][0].startswith("tie: ")
    assert rows[1]["chosen"] is None and rows[1]["verdicts"] == ["A", "A"] and len(rows[1]["requests"]) == 1
    assert "1 set aside (1 ties)" in str(summary)


def test_a_second_model_is_recorded_in_the_same_row(fake_ollama, llm_of, tmp_path):
    strong, weak = fake_ollama(answer=lambda body: "strong"), fake_ollama(answer=lambda body: "weak")
    other = llm_of(weak, model="weak-model", digest="w")

    def make(record, ask, seed):
        sides = ask.ask("x", seed=seed), ask.also(other).ask("x", seed=nth_seed(seed, 1))
        return Outcome(*(reply.text for reply in sides))

    build_preferences(RECORDS[:2], llm_of(strong), tmp_path / "rows.jsonl", SETTINGS, method(make, calls=2))
    for row in read_jsonl(tmp_path / "rows.jsonl"):
        assert (row["chosen"], row["rejected"]) == ("strong", "weak")
        assert [request["model"] for request in row["requests"]] == ["test-model", "weak-model"]
        assert [request["digest"] for request in row["requests"]] == ["abc", "w"]
        assert row["requests"][1]["options"]["seed"] == nth_seed(row["seed"], 1)
    assert len(strong.bodies) == len(weak.bodies) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"version": 2},
        {"key": ("judge", "digest")},
        {"identity": lambda record: (record.instruction, record.input)},
    ],
)
def test_another_method_asks_anew(built, change):
    built(method(longer))
    summary, _, bodies = built(method(longer, **change))
    assert (summary.made, summary.reused, len(bodies)) == (6, 0, 6)
    summary, _, bodies = built(method(longer))
    assert (summary.made, summary.reused, len(bodies)) == (0, 6, 0)


@pytest.mark.parametrize(
    ("sides", "words"),
    [(("same", "same "), "equal"), (("", "b"), "chosen is empty"), (("a", " "), "rejected is empty")],
)
def test_what_is_no_pair_is_a_problem(built, sides, words):
    summary, (row,), _ = built(method(lambda record, ask, seed: Outcome(*sides)), RECORDS[:1])
    assert summary.set_aside == 1 and words in row["reason"][0] and row["reason"][0].startswith("no pair: ")
    assert row["calls"] == 0 and row["prompt"] is None


def test_notes_may_not_hide_the_builders_keys(built):
    with pytest.raises(ValueError, match="'test' use keys of the row: .'status'"):
        built(method(lambda record, ask, seed: Outcome("a", "b", notes={"status": "fine"})))


def test_a_refused_request_is_kept_and_the_record_set_aside(built):
    made = method(lambda record, ask, seed: longer(record, ask, seed))
    summary, rows, _ = built(
        made, trouble=lambda body: (400, "too long") if RECORDS[0].output in body["prompt"] else None
    )
    assert (summary.made, summary.set_aside) == (5, 1)
    (attempt,) = rows[0]["failed_attempts"]
    assert "too long" in attempt["requests"][0]["error"] and attempt["requests"][0]["prompt"].startswith("Say more")


def test_the_recording_client_passes_errors_on(fake_ollama, llm_of):
    ask = RecordingLLM(llm_of(fake_ollama(trouble=lambda body: (404, "gone"))))
    with pytest.raises(LLMError, match="ollama pull"):
        ask.ask("x")
    assert ask.model == "test-model"
    assert "ollama pull" in ask.requests[0]["error"]


def test_a_course_error_in_a_method_stops_the_build_and_keeps_the_rows(fake_ollama, llm_of, tmp_path):
    def make(record, ask, seed):
        if record is RECORDS[-1]:
            raise CourseError("The judge's prompt is missing.")
        return longer(record, ask, seed)

    with pytest.raises(CourseError, match="judge's prompt"):
        build_preferences(RECORDS, llm_of(fake_ollama()), tmp_path / "rows.jsonl", ONE_BY_ONE, method(make))
    assert len(read_jsonl(tmp_path / "rows.jsonl")) >= 4  # one reply may have come together with the error


def test_seeds_of_one_attempt_do_not_meet_those_of_the_next():
    seeds = [nth_seed(2**31 - 2 + attempt, number) for attempt in range(3) for number in range(9)]
    assert len(set(seeds)) == 27 and nth_seed(5, 0) == 5
    assert question_and_answer(RECORDS[0]) == (RECORDS[0].instruction, RECORDS[0].input, RECORDS[0].output)
