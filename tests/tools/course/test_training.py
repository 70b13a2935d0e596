from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from helpers.files import DATA, read_json
from helpers.gpt.model import GPT, GPTConfig
from helpers.gpt.tokenizer import load_tokenizer
from helpers.tools.course.corpus import Corpus
from helpers.tools.course.training import (
    CourseTraining,
    batches,
    encode,
    learning_rate_factor,
    next_token_loss,
    train,
)

RECORDS = [r for r in read_json(DATA / "instruction-data.json") if r["split"] == "train"]
TINY = CourseTraining(steps=12, batch_size=8)


@pytest.fixture(scope="module")
def tok():
    return load_tokenizer()


def tiny():
    torch.manual_seed(0)
    return GPT(GPTConfig(n_layer=1, n_head=2, n_embd=32))


def test_batches_hold_whole_examples_and_little_padding(tok):
    stream = batches(Corpus(RECORDS, 0), tok, CourseTraining(batch_size=96), 256)
    padding = tokens = 0
    for _, (idx, weights) in zip(range(16), stream, strict=False):
        lengths = (weights > 0).sum(1)
        assert idx.shape == weights.shape == (96, int(lengths.max()))
        for row, length in zip(idx, lengths, strict=True):
            assert (row[length - 1 :] == tok.eot_token).all() and row[length - 2] != tok.eot_token
        padding += int((idx.size(1) - lengths).sum())
        tokens += idx.numel()
    assert padding / tokens < 0.05


def test_an_example_longer_than_the_context_is_left_out(tok):
    stream = batches(Corpus(RECORDS, 0), tok, CourseTraining(batch_size=8), 64)
    assert all(next(stream)[0].size(1) <= 64 for _ in range(20))


def test_loss_counts_every_real_token_once(tok):
    model = tiny().eval()
    heavy = replace(TINY, response_weight=3.0, verdict_weight=15.0)
    rows = [
        encode("Hello?", "Yes.", tok, heavy),
        encode("What is it?", "It is " + "very " * 20 + "good.", tok, heavy),
    ]
    assert {*rows[0][1]} == {1.0, 15.0} and {*rows[1][1]} == {1.0, 3.0}
    width = max(len(ids) for ids, _ in rows)
    idx = torch.tensor([ids + [tok.eot_token] * (width - len(ids)) for ids, _ in rows])
    weights = torch.tensor([w + [0.0] * (width - len(w)) for _, w in rows])
    terms, total = [], 0.0
    for ids, w in rows:
        losses = F.cross_entropy(model(torch.tensor([ids]))[0, :-1], torch.tensor(ids[1:]), reduction="none")
        terms.append((losses * torch.tensor(w[1:])).sum())
        total += sum(w[1:])
    expected = torch.stack(terms).sum() / total
    assert next_token_loss(model, idx, weights).item() == pytest.approx(expected.item(), rel=1e-3)


def test_schedule_warms_up_and_cools_down():
    settings = CourseTraining(steps=100, warmup=0.1, cooldown=0.5)
    factors = [learning_rate_factor(step, settings) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[30] == 1.0 and factors[-1] == pytest.approx(0.02)


def test_training_learns_and_is_seeded(tok):
    losses = []
    models = [train(tiny(), tok, Corpus(RECORDS, 0), TINY, lambda step, loss, s: losses.append(loss)) for _ in range(2)]
    assert losses[:12] == losses[12:] and losses[11] < losses[0] - 0.5
    assert all(torch.equal(a, b) for a, b in zip(*(m.state_dict().values() for m in models), strict=True))
    other = train(tiny(), tok, Corpus(RECORDS, 1), replace(TINY, seed=1))
    assert not torch.equal(other.lm_head.weight, models[0].lm_head.weight)
