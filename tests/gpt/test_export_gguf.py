"""The command that writes a checkpoint as GGUF."""

import json

import pytest

from helpers.files import DATA, CourseError
from helpers.gpt.checkpoints import load_model
from helpers.gpt.gguf import DTYPES, export_gguf, read_gguf
from helpers.tools.cli import gguf_options


def test_the_command_writes_a_checkpoint_and_says_what(tmp_path, capsys):
    checkpoint = str(DATA / "sft")
    export_gguf(gguf_options([checkpoint, str(tmp_path / "m.gguf"), "--dtype", "q8_0"]))
    size = (tmp_path / "m.gguf").stat().st_size / 1e6
    line = f"m.gguf: {size:.1f} MB, 2.6 M parameters as q8_0, 4096 tokens, a context of 256 tokens, the chat template\n"
    assert capsys.readouterr().out.endswith(line)
    assert read_gguf(tmp_path / "m.gguf")[2] == load_model(checkpoint)[2]


def test_the_command_knows_the_dtypes(capsys):
    for dtype in DTYPES:
        assert gguf_options(["build/dpo", "m.gguf", "--dtype", dtype]).dtype == dtype
    assert gguf_options(["build/dpo", "m.gguf"]).dtype == "f32"
    with pytest.raises(SystemExit):
        gguf_options(["build/dpo", "m.gguf", "--dtype", "f64"])
    usage = capsys.readouterr().err
    assert all(dtype in usage for dtype in DTYPES)


@pytest.mark.parametrize(
    "tokenizer, sentence", [(None, "config.json is missing"), ("gone", "gone/course.tiktoken is missing")]
)
def test_what_is_no_checkpoint_is_named_and_nothing_is_written(tokenizer, sentence, tmp_path):
    if tokenizer:
        config = json.loads((DATA / "sft" / "config.json").read_text()) | {"tokenizer": str(tmp_path / tokenizer)}
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CourseError, match=sentence):
        export_gguf(gguf_options([str(tmp_path), str(tmp_path / "m.gguf")]))
    assert not (tmp_path / "m.gguf").exists()
