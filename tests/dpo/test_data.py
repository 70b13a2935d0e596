"""Tokenising, padding and shuffling, for all inputs that hypothesis thinks of."""

import re
from collections import Counter

import pytest
import tiktoken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.dpo.data import (
    TokenPair,
    flip_labels,
    tokenize_pair,
    tokenize_pairs,
)
from helpers.files import CourseError
from helpers.gpt.batches import bucketed_batches, collate

EOT = 99
ids = st.lists(st.integers(0, 98), min_size=1, max_size=12)
side = ids.map(lambda tokens: tokens + [EOT])
token_pairs = st.lists(st.builds(TokenPair, ids, side, side), min_size=1, max_size=6)


@given(token_pairs)
def test_every_row_can_be_read_back(pairs):
    rows = [row for pair in pairs for row in pair.rows]
    batch = collate(rows)
    assert batch.idx.shape == batch.targets.shape == batch.mask.shape
    assert batch.idx.size(0) == 2 * len(pairs)
    assert batch.idx.size(1) == max(len(p) + len(r) for p, r in rows) - 1  # no column is padding only
    for (prompt, response), idx, targets, mask in zip(rows, *batch, strict=True):
        assert targets[mask].tolist() == response
        assert idx[: len(prompt)].tolist() == prompt
        assert idx[: len(prompt) + len(response) - 1].tolist() == (prompt + response)[:-1]
        assert mask.sum() == len(response)
        assert idx[mask].tolist() == ([prompt[-1]] + response)[:-1]
        assert (idx[len(prompt) + len(response) - 1 :] == pairs[0].chosen[-1]).all()


@given(st.lists(st.integers(2, 60), max_size=70), st.integers(1, 9), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_has_every_pair_once(lengths, batch_size, seed, epoch):
    batches = bucketed_batches(lengths, batch_size, seed, epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)
    assert sum(len(batch) < batch_size for batch in batches) <= 1
    assert batches == bucketed_batches(lengths, batch_size, seed, epoch)


def test_batches_are_shuffled_and_still_bucketed():
    lengths = [10 + i % 40 for i in range(400)]
    first, second = (bucketed_batches(lengths, 8, seed=0, epoch=e) for e in (0, 1))
    assert first != second and first != bucketed_batches(lengths, 8, seed=1, epoch=0)
    neighbours = lambda batches: {frozenset(batch) for batch in batches}  # noqa: E731
    assert len(neighbours(first) & neighbours(second)) < 5  # not the same batches in another order
    longest = [max(lengths[i] for i in batch) for batch in first]
    assert longest != sorted(longest) and longest != sorted(longest, reverse=True)
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in first)
    assert padded < 1.15 * sum(lengths)


text = st.text(min_size=1, max_size=8).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text, text, text)
def test_any_unicode_survives_tokenising(tok, prompt, chosen, rejected):
    if chosen.strip() == rejected.strip():
        return
    pair = tokenize_pair(prompt, chosen, rejected, tok, block_size=200)
    assert tok.decode(pair.prompt) == prompt
    assert [tok.decode(pair.chosen[:-1]), tok.decode(pair.rejected[:-1])] == [chosen, rejected]


def record(**changes):
    return {
        "instruction": "Say hello",
        "input": "",
        "output": "Hi",
        "chosen": "Hello",
        "rejected": "Hey",
    } | changes


BAD = {
    "chosen is empty": (record(chosen=""), "empty chosen"),
    "rejected is blank": (record(rejected=" \n"), "empty rejected"),
    "equal sides": (record(rejected="Hello "), "equal sides"),
    "chosen too long": (record(chosen="x" * 300), "too long.*chosen response"),
    "rejected too long": (record(rejected="x" * 300), "too long.*rejected response"),
    "prompt too long": (record(instruction="x" * 300), "too long: prompt"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_is_named_by_its_number(case, tok):
    bad, message = BAD[case]
    with pytest.raises(CourseError, match=f"Record 2 .*{message}"):
        tokenize_pairs([record(), bad, record()], tok, block_size=128)


def test_exactly_full_context_is_kept_and_one_more_is_refused(tok):
    pair = tokenize_pair("Q" * 10, "a" * 38, "b", tok, block_size=48)  # the end-of-text token is predicted, never read
    assert collate(pair.rows).idx.shape == (2, 48)
    with pytest.raises(CourseError, match="49 positions"):
        tokenize_pair("Q" * 10, "a" * 39, "b", tok, block_size=48)


LONG = [record(), record(instruction="x" * 90 + "the end"), record(chosen="y" * 90, rejected="z"), record()]


def test_a_record_that_exceeds_the_context_is_refused_with_the_choices(tok):
    with pytest.raises(CourseError, match="Record 2 .*130 tokens.*135 positions.*has 100.*skip.*truncate.*block_size"):
        tokenize_pairs(LONG, tok, 100, overflow="refuse")
    with pytest.raises(CourseError, match="overflow is 'drop'.*refuse, skip, truncate prompt"):
        tokenize_pairs(LONG, tok, 100, overflow="drop")


def test_skipped_records_are_named_and_the_others_keep_their_place(tok):
    found = tokenize_pairs(LONG, tok, 100, "skip")
    assert found.kept == [0, 3] and found.pairs == tokenize_pairs([LONG[0], LONG[3]], tok, 100).pairs
    assert [line[:8] for line in found.skipped] == ["Record 2", "Record 3"] and found.truncated == []
    assert str(found).startswith("2 of 4 records fit, 0 of them") and "Left out: Record 3 ('Say hello')" in str(found)


def test_a_truncated_prompt_keeps_its_end_and_both_responses(tok):
    found = tokenize_pairs(LONG, tok, 100, overflow="truncate prompt")
    assert found.kept == [0, 1, 3]  # the response of record 3 alone is too long, and responses are never cut
    cut = found.pairs[1]
    assert cut.length - 1 == 100 and tok.decode(cut.prompt).endswith("xxthe end\n\n### Response:\n")
    assert [tok.decode(cut.chosen[:-1]), tok.decode(cut.rejected[:-1])] == ["Hello", "Hey"]
    assert "the first 35 tokens of the prompt are cut" in found.truncated[0] and "Record 3" in found.skipped[0]


def test_a_long_summary_stays_short(tok):
    found = tokenize_pairs([record(chosen="y" * 200)] * 50, tok, 100, "skip")
    assert len(str(found).splitlines()) == 5 and "and 47 more" in str(found)


def test_a_token_is_one_object_however_often_it_occurs(tok):
    big = {bytes([i]): i for i in range(256)} | {b"hello": 700}
    encoding = tiktoken.Encoding("big", pat_str=r"[\s\S]+", mergeable_ranks=big, special_tokens={"<|endoftext|>": 701})
    first, second = tokenize_pairs([record(chosen="hello"), record(chosen="hello")], encoding, 128).pairs
    assert first.chosen == [700, 701] and first.chosen[0] is second.chosen[0]


def test_a_pair_without_prompt_is_refused(tok):
    with pytest.raises(CourseError, match="no prompt"):
        tokenize_pair("", "yes", "no", tok, block_size=48)


def test_records_become_pairs_in_order_with_the_prompt_format(tok):
    first, second = tokenize_pairs([record(), record(input="in French", chosen="Salut")], tok, block_size=128).pairs
    assert tok.decode(first.prompt).endswith("Say hello\n\n### Response:\n")
    assert re.search("### Input:\nin French\n", tok.decode(second.prompt))
    assert tok.decode(second.chosen) == "Salut<|endoftext|>"
    assert Counter(second.chosen)[tok.eot_token] == 1


def test_flipped_labels_swap_about_the_share_and_depend_on_the_seed_only():
    pairs = [TokenPair([1], [number, 0], [number, 2, 0]) for number in range(3, 1003)]
    flipped = flip_labels(pairs, 0.2, seed=1)
    swapped = [TokenPair(p.prompt, chosen=p.rejected, rejected=p.chosen) for p in pairs]
    kinds = [(one == pair, one == swap) for one, pair, swap in zip(flipped, pairs, swapped, strict=True)]
    assert set(kinds) == {(True, False), (False, True)}
    assert 150 < kinds.count((False, True)) < 250
    assert flipped == flip_labels(pairs, 0.2, seed=1) != flip_labels(pairs, 0.2, seed=2)
    assert flip_labels(pairs, 0) == pairs
