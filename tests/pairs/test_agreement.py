"""Agreement by hand-worked cases, and intervals that draw questions and not comparisons."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from helpers.pairs.agreement import (
    alpha,
    grouped_by_question,
    interval_over_questions,
    nominal_alpha,
    pairwise_agreement,
    votes,
    votes_on,
)
from helpers.pairs.judgements import JudgementStore
from helpers.pairs.ranking import Candidates, best_worst
from helpers.stats import wilson

ITEM = Candidates("Who?", "", "I.", ("I.", "Gladly: I.", "Look, I."))
FOUR = Candidates("Who?", "", "I.", ("I.", "Gladly: I.", "Look, I.", "Me."))


def test_votes_do_not_depend_on_which_answer_comes_first():
    turned = Candidates("Who?", "", "I.", ITEM.answers[::-1])
    ranking, mirrored = ((1,), (0, 2)), ((1,), (2, 0))
    assert list(votes_on(ITEM, {"x": ranking}).values()) == list(votes_on(turned, {"x": mirrored}).values())


def test_votes_of_a_ranking():
    found = votes_on(ITEM, {"x": ((1,), (0, 2)), "y": ((0,), (1,), (2,))})
    assert len(found) == 3 and all(set(given) == {"x", "y"} for given in found.values())
    ties = [given for given in found.values() if given["x"] == "tie"]
    assert len(ties) == 1 and ties[0]["y"] != "tie"
    assert sum(given["x"] == given["y"] for given in found.values()) == 1


def test_a_is_the_winner_half_of_the_time_although_the_first_answer_always_wins():
    items = [Candidates(f"q{n}", "", "o", (f"kind {n}", f"rude {n}")) for n in range(400)]
    votes = [
        vote for item in items for given in votes_on(item, {"x": ((0,), (1,))}).values() for vote in given.values()
    ]
    assert 150 < votes.count("a") < 250


def test_pairwise_agreement_by_hand():
    votes = {str(n): {"ben": x, "ada": y} for n, (x, y) in enumerate(zip("aaaaabbbbb", "aaaabbbbba", strict=True))}
    (row,) = pairwise_agreement(votes | {"alone": {"ben": "a"}})
    assert row["annotators"] == "ada, ben" and row["kappa"] == pytest.approx(0.6)
    assert (row["questions"], row["comparisons"], row["agreement"]) == (10, 10, 0.8)
    assert row["low"] < 0.8 < row["high"]
    assert row["kappa"] == pytest.approx(cohen_kappa_score(list("aaaaabbbbb"), list("aaaabbbbba")))


def test_agreement_that_chance_explains_has_no_kappa():
    (row,) = pairwise_agreement({"1": {"x": "a", "y": "a"}, "2": {"x": "a", "y": "a"}})
    assert row["agreement"] == 1 and row["kappa"] is None
    assert pairwise_agreement({}) == pairwise_agreement({"1": {"x": "a"}, "2": {"y": "a"}}) == []


def test_alpha_by_hand():
    assert nominal_alpha([["a", "a"], ["a", "b"], ["b", "b", "b"], ["a"]]) == pytest.approx(0.5)


def test_alpha_of_krippendorffs_own_example():
    """Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), and the same data in the usual libraries."""
    rows = ["-----34121133-3", "1-213343-------", "--21344-21133-4"]
    units = [[int(vote) for vote in unit if vote != "-"] for unit in zip(*rows, strict=True)]
    assert nominal_alpha(units) == pytest.approx(0.691358, abs=1e-6)


def test_alpha_needs_two_values_and_two_votes():
    assert nominal_alpha([]) is nominal_alpha([["a"], ["b"]]) is nominal_alpha([["a", "a"], ["a", "a"]]) is None
    assert nominal_alpha([["a", "a"], ["b", "b"]]) == 1
    assert nominal_alpha([["a", "b"]]) < 0.01


def test_alpha_of_coin_tosses_is_about_zero():
    coin = random.Random(0)
    assert abs(nominal_alpha([[coin.choice("ab") for _ in range(3)] for _ in range(3000)])) < 0.05


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=8))
def test_alpha_does_not_depend_on_the_order_of_votes_and_never_exceeds_1(units):
    found = nominal_alpha(units)
    assert found is None or found <= 1
    assert nominal_alpha([unit[::-1] for unit in units[::-1]]) == (None if found is None else pytest.approx(found))


def test_a_tie_is_a_vote():
    """Two people call everything a tie or not by another coin: they agree on nothing, and α must not leave that out."""
    votes = {f"{n}:0-1": {"x": "tie", "y": "a"} if n % 2 else {"x": "b", "y": "tie"} for n in range(12)}
    votes |= {f"{n}:0-1": {"x": "a", "y": "a"} for n in (12, 13)}
    found = alpha(votes)
    assert (found["questions"], found["comparisons"], found["votes"]) == (14, 14, 28)
    assert found["alpha"] == nominal_alpha([list(given.values()) for given in votes.values()]) < 0
    assert pairwise_agreement(votes)[0]["agreement"] == 2 / 14


def test_alpha_by_hand_with_ties():
    votes = {"1": {"x": "a", "y": "a", "z": "tie"}, "2": {"x": "b", "y": "b"}, "3": {"x": "a"}}
    # D_o = (4 / 2) / 5; a twice, b twice, tie once: D_e = (2·2·2 + 2·2·1 + 2·2·1) / (5 · 4)
    assert alpha(votes)["alpha"] == pytest.approx(1 - (2 / 5) / (16 / 20))
    assert (alpha(votes)["comparisons"], alpha(votes)["votes"]) == (2, 5)
    nothing = {"questions": 0, "comparisons": 0, "votes": 0, "alpha": None, "low": None, "high": None}
    assert alpha({}) == alpha({"1": {"x": "a"}}) == nothing


# --- best and worst only --------------------------------------------------------------------------------------


def test_who_names_the_ends_has_no_vote_on_those_between():
    whole, ends = best_worst(0, 1, 4), {"y": best_worst(0, 1, 4)}
    found = votes_on(FOUR, {"x": whole} | ends, ends_only={"y"})
    assert sorted(len(given) for given in found.values()) == [1, 2, 2, 2, 2, 2]
    (between,) = [given for given in found.values() if len(given) == 1]
    assert between == {"x": "tie"}, "somebody who ranks all four can tie those between"


def test_ties_of_the_best_count_although_only_the_ends_were_named():
    found = votes_on(FOUR, {"y": best_worst((0, 2), 1, 4)}, ends_only={"y"})
    assert [list(given.values()) for given in found.values()].count(["tie"]) == 1
    tied = votes_on(FOUR, {"y": ((0, 1, 2, 3),)}, ends_only={"y"})
    assert [given["y"] for given in tied.values()] == ["tie"] * 6


def test_the_mode_of_a_judgement_says_what_was_compared(tmp_path):
    store = JudgementStore(tmp_path / "rankings.jsonl")
    for name, mode in (("ada", "ranking"), ("ben", "best-worst"), ("eve", "best-worst")):
        store.add(name, FOUR.key, best_worst(0, 1, 4), mode=mode)
    store.add("old", FOUR.key, best_worst(0, 1, 4))  # a row of an earlier version has no mode
    assert sorted(len(given) for given in votes([FOUR], store).values()) == [2, 4, 4, 4, 4, 4]


# --- intervals ------------------------------------------------------------------------------------------------


def many(questions, comparisons):
    """Votes on questions, every second of which two people judge alike as a whole."""
    places = [(n, m) for n in range(questions) for m in range(comparisons)]
    return {f"{n}:{m}": {"x": "a", "y": "ab"[n % 2]} for n, m in places}


def test_comparisons_of_one_question_go_together():
    assert [len(group) for group in grouped_by_question(many(3, 6))] == [6, 6, 6]
    (few,), (copied,) = pairwise_agreement(many(12, 1)), pairwise_agreement(many(12, 6))
    assert copied["comparisons"] == 72 and copied["questions"] == few["questions"] == 12
    assert (copied["low"], copied["high"]) == (few["low"], few["high"]), "copies of a vote add nothing"
    low, high = wilson(0.5, 72)
    assert copied["high"] - copied["low"] > 2 * (high - low)


def test_an_interval_holds_the_truth_nearly_always():
    held = 0
    for seed in range(100):
        coin = random.Random(seed)
        votes = {}
        for n in range(30):
            right = coin.random() < 0.7  # the whole question is judged alike, or not
            votes |= {f"{n}:{m}": {"x": "a", "y": "a" if right else "tie"} for m in range(3)}
        (row,) = pairwise_agreement(votes)
        held += row["low"] <= 0.7 <= row["high"]
    assert held >= 87


def test_draws_that_are_all_alike_are_no_interval():
    alike = {f"{n}:0": dict.fromkeys("xy", "ab"[n % 2]) for n in range(12)}
    found, (row,) = alpha(alike), pairwise_agreement(alike)
    assert (found["alpha"], found["low"], found["high"]) == (1, None, None)
    assert (row["low"], row["high"]) == wilson(1, 12), "twelve questions without a disagreement do not exclude one"
    assert interval_over_questions({"1:0-1": ["a", "b"], "1:0-2": ["a", "a"]}, nominal_alpha) is None, "one question"


def test_an_interval_of_alpha_is_about_it_and_the_same_again():
    found = alpha(many(12, 1) | {"b": {"x": "b", "y": "b"}, "tie": {"x": "tie", "y": "tie"}})
    assert found["low"] < found["alpha"] < found["high"] and found["questions"] == 14
    assert found == alpha(many(12, 1) | {"b": {"x": "b", "y": "b"}, "tie": {"x": "tie", "y": "tie"}})
