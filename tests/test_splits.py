"""The split by fact: no text in two parts, about the asked sizes, and a clear sentence where it cannot be done."""

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.files import DATA, CourseError
from helpers.records import load_preferences
from helpers.splits import Split, fact_groups, shared, split_by_fact, split_like

SHIPPED = [r.model_dump() for r in load_preferences(DATA / "instruction-data-with-preference.json")]


def row(number, **changes):
    texts = {key: f"{key} {number}" for key in ("instruction", "output", "chosen", "rejected")}
    return texts | {"input": ""} | changes


def leaks(records, split):
    return [tie for earlier, later in combinations(split, 2) for tie in shared(records, earlier, later)]


@pytest.mark.parametrize(
    "change, together",
    [
        ({"instruction": "instruction 0"}, True),
        ({"instruction": " Instruction  0? "}, True),  # up to case, spaces and punctuation
        ({"instruction": "instruction 0", "input": "other"}, False),  # another question
        ({"output": "OUTPUT 0."}, True),
        ({"chosen": "chosen 0"}, True),
        ({"rejected": "rejected 0!"}, True),
        ({"rejected": "chosen 0"}, True),  # on the other side
        ({"chosen": "output 0"}, True),  # what is neutral there is preferred here
        ({"chosen": "instruction 0"}, False),  # an answer that says what another row asks
        ({"chosen": "chosen 0 and more"}, False),
    ],
)
def test_what_ties_two_rows(change, together):
    rows = [row(0), row(1), row(2, **change)]
    assert fact_groups(rows) == ([[0, 2], [1]] if together else [[0], [1], [2]])
    assert bool(shared(rows, [0], [2])) == together


def test_rows_are_tied_by_a_chain():
    chain = [row(n, output=f"o {n // 2}", chosen=f"c {(n + 1) // 2}") for n in range(7)]
    assert fact_groups(chain) == [list(range(7))]
    assert fact_groups([*chain[:3], row(3), *chain[4:]]) == [[0, 1, 2], [3], [4, 5, 6]]


def test_empty_texts_and_missing_answers_tie_nothing():
    assert len(fact_groups([row(n, output=" ") for n in range(4)])) == 4
    assert len(fact_groups([{"instruction": f"question {n}"} for n in range(4)])) == 4
    assert len(fact_groups([row(n, chosen="?") for n in range(4)])) == 1  # a text of nothing but punctuation is a text


def test_the_shipped_pairs_are_about_404_facts():
    sizes = sorted(map(len, fact_groups(SHIPPED)))
    assert len(sizes) == 404 and sum(sizes) == len(SHIPPED) and (sizes[0], sizes[-1]) == (3, 16)


@pytest.mark.parametrize("seed", range(3))
def test_the_shipped_pairs_are_split_80_10_10_and_nothing_leaks(seed):
    split = split_by_fact(SHIPPED, seed=seed)
    assert sorted(sum(split, [])) == list(range(len(SHIPPED))) and all(part == sorted(part) for part in split)
    shares = [len(part) / len(SHIPPED) for part in split]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.01)
    assert leaks(SHIPPED, split) == []
    train, validation, test = map(len, split)
    card = (DATA / "README.md").read_text(encoding="utf-8")
    assert seed or f"{train:,} pairs to train on, {validation} for validation and {test} for the test" in card
    # What the course did before: by question alone every held-out answer is known.
    held_out = set(random.Random(seed).sample(range(len(SHIPPED)), 160))
    train = [index for index in range(len(SHIPPED)) if index not in held_out]
    known = {tie.row for tie in shared(SHIPPED, train, sorted(held_out)) if tie.kind == "neutral answer"}
    assert len(known) > 0.95 * len(held_out)


def test_it_depends_on_the_texts_and_the_seed_and_not_on_the_order():
    order = random.Random(0).sample(range(len(SHIPPED)), len(SHIPPED))
    shuffled = split_by_fact([SHIPPED[index] for index in order])
    assert Split(*(sorted(order[index] for index in part) for part in shuffled)) == split_by_fact(SHIPPED)
    assert split_by_fact(SHIPPED) == split_by_fact(SHIPPED) != split_by_fact(SHIPPED, seed=1)


def test_what_is_shared_is_named_with_the_first_row_that_has_it():
    rows = [row(0), row(1, output="Output 0."), row(2, output="output 0", rejected="chosen 1")]
    assert shared(rows, [0, 1], [2]) == [
        (2, 0, "neutral answer", "output 0"),
        (2, 1, "side", "chosen 1"),
    ]
    assert shared(rows, [], [2]) == shared(rows, [0], []) == []


words = st.lists(st.sampled_from("abcdefgh"), min_size=3, max_size=40)


@given(words, words, st.floats(0, 0.6), st.floats(0, 0.39), st.integers(0, 9))
def test_any_rows_are_split_without_a_leak_or_refused(questions, answers, validation, test, seed):
    rows = [row(n, instruction=q, output=a) for n, (q, a) in enumerate(zip(questions, answers, strict=False))]
    wanted, groups = (True, validation > 0, test > 0), fact_groups(rows)
    try:
        split = split_by_fact(rows, validation, test, seed)
    except CourseError:
        assert len(groups) < sum(wanted)
        return
    assert sorted(sum(split, [])) == list(range(len(rows))) and tuple(map(bool, split)) == wanted
    assert leaks(rows, split) == []
    for part, share in zip(split[1:], (validation, test), strict=True):
        assert len(part) <= max(share * len(rows), max(map(len, groups)))


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.1, -0.1), (0.5, 0.5), (1.0, 0.0), (float("nan"), 0.1)])
def test_shares_that_leave_nothing_are_refused(shares):
    with pytest.raises(CourseError, match=r"The shares of validation \(.*\) and test \(.*\) must be 0 or more"):
        split_by_fact(SHIPPED, *shares)


IDLE = "I don't know."


@pytest.mark.parametrize(
    "rows, sentence",
    [
        ([], "0 rows cannot be split into 3 parts: they are about 0 different facts. Bring more rows."),
        ([row(0), row(1)], "2 rows cannot be split into 3 parts: they are about 2 different facts. Bring more rows."),
        ([row(n, output=IDLE) for n in range(40)], 'about one fact, .* 40 of them share the neutral answer "I don'),
        ([row(n, rejected=IDLE) for n in range(40)], '40 of them share the side "I don\'t know.". Bring rows about'),
        ([row(n, instruction="Tell me a joke.") for n in range(9)], '9 of them share the question "Tell me a joke."'),
        (  # a chain: pairs of rows tied by their questions, and most of these by an idle answer
            [row(n, instruction=f"q {n // 2}", **{"output": IDLE} if n % 2 else {}) for n in range(40)],
            '20 of them share the neutral answer "I don',
        ),
        ([row(0)] + [row(n, chosen=IDLE, rejected=f"{IDLE} {n}") for n in range(1, 9)], "about 2 .* 8 of them share"),
    ],
)
def test_rows_that_cannot_be_split_are_told_what_ties_them(rows, sentence):
    with pytest.raises(CourseError, match=sentence) as error:
        split_by_fact(rows)
    assert len(str(error.value)) < 300


def test_a_large_group_goes_where_there_is_room_and_small_sets_have_all_parts():
    rows = [row(n, output=IDLE) for n in range(28)] + [row(28), row(29)]
    for seed in range(5):
        assert sorted(map(len, split_by_fact(rows, 0.45, 0.45, seed))) == [1, 1, 28]
        assert list(map(len, split_by_fact(rows, seed=seed))) == [28, 1, 1]
    assert list(map(len, split_by_fact([row(0), row(1), row(2)]))) == [1, 1, 1]
    assert list(map(len, split_by_fact([row(0), row(1)], test=0))) == [1, 1, 0]
    assert list(map(len, split_by_fact([row(0)], 0, 0))) == [1, 0, 0]


def test_further_rows_go_where_the_rows_about_their_fact_are():
    records, split = [row(number) for number in range(3)], Split([0], [1], [2])
    others = [
        row(9, instruction="instruction 2"),  # the same question
        row(8, chosen="output 1"),  # the same answer
        row(7),  # a fact of its own
        {"instruction": "instruction 0", "input": "", "chosen": "new"},  # one answer, no pair
    ]
    assert split_like(others, records, split) == Split([2, 3], [1], [0])
    assert split_like(others, records, split[:2]) == Split([0, 2, 3], [1], []), "a split without a test part"
    assert split_like([], records, split) == Split([], [], [])


def test_a_further_row_that_ties_two_parts_is_in_none():
    records, split = [row(number) for number in range(3)], Split([0], [1], [2])
    tie, alone = row(9, instruction="instruction 0", chosen="output 2"), row(8)
    assert split_like([tie, alone], records, split) == Split([1], [], [])
