"""Notebook 02 runs to its end with servers that send no log-probabilities, and with judges and answers of no use."""

import builtins
import json

import nbformat
import pytest

from helpers import scoreboard
from helpers.files import DATA, NOTEBOOKS, CourseError, read_jsonl
from helpers.records import load_instructions

(NOTEBOOK,) = NOTEBOOKS.glob("02_*.ipynb")
RECORDS = load_instructions(DATA / "instruction-data.json")
MODELS = {"test-model": ["completion"], "course-weak": ["completion"]}


def right_answer(prompt):
    """The answer of the data, politely or bluntly if the prompt asks for it."""
    asked = [record for record in RECORDS if record.instruction in prompt and record.input in prompt]
    opener = "Gladly: " if "politely" in prompt else "Come on, " if "bluntly" in prompt else ""
    longest = max(asked, key=lambda record: len(record.instruction + record.input), default=None)
    return opener + longest.output if longest else "Hello."


def always_a(body):
    """Answers that are right; a judge that always says A, and that every answer is a 3."""
    if "format" in body:
        return json.dumps({"winner": "A"} if "winner" in body["format"]["properties"] else {"score": 3})
    return "A" if "Response A" in body["prompt"] else right_answer(body["prompt"])


def useless(body):
    """Nothing that one can use, but for the weak model's verdicts."""
    return always_a(body) if body["model"] == "course-weak" else "Well, hm."


def run(cells, monkeypatch, build, names=None):
    """What the code cells print, and all names that they and the cells before them have defined."""
    printed = []
    monkeypatch.setattr("helpers.files.BUILD", build)
    monkeypatch.setattr(scoreboard, "BUILD", build)
    monkeypatch.setattr(builtins, "print", lambda *values, **_: printed.append(" ".join(map(str, values))))
    names = {} if names is None else names
    for number, source in cells:
        exec(compile(source, f"cell {number}", "exec"), names)
    return "\n".join(printed), names


@pytest.fixture
def cells():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    return [(number, cell.source) for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def test_a_judge_without_logprobs_that_always_says_a(cells, fake_ollama, clean_environment, monkeypatch, tmp_path):
    monkeypatch.setenv("OLLAMA_HOST", fake_ollama(models=MODELS, answer=always_a).url)
    monkeypatch.setenv("COURSE_MODEL", "test-model")
    printed, names = run(cells, monkeypatch, tmp_path)
    assert {item.model for item in names["items"]} == {"test-model"} and len(names["items"]) == 12
    assert "0 of 36 duels have a soft label." in printed and "sends no log-probabilities" in printed
    assert names["quality"]["test-model", "new"]["kept right"] is None and "0 pairs" in printed
    assert "judge's kept verdicts right" not in scoreboard.load()["results"], "nothing was kept"
    assert scoreboard.load()["results"]["judge right in both orders"]["value"] == 0


def test_a_model_without_one_usable_reply(cells, fake_ollama, clean_environment, monkeypatch, tmp_path):
    monkeypatch.setenv("OLLAMA_HOST", fake_ollama(models=MODELS, answer=useless).url)
    monkeypatch.setenv("COURSE_MODEL", "test-model")
    build = next(place for place, (_, source) in enumerate(cells) if "build_preferences(" in source)
    _, names = run(cells[:build], monkeypatch, tmp_path)
    assert {item.model for item in names["items"]} == {"the course"}, "there is something to rank all the same"
    assert names["by_llm"] == {} and "LLM" not in {one for given in names["everybody"].values() for one in given}
    assert set(names["by_duel"]) == {None} == set(names["by_score"]), "no verdict is no tie"
    with pytest.raises(CourseError, match="Not one pair after 25 records"):
        run(cells[build : build + 1], monkeypatch, tmp_path, names)
    printed, _ = run(cells[build + 1 :], monkeypatch, tmp_path, names)
    assert "0 pairs, 0 of them ranked by people" in printed


def test_candidates_of_an_earlier_run_stay(cells, fake_ollama, clean_environment, monkeypatch, tmp_path):
    """With another model, whose answers nobody has judged."""
    upto = next(place for place, (_, source) in enumerate(cells) if "load_candidates(file)" in source) + 1
    monkeypatch.setenv("OLLAMA_HOST", fake_ollama(models=MODELS, answer=always_a).url)
    monkeypatch.setenv("COURSE_MODEL", "test-model")
    _, first = run(cells[:upto], monkeypatch, tmp_path)
    monkeypatch.setenv("COURSE_MODEL", "course-weak")
    _, second = run(cells[:upto], monkeypatch, tmp_path)
    assert second["llm"].model == "course-weak" and second["items"] == first["items"]
    assert [row["model"] for row in read_jsonl(tmp_path / "candidates.jsonl")] == ["test-model"] * 12
