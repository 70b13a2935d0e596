"""The best of n by hand-worked cases."""

import math

import pytest

from helpers.evaluate import baselines
from helpers.evaluate.samples import Generations, generate_answers
from helpers.files import CourseError

RECORDS = [{"instruction": "Say hello", "input": ""}, {"instruction": "Sort", "input": "b a"}]


def drawn(*texts):
    return Generations([[1], [2]], [[*text.encode(), 256] for text in texts], list(texts), [True] * len(texts))


def test_the_best_of_three_by_hand():
    sets = [drawn("no", "please"), drawn("please!", "no"), drawn("Please do", "please please")]
    found = baselines.best_of_n(sets, lambda text: text.lower().count("please"))
    assert found.texts == ["please!", "please please"]  # of equals the one that was drawn first
    assert found.responses == [[*b"please!", 256], [*b"please please", 256]]
    assert found.prompts == [[1], [2]] and found.stopped == [True, True]


def test_the_best_of_one_is_the_sample_itself(make_gpt, tok):
    one = generate_answers(make_gpt(block_size=128), tok, RECORDS, max_new_tokens=6, seed=3)
    assert baselines.best_of_n([one], len) == one


def test_more_draws_never_lower_the_reward(make_gpt, tok):
    model = make_gpt(block_size=128)
    sets = [generate_answers(model, tok, RECORDS, max_new_tokens=6, seed=seed) for seed in range(4)]
    rewards = [[len(t) for t in baselines.best_of_n(sets[:n], len).texts] for n in (1, 2, 4)]
    assert all(
        a <= b for less, more in zip(rewards, rewards[1:], strict=False) for a, b in zip(less, more, strict=True)
    )


def test_draws_for_other_questions_are_refused():
    with pytest.raises(CourseError, match="the same questions"):
        baselines.best_of_n([], len)
    with pytest.raises(CourseError, match="the same questions"):
        baselines.best_of_n([drawn("a", "b"), Generations([[9]], [[256]], [""], [True])], len)


def test_the_kl_of_the_best_of_n_by_hand():
    assert baselines.best_of_n_kl(1) == 0
    assert baselines.best_of_n_kl(4) == pytest.approx(math.log(4) - 0.75)
    with pytest.raises(CourseError, match="n must be 1"):
        baselines.best_of_n_kl(0)


def test_the_kl_is_that_of_the_best_of_n_different_rewards():
    """m equally likely answers, all rewards different: the best of n is the k-th with (k^n - (k-1)^n) / m^n."""
    m, n = 2000, 4
    share = [((k / m) ** n - ((k - 1) / m) ** n) for k in range(1, m + 1)]
    assert sum(p * math.log(p * m) for p in share) == pytest.approx(baselines.best_of_n_kl(n), abs=1e-3)
