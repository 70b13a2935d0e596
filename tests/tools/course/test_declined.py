import random
import re

from helpers.politeness.voices import politeness
from helpers.tools.course import declined
from helpers.tools.course.declined import (
    COPIED,
    DECLINED,
    DECLINED_KINDS,
    IDENTITY,
    SLOTS,
    UNKNOWN,
    filled,
    kinds,
    making_frames,
    of_kind,
    request_declined,
    request_identity,
)
from helpers.tools.course.parts import PARTS

WORDINGS = "declines", "small_talk", "unclear", "strange"


def drawn(world, part="train", count=600, seed=1, **more):
    rng = random.Random(seed)
    return [request_declined(world, rng, part, **more) for _ in range(count)]


def patterns(kind):
    return kind.get("topics", []) + kind["requests"]


def test_there_are_enough_kinds_and_requests():
    assert len(DECLINED_KINDS) >= 25 and sum(len(patterns(kind)) for kind in DECLINED_KINDS.values()) >= 400
    assert all(len(set(patterns(kind))) == len(patterns(kind)) >= 10 for kind in DECLINED_KINDS.values())
    assert len(kinds("held out")) == 5 and len(kinds("train")) == len(DECLINED_KINDS) - 5


def test_no_request_stands_in_two_kinds():
    everything = [pattern for kind in DECLINED_KINDS.values() for pattern in patterns(kind)]
    twice = {pattern for pattern in everything if everything.count(pattern) > 1}
    assert not twice


def test_held_out_kinds_are_never_trained(world):
    held_out = set(kinds("held out"))
    assert not {one.kind for one in drawn(world, count=2000)} & held_out
    assert held_out <= {one.kind for one in drawn(world, "held out", count=1500)}


def test_no_request_of_train_is_drawn_in_the_held_out_part(world):
    train, held_out = ({one.plain for one in drawn(world, part, count=4000)} for part in PARTS)
    assert len(train) > 2500 and not train & held_out, train & held_out


def test_every_pattern_can_be_filled():
    rng = random.Random(2)
    for kind in DECLINED_KINDS.values():
        for pattern in patterns(kind):
            text = filled(pattern, rng)
            assert not re.search(r"[{}|]|  ", text), text
            assert not re.search(r"\ba (?!eu)[aeio]\w", text), text


def test_the_second_of_two_slots_differs():
    rng = random.Random(3)
    for _ in range(300):
        one, two = filled("{city}|{city2}", rng).split("|")
        assert one != two
        three, four = filled("{country}|{country}", rng).split("|")
        assert three == four


def test_the_unknown_is_in_no_table_and_asked_like_the_known(world, known):
    for name, slots in UNKNOWN.items():
        ((field, slot),) = slots.items()
        assert field in world[name].fields[:-1]
        assert slot == "invented" or not {text.lower() for text in SLOTS[slot]} & known
    texts = {one.plain for one in drawn(world, kind="unknown", count=500)}
    assert len(texts) > 450 and any("Narnia" in text for text in texts)


def test_an_invented_word_that_exists_is_drawn_again(world, monkeypatch):
    words = iter(["fast", "fast", "big", "blorf"])
    monkeypatch.setattr(declined, "invented_word", lambda rng: next(words, "blorf"))
    monkeypatch.setattr(declined, "UNKNOWN", {"synonym": {"word": "invented"}})
    for _ in range(3):
        assert "blorf" in request_declined(world, random.Random(1), kind="unknown").plain


def test_responses_decline_in_one_or_two_whole_sentences(world):
    for part in PARTS:
        for one in drawn(world, part, wordings=part):
            (response,) = one.responses
            assert not re.search(r"[{}]|  |\.\.", response), response
            assert 1 <= len(re.findall(r"[.!?](?=\s|$)", response)) <= 2, response


def test_no_wording_is_blunt():
    for name in WORDINGS:
        for wording in DECLINED[name]["train"] + DECLINED[name]["held_out"]:
            text = wording.format(topic="the weather", thing="a city called Oz", able="words and sums")
            assert politeness(text) >= politeness("I know words."), text


def test_there_are_enough_wordings_and_none_in_both_parts():
    assert sum(len(DECLINED[name]["train"]) for name in WORDINGS) >= 30
    for name in (*WORDINGS, "able"):
        lists = DECLINED[name]
        assert lists["train"] and lists["held_out"] and not set(lists["train"]) & set(lists["held_out"])
    assert sum("{topic}" in text for text in DECLINED["declines"]["train"]) >= 8


def test_a_topic_is_copied_from_the_request_as_it_was_typed(world):
    copied = 0
    rng = random.Random(4)
    for _ in range(1500):
        one = request_declined(world, rng, kind="near_country")
        topic = re.search(r"(the [a-z ]+ of [A-Z]\w+)", one.responses[0])
        if topic:
            copied += 1
            assert topic[1] in one.text, one
    assert copied > 200


def test_topics_with_pronouns_are_not_copied():
    assert COPIED.match("the population of Greece") and COPIED.match("a joke about a dog")
    assert not COPIED.match("the bug in my Python program") and not COPIED.match("your favourite colour")


def test_things_to_be_made_are_asked_for_and_not_about(world):
    for part in PARTS:
        assert len(making_frames(part)) >= 5
        assert not any(re.search(r"\bis\b|know|what", frame, re.I) for frame in making_frames(part))
    rng = random.Random(5)
    texts = {of_kind("poems", rng, "train")[0] for _ in range(300)}
    assert not any(re.search(r"what is (a|the) (poem|haiku|song)", text, re.I) for text in texts)


def test_identity_has_enough_requests_and_answers():
    requests = [text for entry in IDENTITY.values() for part in ("train", "held_out") for text in entry[part]]
    assert len(requests) == len(set(requests)) >= 40
    assert sum(len(entry["answers"]) for entry in IDENTITY.values()) >= 15
    for entry in IDENTITY.values():
        assert not set(entry["answers"]) & set(entry["answers_held_out"])


def test_identity_answers_say_nothing_untrue():
    answers = [text for entry in IDENTITY.values() for key in ("answers", "answers_held_out") for text in entry[key]]
    for answer in answers:
        assert not re.search(r"\b(OpenAI|Google|Meta|billion|internet)\b", answer), answer
    for kind in ("other", "human"):
        assert not any(re.match(r"Yes", answer) for answer in IDENTITY[kind]["answers"])
    rng = random.Random(6)
    assert {request_identity(rng).kind for _ in range(300)} == set(IDENTITY)


def test_identity_of_a_part_asks_with_the_words_of_that_part():
    rng = random.Random(7)
    for part, key in zip(PARTS, ("train", "held_out"), strict=True):
        for _ in range(200):
            one = request_identity(rng, part, wordings=part)
            assert one.plain in IDENTITY[one.kind][key]
            assert set(one.responses) == set(IDENTITY[one.kind]["answers" if part == "train" else "answers_held_out"])


def test_the_same_seed_gives_the_same_requests(world):
    assert drawn(world, count=80, seed=8) == drawn(world, count=80, seed=8) != drawn(world, count=80, seed=9)
