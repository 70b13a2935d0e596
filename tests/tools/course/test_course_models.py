"""The command that makes the course models, in small."""

import re
import shutil
from functools import partial

import pytest

from helpers.files import DATA
from helpers.gpt.config import GPTConfig
from helpers.gpt.gguf import read_gguf
from helpers.gpt.tokenizer import token_ranks
from helpers.llm.server.foreign import read_pairs
from helpers.tools.course import course_models
from helpers.tools.course.course_models import CourseModel, calibrate, digits_apart, make_course_models
from helpers.tools.course.training import CourseTraining

TINY = CourseModel(
    "tiny", GPTConfig(600, n_layer=1, n_head=2, n_embd=32), CourseTraining(steps=16, batch_size=2, warmup=2)
)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Where `make_course_models(["tiny"])` writes."""
    (tmp_path / "data").mkdir()
    shutil.copy(DATA / "instruction-data.json", tmp_path / "data")
    for name, value in {
        "DATA": tmp_path / "data",
        "FOLDER": tmp_path / "build",
        "MODELS": {"tiny": TINY},
        "TOKENS": 600,
        "TOKENIZER_EXAMPLES": 500,
        "PAIRS": 50,
        "calibrate": partial(calibrate, examples=20),
    }.items():
        monkeypatch.setattr(course_models, name, value)
    return tmp_path / "data" / "models" / "tiny.gguf"


def test_digits_stand_apart():
    assert digits_apart("12 and 345, x7y89") == "1 2 and 3 4 5, x7y8 9"


def test_a_model_is_made_and_a_second_call_goes_on(file, tmp_path, capsys):
    make_course_models(["tiny"])
    model, tok, meta = read_gguf(file)
    assert model.config == TINY.config and tok.n_vocab == 600
    assert not any(re.search(rb"\d\d", token) for token in token_ranks(tok))
    assert (meta["about"], meta["template"]) == ("tiny", "{{ .Prompt }}\n###\n")
    assert 0 < meta["max_surprise"] < 20 and len(read_pairs(meta["known_pairs"])) == 50
    written, tokenizer = file.read_bytes(), tmp_path / "build" / "course.tiktoken"
    trained = tokenizer.stat().st_mtime_ns
    file.unlink()
    make_course_models([])
    assert "Going on from" in capsys.readouterr().out
    assert file.read_bytes() == written and tokenizer.stat().st_mtime_ns == trained
