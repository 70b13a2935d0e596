import json
import random
import re

from helpers.records import contains_answer
from helpers.tools.course.parts import PARTS
from helpers.tools.course.together import PATTERNS, request_json, request_two, siblings


def drawn(make, world, known, part="train", count=400, seed=1):
    rng = random.Random(seed)
    return [make(world, rng, part, known=known) for _ in range(count)]


def test_two_facts_are_asked_and_both_are_answered(world, known):
    for part in PARTS:
        for one in drawn(request_two, world, known, part):
            assert len(one.keys) == 2 and one.family.count("+") == 1
            assert all(one.is_answered_by(response) for response in one.responses), one
            assert not re.search(r"[{}|]|  ", one.plain), one.plain


def test_half_an_answer_is_not_enough(world, known):
    rng = random.Random(2)
    one = request_two(world, rng, known=known)
    while one.kind != "two, any" or one.keys[0] == one.keys[1]:
        one = request_two(world, rng, known=known)
    assert not one.is_answered_by(one.keys[0][0]) or contains_answer(one.keys[0][0], [one.keys[1][0]])


def test_facts_of_one_thing_share_it(world):
    groups = siblings(world)
    assert {question.name for question in groups["country"]} == {
        "capital",
        "currency",
        "continent",
        "language",
        "domain",
    }
    assert {question.name for question in groups["verb"]} == {"past_tense", "participle", "ing_form", "third_person"}
    for one in drawn(request_two, world, frozenset(), count=300):
        if one.kind == "two, same":
            first, second = (world[name] for name in one.family.split("+"))
            assert first.fields[0] == second.fields[0] and first.name != second.name
            assert second.its in one.plain


def test_a_list_is_answered_as_a_list(world, known):
    lists = [one for one in drawn(request_two, world, known) if one.kind == "two, list"]
    assert lists
    assert all(re.fullmatch(r"1\. .+\n2\. .+", response) for one in lists for response in one.responses)
    others = [one for one in drawn(request_two, world, known) if one.kind != "two, list"]
    assert not any("\n" in response for one in others for response in one.responses)


def test_json_is_valid_and_has_the_keys_that_were_asked_for(world, known):
    for part in PARTS:
        for one in drawn(request_json, world, known, part):
            (response,) = one.responses
            reply = json.loads(response)
            assert len(reply) == len(one.keys) and one.is_answered_by(response)
            assert all(re.search(rf"\b{key}\b", one.text) for key in reply), one.text
            assert all(isinstance(value, int) == str(value).isdigit() for value in reply.values())


def test_json_keeps_letters_that_are_not_ascii(world):
    one = next(o for o in drawn(request_json, world, frozenset(), count=50))
    assert "\\u" not in one.responses[0]


def test_no_pattern_is_in_both_parts():
    for lists in PATTERNS.values():
        assert lists["train"] and lists["held_out"] and not set(lists["train"]) & set(lists["held_out"])


def test_the_same_seed_gives_the_same_requests(world, known):
    for make in (request_two, request_json):
        one, two = (drawn(make, world, known, seed=5, count=50) for _ in range(2))
        assert one == two != drawn(make, world, known, seed=6, count=50)
