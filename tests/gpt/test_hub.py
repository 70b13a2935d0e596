"""The folder for `transformers` and the Hub: what is written comes back, and a card says what it has to.

tests/parity/test_hub.py loads such folders with `transformers` itself.
"""

import pytest
import torch
from tiny_gpt import tiny_gpt

from helpers.files import CourseError, read_json, read_text
from helpers.gpt.checkpoints import load_model
from helpers.gpt.hub import CARD, model_card, save_for_hub
from helpers.gpt.prompt import chat_template
from helpers.gpt.tokenizer import EOT, encoding, token_ranks, train_tokenizer

PARTS = dict(training={"loss": "DPO"}, measured=[{"polite": 0.9, "right": 0.8}], limits=["It is small."])


@pytest.fixture(scope="module")
def small_tok():
    return train_tokenizer(["the cat thought that they were there, é"] * 9, 270)


def test_weights_and_tokenizer_come_back(small_tok, tmp_path):
    model = tiny_gpt(vocab_size=272)  # rows that the tokenizer never makes
    again, tok, _ = load_model(save_for_hub(tmp_path / "hub", model, small_tok, "card"))
    assert (again.config, tok.name) == (model.config, str(tmp_path / "hub"))
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))
    assert token_ranks(tok) == token_ranks(small_tok) and tok.eot_token == small_tok.eot_token == 269


def test_the_files_say_what_other_programs_look_for(small_tok, tmp_path):
    folder = save_for_hub(tmp_path, tiny_gpt(vocab_size=270), small_tok, "# A card\n")
    config, settings = read_json(folder / "config.json"), read_json(folder / "tokenizer_config.json")
    assert (config["architectures"], config["eos_token_id"], config["n_positions"]) == (["GPT2LMHeadModel"], 269, 48)
    assert (settings["chat_template"], settings["eos_token"], settings["model_max_length"]) == (
        chat_template(),
        EOT,
        48,
    )
    tokenizer = read_json(folder / "tokenizer.json")
    assert tokenizer["model"]["vocab"] == read_json(folder / "vocab.json") and tokenizer["added_tokens"][0]["id"] == 269
    lines = [" ".join(merge) for merge in tokenizer["model"]["merges"]]
    assert read_text(folder / "merges.txt").splitlines()[1:] == lines and len(lines) == 269 - 256
    assert read_text(folder / CARD) == "# A card\n"


def test_a_tokenizer_that_other_programs_cannot_have_is_refused(tmp_path):
    ranks = {bytes([b]): b for b in range(256)} | {b"abc": 256}
    with pytest.raises(CourseError, match="hub is not written: its token 256, b'abc', is not the merge"):
        save_for_hub(tmp_path / "hub", tiny_gpt(vocab_size=258), encoding(ranks, "test"), "card")
    assert not (tmp_path / "hub").exists()


def test_a_card_has_the_prompt_the_training_what_was_measured_and_the_limits():
    card = model_card("A polite GPT", tiny_gpt(), **PARTS)
    assert card.startswith("---\nlicense: apache-2.0\n") and "# A polite GPT" in card
    assert "### Instruction:\nWhat is the capital of Greece?\n\n### Response:\n```" in card and EOT in card
    assert "- loss: DPO" in card and "| polite | right |\n| --- | --- |\n| 0.9 | 0.8 |" in card
    assert "- It is small." in card and "257 tokens, a context of 48 tokens" in card


@pytest.mark.parametrize("part", PARTS)
def test_a_card_without_a_part_is_refused(part):
    with pytest.raises(CourseError, match=f"without {part}"):
        model_card("A polite GPT", tiny_gpt(), **PARTS | {part: []})
