"""The coin and the labels."""

import random

import pytest

from helpers.files import DATA
from helpers.llm.client import LLM
from helpers.pairs.method import BuildSettings
from helpers.pairs.methods.rewrite import direction_of, to_pair
from helpers.pairs.row import RunKey
from helpers.politeness import POLITENESS
from helpers.records import InstructionRecord, load_instructions

RECORD = InstructionRecord(instruction="Where?", input="here", output="There.", source="me")


def test_the_coin_is_fair_seeded_and_blind_to_the_order():
    records = load_instructions(DATA / "instruction-data.json")
    flips = {id(record): direction_of(record, POLITENESS, 123) for record in records}
    assert set(flips.values()) == set(POLITENESS.directions)
    assert 0.45 < sum(flip == "more polite" for flip in flips.values()) / len(flips) < 0.55
    random.Random(0).shuffle(records)
    assert all(direction_of(record, POLITENESS, 123) == flips[id(record)] for record in records)
    assert any(direction_of(record, POLITENESS, 124) != flips[id(record)] for record in records)


def test_the_coin_falls_the_same_way_on_every_machine():
    assert [direction_of(RECORD, POLITENESS, seed) for seed in range(6)] == [
        "less polite",
        "more polite",
        "less polite",
        "more polite",
        "less polite",
        "less polite",
    ]


@pytest.mark.parametrize(
    ("direction", "chosen", "rejected"),
    [("more polite", "Gladly: there.", "There."), ("less polite", "There.", "Gladly: there.")],
)
def test_the_better_side_is_chosen(direction, chosen, rejected):
    pair = to_pair(RECORD, "Gladly: there.", direction, POLITENESS)
    assert pair.model_dump() == {
        "instruction": "Where?", "input": "here", "output": "There.", "chosen": chosen, "rejected": rejected,
    }  # fmt: skip


def test_the_fingerprint_stays_as_it_was():
    """It decides which rows are found again, and with which seeds pairs are drawn."""
    record = InstructionRecord(
        instruction="What is the capital of Greece?",
        input="",
        output="The capital of Greece is Athens.",
        answer=["Athens"],
    )
    llm = LLM(client=None, model="course-small", host="", digest="abc")
    key = RunKey.of(llm, BuildSettings(seed=123, temperature=0.8, num_predict=128), None)
    assert key.fingerprint(record) == "38825ae8cdd5f34e"
