"""What can be written in several ways is compared in one."""

import pytest

from helpers.pairs.same_words import base, near_words, spelled_out, word_list


@pytest.mark.parametrize(
    "texts",
    [
        ("1,000", "1000", "one thousand", "a thousand", "1 000"),
        ("1,250,000", "one million two hundred and fifty thousand", "1.25 million"),
        ("0.5", "½", "half", "1/2"),
        ("20 %", "20%", "20 percent", "twenty per cent"),
        ("15:00", "3 pm", "3:00 p.m.", "three pm"),
        ("7:30", "half past seven"),
        ("5 km", "5 kilometre", "five kilometre"),
        ("85 euro", "€85", "85 €"),
        ("37 °C", "37 degrees Celsius", "37°C"),
        ("it is not so", "it isn't so", "it isn’t so"),
        ("he can not", "he can't", "he cannot"),
        ("Greece", "Greece's", "Greece’s"),
        ("café", "cafe\u0301"),
        ("the 3 of May", "the 3rd of May", "the third of May"),
        ("colour, theatre", "color, theater"),
    ],
)
def test_spellings_of_the_same(texts):
    assert len({tuple(word_list(spelled_out(text))) for text in texts}) == 1, [spelled_out(text) for text in texts]


@pytest.mark.parametrize(
    "pair", [("1,000", "100"), ("380,000", "380 million"), ("0.125", "0.25"), ("3 am", "3 pm"), ("36", "30")]
)
def test_other_numbers_stay_others(pair):
    assert spelled_out(pair[0]) != spelled_out(pair[1])


def test_the_numbers_of_a_list_are_no_numbers():
    assert word_list(spelled_out("1. Red\n2. Blue")) == ["red", "blue"]
    assert word_list(spelled_out("30. That is it.")) == ["30", "that", "is", "it"]


def test_base_forms_and_synonyms():
    assert base("made") == base("making") == "make" and base("went") == base("goes")
    assert base("quick") in near_words({"rapid"}) or base("fast") in near_words({"quick"})
    assert base("greek") in near_words({"greece"}) and base("rude") not in near_words({"kind"})
