import math
import random

import pytest
import torch
import torch.nn.functional as F

from helpers.files import CourseError
from helpers.gpt.batches import TokenRow, collate
from helpers.gpt.prompt import format_prompt
from helpers.gpt.sft import (
    SFTSettings,
    cosine_schedule,
    droppable_places,
    encode_example,
    fine_tune,
    instruction_places,
    muon_and_adamw,
    prompt_dropout,
    sft_loss,
)

EXAMPLES = [TokenRow([1, 2, 3], [10 + n % 5, 299]) for n in range(12)]


def test_what_is_learned_is_the_response_and_its_end(tok):
    prompt = format_prompt("What is the capital of Greece?")
    row = encode_example(prompt, "It is Athens.", tok)
    assert tok.decode(row.prompt) == prompt  # nothing of "### Response:" is learned
    batch = collate([row, TokenRow([1] * 30, [2])])
    assert tok.decode(batch.targets[0, batch.mask[0]].tolist()) == "It is Athens.<|endoftext|>"


def test_loss_counts_response_tokens_only_and_predicts_the_next(model):
    """Against a plain loop; padding, prompt and an off-by-one would all change it (bugs 3, 4, 5)."""
    rows = [TokenRow([5, 6], [7, 8, 299]), TokenRow([9], [10, 299])]
    terms = []
    for prompt, response in rows:
        logps = F.log_softmax(model(torch.tensor([prompt + response]))[0], dim=-1)
        terms += [-logps[len(prompt) + t - 1, token] for t, token in enumerate(response)]
    assert sft_loss(model, collate(rows)).item() == pytest.approx(torch.stack(terms).mean().item(), abs=1e-5)


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
    assert tok.decode([example.prompt[place] for place in places]) == instruction
    rng = random.Random(0)
    for _ in range(20):
        prompt, response = prompt_dropout(example, places, 0.5, rng)
        assert len(example.prompt) > len(prompt) and response == example.response
        assert tok.decode(prompt).endswith("\n\n### Input:\nThe dog ate it.\n\n### Response:\n")
    assert prompt_dropout(example, places, 0.0, rng) == example
    assert len(prompt_dropout(example, places, 1.0, rng).prompt) == len(example.prompt) - len(places)


def test_a_word_that_says_what_is_asked_for_is_never_left_out(tok):
    instructions = [f"Name the capital of {country}." for country in ("France", "Japan", "Peru")] + ["Add 7 and 7."] * 3
    examples = [encode_example(format_prompt(text, ""), "Yes.", tok) for text in instructions]
    dropped = [
        tok.decode([row.prompt[place] for place in places])
        for row, places in zip(examples, droppable_places(examples, instructions, tok, rare=2), strict=True)
    ]
    assert dropped == ["Name the capital of."] * 3 + ["Add and."] * 3


def test_training_learns_and_repeats_exactly(model):
    import copy

    twin = copy.deepcopy(model)
    settings = SFTSettings(epochs=6, batch_size=4, warmup=2)
    history = fine_tune(model, EXAMPLES, settings)
    again = fine_tune(twin, EXAMPLES, settings)
    assert [row["loss"] for row in history] == [row["loss"] for row in again]
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert len(history) == 18 and not model.training


def test_callback_sees_every_step(model):
    seen = []
    fine_tune(model, EXAMPLES, SFTSettings(epochs=1, batch_size=4), on_step=lambda h: seen.append(len(h)))
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    "examples, message",
    [
        ([], "no example"),
        ([EXAMPLES[0], TokenRow([1] * 60, [2] * 5)], "Example 1 has 65 tokens, the model reads 64"),
        ([TokenRow([1, 2], [])], "Example 0 has no response"),
        ([TokenRow([], [1, 2])], "Example 0 has no prompt"),
    ],
)
def test_unusable_examples_are_named(model, examples, message):
    with pytest.raises(CourseError, match=message):
        fine_tune(model, examples, SFTSettings(epochs=1))


def test_a_loss_that_is_not_finite_stops_with_advice(model):
    model.transformer.ln_f.weight.data.fill_(math.nan)
    with pytest.raises(CourseError, match="Lower SFTSettings.lr"):
        fine_tune(model, EXAMPLES, SFTSettings(epochs=1))


@pytest.mark.parametrize("setting", ["epochs", "batch_size", "lr", "matrix_lr", "max_grad_norm"])
def test_settings_that_cannot_work_are_refused(setting):
    with pytest.raises(CourseError, match=setting):
        SFTSettings(**{setting: 0})


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_prompt_dropout_that_is_no_share_is_refused(share):
    with pytest.raises(CourseError, match="prompt_dropout"):
        SFTSettings(prompt_dropout=share)
