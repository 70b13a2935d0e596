import random
import re

import pytest

from helpers.files import CourseError
from helpers.tools.course import keyboard, people
from helpers.tools.course.parts import PARTS, of_part
from helpers.tools.course.people import FRAMES, Request, frames, phrasings, request


def normal(text):
    """The text without case, marks and blanks: two requests that differ in these only are one."""
    return re.sub(r"[^\w+*/<>=-]+", " ", text.lower()).strip()


def three_facts(question):
    rng = random.Random(3)
    return [question.draw(rng) for _ in range(3)]


def test_the_kinds_of_frames_and_what_is_held_out():
    whole = [kind for kind, lists in FRAMES.items() if "train" not in lists]
    assert len(FRAMES) >= 15 and len(whole) == 3
    everything = [frame for part in PARTS for _, frame in frames(part)]
    assert len(everything) == len(set(everything)) >= 250
    for kind, lists in FRAMES.items():
        assert set(lists) <= {"train", "held_out"}
        assert kind in whole or 1 / 10 < len(lists["held_out"]) / len(lists["train"]) < 1 / 4


def test_every_frame_holds_the_name_once():
    for part in PARTS:
        for _, frame in frames(part):
            assert len(re.findall(r"{name(:C)?}", frame)) == 1 and frame.count("{") == 1, frame


def test_another_part_is_refused():
    with pytest.raises(CourseError, match="no part 'test'"):
        frames("test")
    with pytest.raises(CourseError, match="no part 'test'"):
        keyboard.manners("test")


def test_held_out_requests_are_never_in_train(world):
    for question in world.values():
        for fact in three_facts(question):
            train, held_out = ({normal(text) for _, text in phrasings(question, fact, part)} for part in PARTS)
            assert not train & held_out, (question.name, train & held_out)


def test_a_well_known_fact_has_tens_of_thousands_of_phrasings(world):
    question = world["capital"]
    texts = {text for _, text in phrasings(question, question.facts[0], "train")}
    assert len(texts) == 1727
    with_greeting = set(texts)
    for greeting in keyboard.TYPING["greetings"]["train"]:
        with_greeting |= {greeting.format(text=t, small=t[0].lower() + t[1:]) for t in texts if t[-1] in "?.!"}
    assert len(with_greeting) > 45_000
    assert len({normal(text) for text in with_greeting}) > 18_000


def test_drawn_phrasings_hardly_repeat(world, known):
    rng = random.Random(4)
    fact = world["capital"].facts[0]
    texts = [request(world, rng, family="capital", fact=fact, known=known).text for _ in range(3000)]
    assert len(set(texts)) > 1900


def test_every_family_asks_in_good_english(world):
    for question in world.values():
        for fact in three_facts(question):
            for part in PARTS:
                for _, text in phrasings(question, fact, part):
                    assert not re.search(r"[{}|]|  |\?\?|\.\.(?!\.)(?<!\.\.\.)|^\s|\s$", text), text
                    assert not re.search(r"\bthe the\b|\ba the\b|\bof of\b", text, re.I), text
                    assert not re.search(r"\ba [aeio]\w|\ban [bcdfgjklmnpqrstvwxyz]\w", text), text


def test_countries_have_their_article_in_every_pattern_that_does_not_drop_it(world):
    fact = {"country": "the Netherlands", "city": "Breda", "capital": "Amsterdam"}
    for name in ("capital", "currency", "continent", "language", "demonym", "domain"):
        for pattern in world[name].names + world[name].asks:
            text = world[name].fill(pattern, fact)
            assert (":bare" in pattern) != ("the Netherlands" in text or text.startswith("The Netherlands")), text


def test_requests_never_hold_the_answer_key_of_another_thing(world):
    rng = random.Random(5)
    for name in ("capital", "currency", "plural", "past_tense", "element_symbol", "domain"):
        for _ in range(200):
            one = request(world, rng, family=name, plain=True)
            said = name == "plural" and ("sheep" in one.plain or "two children" in one.plain)  # the latter by a frame
            assert not one.is_answered_by(one.plain) or said, one


def test_every_response_is_right_by_the_key(world):
    rng = random.Random(6)
    for name in world:
        for part in PARTS:
            one = request(world, rng, part, family=name)
            assert all(one.is_answered_by(response) for response in one.responses), one
            assert not one.is_answered_by("Nobody here can tell.")


def test_a_request_without_key_cannot_be_checked():
    with pytest.raises(ValueError, match="declined"):
        Request("hm", "hm", "declined", "noise", (), ()).is_answered_by("yes")


def test_the_same_seed_gives_the_same_requests(world, known):
    one, two, other = ([request(world, rng, known=known) for _ in range(100)] for rng in map(random.Random, (7, 7, 8)))
    assert one == two != other


def test_own_asks_of_a_part_are_every_sixth_or_the_rest():
    entries = list(map(str, range(1, 15)))
    assert of_part(entries, "held out", 6) == ["6", "12"]
    assert sorted(of_part(entries, "train", 6) + ["6", "12"]) == sorted(entries)


def test_kinds_of_the_part_are_drawn_and_no_other(world):
    rng = random.Random(9)
    for part in PARTS:
        kinds = {request(world, rng, part, plain=True).kind for _ in range(1500)}
        assert kinds == {kind for kind, _ in frames(part)} | {people.OWN_ASKS}


def test_symbols_keep_their_case_and_numbers_their_digits(world, known):
    rng = random.Random(10)
    for part in PARTS:
        for _ in range(400):
            one = request(world, rng, part, family="symbol_element", known=known)
            assert re.search(r"\b(Au|He|Fe)\b", one.text), one.text
            one = request(world, rng, part, family="addition", known=known)
            assert re.findall(r"\d+", one.text) == re.findall(r"\d+", one.plain)
