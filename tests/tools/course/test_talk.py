"""The stream of examples for the course models: seeded, of all kinds, short enough, and without a word out of place."""

import re

import pytest

from helpers.files import DATA, read_json
from helpers.gpt.prompt import format_prompt
from helpers.gpt.tokenizer import load_tokenizer
from helpers.tools.course.talk import Talk

RECORDS = [record for record in read_json(DATA / "instruction-data.json") if record["split"] == "train"]


def stream(count, **settings):
    talk = Talk(RECORDS, **settings)
    return [talk.example() for _ in range(count)]


def test_the_seed_decides():
    assert stream(40, seed=3) == stream(40, seed=3)
    assert stream(40, seed=3) != stream(40, seed=4)
    assert not set(stream(200, seed=3)) & set(stream(200, seed=3, part="held out"))


@pytest.mark.parametrize("part", ["train", "held out"])
def test_every_example_can_be_read(part):
    tok = load_tokenizer()
    for prompt, response in stream(1500, seed=1, part=part):
        assert response and response == response.strip() and prompt.strip()
        assert not re.search(r"\{[a-z_]+(?::\w+)?\}", prompt + response), (prompt, response)
        assert len(tok.encode_ordinary(format_prompt(prompt) + response)) < 256


def test_a_wrong_answer_is_wrong():
    talk = Talk(RECORDS, seed=2)
    for _ in range(300):
        (_, right, words), (_, wrong, other) = talk.two_sources()
        assert right != wrong and words[0] != other[0]


def test_cards_are_short_and_common_facts_come_often():
    talk = Talk(RECORDS, seed=5)
    cards = [talk.card() for _ in range(1500)]
    assert sum(len(prompt.split()) for prompt, _ in cards) / len(cards) < 9
    nouns = talk.world["plural"]
    first = [nouns.facts.index(nouns.draw(talk.rng)) < len(nouns.facts) / 4 for _ in range(2000)]
    assert 0.45 < sum(first) / len(first) < 0.55
