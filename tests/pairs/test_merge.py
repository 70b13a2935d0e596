"""Merging: nothing lost, nothing twice, no contradiction, and every row says where it came from."""

import json

import pytest
from brevity import BREVITY
from hypothesis import given
from hypothesis import strategies as st

from helpers.audit.gate import audit
from helpers.files import CourseError, read_jsonl
from helpers.pairs.checks import prompt_key
from helpers.pairs.merge import Merged, cost, merge, save_merged
from helpers.pairs.run import five_keys
from helpers.politeness import POLITENESS
from helpers.records import load_preferences


def row(chosen, rejected, method="rewrite", question="Why?", status="ok", **more):
    pair = {"chosen": chosen, "rejected": rejected} if status == "ok" else {"chosen": None, "rejected": None}
    base = {"instruction": question, "input": "", "output": "So.", "status": status, "reason": [], "method": method}
    base |= {"fingerprint": f"{method} {question} {chosen} {rejected}", "calls": 2, "tokens": 10, "seconds": 0.5}
    return base | pair | {"model": "m", "prompt_version": 3, "seed": 7, "requests": ["large"]} | more


def reasons(merged):
    return [found["reason"] for found in merged.left_out]


def test_every_row_keeps_where_it_came_from_and_loses_what_is_large():
    (kept,) = merge([[row("A", "B", synthetic="chosen")]]).rows
    assert (kept["method"], kept["model"], kept["prompt_version"], kept["seed"]) == ("rewrite", "m", 3, 7)
    assert kept["synthetic"] == "chosen" and "requests" not in kept and "voices" not in kept


def test_a_duplicate_is_named_in_the_row_that_stays():
    merged = merge([[row("A b.", "C.")], [row("a B", "c!", "rank"), row("A b.", "D.", "rank")]])
    assert [found["rejected"] for found in merged.rows] == ["C.", "D."]
    assert merged.rows[0]["also"] == ["rank"] and reasons(merged) == ["duplicate: of a pair by rewrite"]


def test_the_same_answers_to_another_question_are_no_duplicate():
    assert len(merge([[row("A", "B"), row("A", "B", question="How?")]]).rows) == 2
    assert len(merge([[row("A", "B"), row("A", "B", question="why")]]).rows) == 1


def test_a_pair_that_is_nearly_the_same_is_a_duplicate_too():
    long = "The opposite of 'inside' is 'outside', and I am always glad to answer such a thoughtful question"
    sets = [
        [row(f"{long}.", "It is so.")],
        [row(f"{long}, too.", "It is so.", "rank"), row(long, "Look it up yourself, in a book.", "spin")],
    ]
    merged = merge(sets)
    assert [found["method"] for found in merged.rows] == ["rewrite", "spin"] and merged.rows[0]["also"] == ["rank"]
    assert reasons(merged) == ["duplicate: of a pair by rewrite"]
    assert audit(five_keys(found) for found in merge([*sets, *sets]).rows)["near-duplicates"].value == 0


def test_a_long_question_does_not_make_other_answers_a_duplicate():
    question = "Which planet is the largest one, by its mass and by its radius, as far as anybody has counted? " * 3
    merged = merge([[row("Gladly: Jupiter.", "Jupiter.", question=question)],
                    [row("Jupiter.", "Duh, Jupiter.", "rank", question=question)]])  # fmt: skip
    assert len(merged.rows) == 2 and not merged.left_out


def test_of_two_pairs_that_contradict_the_one_that_came_first_stays():
    merged = merge([[row("A", "B")], [row("B", "A", "rank")]])
    assert [found["method"] for found in merged.rows] == ["rewrite"]
    assert reasons(merged) == ["contradiction: with rewrite"] and merged.left_out[0]["against"]["chosen"] == "A"
    assert merge([[row("B", "A", "rank")], [row("A", "B")]]).rows[0]["method"] == "rank"


def test_a_contradiction_can_go_through_a_chain():
    chain = [row("A", "B", "one"), row("B", "C", "two"), row("C", "D", "three")]
    merged = merge([chain, [row("D", "A", "four"), row("A", "D", "five")]])
    assert reasons(merged) == ["contradiction: with one, two, three"]
    assert [found["method"] for found in merged.rows] == ["one", "two", "three", "five"]


def test_polite_over_neutral_and_neutral_over_blunt_are_no_contradiction():
    assert not merge([[row("Polite", "Plain")], [row("Plain", "Blunt", "rank")]]).left_out


def test_with_voices_pairs_contradict_though_no_text_is_the_same():
    polite, thanks = "I am glad to help: so.", "Thank you for asking. So."
    blunt, look = "Everybody knows that: so.", "Obviously so."
    sets = [[row(polite, blunt)], [row(look, thanks, "feedback")]]
    assert not merge(sets).left_out
    same = POLITENESS.voice_of
    merged = merge(sets, same)
    assert [(found["chosen"], found["reason"]) for found in merged.left_out] == [(look, "contradiction: with rewrite")]
    assert len(merge([[row(polite, thanks)], [row(thanks, polite, "rank")]], same).rows) == 2  # both polite


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from("ABCDE"), st.integers(0, 1)), max_size=25))
def test_nothing_disappears_and_what_stays_can_be_put_in_one_order(pairs):
    rows = [row(a, b, f"m{i % 3}", f"Question {q}?") for i, (a, b, q) in enumerate(pairs) if a != b]
    merged = merge([rows])
    assert len(merged.rows) + len(merged.left_out) == len(rows)
    assert sum(count["kept"] + count["duplicates"] + count["contradictions"] for count in merged.counts()) == len(rows)
    for question in {found["instruction"] for found in merged.rows}:
        edges = {(r["chosen"], r["rejected"]) for r in merged.rows if r["instruction"] == question}
        while edges:  # take away answers that nothing is better than; in a circle there is none
            best = {better for better, _ in edges} - {worse for _, worse in edges}
            assert best, edges
            edges = {edge for edge in edges if edge[0] not in best}


def test_rows_are_grouped_by_question():
    questions = ["Why?", "How?", "Why?", "When?", "how"]
    merged = merge([[row(str(n), f"x{n}", question=question) for n, question in enumerate(questions)]])
    groups = [found["group"] for found in merged.rows]
    assert len(set(groups)) == 3 and groups == sorted(groups, key=groups.index)
    assert len({(found["group"], prompt_key(found)) for found in merged.rows}) == 3


def test_rows_that_were_set_aside_are_no_pairs():
    assert merge([[row("A", "B", status="set aside")]]) == Merged([], [], ())


def test_a_row_without_its_method_is_refused():
    exported = {"instruction": "Why is it so?", "input": "", "output": "So.", "chosen": "A", "rejected": "B"}
    with pytest.raises(CourseError, match="'Why is it so\\?'.* has no status, method, fingerprint"):
        merge([[exported]])


def test_both_files_hold_the_same_rows_in_the_same_order(tmp_path):
    merged = merge([[row("A", "B"), row("C", "D", question="How?"), row("E\u2028é", "F")]])
    json_path, rows_path = save_merged(tmp_path / "merged.json", merged)
    pairs, rows = load_preferences(json_path), read_jsonl(rows_path)
    assert [pair.model_dump() for pair in pairs] == [{key: r[key] for key in pairs[0].model_dump()} for r in rows]
    assert all(
        set(pair) == {"instruction", "input", "output", "chosen", "rejected"}
        for pair in json.loads(json_path.read_text())
    )
    assert all(r["method"] and r["group"] for r in rows)


def test_a_raw_reply_that_utf_8_cannot_hold_is_kept_as_its_escape(tmp_path):
    _, rows_path = save_merged(tmp_path / "merged.json", merge([[row("A", "B", raw_reply="A \ud83d")]]))
    assert read_jsonl(rows_path)[0]["raw_reply"] == "A \ud83d"


def test_costs_count_what_was_set_aside_too():
    rows = [
        row("I am glad to help: so.", "So."),
        row("So.", "I am glad to help: so."),
        row("", "", status="set aside", reason=["tie: neither side is better"]),
        row("", "", status="set aside", reason=["wrong: Athens is missing"]),
    ]
    assert cost(rows, workers=2) == {
        "calls": 8, "tokens": 40, "seconds": 1.0, "pairs": 2, "yield": 0.5, "ties": 0.25, "decided": 1,
        "agree": 0.5,
    }  # fmt: skip
    assert cost([])["yield"] == 0 and cost([])["agree"] is None


def test_agreement_is_by_the_rule_of_the_criterion():
    rows = [row("Yes.", "Yes, it is so, and it has been so for a very long time indeed."), row("No.", "No, not.")]
    brevity = cost(rows, criterion=BREVITY)
    assert brevity["decided"] == 0.5 and brevity["agree"] == 1
    politeness = cost(rows, criterion=POLITENESS)
    assert politeness["decided"] == 0.5 and politeness["agree"] == 0
