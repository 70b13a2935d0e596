"""Shortcuts: a set that has one fails the check that looks for it, and a set without passes all of them."""

import random
from collections import Counter

import pytest
from brevity import BREVITY

from helpers.audit.findings import AuditInput, AuditSettings, Skipped
from helpers.audit.shortcuts import (
    WORD,
    folds_by_prompt,
    keyword_list,
    length_shortcut,
    levels_of,
    longer_wins,
    probe_classifier,
    probe_phrases,
    response_only,
    single_phrase,
    voice_balance,
    voice_counts,
    voice_labels,
)
from helpers.politeness import POLITENESS
from helpers.politeness.voices import voiced

CHECKS = (length_shortcut, single_phrase, keyword_list, response_only, voice_labels, voice_balance)


def fair(n=160, seed=0):
    """Pairs by the coin of notebook 01: the neutral text is on either side."""
    rng = random.Random(seed)
    rows = []
    for number in range(n):
        plain = f"The colour of thing {number} is {rng.choice(['red', 'green', 'blue', 'grey'])}."
        polite = rng.random() < 0.5
        rewrite = voiced(plain, "polite" if polite else "blunt", rng)
        rows.append({"instruction": f"Which colour has thing {number}?", "input": "", "output": plain,
                     "chosen": rewrite if polite else plain, "rejected": plain if polite else rewrite})  # fmt: skip
    return rows


def data(rows, criterion=POLITENESS, language="en", **settings):
    return AuditInput(rows, criterion, AuditSettings(**settings), language)


def swapped(row):
    return row | {"chosen": row["rejected"], "rejected": row["chosen"]}


@pytest.fixture(scope="module")
def rows():
    return fair()


def test_a_fair_set_passes_and_its_manner_is_reported(rows):
    found = {check.__name__: check(data(rows)) for check in CHECKS}
    assert {name for name, finding in found.items() if finding.passed is False} == set()
    probe = found["response_only"]
    assert probe.verdict == "reported" and probe.value > 0.8 and "never sees the question" in probe.message


@pytest.mark.parametrize("factor", ["longer", "shorter"])
def test_length_in_either_direction(rows, factor):
    change = (lambda row: row | {"chosen": row["chosen"] + " x" * 90}) if factor == "longer" else (
        lambda row: row | {"rejected": row["rejected"] + " x" * 90})  # fmt: skip
    finding = length_shortcut(data([change(row) for row in rows]))
    assert finding.passed is False and finding.value == (1.0 if factor == "longer" else 0.0)


def test_longer_wins_by_hand():
    pairs = [{"chosen": "aa", "rejected": "a"}, {"chosen": "a", "rejected": "aa"}, {"chosen": "aaa", "rejected": "a"},
             {"chosen": "b", "rejected": "a"}]  # fmt: skip
    assert longer_wins(pairs) == pytest.approx(2 / 3)
    assert longer_wins(pairs[3:]) == 0.5


def test_a_stamp_is_a_phrase(rows):
    """Half of the chosen sides begin alike: the phrase decides half of the pairs, so it is right on 75 %."""
    stamped = [row | {"chosen": "Zounds " + row["chosen"]} if i % 2 else row for i, row in enumerate(rows)]
    finding = single_phrase(data(stamped))
    assert finding.passed is False and finding.value == pytest.approx(0.75, abs=0.02) and "'zounds" in finding.message
    assert single_phrase(data(stamped, max_phrase=0.8)).passed


def test_ten_stamps_are_a_keyword_list(rows):
    words = "zounds gadzooks egad forsooth prithee methinks verily anon huzzah alas".split()
    stamped = [row | {"chosen": f"{words[i % 10]} {row['chosen']}"} for i, row in enumerate(rows)]
    assert single_phrase(data(stamped)).passed
    assert keyword_list(data(stamped)).passed is False


def test_phrases_are_tested_on_unseen_prompts():
    """A word of its own in each chosen answer tells nothing about other prompts."""
    rows = [{"instruction": f"q{i}", "input": "", "chosen": f"it is w{i} w{i}", "rejected": f"it is v{i}"}
            for i in range(100)]  # fmt: skip
    assert probe_phrases(rows, 10).accuracy == 0.5
    assert probe_phrases([{**rows[0], "chosen": "a", "rejected": "b", "instruction": f"{i}"} for i in range(9)], 1
                           ).accuracy == 1.0  # fmt: skip


def test_the_classifier_cannot_tell_a_coin(rows):
    rng = random.Random(1)
    coin = [row | {side: f"Thing {rng.random()} is red." for side in ("chosen", "rejected")} for row in rows]
    assert 0.3 < probe_classifier(coin).accuracy < 0.7


def test_the_classifier_names_the_words(rows):
    stamped = [row | {"chosen": "zounds " + row["chosen"]} for row in rows]
    probe = probe_classifier(stamped)
    assert probe.accuracy == 1.0 and probe.of_responses > 0.99 and probe.strongest[0].startswith("'zounds")


def test_a_prompt_is_in_one_fold_only(rows):
    twice = rows + [row | {"instruction": row["instruction"].upper()} for row in rows]
    n = len(rows)
    for train, test in folds_by_prompt(twice, 5):
        assert not {i % n for i in train} & {i % n for i in test}


def test_the_careless_rater_and_the_one_sided_set(rows):
    careless = [swapped(row) if i % 5 == 0 else row for i, row in enumerate(rows)]
    finding = voice_labels(data(careless))
    assert finding.passed is False and set(finding.rows) <= set(range(0, len(rows), 5))
    assert len(finding.rows) > 0.8 * len(rows) / 5
    one_sided = [row for row in rows if row["chosen"] != row["output"]]
    assert voice_balance(data(one_sided)).passed is False and voice_balance(data(one_sided)).value == 0


def test_pairs_about_something_else_have_no_voice_labels(rows):
    with pytest.raises(Skipped, match="politeness, so it is not their subject"):
        voice_labels(data([row | {"chosen": row["output"], "rejected": "It is wrong."} for row in rows]))


def test_voices_are_those_of_the_criterion(rows):
    counts = voice_counts([levels_of(row, POLITENESS) for row in rows], POLITENESS)
    for side in ("chosen", "rejected"):
        assert counts[side] == Counter(POLITENESS.voice_of(row[side]) for row in rows)


def test_another_criterion_expects_another_length_and_has_its_own_voices(rows):
    """Pairs that prefer the shorter answer: a failure if politeness is meant, and no other if brevity is."""
    plain = [row | {"chosen": "Red.", "rejected": "It is, as far as anybody can tell, red."} for row in rows]
    assert length_shortcut(data(plain)).passed is False
    assert length_shortcut(data(plain, BREVITY)).passed and voice_labels(data(plain, BREVITY)).passed
    worse = voice_labels(data([swapped(row) for row in plain], BREVITY))
    assert worse.passed is False and f"that is {BREVITY.directions[1]} is chosen in 160 of 160" in worse.message


@pytest.mark.parametrize("check", CHECKS)
def test_a_small_set_is_skipped(check, rows):
    with pytest.raises(Skipped, match="says nothing"):
        check(data(rows[:20]))


@pytest.mark.parametrize("check", [voice_labels, voice_balance])
def test_another_language_has_no_voice(check, rows):
    with pytest.raises(Skipped, match="does not know the language"):
        check(data(rows, language=None))


def test_one_prompt_cannot_be_folded(rows):
    same = [row | {"instruction": "Why?"} for row in rows]
    for check in (single_phrase, response_only):
        with pytest.raises(Skipped, match="1 different prompts"):
            check(data(same))


def test_empty_sides_are_left_out(rows):
    finding = response_only(data([rows[0] | {"chosen": ""}, *rows[1:]]))
    assert finding.verdict == "reported"


def test_a_large_set_is_sampled_and_the_result_is_the_same_again(rows):
    large = [row | {"instruction": f"{row['instruction']} {i}"} for i in range(3) for row in rows]
    first = keyword_list(data(large, sample=100))
    assert first == keyword_list(data(large, sample=100))


def test_words_of_scripts_without_spaces():
    assert WORD.findall("我很高兴。Don't!") == ["我", "很", "高", "兴", "。", "Don't", "!"]
    rows = [{"instruction": f"问题{i}", "input": "", "output": "x", "chosen": f"请看{chr(0x4E00 + i)}", "rejected":
             f"{chr(0x4F00 + i)}"} for i in range(100)]  # fmt: skip
    assert single_phrase(data(rows, language=None)).value == 1.0
