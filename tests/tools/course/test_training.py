"""Training on the stream: examples and their weights, and sittings that together are one training."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from helpers.files import CourseError
from helpers.gpt.config import GPTConfig
from helpers.gpt.model import GPT
from helpers.gpt.tokenizer import load_tokenizer
from helpers.tools.course import training
from helpers.tools.course.training import (
    BLOCK,
    TALK_FOOTER,
    Blocks,
    CourseTraining,
    collated,
    next_token_loss,
    sitting_key,
    train_on_talk,
    train_with_progress,
    training_step,
    warm_and_cool,
    weighted_example,
)

TINY = CourseTraining(steps=4 * BLOCK, reading=BLOCK, batch_size=4, warmup=4, cooldown=0.5)
CONTEXT = 48


class Echo:
    """A stream in small: repeat what stands there. Now and then it is too long for the context."""

    def __init__(self, seed):
        self.rng = training.random.Random(seed)

    def example(self):
        length = self.rng.choice((1, 2, 3, 5, 8, 60))
        words = " ".join(self.rng.choices(("red", "blue", "green"), k=length))
        return f"Say {words}!", words


@pytest.fixture(scope="module")
def tok():
    return load_tokenizer()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "training.safetensors"


@pytest.fixture(autouse=True)
def saves_often(monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", 1)


def new_model():
    torch.manual_seed(0)
    return GPT(GPTConfig(n_layer=1, n_head=2, n_embd=16, block_size=CONTEXT))


def sitting(tok, file, settings=TINY, blocks=None):
    """(model, losses of the blocks) of a sitting that ends after so many blocks, as a killed one does."""
    model, losses = new_model(), []
    for block, _ in train_on_talk(model, Blocks(Echo, tok, settings, CONTEXT), file):
        losses.append(block)
        if len(losses) == blocks:
            break
    return model, losses


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


# --- examples ---


def test_an_example_weighs_the_root_of_its_responses_length(tok):
    ids, weights, prompt = weighted_example("Say red!", "red", tok)
    asked, answered = tok.encode_ordinary("Say red!" + TALK_FOOTER), [*tok.encode_ordinary("red"), tok.eot_token]
    assert ids.tolist() == asked + answered
    assert prompt.tolist() == [True] * len(asked) + [False] * len(answered)
    assert torch.allclose(weights, torch.full(ids.shape, len(answered) ** -0.5))
    assert torch.allclose(weights[~prompt].sum() ** 2, torch.tensor(float(len(answered))))


def test_a_block_is_of_its_seed_and_number(tok):
    blocks = Blocks(Echo, tok, TINY, CONTEXT)
    block, again, next_one = blocks[3], Blocks(Echo, tok, TINY, CONTEXT)[3], blocks[4]
    assert all(torch.equal(a, b) for a, b in zip(sum(block, ()), sum(again, ()), strict=True))
    assert not all(torch.equal(a[0], b[0]) for a, b in zip(block, next_one, strict=True))
    other = Blocks(Echo, tok, replace(TINY, seed=1), CONTEXT)[3]
    assert not all(torch.equal(a[0], b[0]) for a, b in zip(block, other, strict=True))


def test_a_block_holds_whole_examples_and_little_padding(tok):
    block = Blocks(Echo, tok, TINY, CONTEXT)[0]
    assert len(block) == BLOCK
    tokens = real = 0
    for ids, weights, prompt in block:
        assert ids.shape == weights.shape == prompt.shape and len(ids) == TINY.batch_size
        lengths = (weights > 0).sum(1)
        assert 1 < int(lengths.max()) == ids.shape[1] <= CONTEXT
        for row, length in zip(ids, lengths, strict=True):
            assert (row[length - 1 :] == tok.eot_token).all() and row[length - 2] != tok.eot_token
        tokens, real = tokens + ids.numel(), real + int(lengths.sum())
    assert real / tokens > 0.9


def test_the_loss_counts_what_weighs_anything_once(tok):
    model = new_model().eval()
    rows = [weighted_example("Say red!", "red", tok), weighted_example("Say it!", "red blue green green", tok)]
    ids, weights, prompt = collated(rows, tok.eot_token)
    for weighing, counted in ((weights, lambda own: own >= 0), (weights.masked_fill(prompt, 0), lambda own: ~own)):
        terms = total = 0.0
        for row, w, own in rows:
            losses = F.cross_entropy(model(row[None])[0, :-1], row[1:], reduction="none")
            w = w[1:] * counted(own[1:])
            terms, total = terms + (losses * w).sum(), total + w.sum()
        assert next_token_loss(model, ids, weighing).item() == pytest.approx((terms / total).item(), rel=1e-4)


def test_prompts_count_in_the_first_steps_only(tok, file, monkeypatch):
    seen = []

    def recorded(model, ids, weights):
        seen.append(weights)
        return next_token_loss(model, ids, weights)

    monkeypatch.setattr(training, "next_token_loss", recorded)
    sitting(tok, file, replace(TINY, reading=5, readers=3), blocks=1)
    assert all((weights[:, :3] > 0).all() for weights in seen[:5])
    for step, weights in enumerate(seen[5:], start=5):
        rows = [bool((row[:3] > 0).all()) for row in weights]
        assert rows == [row % 3 == step % 3 for row in range(len(rows))]
    assert all((weights > 0).any(1).all() for weights in seen), "responses count throughout"


def test_the_schedule_warms_up_stays_and_cools_down():
    settings = CourseTraining(steps=100, warmup=10, cooldown=0.5)
    factors = [warm_and_cool(step, settings) for step in range(101)]
    assert factors[0] == pytest.approx(0.1) and factors[9:51] == [1.0] * 42
    assert factors[75] == pytest.approx(0.5) and factors[99] == pytest.approx(0.02) and factors[100] == 0


# --- sittings ---


def test_a_training_that_was_interrupted_goes_on_as_if_it_had_not_been(tok, file, tmp_path, capsys):
    whole, losses = sitting(tok, tmp_path / "whole.safetensors")
    sitting(tok, file, blocks=1)
    sitting(tok, file, blocks=3)
    resumed, again = sitting(tok, file)
    assert again == losses and len(losses) == 4 and all(len(block) == BLOCK for block in losses)
    assert same_weights(resumed, whole) and not same_weights(whole, new_model())
    assert sum(losses[-1]) < 0.8 * sum(losses[0]), "it learns"
    steps = [line.split("after step ")[1] for line in capsys.readouterr().out.splitlines()]
    assert steps == [f"{BLOCK}.", f"{3 * BLOCK}."]


def test_a_finished_training_is_only_read(tok, file):
    done, losses = sitting(tok, file)
    written = file.stat().st_mtime_ns
    again, read = sitting(tok, file)
    assert read == losses and same_weights(again, done) and file.stat().st_mtime_ns == written


@pytest.mark.parametrize("change", [{"seed": 1}, {"lr": 1e-3}, {"batch_size": 3}, {"reading": 0}])
def test_other_settings_start_anew(tok, file, capsys, change):
    sitting(tok, file, blocks=1)
    _, losses = sitting(tok, file, replace(TINY, **change), blocks=1)
    assert "is of other settings: training from the start" in capsys.readouterr().out
    assert losses == sitting(tok, file.with_name("fresh"), replace(TINY, **change), blocks=1)[1]


def test_a_training_becomes_longer_while_its_rate_is_constant(tok, file):
    longer = replace(TINY, steps=2 * TINY.steps)
    assert sitting_key(TINY, 2) == sitting_key(longer, 2)
    assert sitting_key(TINY, 3) != sitting_key(longer, 3), "after half of its steps its rate falls"
    _, short = sitting(tok, file, blocks=2)
    lengthened, losses = sitting(tok, file, longer, blocks=3)
    whole, expected = sitting(tok, file.with_name("whole"), longer, blocks=3)
    assert losses[:2] == short and losses == expected and same_weights(lengthened, whole)


@pytest.mark.parametrize("kept", [0, 7, 0.5, 0.99])
def test_a_damaged_file_is_named(tok, file, kept):
    sitting(tok, file, blocks=1)
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data)) if kept < 1 else kept])
    with pytest.raises(CourseError, match=r"training\.safetensors is damaged .*Delete it to train from the start"):
        sitting(tok, file)


def test_a_file_of_something_else_is_named(tok, file):
    file.write_bytes(training.save({"x": torch.zeros(1)}, metadata={"history": "[]", "run": sitting_key(TINY, 0)}))
    with pytest.raises(CourseError, match="is damaged"):
        sitting(tok, file)


def test_a_loss_that_is_not_finite_ends_the_training(tok, file):
    model = new_model()
    torch.nn.init.constant_(model.lm_head.weight, float("nan"))
    with pytest.raises(CourseError, match="not finite in block 0"):
        next(train_on_talk(model, Blocks(Echo, tok, TINY, CONTEXT), file))
    assert not file.exists()


def test_progress_and_ctrl_c(tok, file, monkeypatch, capsys):
    clock = iter(range(0, 1000, 60))
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock))

    def interrupted(model, optimizers, step, *others):
        if step == 2 * BLOCK:
            raise KeyboardInterrupt
        return training_step(model, optimizers, step, *others)

    monkeypatch.setattr(training, "training_step", interrupted)
    with pytest.raises(CourseError, match=r"Interrupted\. Run again to go on from .*training\.safetensors"):
        train_with_progress(new_model(), Blocks(Echo, tok, TINY, CONTEXT), file)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("loss")[0].split() for line in lines] == [
        ["step", str(n * BLOCK), "of", str(TINY.steps)] for n in (1, 2)
    ]
    assert lines[1].endswith("2.0 min to go"), "two blocks in two minutes, and two are left"
    assert len(sitting(tok, file, blocks=2)[1]) == 2
