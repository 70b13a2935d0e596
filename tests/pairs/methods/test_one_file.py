"""A new method is one file: the command, its help and the builder follow from it."""

import json

import pytest

from helpers.pairs import methods
from helpers.tools import build_options, build_preferences

SHOUT = '''"""The model answers, and the record's answer in capitals is rejected."""

from helpers.pairs.method import Method, Outcome


def shout_back_method(settings, llm=None, weak=None):
    def make(record, ask, seed):
        reply = ask.ask(settings.criterion.answer_prompt(record.instruction), seed=seed, **settings.sampling)
        return Outcome(reply.text, record.output.upper(), notes={"loud": True})

    return Method("shout-back", version=1, calls=1, make=make)
'''


@pytest.fixture
def with_a_new_file(tmp_path, monkeypatch):
    (tmp_path / "shout_back.py").write_text(SHOUT)
    (tmp_path / "silent.py").write_text("def silent_method(settings, llm=None, weak=None): ...\n")
    (tmp_path / "no_method.py").write_text('"""A file for the others."""\n\nX = 1\n')
    monkeypatch.setattr(build_options, "METHODS", tmp_path)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])


def test_one_file_is_a_method_of_the_command(with_a_new_file, tmp_path, fake_ollama, clean_environment, capsys):
    assert build_options.methods() == {
        "shout-back": "The model answers, and the record's answer in capitals is rejected.",
        "silent": "",
    }
    with pytest.raises(SystemExit):
        build_options.build_options(["--help"])
    assert "  shout-back    The model answers" in capsys.readouterr().out
    records, out = tmp_path / "records.json", tmp_path / "pairs.json"
    records.write_text(json.dumps([{"instruction": "Say it.", "input": "", "output": "So."}]))
    server = fake_ollama(answer=lambda body: "Like this.")
    command = ["--instructions", str(records), "--out", str(out), "--method", "shout-back", "--host", server.url]
    assert build_preferences.main(build_options.build_options([*command, "--model", "test-model"])) == 0
    assert json.loads(out.read_text())[0] == {
        "instruction": "Say it.", "input": "", "output": "So.", "chosen": "Like this.", "rejected": "SO.",
    }  # fmt: skip
    row = json.loads((tmp_path / "pairs.rows.jsonl").read_text())
    assert (row["method"], row["criterion"], row["loud"]) == ("shout-back", "politeness", True)
