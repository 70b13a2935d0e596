"""A base model by one call: GPT-2's published format, and names."""

import json

import pytest
import torch
from published_gpt2 import MERGES, VOCAB, write_published

from helpers import files
from helpers.dpo.data import tokenize_pair
from helpers.dpo.logprobs import score
from helpers.dpo.train import DPOSettings, fit
from helpers.files import CourseError
from helpers.gpt.checkpoints import load_model, save_checkpoint


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_the_published_format_gives_the_same_logits(model, tmp_path, prefix):
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))  # biases are no zeros, so that none can get lost
    loaded, tok, meta = load_model(write_published(tmp_path / "base", model, prefix))
    idx = torch.tensor([[1, 2, 3, 200]])
    assert torch.equal(loaded(idx), model(idx))
    assert (tok.n_vocab, meta, loaded.training) == (len(VOCAB), {}, False)
    assert loaded.lm_head.weight is loaded.transformer.wte.weight


def test_its_tokenizer_merges_as_gpt2_does(model, tmp_path):
    _, tok, _ = load_model(write_published(tmp_path / "base", model))
    ids = [VOCAB.index(token) for token in ("hello", "Ġw", "o", "Ã©", "Ċ")]
    assert tok.encode_ordinary("hello woé\n") == ids
    assert tok.decode(ids) == "hello woé\n"
    assert tok.eot_token == len(VOCAB) - 1


def test_a_trained_base_model_keeps_its_tokenizer(model, tmp_path):
    base, tok, _ = load_model(write_published(tmp_path / "base", model))
    _, again, meta = load_model(save_checkpoint(tmp_path / "trained", base, tok, trained_with="DPO"))
    assert again.encode_ordinary("hello") == tok.encode_ordinary("hello") == [VOCAB.index("hello")]
    assert meta == {"trained_with": "DPO"}


def test_a_new_base_model_is_one_call_and_then_it_is_aligned(model, tmp_path):
    """Nothing but `load_model` knows where the model comes from: two steps of DPO raise the chosen answer's margin."""
    policy, tok, _ = load_model(write_published(tmp_path / "base", model))
    pairs = [tokenize_pair(f"{word}?", "hello", "well", tok, policy.config.block_size) for word in ("he", "hell")]
    history = fit(policy, pairs, score(policy, pairs), DPOSettings(epochs=2, batch_size=2, lr=1e-3))
    assert [row["step"] for row in history] == [1, 2]
    assert history[0]["loss"] == pytest.approx(0.6931, abs=1e-4)
    assert history[1]["margin"] > 0 and history[1]["loss"] < history[0]["loss"]


def test_a_name_is_looked_up_in_build_and_never_downloaded(model, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "BUILD", tmp_path)
    with pytest.raises(CourseError, match=r"(?s)gpt2-medium is not there.*curl .*gpt2-medium.*merges.txt"):
        load_model("gpt2-medium")
    write_published(tmp_path / "gpt2-medium", model)
    assert load_model("gpt2-medium")[0].config == model.config


@pytest.mark.parametrize(
    "setting, value",
    [("activation_function", "relu"), ("tie_word_embeddings", False), ("scale_attn_by_inverse_layer_idx", True)],
)
def test_a_model_that_this_gpt_cannot_compute_is_refused(model, tmp_path, setting, value):
    with pytest.raises(CourseError, match=f"config.json: {setting} is {value!r}"):
        load_model(write_published(tmp_path / "base", model, **{setting: value}))


def test_other_sizes_and_other_architectures_are_refused(model, tmp_path):
    with pytest.raises(CourseError, match="does not fit config.json"):
        load_model(write_published(tmp_path / "base", model, n_embd=32))
    with pytest.raises(CourseError, match="not a checkpoint's config"):
        load_model(write_published(tmp_path / "base", model, model_type="llama"))


def test_tokenizer_files_that_differ_are_named(model, tmp_path):
    folder = write_published(tmp_path / "base", model)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(reversed(MERGES)) + "\n", encoding="utf-8")
    with pytest.raises(CourseError, match=r"vocab.json and merges.txt beside it differ"):
        load_model(folder)
    (folder / "merges.txt").unlink()
    with pytest.raises(CourseError, match=r"merges.txt is missing"):
        load_model(folder)


def test_a_first_id_for_end_of_text_is_refused(model, tmp_path):
    folder = write_published(tmp_path / "base", model)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", encoding="utf-8")
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(VOCAB[:-1])} | {"<s>": 262}))
    with pytest.raises(CourseError, match=r"the last id must be <\|endoftext\|>"):
        load_model(folder)
