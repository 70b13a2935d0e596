"""`build-preferences` as a user meets it: what it says, what it writes, and how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from helpers.files import DATA, ROOT, read_jsonl
from helpers.pairs.store import JsonlStore
from helpers.records import FIVE_KEYS, load_instructions, load_preferences
from helpers.tools import build_preferences as command
from helpers.tools.build_options import build_options, methods

SHIPPED = load_instructions(DATA / "instruction-data.json")
RECORDS = list({record.output: record for record in SHIPPED}.values())[:12]


@pytest.fixture
def folder(tmp_path, clean_environment):
    rows = [record.model_dump(include={"instruction", "input", "output", "answer"}) for record in RECORDS]
    (tmp_path / "records.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "records.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


def arguments(folder, server, *more, instructions="records.json"):
    files = ["--instructions", str(folder / instructions), "--out", str(folder / "pairs.json")]
    return [*files, "--host", server.url, *more]


@pytest.fixture
def build(folder):
    """Call it with a server and more arguments; it returns the exit code."""
    return lambda server, *more, **names: command.main(build_options(arguments(folder, server, *more, **names)))


def asked(server):
    """Without the request of one token that lets Ollama load the model."""
    return [body for body in server.bodies if body["prompt"] != "Hello"]


@pytest.mark.parametrize("instructions", ["records.json", "records.jsonl"])
def test_from_instructions_to_pairs(build, folder, fake_ollama, capsys, instructions):
    server = fake_ollama()
    assert build(server, instructions=instructions) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("rewrite with test-model: 12 records, 0 done already, 12 to do, about 12 requests.")
    assert said[2].startswith("12 made, 0 reused, 0 set aside, 0 failed (0 retries") and "12 pairs are in" in said[3]
    pairs = load_preferences(folder / "pairs.json")
    assert [pair.output for pair in pairs] == [record.output for record in RECORDS]
    assert all(tuple(row) == FIVE_KEYS for row in json.loads((folder / "pairs.json").read_text(encoding="utf-8")))
    assert len(read_jsonl(folder / "pairs.rows.jsonl")) == len(asked(server)) == 12
    assert {body["options"]["num_predict"] for body in asked(server)} == {256}


def test_a_second_call_asks_for_nothing_and_a_longer_one_goes_on(build, folder, fake_ollama, capsys):
    server = fake_ollama()
    assert build(server, "--limit", "5") == 0
    first = (folder / "pairs.json").read_bytes()
    assert build(server, "--limit", "5") == 0
    assert "5 records, 5 done already, nothing to ask" in capsys.readouterr().out
    assert len(asked(server)) == 5 and (folder / "pairs.json").read_bytes() == first
    assert build(server) == 0
    assert "12 records, 5 done already, 7 to do, about 7 requests" in capsys.readouterr().out
    assert len(asked(server)) == 12 and len(load_preferences(folder / "pairs.json")) == 12


def test_a_higher_limit_reuses_what_is_good_and_asks_again_for_the_rest(build, folder, fake_ollama, capsys):
    def answer(body):
        original = body["prompt"].partition("Answer: ")[2].partition("\n\nRewrite")[0]
        return "" if original == RECORDS[2].output else f"Gladly. {original}"

    server = fake_ollama(answer=answer)
    assert build(server) == 0 and len(asked(server)) == 14
    assert build(server, "--max-retries", "4", "--num-predict", "300") == 0
    assert "12 records, 11 done already, 1 to do" in capsys.readouterr().out and len(asked(server)) == 16
    assert build(server, "--retry-set-aside", "--max-retries", "0") == 0 and len(asked(server)) == 17
    assert "11 reused, 1 set aside" in capsys.readouterr().out


def test_it_ends_after_its_minutes_and_the_same_command_goes_on(build, folder, fake_ollama, capsys):
    server = fake_ollama()
    assert build(server, "--minutes", "0") == 0
    assert "10 made" in (said := capsys.readouterr().out) and "No time was left for 2. Give the same" in said
    assert build(server, "--minutes", "1") == 0
    assert "2 made, 10 reused" in (said := capsys.readouterr().out) and "No time" not in said
    assert len(load_preferences(folder / "pairs.json")) == 12


@pytest.mark.parametrize("method", list(methods()))
def test_a_dry_run_asks_nothing_and_writes_nothing(build, folder, fake_ollama, capsys, method):
    server, before = fake_ollama(), sorted(folder.iterdir())
    weak = ["--weak-model", "test-model"] if method == "strong-weak" else []
    assert build(server, "--dry-run", "--method", method, "--temperature", "0.3", *weak) == 0
    said = capsys.readouterr().out
    assert server.bodies == [] and sorted(folder.iterdir()) == before
    assert f"{method} with test-model" in said and "Dry run: nothing was asked." in said
    assert RECORDS[0].instruction in said and "temperature 0.3, num_predict 256" in said


MANNERS = ("Obviously:", "Well:", "Gladly:")  # from blunt to polite


def chatty(body):
    """Answers as it is asked to, the weak model always bluntly, and judges by MANNERS."""
    prompt = body["prompt"]
    if sides := re.findall("^Response [AB]: (.*)", prompt, re.MULTILINE):
        return json.dumps({"winner": "A" if level(sides[0]) > level(sides[1]) else "B"})
    asked = 0 if "bluntly" in prompt or body["model"] == "weak" else 2 if "politely" in prompt else 1
    record = next((record for record in RECORDS if record.instruction in prompt and record.input in prompt), None)
    return f"{MANNERS[asked]} {record.output}" if record else "Hello."


def level(text):
    return MANNERS.index(text.split()[0])


@pytest.mark.parametrize(
    ("method", "calls"), [("rank", "about 108 requests"), ("strong-weak", "about 48"), ("model-human", "about 12")]
)
def test_every_method_makes_pairs(build, folder, fake_ollama, capsys, method, calls):
    server = fake_ollama(answer=chatty, models={"test-model": ["completion"], "weak": ["completion"]})
    weak = ["--weak-model", "weak"] if method == "strong-weak" else []
    assert build(server, "--method", method, "--model", "test-model", *weak) == 0
    said = capsys.readouterr().out
    assert calls in said and "12 made" in said and f"{method} with test-model{' and weak' if weak else ''}: " in said
    for pair, record in zip(load_preferences(folder / "pairs.json"), RECORDS, strict=True):
        assert pair.output == record.output
        if method == "model-human":
            assert (pair.chosen, pair.rejected) == (record.output, f"Well: {record.output}")
        else:
            assert level(pair.chosen) > level(pair.rejected)


def test_the_reasons_are_counted(build, folder, fake_ollama, capsys):
    bad = {RECORDS[2].output: "", RECORDS[4].output: "Gladly, and on and on…"}

    def answer(body):
        original = body["prompt"].partition("Answer: ")[2].partition("\n\nRewrite")[0]
        return bad.get(original, f"Gladly. {original}")

    assert build(fake_ollama(answer=answer)) == 0
    said = capsys.readouterr().out
    assert "10 made, 0 reused, 2 set aside, 0 failed (4 retries" in said
    assert "1 empty" in said and "1 cut off" in said and "10 pairs are in" in said


def test_no_pair_at_all_is_an_error(build, folder, fake_ollama, capsys):
    assert build(fake_ollama(answer=lambda body: "")) == 1
    said = capsys.readouterr()
    assert "12 empty" in said.out and "No pair was made" in said.err and not (folder / "pairs.json").exists()


def test_failed_records_can_be_asked_for_again(build, folder, fake_ollama, capsys):
    gone = (404, "no such model")
    server = fake_ollama(trouble=lambda body: gone if RECORDS[3].output in body["prompt"] else None)
    assert build(server) == 1
    said = capsys.readouterr().out
    assert "Failed at the server: 1. Give the same command again" in said and "11 pairs are in" in said
    server.trouble = lambda body: None
    assert build(server) == 0 and len(load_preferences(folder / "pairs.json")) == 12


def test_a_wrong_record_is_found_before_anything_is_asked(build, folder, fake_ollama, capsys):
    rows = json.loads((folder / "records.json").read_text(encoding="utf-8"))
    rows[-1]["output"] = 5
    (folder / "records.json").write_text(json.dumps(rows), encoding="utf-8")
    server = fake_ollama()
    assert build(server) == 1
    assert 'record 12 of the list ("' in capsys.readouterr().err and asked(server) == []


def spoil(folder, server):
    """What can be wrong: a name -> how to make it so, more arguments, and what is said then."""
    return {
        "no file": (lambda: (folder / "records.json").unlink(), [], "records.json: there is no such file"),
        "empty": (lambda: (folder / "records.json").write_text("[]"), [], "holds no records"),
        "foreign": (lambda: (folder / "pairs.json").write_text("[]"), [], "pairs.json is there already"),
        "folder": (lambda: (folder / "pairs.json").mkdir(), [], "is a folder"),
        "no server": (server.stop, [], "No Ollama answers"),
        "no model": (lambda: None, ["--model", "other"], "has no chat model 'other'"),
        "no weak": (lambda: None, ["--method", "strong-weak"], "needs --weak-model"),
        "rows": (lambda: (folder / "pairs.rows.jsonl").write_text("x\n{}\n"), [], "pairs.rows.jsonl, line 1"),
    }


@pytest.mark.parametrize("name", spoil(None, type("Server", (), {"stop": None})))
def test_errors_are_sentences(build, folder, fake_ollama, capsys, name):
    server = fake_ollama()
    make_so, more, words = spoil(folder, server)[name]
    make_so()
    assert build(server, *more) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ") and words in error and "Traceback" not in error
    assert asked(server) == []


def test_a_second_builder_is_refused(build, folder, fake_ollama, capsys):
    server = fake_ollama()
    with JsonlStore(folder / "pairs.rows.jsonl"):
        assert build(server) == 1
    assert "Another kernel or command is writing to" in capsys.readouterr().err and asked(server) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--method", "guess"], "invalid choice: 'guess'"),
        (["--limit", "0"], "0 is not a whole number from 1"),
        (["--workers", "300"], "300 is not a whole number from 1 to 256"),
        (["--seed", "-1"], "-1 is not a whole number from 0"),
        (["--temperature", "hot"], "hot is not a number from 0 to 2"),
        (["--temperature", "nan"], "nan is not a number from 0 to 2"),
        (["--weak-model", "x"], "--weak-model goes with --method strong-weak"),
        (["--out", "pairs.csv"], "must end in .json"),
        (["--lim", "5"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_ends_with_2(more, words, capsys):
    with pytest.raises(SystemExit) as ended:
        build_options(["--instructions", "a.json", "--out", "b.json", *more])
    assert ended.value.code == 2 and words in capsys.readouterr().err


def test_help_tells_of_methods_and_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        build_options(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and all(f"  {name}  " in said for name in methods())
    assert list(methods()) == ["model-human", "rank", "rewrite", "strong-weak"]
    assert "exit codes: 0 all done" in said and "130 interrupted" in said


def test_a_folder_that_may_not_be_entered_is_told(folder, fake_ollama, capsys, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    options = build_options(arguments(folder, fake_ollama()))
    monkeypatch.setattr(command.Path, "is_dir", closed)
    assert command.main(options) == 1
    assert "pairs.json cannot be reached: Permission denied" in capsys.readouterr().err


def as_program(folder, server, *more):
    """The command in a process of its own."""
    call = "import sys; from helpers.tools import build_options as o, build_preferences as b; "
    call += "b.build_and_leave(o.build_options(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", call, *arguments(folder, server, *more)],
        **{"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True},
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def test_after_an_error_nobody_waits_for_requests_that_hang(folder, fake_ollama):
    def trouble(body):
        if body["prompt"] == "Hello":
            return None
        return "hang" if RECORDS[0].output in body["prompt"] else (404, "gone")

    server = fake_ollama(trouble=trouble)
    process = as_program(folder, server)
    out, error = process.communicate(timeout=30)  # it hangs for 10 s, and is asked four times
    assert process.returncode == 1 and "12 to do" in out
    assert "The build stopped after" in error and "Traceback" not in error


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_keeps_every_finished_row(build, folder, fake_ollama):
    server = fake_ollama(delay=0.1)
    process = as_program(folder, server, "--workers", "2")
    while len(asked(server)) < 5:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted. Every finished row is in" in out and "give the same command again" in error
    kept = len(read_jsonl(folder / "pairs.rows.jsonl"))
    assert 0 < kept < 12 and not (folder / "pairs.json").exists()
    server.delay = 0
    assert build(server) == 0
    assert len(read_jsonl(folder / "pairs.rows.jsonl")) == len(load_preferences(folder / "pairs.json")) == 12
