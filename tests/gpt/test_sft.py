import math
import random

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from helpers.files import CourseError
from helpers.gpt.prompt import format_prompt
from helpers.gpt.sft import (
    SFTSettings,
    batch_order,
    collate_examples,
    cosine_schedule,
    encode_example,
    fine_tune,
    instruction_places,
    muon_and_adamw,
    prompt_dropout,
    sft_loss,
)

EXAMPLES = [([1, 2, 3, 10 + n % 5, 299], [0, 0, 0, 1, 1]) for n in range(12)]


def test_mask_is_the_response_and_its_end(tok):
    prompt = format_prompt("What is the capital of Greece?")
    ids, mask = encode_example(prompt, "It is Athens.", tok)
    learned = [i for i, m in zip(ids, mask, strict=True) if m]
    assert tok.decode(learned) == "It is Athens.<|endoftext|>"
    assert tok.decode(ids[: -len(learned)]) == prompt  # nothing of "### Response:" is learned


def test_loss_counts_response_tokens_only_and_predicts_the_next(model):
    """Against a plain loop; padding, prompt and an off-by-one would all change it (bugs 3, 4, 5)."""
    rows = [([5, 6, 7, 8, 299], [0, 0, 1, 1, 1]), ([9, 10, 299], [0, 1, 1])]
    idx, mask = collate_examples(rows, pad=299)
    terms = []
    for ids, learn in rows:
        logps = F.log_softmax(model(torch.tensor([ids]))[0], dim=-1)
        terms += [-logps[t - 1, ids[t]] for t in range(1, len(ids)) if learn[t]]
    assert sft_loss(model, idx, mask).item() == pytest.approx(torch.stack(terms).mean().item(), abs=1e-5)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 5))
def test_every_example_once_an_epoch(lengths, batch_size, seed):
    batches = batch_order(lengths, batch_size, torch.Generator().manual_seed(seed))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) <= batch_size for batch in batches)


def test_batches_are_shuffled_and_of_similar_length():
    lengths = [n % 40 + 5 for n in range(400)]
    generator = torch.Generator().manual_seed(0)
    first, second = batch_order(lengths, 16, generator), batch_order(lengths, 16, generator)
    assert first != second
    assert max(max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in first) < 10


def test_learning_rate_rises_then_falls_to_zero():
    rates = [cosine_schedule(step, 100, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0) and rates[-1] < 0.001
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize("decay", [None, 0.0])
def test_matrices_decay_and_norms_and_biases_do_not(model, decay):
    """Without a gradient, weight decay is all that a step does."""
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(1.0)
            p.grad = torch.zeros_like(p)
    for optimizer in muon_and_adamw(model, SFTSettings(lr=0.1, matrix_lr=0.1, weight_decay=0.5), decay):
        optimizer.step()
    for name, p in model.named_parameters():
        decays = p.dim() == 2 and (".h." in name or decay is None)
        assert p.detach().unique().tolist() == pytest.approx([0.95 if decays else 1.0]), name


def test_only_tokens_of_the_instruction_are_left_out(tok):
    instruction = "Rewrite the long sentence in the passive voice."
    example = encode_example(format_prompt(instruction, "The dog ate it."), "It was eaten.", tok)
    places = instruction_places(instruction, tok)
    assert tok.decode([example[0][place] for place in places]) == instruction
    rng = random.Random(0)
    for _ in range(20):
        ids, mask = prompt_dropout(example, places, 0.5, rng)
        assert len(example[0]) > len(ids) == len(mask) and sum(mask) == sum(example[1])
        assert tok.decode(ids).endswith("\n\n### Input:\nThe dog ate it.\n\n### Response:\nIt was eaten.<|endoftext|>")
    assert prompt_dropout(example, places, 0.0, rng) == example
    assert len(prompt_dropout(example, places, 1.0, rng)[0]) == len(example[0]) - len(places)


def test_training_learns_and_repeats_exactly(model):
    import copy

    twin = copy.deepcopy(model)
    settings = SFTSettings(epochs=6, batch_size=4, warmup=2)
    history = fine_tune(model, EXAMPLES, 299, settings)
    again = fine_tune(twin, EXAMPLES, 299, settings)
    assert [row["loss"] for row in history] == [row["loss"] for row in again]
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert len(history) == 18 and not model.training


def test_callback_sees_every_step(model):
    seen = []
    fine_tune(model, EXAMPLES, 299, SFTSettings(epochs=1, batch_size=4), on_step=lambda h: seen.append(len(h)))
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    "examples, message",
    [
        ([], "no example"),
        ([EXAMPLES[0], ([1] * 65, [0] * 60 + [1] * 5)], "Example 1 has 65 tokens, the model reads 64"),
        ([([1, 2], [0, 0])], "Example 0 has no response"),
    ],
)
def test_unusable_examples_are_named(model, examples, message):
    with pytest.raises(CourseError, match=message):
        fine_tune(model, examples, 299, SFTSettings(epochs=1))


def test_a_loss_that_is_not_finite_stops_with_advice(model):
    model.transformer.ln_f.weight.data.fill_(math.nan)
    with pytest.raises(CourseError, match="Lower SFTSettings.lr"):
        fine_tune(model, EXAMPLES, 299, SFTSettings(epochs=1))


@pytest.mark.parametrize("setting", ["epochs", "batch_size", "lr", "matrix_lr", "max_grad_norm"])
def test_settings_that_cannot_work_are_refused(setting):
    with pytest.raises(CourseError, match=setting):
        SFTSettings(**{setting: 0})


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_prompt_dropout_that_is_no_share_is_refused(share):
    with pytest.raises(CourseError, match="prompt_dropout"):
        SFTSettings(prompt_dropout=share)
