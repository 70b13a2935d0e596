"""The wide range of declined requests: enough skeletons, filled well, apart from what is answered and tested with."""

import random
import re
import time

from helpers.tools.course.declined import IDENTITY, filled
from helpers.tools.course.foreign import FOREIGN_GROUPS, foreign_slots, request_foreign, skeletons
from helpers.tools.course.parts import PARTS
from helpers.tools.course.people import request
from helpers.tools.course.talk import asked, letters
from helpers.tools.course.world import read_world

PATTERNS = [pattern for part in PARTS for _, _, pattern in skeletons(part)]

# Slots that the same texts fill, here and in families.toml.
SAME = {"word": "noun verb adjective word", "city": "city capital", "number": "digit small number large a b"}


def blotted(pattern):
    """A pattern as it is often typed, with the kinds of its slots instead of their names."""
    kinds = {name: kind for kind, names in SAME.items() for name in names.split()}
    return bare(re.sub(r"{(\w+?)2?(?::\w+)?}", lambda m: f"<{kinds.get(m[1], m[1])}>", pattern))


def bare(text):
    """The text without capitals and without the mark at its end."""
    return text.lower().rstrip(".?! ") or text


def drawn(part="train", count=3000, seed=1):
    rng = random.Random(seed)
    return [request_foreign(rng, part) for _ in range(count)]


def test_there_are_enough_skeletons_and_none_stands_twice():
    assert len(PATTERNS) == len(set(PATTERNS)) >= 1200
    assert len(FOREIGN_GROUPS) >= 25 and sum(name.startswith("near") for name in FOREIGN_GROUPS) >= 8


def test_the_parts_share_nothing_and_whole_groups_are_held_out():
    train, held_out = ({name for name, *_ in skeletons(part)} for part in PARTS)
    assert len(held_out - train) == 3 and not train - held_out
    assert not {blotted(p) for *_, p in skeletons("train")} & {blotted(p) for *_, p in skeletons("held out")}
    assert not {bare(one.plain) for one in drawn()} & {bare(one.plain) for one in drawn("held out")}


def test_every_skeleton_can_be_filled():
    rng = random.Random(2)
    for pattern in PATTERNS * 3:
        text = filled(pattern, rng, foreign_slots())
        assert text.strip() == text and not re.search(r"[{}|]|  ", text), text
        assert not re.search(r"\ba (?!eu)[aeio]\w", text), text


def test_every_slot_has_many_texts_and_every_text_of_the_file_is_used():
    used = {name for pattern in PATTERNS for name in re.findall(r"{(\w+?)2?}", pattern)}
    assert {"noun", "country", "element", "verb", "number", "month"} <= used
    for name in used - {"invented"}:
        assert len(set(foreign_slots()[name])) == len(foreign_slots()[name]) >= 7, name


def test_no_skeleton_asks_for_what_a_family_answers():
    world = read_world()
    phrasings = {blotted(ask) for question in world.values() for ask in (*question.asks, *question.names)}
    for pattern in PATTERNS:
        assert blotted(pattern) not in phrasings, pattern
    rng = random.Random(3)
    answered = {bare(request(world, rng, plain=True).plain) for _ in range(5000)}
    assert not answered & {bare(one.plain) for one in drawn()}


def test_no_skeleton_is_a_request_to_test_with():
    # Filled, one may become such a request by chance: then Talk.example draws again (test_asked.py).
    fixed = {letters(pattern) for pattern in PATTERNS if "{" not in pattern} - {""}
    assert len(fixed) > 100 and not fixed & asked()


def test_a_content_word_of_an_element_is_no_noun():
    assert "copper" in foreign_slots()["element"] and "copper" not in foreign_slots()["noun"]
    assert not {"be", "do"} & set(foreign_slots()["verb"])
    assert "the Netherlands" in foreign_slots()["country"]


def test_requests_are_declined_and_the_seed_decides():
    for part in PARTS:
        for one in drawn(part, 500):
            assert one.family == "declined" and not one.keys and len(one.responses[0]) > 15
    assert drawn(count=50, seed=5) == drawn(count=50, seed=5) != drawn(count=50, seed=6)


def test_topics_are_copied_at_times():
    copied = [one for one in drawn() if re.search(r"the \w+ of \w+", one.plain) and "the " in one.responses[0]]
    assert len(copied) > 20


def test_one_is_drawn_quickly():
    drawn(count=5)
    start = time.process_time()
    drawn(count=1000)
    assert time.process_time() - start < 1


def test_greetings_thanks_and_goodbyes_are_many_and_say_what_can_be_asked():
    for name in ("manners", "thanks", "goodbye"):
        assert len(IDENTITY[name]["train"]) >= 15
        for answer in IDENTITY[name]["answers"] + IDENTITY[name]["answers_held_out"]:
            assert re.search(r"\b(sums?|numbers?)\b", answer), answer
