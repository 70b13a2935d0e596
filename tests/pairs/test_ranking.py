"""Rankings, pairs and agreement by hand-worked cases."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from helpers.files import CourseError
from helpers.pairs.ranking import (
    Candidates,
    alpha,
    best_worst,
    distinct,
    in_words,
    nominal_alpha,
    pairwise_agreement,
    parse_ranking,
    ranked_by_scores,
    ranked_by_wins,
    to_pairs,
    votes_on,
    winning_pairs,
)

ITEM = Candidates("Who?", "", "I.", ("I.", "Gladly: I.", "Look, I."))


def test_distinct_drops_empty_answers_and_repetitions_up_to_case_and_punctuation():
    assert distinct(["It is 3.", " ", "it is 3", "It is, gladly, 3.", "?", "!", "?"]) == (
        "It is 3.",
        "It is, gladly, 3.",
        "?",
        "!",
    )


@pytest.mark.parametrize("answers", [(), ("one",), ("one", "one"), ("One.", "one"), ("one", " ")])
def test_candidates_are_two_or_more_different_answers(answers):
    with pytest.raises(CourseError, match="'Who\\?' needs two or more different answers"):
        Candidates("Who?", "", "I.", answers)


def test_at_most_nine_candidates():
    assert Candidates("q", "", "o", tuple("123456789"))
    with pytest.raises(CourseError, match="10 answers; at most 9"):
        Candidates("q", "", "o", tuple("123456789a"))


def test_another_answer_or_input_is_another_key():
    same = Candidates("Who?", "", "another output", ITEM.answers)
    assert same.key == ITEM.key
    assert len({ITEM.key, Candidates("Who?", "x", "I.", ITEM.answers).key, Candidates("Who?", "", "I.", "ab").key}) == 3


@pytest.mark.parametrize(
    "text, tiers",
    [
        ("2>1>3", ((1,), (0,), (2,))),
        ("2>1=3", ((1,), (0, 2))),
        ("213", ((1,), (0,), (2,))),
        (" 2 1=3 ", ((1,), (0, 2))),
        ("1=2=3", ((0, 1, 2),)),
        ("2=1>3", ((1, 0), (2,))),
    ],
)
def test_parse_ranking(text, tiers):
    assert parse_ranking(text, 3) == tiers
    assert parse_ranking(in_words(tiers), 3) == tiers


@pytest.mark.parametrize(
    "text", ["", "12", "1234", "112", "122", "0123", "1=", "=123", "1==23", "a", "1<2<3", "１２３x", "-1 2 3"]
)
def test_what_is_no_ranking_is_told_with_an_example(text):
    with pytest.raises(CourseError, match="is no ranking. Name each of 1 to 3 once, e.g. 3>2>1"):
        parse_ranking(text, 3)


def test_best_and_worst():
    assert best_worst(2, 0, 4) == ((2,), (1, 3), (0,))
    assert best_worst(1, 0, 2) == ((1,), (0,))
    for best, worst in ((1, 1), (0, 3), (-1, 0)):
        with pytest.raises(CourseError, match="two different ones of 3"):
            best_worst(best, worst, 3)


def test_pairs_of_a_ranking():
    ranking = parse_ranking("2>1=3>4", 4)
    assert winning_pairs(ranking) == [(1, 0), (1, 2), (1, 3), (0, 3), (2, 3)]
    assert winning_pairs(ranking, "best-worst") == [(1, 3)]
    assert winning_pairs(((0, 1, 2),)) == winning_pairs(((0, 1, 2),), "best-worst") == []
    with pytest.raises(CourseError, match="Unknown pairs 'some'"):
        winning_pairs(ranking, "some")


def test_preference_records_of_a_ranking():
    first, second = to_pairs(ITEM, ((1,), (0, 2)))
    assert (first.instruction, first.output, first.chosen, first.rejected) == ("Who?", "I.", "Gladly: I.", "I.")
    assert second.rejected == "Look, I."


def test_ranked_by_wins_counts_a_tie_as_half_a_win():
    assert ranked_by_wins({(0, 1): "b", (0, 2): "a", (1, 2): "a"}, 3) == ((1,), (0,), (2,))
    assert ranked_by_wins({(0, 1): "tie", (0, 2): "a", (1, 2): "a"}, 3) == ((0, 1), (2,))
    assert ranked_by_wins({(0, 1): "a", (1, 2): "a", (0, 2): "b"}, 3) == ((0, 1, 2),), "a circle is a tie"
    assert ranked_by_wins({(0, 1): "tie", (0, 2): "tie", (1, 2): "a"}, 3) == ((1,), (0,), (2,))


def test_ranked_by_scores():
    assert ranked_by_scores([3, 5, 3, 1]) == ((1,), (0, 2), (3,))


# --- agreement ------------------------------------------------------------------------------------------------


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
    assert row == {"annotators": "ada, ben", "comparisons": 10, "agreement": 0.8, "kappa": pytest.approx(0.6)}
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


def test_alpha_counts_decisive_votes_only():
    votes = {"1": {"x": "a", "y": "a", "z": "tie"}, "2": {"x": "b", "y": "b"}, "3": {"x": "a", "y": "tie"}}
    assert alpha(votes) == {"comparisons": 2, "votes": 4, "alpha": 1.0}
    assert alpha({}) == {"comparisons": 0, "votes": 0, "alpha": None}


def test_a_duel_without_a_verdict_is_no_tie():
    assert ranked_by_wins({(0, 1): "a", (0, 2): None, (1, 2): "a"}, 3) == ((0,), (1,), (2,))
    assert ranked_by_wins({(0, 1): "a", (0, 2): "tie", (1, 2): "a"}, 3) == ((0,), (1,), (2,))
    assert ranked_by_wins({(0, 1): "tie", (0, 2): None, (1, 2): "a"}, 3) == ((1,), (0,), (2,))
