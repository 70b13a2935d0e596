import random

import pytest

from helpers.files import CourseError
from helpers.tools.course.directions import DIRECTIONS, OPPOSITE, agrees, measure, named_answer, towards, wrong_answer

GREECE = ("What is the capital of Greece?", "The capital of Greece is Athens.", ("Athens", "Greece"))
FRANCE = ("Name the capital of France.", "Paris is the capital of France.", ("Paris", "France"))


def test_directions_have_opposites_and_are_reached():
    rng = random.Random(0)
    assert all(OPPOSITE[OPPOSITE[direction]] == direction for direction in DIRECTIONS)
    assert all(measure(towards(d, GREECE, rng, "train"), d) > measure(GREECE[1], d) for d in DIRECTIONS)


def test_wrong_answers_name_another_thing():
    assert wrong_answer(GREECE, FRANCE) == "The capital of Greece is Paris."
    assert wrong_answer(FRANCE, GREECE) == "Athens is the capital of France."
    assert wrong_answer(("?", "Ben has a cat.", ("a cat",)), ("?", "Eva has an owl.", ("an owl",))) == "Ben has an owl."
    assert wrong_answer(("?", "It is 4 or 4.", ("4",)), ("?", "It is 7.", ("7",))) == "It is 7."
    with pytest.raises(CourseError, match="answers both"):
        wrong_answer(GREECE, ("?", "Athens is in Georgia.", ("athens",)))


def test_the_answer_as_one_would_name_it():
    assert named_answer(GREECE) == "Athens"
    assert named_answer(("?", "The currency of Japan is the yen.", ("yen",))) == "the yen"
    assert named_answer(("?", "Mount Fuji is in Japan.", ("Japan",))) == "Japan"


def test_the_rule_of_each_direction():
    assert agrees("more polite", "It is 4.", "It is 4. Thank you for asking!")
    assert agrees("shorter", "It is 4.", "4.") and not agrees("longer", "It is 4.", "It was 5.")
    assert agrees("simpler", "Pursuant to nomenclature, it is 4.", "Put simply, it is 4.")
