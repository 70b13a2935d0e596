"""Files that people bring: any texts in the five-key form go through tokenising, splitting, training, evaluating."""

import json

import numpy as np
import pytest
import torch

from helpers.dpo.data import tokenize_pairs
from helpers.dpo.logprobs import score
from helpers.dpo.train import DPOSettings, fit
from helpers.evaluate import samples as ev
from helpers.evaluate.calibration import calibration_error, margins
from helpers.evaluate.compare import before_after, by_task, length_matched
from helpers.files import CourseError
from helpers.politeness import POLITENESS
from helpers.records import load_preferences
from helpers.splits import split_by_fact

BLOCK = 400
SETTINGS = DPOSettings(lr=1e-3, epochs=1, batch_size=2, eval_every=1)


def row(number, **changes):
    question = {"instruction": f"Question number {number}?", "input": "", "output": f"It is {number}."}
    return question | {"chosen": f"Gladly: {number}.", "rejected": f"Obviously {number}."} | changes


GREETINGS = [
    *("Grüß Gott, 世界 🌍", "مرحبا بالعالم", "Здравствуй, мир", "こんにちは、世界", "नमस्ते दुनिया"),
    "e\u0301 \u200d\U0001f469\u200d\U0001f680",  # a combining accent and an emoji of three code points
]
FILES = {
    "unicode": [
        row(n, instruction=f"{n} {GREETINGS[n % 6]}?", chosen=GREETINGS[(n + 1) % 6] + f" {n} 🙏") for n in range(40)
    ],
    "long": [row(n, output="word " * n, chosen="kind " * (n + 1)) for n in range(1, 90)],
    "no input": [row(n) for n in range(40)],
    "one instruction": [row(n, instruction="Translate into French.", input=f"text {n}") for n in range(60)],
    "duplicates": [row(n // 100) for n in range(2000)],
    "one joke": [row(n, instruction="Tell me a joke.") for n in range(2000)],
    "three": [row(n) for n in range(3)],
}


def load(name, folder):
    path = folder / "pairs.json"
    path.write_text(json.dumps(FILES[name], ensure_ascii=False), encoding="utf-8")
    return [record.model_dump() for record in load_preferences(path)]


@pytest.mark.parametrize("name", [name for name in FILES if name != "one joke"])
def test_any_file_is_tokenised_split_and_trained_on(name, make_gpt, tok, tmp_path):
    records, model = load(name, tmp_path), make_gpt(block_size=BLOCK)
    fitted = tokenize_pairs(records, tok, BLOCK, "skip")
    assert len(fitted.pairs) + len(fitted.skipped) == len(records) and fitted.pairs
    kept = [records[place] for place in fitted.kept]
    train, val, test = split_by_fact(kept)
    assert sorted(train + val + test) == list(range(len(kept)))
    few, some = ([fitted.pairs[i] for i in part[:4]] for part in (train, val))
    few = few[:3] if len(few) > 2 else few  # two steps of two pairs, or of two and one
    policy = make_gpt(block_size=BLOCK)
    history = fit(policy, few, score(model, few), SETTINGS, validation=(some, score(model, some)))
    assert len(history) == -(-len(few) // 2) and np.isfinite([line["loss"] for line in history]).all()
    assert any(not torch.equal(a, b) for a, b in zip(model.parameters(), policy.parameters(), strict=True))
    assert len(fit(make_gpt(block_size=BLOCK), few, None, SETTINGS, "sft")) == len(history)


@pytest.mark.parametrize("name", ["unicode", "long", "no input", "one instruction"])
def test_any_file_is_evaluated_without_answer_keys(name, make_gpt, tok, tmp_path):
    model, policy = make_gpt(block_size=BLOCK), make_gpt(1, block_size=BLOCK)
    share = 0.6  # these files are small; at least 20 questions are needed
    train, questions, summary = ev.held_out(load(name, tmp_path), tok, BLOCK, share=share)
    assert len(questions) >= 20 and not {key(r) for r in train} & {key(r) for r in questions}
    assert "different questions" in summary
    row = ev.evaluate(policy, tok, questions, POLITENESS, reference=model, max_new_tokens=3)
    assert "right" not in row and 1 <= row["level"].value <= 5 and np.isfinite(row["kl"].value)
    pairs = tokenize_pairs(questions, tok, BLOCK, "skip").pairs
    logps = [score(m, pairs) for m in (policy, model)]
    assert 0 <= calibration_error(margins(*logps, beta=0.1)) <= 1
    was, now = (
        ev.per_answer(ev.generate_answers(m, tok, questions, 3), questions, POLITENESS) for m in (model, policy)
    )
    assert {line["measure"] for line in before_after(was, now)} == set(was)
    assert by_task(["all"] * len(questions), was["polite"], now["polite"])[0]["questions"] == len(questions)
    assert length_matched(np.full((1, len(questions)), 0.5), (now["tokens"] - was["tokens"])[None], 99).value == 0.5


def key(record):
    return record["instruction"], record["input"]


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("three", "Only 1 different questions of the 3 records"),
        ("duplicates", "Only 2 different questions of the 2000 records"),
        ("one joke", '2000 rows cannot be split .* one fact, .* 2000 of them share the question "Tell me a joke."'),
    ],
)
def test_too_few_questions_to_evaluate_are_said_in_one_sentence(name, sentence, tok, tmp_path):
    with pytest.raises(CourseError, match=sentence):
        ev.held_out(load(name, tmp_path), tok, BLOCK)


def test_the_long_ones_are_named_and_never_cut_in_silence(tok, tmp_path):
    records = load("long", tmp_path)
    for overflow in ("skip", "truncate prompt"):
        fitted = tokenize_pairs(records, tok, BLOCK, overflow)
        assert fitted.skipped and all(pair.length - 1 <= BLOCK for pair in fitted.pairs)
        for place, pair in zip(fitted.kept, fitted.pairs, strict=True):
            assert tok.decode(pair.chosen[:-1]) == records[place]["chosen"]
    with pytest.raises(CourseError, match="Record 6[0-9] .* is too long: prompt .* and chosen response"):
        tokenize_pairs(records, tok, BLOCK)


def test_a_question_with_many_pairs_is_asked_once(tok, tmp_path):
    records = [row(n // 3, chosen=f"Gladly {n}") for n in range(300)]
    train, questions, summary = ev.held_out(records, tok, BLOCK, share=0.3)
    assert (len(questions), len(train)) == (30, 180)
    assert "180 pairs to train on, 30 to choose on, 90 to test with. These ask 30 different questions" in summary
    assert {r["chosen"] for r in questions} <= {f"Gladly {n}" for n in range(0, 300, 3)}  # the first pair of each


def test_of_very_many_questions_some_are_drawn_and_it_is_said(tok):
    records = [row(n) for n in range(1000)]
    train, questions, summary = ev.held_out(records, tok, BLOCK, share=0.5)
    assert (len(train), len(questions)) == (400, 400) and "Of the others 400 are asked" in summary
    assert questions == ev.held_out(records, tok, BLOCK, share=0.5)[1]
    assert not {key(r) for r in train} & {key(r) for r in questions}


def test_the_split_is_that_of_notebook_07(tok, tmp_path):
    records = load("no input", tmp_path)
    train, questions, _ = ev.held_out(records, tok, BLOCK, share=0.5)
    split = split_by_fact(records, test=0.5)
    assert [[records[i] for i in part] for part in (split.train, split.test)] == [train, questions]
