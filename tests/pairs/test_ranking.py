"""Rankings and their pairs by hand-worked cases, and candidates in a file."""

import json
from dataclasses import replace

import pytest

from helpers.files import CourseError
from helpers.pairs.ranking import (
    Candidates,
    agreed_pairs,
    best_worst,
    distinct,
    in_number_order,
    in_words,
    load_candidates,
    parse_ranking,
    ranked_by_scores,
    ranked_by_wins,
    save_candidates,
    to_pairs,
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


def test_several_can_be_the_best_or_the_worst():
    assert best_worst((2, 0), 1, 4) == ((0, 2), (3,), (1,))
    assert best_worst([0], [2, 1], 3) == ((0,), (1, 2))
    for best, worst in (((0, 1), 1), ((0, 0), 1), ((0, 3), 1)):
        with pytest.raises(CourseError, match="two different ones of 3"):
            best_worst(best, worst, 3)


def test_a_tier_has_no_order():
    assert in_number_order([[2, 0], [1]]) == in_number_order([(0, 2), (1,)]) == ((0, 2), (1,))
    assert in_number_order([[2], [0]]) == ((2,), (0,)), "tiers have one"


def test_pairs_of_a_ranking():
    ranking = parse_ranking("2>1=3>4", 4)
    assert winning_pairs(ranking) == [(1, 0), (1, 2), (1, 3), (0, 3), (2, 3)]
    assert winning_pairs(ranking, "best-worst") == [(1, 3)]
    assert winning_pairs(((0, 1, 2),)) == winning_pairs(((0, 1, 2),), "best-worst") == []
    with pytest.raises(CourseError, match="Unknown pairs 'some'"):
        winning_pairs(ranking, "some")


TWO_BEST, OTHER_BEST, ALL_TIED = ((0, 2), (1,)), ((2,), (0,), (1,)), ((0, 1, 2),)


def test_two_people_who_tie_two_bests_agree():
    assert agreed_pairs([TWO_BEST, TWO_BEST], "best-worst") == [(0, 1)]
    assert agreed_pairs([TWO_BEST, TWO_BEST]) == [(0, 1), (2, 1)]


def test_one_best_in_common_is_enough_and_none_is_not():
    assert agreed_pairs([TWO_BEST, OTHER_BEST], "best-worst") == [(2, 1)], "0 is not the best of both"
    assert agreed_pairs([OTHER_BEST, ((0,), (2,), (1,))], "best-worst") == []
    assert agreed_pairs([OTHER_BEST, ((0,), (2,), (1,))]) == [(2, 1), (0, 1)]


@pytest.mark.parametrize("which", ["all", "best-worst"])
def test_who_ties_all_agrees_with_nobody_on_a_pair(which):
    assert agreed_pairs([TWO_BEST, ALL_TIED], which) == agreed_pairs([ALL_TIED, ALL_TIED], which) == []


def test_preference_records_of_a_ranking():
    first, second = to_pairs(ITEM, [(1, 0), (1, 2)])
    assert (first.instruction, first.output, first.chosen, first.rejected) == ("Who?", "I.", "Gladly: I.", "I.")
    assert second.rejected == "Look, I."


def test_ranked_by_wins_counts_a_tie_as_half_a_win():
    assert ranked_by_wins({(0, 1): "b", (0, 2): "a", (1, 2): "a"}, 3) == ((1,), (0,), (2,))
    assert ranked_by_wins({(0, 1): "tie", (0, 2): "a", (1, 2): "a"}, 3) == ((0, 1), (2,))
    assert ranked_by_wins({(0, 1): "a", (1, 2): "a", (0, 2): "b"}, 3) == ((0, 1, 2),), "a circle is a tie"
    assert ranked_by_wins({(0, 1): "tie", (0, 2): "tie", (1, 2): "a"}, 3) == ((1,), (0,), (2,))


def test_a_duel_without_a_verdict_is_no_tie():
    assert ranked_by_wins({(0, 1): "a", (0, 2): None, (1, 2): "a"}, 3) == ((0,), (1,), (2,))
    assert ranked_by_wins({(0, 1): "a", (0, 2): "tie", (1, 2): "a"}, 3) == ((0,), (1,), (2,))
    assert ranked_by_wins({(0, 1): "tie", (0, 2): None, (1, 2): "a"}, 3) == ((1,), (0,), (2,))


def test_ranked_by_scores():
    assert ranked_by_scores([3, 5, 3, 1]) == ((1,), (0, 2), (3,))


# --- candidates in a file -------------------------------------------------------------------------------------


def test_candidates_come_back_as_they_were_with_the_same_keys(tmp_path):
    items = [replace(ITEM, model="small"), Candidates("Où?", "ici", "Là.", ("Là.", "Voilà : là."))]
    path = save_candidates(tmp_path / "new" / "candidates.jsonl", iter(items))
    assert load_candidates(path) == items
    assert [item.key for item in load_candidates(path)] == [item.key for item in items]
    assert replace(ITEM, model="large").key == ITEM.key, "who wrote the answers changes no judgement on them"


def test_saved_candidates_are_never_replaced(tmp_path):
    path = save_candidates(tmp_path / "candidates.jsonl", [ITEM])
    with pytest.raises(CourseError, match="candidates.jsonl already holds candidates, and judgements may belong"):
        save_candidates(path, [replace(ITEM, answers=("another", "and one more"))])
    assert load_candidates(path) == [ITEM]


@pytest.mark.parametrize(
    "row", [{"instruction": "q"}, [1], "text", {"answers": 3}, {"answers": ["a", "b"], "instruction": "q"}]
)
def test_a_line_without_candidates_is_named(row, tmp_path):
    path = save_candidates(tmp_path / "candidates.jsonl", [ITEM])
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    with pytest.raises(CourseError, match="candidates.jsonl, row 2, holds no candidates"):
        load_candidates(path)
