"""Each row check names the spoiled row and no other one, and says what is wrong with it."""

import pytest

from helpers.audit.findings import AuditInput, AuditSettings, Skipped
from helpers.audit.gate import CHECKS, run_check
from helpers.audit.rows import (
    changed_facts,
    contradictions,
    empty,
    equal_sides,
    leaked_meta_text,
    refused,
    repeated_rows,
    split_leakage,
    truncated,
    unusual,
    unusual_characters,
    wrong_rejected,
)


def row(n, **changes):
    answer = f"The place number {n} is called Town{n}ville."
    return {
        "instruction": f"What is place number {n} called?",
        "input": "",
        "output": answer,
        "chosen": f"With pleasure: {answer}",
        "rejected": f"Look, {answer}",
    } | changes


def data(*changes, language="en", keys=True, split=None, **settings):
    """Twelve good rows, of which the first ones are changed."""
    rows = [row(n, **(changes[n] if n < len(changes) else {})) for n in range(12)]
    answers = {(row(n)["instruction"], ""): [f"Town{n}ville"] for n in range(12)} if keys else {}
    return AuditInput(rows, settings=AuditSettings(**settings), language=language, answers=answers, split=split)


ROW_CHECKS = (equal_sides, contradictions, empty, truncated, refused, leaked_meta_text, changed_facts, wrong_rejected,
              repeated_rows, unusual_characters)  # fmt: skip


@pytest.mark.parametrize("check", ROW_CHECKS)
def test_good_rows_pass(check):
    finding = check(data())
    assert finding.passed and finding.value == 0 and finding.rows == {} and "None of 12" in finding.message


@pytest.mark.parametrize(
    ("check", "change", "reason"),
    [
        (equal_sides, {"rejected": "with pleasure; the place number 0 is called TOWN0VILLE"}, "both sides say"),
        (empty, {"rejected": " \n"}, "empty: rejected"),
        (empty, {"instruction": "", "chosen": ""}, "empty: instruction, chosen"),
        (truncated, {"chosen": "With pleasure: The place number 0 is called Town0ville, which"}, "Town0ville, which"),
        (truncated, {"rejected": "Look, Town0ville is the place,"}, "rejected ends with"),
        (truncated, {"done_reason": "length"}, "token limit"),
        (refused, {"rejected": "I'm sorry, but I can't do that."}, "rejected: sorry, but I can't do that"),
        (leaked_meta_text, {"chosen": "Here is the rewritten answer: Town0ville."}, "chosen: meta text"),
        (leaked_meta_text, {"chosen": '"Gladly! It is Town0ville."'}, "chosen: in quotation marks"),
        (changed_facts, {"chosen": "Gladly! It is Paris."}, "fact lost: Town0ville"),
        (changed_facts, {"chosen": "Gladly! It is Town0ville, founded in 1400."}, "new number: 1400"),
        (wrong_rejected, {"rejected": "Duh, Paris."}, "fact lost: Town0ville"),
        (unusual_characters, {"input": "a\u200bb"}, "input: invisible character '\\u200b'"),
    ],
)
def test_a_fault_is_named(check, change, reason):
    finding = check(data(change))
    assert list(finding.rows) == [0] and reason in finding.rows[0]
    assert finding.value == pytest.approx(1 / 12)
    assert finding.passed is (check is wrong_rejected)  # the only one of these with a limit above 0


def test_a_wrong_rejected_side_fails_if_it_happens_often():
    finding = wrong_rejected(data({"rejected": "Duh."}, {"rejected": "Duh."}))
    assert finding.passed is False and list(finding.rows) == [0, 1]


def test_an_original_that_talks_that_way_excuses_the_side():
    text = "I'm sorry, but I cannot help you. Here is the revised version."
    changed = data({"output": text, "chosen": text, "rejected": "Ugh. " + text})
    assert refused(changed).passed and leaked_meta_text(changed).passed


def test_a_swapped_pair_contradicts_and_does_not_repeat():
    swapped = row(5, chosen=row(5)["rejected"], rejected=row(5)["chosen"].upper())
    both = data(swapped)
    assert contradictions(both).rows == {5: "record 1 prefers the other side"}
    assert repeated_rows(both).rows == {}


def test_repeated_rows_name_the_earlier_one_and_have_a_limit():
    again = data({}, row(0, chosen=row(0)["chosen"] + " OK."))
    assert list(repeated_rows(again).rows) == [1] and "like record 1" in repeated_rows(again).rows[1]
    assert not repeated_rows(again).passed
    assert repeated_rows(data({}, row(0), max_near_duplicates=0.1)).passed


def test_another_answer_to_the_same_question_is_no_repetition():
    long = "A thing that is the same in all of the answers and that goes on for quite a while. " * 3
    first = row(0, output=long, chosen="Gladly! " + long, rejected=long)
    other = first | {"chosen": "It would be an honour to me, dear reader. " + long}
    assert repeated_rows(data(first, other, similarity=0.8)).rows == {}
    assert list(repeated_rows(data(first, first, similarity=0.8)).rows) == [1]


def test_split_leakage_ignores_case_and_punctuation():
    again = {"instruction": "what is place number 1 called"}
    rows = data({}, {}, {}, again, split=([0, 1, 2], [3]))
    finding = split_leakage(rows)
    assert finding.passed is False
    assert finding.rows == {3: 'question "what is place number 1 called", as record 2 (train)'}
    assert split_leakage(data(split=([0, 1], [2, 3]))).passed
    assert split_leakage(data(split=([0], []))).passed


def test_split_leakage_looks_at_answers_and_at_all_three_parts():
    first = row(0)
    rows = data({}, {"output": first["output"]}, {}, {"rejected": first["chosen"]}, split=([0], [1, 2], [3]))
    finding = split_leakage(rows)
    assert (
        finding.message
        == "2 of 3 rows of the held-out parts share a text with another part (neutral answer 1, side 1)."
    )
    assert finding.rows == {
        1: f'neutral answer "{first["output"]}", as record 1 (train)',
        3: f'side "{first["chosen"]}", as record 1 (train)',
    }
    between = split_leakage(data({}, {}, {"instruction": row(1)["instruction"]}, split=([0], [1], [2])))
    assert list(between.rows) == [2] and "as record 2 (validation)" in between.rows[2]
    none = split_leakage(data({}, {}, {}, split=([0], [1], [2])))
    assert none.passed and none.message == "None of 2 rows of the held-out parts share a text with another part."


@pytest.mark.parametrize(
    ("check", "missing"),
    [
        (refused, {"language": None}),
        (leaked_meta_text, {"language": None}),
        (changed_facts, {"keys": False}),
        (wrong_rejected, {"keys": False}),
        (split_leakage, {}),
    ],
)
def test_what_cannot_be_checked_is_skipped_and_not_passed(check, missing):
    with pytest.raises(Skipped):
        check(data(**missing))
    name = next(name for name, function in CHECKS.items() if function is check)
    finding = run_check(name, data(**missing))
    assert (finding.check, finding.verdict, finding.passed, finding.value) == (name, "skipped", None, None)
    assert finding.message.startswith("Skipped: ")


def test_missing_end_marks_say_nothing_where_they_are_usual():
    bare = [{"chosen": "this is a fine answer", "rejected": "so is this one here"}] * 12
    with pytest.raises(Skipped, match="fewer than nine answers in ten end with a mark"):
        truncated(data(*bare))
    assert truncated(data(*bare[1:], {"done_reason": "length"})).rows == {11: "the reply reached the token limit"}


@pytest.mark.parametrize(
    "text",
    [
        "I’d say – naïve café, 5 °C, ½, “so”… 🙂",
        "👩\u200d👩\u200d👧 and 🏴",
        "می\u200cخواهم",
        "Ωμέγα",
        "Москва",
        "雅典。",
        "α-helix, 5 kΩ, 3 µm",
        "tab\there\nline",
        "two\r\nlines",
        "Ärger, Ångström, ÃO, São",
    ],
)
def test_text_in_any_language_is_usual(text):
    assert list(unusual(text)) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("bell\x07", "control character '\\x07'"),
        ("a\rb", "control character '\\r'"),
        ("zero\u200bwidth", "invisible character '\\u200b'"),
        ("\ufeffstart", "invisible character '\\ufeff'"),
        ("turn\u202eround", "invisible character '\\u202e'"),
        ("jo\u200din", "invisible character '\\u200d'"),
        ("cafÃ©", "damaged encoding"),
        ("itâ€™s", "damaged encoding"),
        ("Â£5", "damaged encoding"),
        ("p\u0430ypal", "two alphabets"),
        ("\u039fslo", "two alphabets"),
        ("broken \ufffd", "U+FFFD"),
        ("private \ue000", "U+E000"),
    ],
)
def test_unusual_characters_are_named(text, word):
    assert any(word in what for what in unusual(text))
