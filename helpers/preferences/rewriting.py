"""Preference pairs by rewriting: a model makes an answer more or less polite; the politer side is chosen."""

import random

from helpers.preferences.prompts import DIRECTIONS
from helpers.preferences.records import InstructionRecord, PreferenceRecord, fingerprint


def direction_of(record: InstructionRecord, seed: int) -> str:
    """Flip a seeded coin for this record. It depends on the record itself, not on its place in the list."""
    coin = random.Random(f"{seed} {fingerprint(record.instruction, record.input, record.output)}")
    return coin.choice(DIRECTIONS)


def to_pair(record: InstructionRecord, reply: str, direction: str) -> PreferenceRecord:
    """Label the two sides: the politer text is chosen, the other one is rejected."""
    sides = {"chosen": reply, "rejected": record.output}
    if direction == "less polite":
        sides = {"chosen": record.output, "rejected": reply}
    return PreferenceRecord(instruction=record.instruction, input=record.input, output=record.output, **sides)
