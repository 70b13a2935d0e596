import random
import re

import pytest

from helpers.files import CourseError, read_toml
from helpers.tools.course.computed import DAYS, MONTHS
from helpers.tools.course.families import article, fill_pattern
from helpers.tools.course.world import WORLD, read_world, table_facts

FAMILIES = read_toml(WORLD / "families.toml")


@pytest.mark.parametrize(
    "text,expected",
    [("apple", "an"), ("hour", "an"), ("unit", "a"), ("umbrella", "an"), ("uninvited guest", "an"), ("euro", "a")]
    + [("8", "an"), ("18", "an"), ("180", "a"), ("11", "an"), ("7", "a"), ("one", "a"), ("odd", "an"), ("use", "a")],
)
def test_articles_follow_the_sound(text, expected):
    assert article(text) == expected


def test_patterns_know_possessives_and_bare_names():
    country = {"country": "the Netherlands"}
    assert fill_pattern("{country:Own} capital, {country:own}, {country:bare}", country) == (
        "The Netherlands' capital, the Netherlands', Netherlands"
    )
    assert fill_pattern("{country:Own}", {"country": "peru"}) == "Peru's"


def test_every_family_of_the_file_has_facts_in_the_sample(world):
    assert list(world) == list(FAMILIES)
    assert len(world) == 45


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_enough_ways_to_ask_and_to_answer(name):
    family = FAMILIES[name]
    assert len(set(family["names"])) >= 4 and len(set(family["asks"])) >= 12 and len(set(family["sentences"])) >= 3
    assert len(set(family["names"])) == len(family["names"]) and len(set(family["asks"])) == len(family["asks"])
    subjects = {f"{{{field}" for field in family["fields"][:-1]}
    for pattern in family["names"] + family["asks"]:
        assert any(subject in pattern for subject in subjects), pattern
        assert f"{{{family['fields'][-1]}" not in pattern, "the request gives the answer away"


def test_answers_hold_their_key_and_nothing_of_the_pattern(world):
    rng = random.Random(1)
    for question in world.values():
        for _ in range(20):
            fact = question.draw(rng)
            best = re.compile(rf"(?<!\w){re.escape(question.keys(fact)[0])}(?!\w)", re.IGNORECASE)
            for sentence in question.responses(fact):
                assert best.search(sentence), (question.name, sentence)
                assert not re.search(r"[{}|]|  |\.\.", sentence), sentence
                assert sentence.endswith(".") and not sentence[0].isspace()


def test_several_right_answers_are_merged_and_all_accepted(world):
    fast = next(fact for fact in world["synonym"].facts if fact["word"] == "fast")
    assert world["synonym"].keys(fast) == ("quick", "rapid", "quickly")
    assert world["synonym"].responses(fast)[0] == "A synonym for 'fast' is 'quick'."


def test_a_key_with_two_answers_is_no_fact():
    rows = [{"noun": "die", "plural": "dice"}, {"noun": "die", "plural": "dies"}, {"noun": "ox", "plural": "oxen"}]
    assert table_facts("plural", ["noun", "plural"], ["noun", "plural"], rows) == ({"noun": "ox", "plural": "oxen"},)


def test_a_missing_column_is_named():
    with pytest.raises(CourseError, match="plural"):
        table_facts("plural", ["noun", "plural"], ["noun", "plural"], [{"noun": "ox"}])


def test_empty_cells_and_broken_factors_make_no_facts(world):
    assert "0" not in {fact["number"] for fact in world["to_roman"].facts}
    assert "centimetres" not in {fact["smaller"] for fact in world["unit_conversion"].facts}
    assert {"amount": "an hour", "smaller": "minutes", "total": "60"} in world["unit_conversion"].facts
    assert {"amount": "3 hours", "smaller": "minutes", "total": "180"} in world["unit_conversion"].facts


def test_countries_take_their_article(world):
    assert {fact["country"] for fact in world["capital"].facts} >= {"the Netherlands", "the United States", "Greece"}
    netherlands = next(fact for fact in world["capital_of"].facts if fact["capital"] == "Amsterdam")
    assert world["capital_of"].keys(netherlands) == ("Netherlands",)
    washington = next(fact for fact in world["capital"].facts if fact["capital"].startswith("Washington"))
    assert world["capital"].responses(washington)[0] == "The capital of the United States is Washington, D.C."


def test_without_tables_the_computed_families_remain(tmp_path):
    names = set(read_world(tmp_path))
    assert "addition" in names and "next_day" in names and not names & {"capital", "sorting_words", "letters_in"}


def draws(world, name, count=200):
    rng = random.Random(2)
    return [tuple(world[name].draw(rng).values()) for _ in range(count)]


def test_computed_facts_are_right(world):
    for name, sign in (("addition", "+"), ("subtraction", "-"), ("multiplication", "*"), ("division", "//")):
        for a, b, result in draws(world, name):
            assert eval(f"{a}{sign}{b}") == int(result) >= 0
    assert all(int(a) % int(b) == 0 for a, b, _ in draws(world, "division"))
    for name, pick in (("larger", max), ("smaller", min)):
        assert all(pick(int(a), int(b)) == int(result) and a != b for a, b, result in draws(world, name))
    for numbers, ordered in draws(world, "sorting_numbers"):
        values = list(map(int, ordered.split(", ")))
        assert all(a < b for a, b in zip(values, values[1:], strict=False))
        assert set(ordered.split(", ")) == set(numbers.split(", "))
    assert all((int(number) % 2 == 0) == (parity == "even") for number, parity in draws(world, "even_or_odd"))


def test_computed_facts_about_words_are_right(world):
    for words, ordered in draws(world, "sorting_words", 50):
        assert sorted(words.split(", ")) == ordered.split(", ")
    assert all(int(letters) == len(word) for word, letters in draws(world, "letters_in"))
    assert all(word.startswith(letter) for word, letter in draws(world, "first_letter"))


def test_days_months_and_letters_follow_each_other(world):
    for name, order, step in (("day", DAYS, 1), ("month", MONTHS, 1)):
        nexts, previous = dict(draws(world, f"next_{name}")), dict(draws(world, f"previous_{name}"))
        assert set(nexts) == set(order) and nexts[order[-1]] == order[0] and nexts[order[0]] == order[step]
        assert all(previous[after] == before for before, after in nexts.items())
    letters = dict(draws(world, "next_letter"))
    assert all(ord(after) == ord(before) + 1 for before, after in letters.items()) and "Z" not in letters
