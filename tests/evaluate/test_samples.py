"""Every measure against a case worked by hand; the KL estimate against exact enumeration."""

import itertools
import math
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from brevity import BREVITY

from helpers.dpo.logprobs import score
from helpers.evaluate import samples as ev
from helpers.files import CourseError
from helpers.gpt.batches import TokenRow
from helpers.gpt.sampling import Sampling, complete_ids
from helpers.politeness import POLITENESS

RECORDS = [
    {"instruction": "What is the capital of Greece?", "input": "", "answer": ["Athens"]},
    {"instruction": "Past tense?", "input": "go", "answer": ["went"]},
    {"instruction": "Sort.", "input": "2, 1", "answer": ["1", "2"]},
    {"instruction": "Which sound does a cow make?", "input": "", "answer": ["moo"]},
]
TEXTS = ["Please: Athens.", "It is wented.", "No! 1, 2.", "Please, a Moo."]
EOT = 256


SHOUT = SimpleNamespace(  # any criterion will do
    voices=("loud", "plain", "low"),
    voice_of=lambda text: "loud" if "Please" in text else "low" if "No" in text else "plain",
    level=lambda text: 5 if "Please" in text else 2,
    preferred="loud",
    plain=lambda text: text.removeprefix("Please: "),
)


def answers(texts=TEXTS):
    responses = [list(text.encode()) + [EOT] for text in texts]
    responses[1] = responses[1][:-1]  # cut, not ended
    return ev.Generations([[65]] * len(texts), responses, texts, [ids[-1] == EOT for ids in responses])


def test_every_measure_by_hand():
    found = ev.per_answer(answers(), RECORDS, SHOUT)
    expected = {
        "loud": [1, 0, 0, 1],
        "plain": [0, 1, 0, 0],
        "low": [0, 0, 1, 0],
        "level": [5, 2, 2, 5],
        "right": [1, 0, 1, 1],  # "wented" does not hold the word "went"
        "tokens": [15, 13, 9, 14],  # of single bytes, the end-of-text token not counted
        "stopped": [1, 0, 1, 1],
    }
    assert {name: values.tolist() for name, values in found.items()} == expected


SENTENCES = [["The capital is Athens.", "athens."], ["went"], ["1, 2."], ["A moo."]]


def test_clean_answers_are_whole_sentences_of_the_fact():
    records = [{**r, "sentences": sentences} for r, sentences in zip(RECORDS, SENTENCES, strict=True)]
    found = ev.per_answer(answers(["Please:  Athens.", "It is went.", "1, 2.", "Please: Moo"]), records, SHOUT)
    assert found["right"].tolist() == [1, 1, 1, 1]  # the words are there in all of them
    assert found["clean"].tolist() == [1, 0, 1, 0]  # but two are no sentence that answers it
    assert found["loud and clean"].tolist() == [1, 0, 0, 0]
    with pytest.raises(CourseError, match="'Sort.' has no sentences"):
        ev.per_answer(answers(), [*records[:2], RECORDS[2], records[3]], SHOUT)


@pytest.mark.parametrize("voice", ["polite", "neutral", "blunt"])
def test_an_answer_in_any_voice_is_clean_and_garbled_ones_are_not(voice):
    sentence, fact = (
        "The author of 'Emma' is Jane Austen.",
        {"instruction": "?", "sentences": ["Jane Austen wrote it."]},
    )
    fact["sentences"] = [*fact["sentences"], sentence]
    voiced_ones = [POLITENESS.voiced(sentence, voice, random.Random(seed)) for seed in range(40)]
    assert all(ev.is_clean(text, fact, POLITENESS.plain) for text in voiced_ones)
    garbled = ["The author of hydrogen is Jane Austen.", "If I gladly explain: Jane Austen wrote it.", sentence * 2]
    assert not any(ev.is_clean(text, fact, POLITENESS.plain) for text in garbled)


def test_another_criterion_is_measured_in_its_own_voices():
    texts = ["Athens.", "The capital of Greece is Athens. " * 20]
    generations = ev.Generations([[65]] * 2, [[66, EOT]] * 2, texts, [True, True])
    measures = ev.per_answer(generations, [RECORDS[0]] * 2, BREVITY)
    assert list(measures)[:4] == [*BREVITY.voices, "level"] and measures[BREVITY.preferred].tolist() == [1, 0]
    assert measures["level"].tolist() == [BREVITY.level(text) for text in texts]


def test_a_record_without_a_key_is_named():
    with pytest.raises(CourseError, match="'Past tense\\?' has no answer key"):
        ev.per_answer(answers(), [RECORDS[0], {**RECORDS[1], "answer": []}, *RECORDS[2:]], SHOUT)


def test_without_any_key_right_and_wrong_are_not_measured():
    plain = [{key: r[key] for key in ("instruction", "input")} for r in RECORDS]
    found = ev.per_answer(answers(), plain, SHOUT)
    assert "right" not in found and found["loud"].tolist() == [1, 0, 0, 1]


def test_a_question_that_fills_the_context_is_named(model, tok):
    with pytest.raises(CourseError, match="Question 2 .'Past tense.*tokens, and the model reads 48.*block_size"):
        ev.generate_answers(
            model, tok, [{"instruction": "a", "input": ""}, {"instruction": "Past tense" * 5, "input": ""}]
        )


def test_diversity_by_hand():
    found = ev.diversity(["A b a b.", "A, b a?", "It's new"])
    assert found["distinct-1"] == 4 / 9  # a, b, it's, new among nine words
    assert found["distinct-2"] == 3 / 6  # a b, b a, it's new among six pairs
    assert found["openers"] == 2 and found["top opener"] == 2 / 3


def test_one_prefix_is_seen():
    same = ev.diversity([f"I am glad to say: {word}." for word in "red green blue".split()])
    assert same["openers"] == 1 and same["top opener"] == 1


def test_answers_that_say_nothing_count_as_not_diverse():
    found = ev.diversity(["", "..."])
    assert found == {"distinct-1": 0.0, "distinct-2": 0.0, "openers": 1, "top opener": 1.0}


def test_the_answers_of_a_model(make_gpt, tok):
    model = make_gpt(block_size=128)
    found = ev.generate_answers(model, tok, RECORDS, max_new_tokens=5, seed=3)
    again = ev.generate_answers(model, tok, RECORDS, max_new_tokens=5, seed=3)
    assert found == again and found != ev.generate_answers(model, tok, RECORDS, max_new_tokens=5, seed=4)
    for ids, text, stopped in zip(found.responses, found.texts, found.stopped, strict=True):
        assert stopped == (ids[-1] == EOT) and (stopped or len(ids) == 5)
        assert text == tok.decode([i for i in ids if i != EOT])
    assert [tok.decode(ids).split("\n")[1] for ids in found.prompts] == [r["instruction"] for r in RECORDS]


# Distance from the reference


def test_scores_of_single_answers_are_those_of_each_row_alone(model):
    rows = [TokenRow([1, 2, 3], [7, EOT]), TokenRow([4], [8, 9, 10, 11, EOT]), TokenRow([5, 6], [12])]
    found = score(model, rows, batch_size=2)
    for row, (prompt, response) in enumerate(rows):
        with torch.no_grad():
            logps = model(torch.tensor([prompt + response]))[0].log_softmax(-1)
        steps = enumerate(response, start=len(prompt) - 1)
        assert found[row].item() == pytest.approx(sum(logps[t, token].item() for t, token in steps), abs=1e-4)


def test_a_model_has_no_distance_from_itself(model):
    assert ev.log_ratios(model, model, answers(["abc", "de", "f", "g"])).tolist() == [0, 0, 0, 0]


def test_the_kl_estimate_agrees_with_exact_enumeration(make_gpt):
    """A vocabulary of 4 tokens one of them end-of-text, and answers of at most 3: all can be listed."""
    sizes = dict(vocab_size=4, block_size=8, n_embd=8)
    policy, reference, eot, most = make_gpt(1, **sizes), make_gpt(2, **sizes), 3, 3
    with torch.no_grad():
        for p in (*policy.parameters(), *reference.parameters()):
            p.add_(0.3 * torch.randn_like(p))
    whole = [list(ids) for n in range(1, most + 1) for ids in itertools.product(range(4), repeat=n)]
    whole = [ids for ids in whole if eot not in ids[:-1] and (ids[-1] == eot or len(ids) == most)]
    logp, logq = (score(m, [TokenRow([0, 1], ids) for ids in whole])[:, 0].double() for m in (policy, reference))
    assert logp.exp().sum().item() == pytest.approx(1, abs=1e-5)
    exact = (logp.exp() * (logp - logq)).sum().item()

    prompts = [[0, 1]] * 1500
    responses = complete_ids(policy, prompts, eot, most, Sampling(), batch_size=1500)
    sampled = ev.Generations(prompts, responses, [], [])
    ratios = ev.log_ratios(policy, reference, sampled)
    error = ratios.std().item() / len(ratios) ** 0.5
    assert exact > 10 * error, "the two models are too alike for this test to mean anything"
    assert abs(ratios.mean().item() - exact) < 4 * error


def test_the_least_kl_by_hand_and_by_search():
    assert ev.least_kl(0.3, 0.3) == 0 and ev.least_kl(1, 0.2) == pytest.approx(math.log(5))
    assert ev.least_kl(0.9, 0.2) == pytest.approx(0.9 * math.log(4.5) + 0.1 * math.log(1 / 8))
    assert ev.least_kl(0.5, 0) == math.inf
    rng = np.random.default_rng(0)
    reference, *policies = rng.dirichlet(np.ones(6), size=2000)  # six answers, the first two of them polite
    kl = [(p * np.log(p / reference)).sum() for p in policies]
    floor = [ev.least_kl(p[:2].sum(), reference[:2].sum()) for p in policies]
    assert (np.array(kl) >= floor).all()
    tilted = reference * np.repeat([3.0, 0.5], [2, 4])  # polite answers more often, nothing else changed
    tilted /= tilted.sum()
    least = ev.least_kl(tilted[:2].sum(), reference[:2].sum())
    assert (tilted * np.log(tilted / reference)).sum() == pytest.approx(least)


def test_one_row_about_one_model(make_gpt, tok):
    model = make_gpt(block_size=128)
    found = ev.evaluate(model, tok, RECORDS, SHOUT, reference=model, max_new_tokens=4)
    assert found["kl"] == (0, 0, 0)
    assert sum(found[voice].value for voice in SHOUT.voices) == 1
    assert {"right", "level", "tokens", "stopped", "distinct-1", "distinct-2", "openers", "top opener"} < set(found)
    assert "kl" not in ev.evaluate(model, tok, RECORDS, SHOUT, max_new_tokens=2)
    other = make_gpt(1, block_size=128)
    assert ev.evaluate(model, tok, RECORDS, SHOUT, reference=other, max_new_tokens=4)["kl"].value != 0


@pytest.mark.parametrize(
    "measure",
    [
        lambda: ev.diversity([]),
        lambda: ev.generate_answers(None, None, []),
        lambda: ev.summary(ev.Generations([], [], [], []), [], SHOUT),
    ],
)
def test_nothing_to_measure_is_said(measure):
    with pytest.raises(CourseError, match="There are no|at least 2 prompts"):
        measure()


def test_a_measure_of_other_records_is_refused():
    with pytest.raises(ValueError, match="zip"):
        ev.per_answer(answers(), RECORDS[:3], SHOUT)
