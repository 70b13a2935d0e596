import random
import re

import pytest

from helpers.files import DATA, CourseError, read_json
from helpers.politeness.voices import politeness, voiced
from helpers.records import contains_answer
from helpers.tools.course.made_up import made_up
from helpers.tools.course.manners import (
    MANNERS,
    POLES,
    SCALES,
    everyday,
    facts,
    facts_kept,
    in_manner,
    level_of,
    manner_of,
    said,
    without_manner,
)
from helpers.tools.course.parts import PARTS, of_part
from helpers.tools.course.sentences import count_words, parse, slots

RECORDS = list({r["output"]: r for r in read_json(DATA / "instruction-data.json")}.values())
LISTS = ("openers", "closers", "inserts", "shapes", "terms")


def made_up_answers(count=300, seed=3):
    rng = random.Random(seed)
    return [made_up(rng, invented=0.6)[1] for _ in range(count)]


def in_every_manner(text, keep=(), seed=0):
    rng = random.Random(seed)
    return [(pole, part, in_manner(text, pole, rng, part, keep)) for pole in POLES for part in PARTS for _ in range(2)]


def test_every_pole_has_25_patterns_and_each_fifth_is_held_out():
    for pole in POLES:
        assert sum(len(MANNERS[pole].get(kind, ())) for kind in LISTS) >= 25
        for patterns in MANNERS[pole].values():
            held_out = of_part(patterns, "held out")
            assert held_out == patterns[4::5]
            assert sorted(map(str, held_out + of_part(patterns, "train"))) == sorted(map(str, patterns))
            assert len({str(pattern) for pattern in patterns}) == len(patterns)
    assert len({word for word, _, _ in MANNERS["words"]["hard"]}) >= 150


def test_the_facts_of_the_course_survive_every_manner():
    for record in RECORDS:
        text = record["output"]
        for pole, _, said_anew in in_every_manner(text, keep=record["answer"]):
            assert contains_answer(said_anew, record["answer"]), said_anew
            assert pole == "shorter" or facts_kept(text, said_anew), said_anew
            assert contains_answer(without_manner(said_anew), record["answer"]), said_anew


def test_invented_facts_survive_every_manner():
    for text in made_up_answers():
        for pole, _, said_anew in in_every_manner(text):
            if pole != "shorter":
                assert facts_kept(text, said_anew) and facts_kept(text, without_manner(said_anew)), said_anew
            elif parts := parse(text):
                assert parts.value.strip("'").lower() in said_anew.lower()


def test_the_rule_agrees_with_what_was_asked():
    right, trials = 0, 0
    for text in [r["output"] for r in RECORDS] + [text for text in made_up_answers() if parse(text)]:
        for pole, _, said_anew in in_every_manner(text):
            scale, sign = POLES[pole]
            right += sign * (level_of(said_anew, scale, text) - level_of(text, scale, text)) > 0
            trials += 1
    assert right / trials >= 0.99


def test_the_answers_of_the_course_are_neutral():
    assert all(set(manner_of(r["output"]).values()) == {3} for r in RECORDS)


@pytest.mark.parametrize("pole", POLES)
def test_every_pattern_is_known_to_the_rule_and_is_neither_polite_nor_blunt(pole):
    scale, sign = POLES[pole]
    filled = slots("The capital of Greece is Athens.")
    for kind in ("openers", "closers", "inserts", "shapes"):
        for pattern in MANNERS[pole].get(kind, ()):
            text = said(pattern, filled) if kind == "shapes" else pattern
            assert politeness(text) == 3, text
            assert scale == "length" or sign * (level_of(text, scale) - 3) > 0, text


@pytest.mark.parametrize("kind, scale", [("hard", "simplicity"), ("casual", "formality")])
def test_every_word_is_known_to_the_rule_and_can_be_exchanged(kind, scale):
    unmark, mark = SCALES[scale]
    filled = {"N": "Anna", "M": "Ben", "C": "Lima", "D": 5}
    for index, (word, plain, sentence) in enumerate(MANNERS["words"][kind]):
        part, rng = PARTS[index % 5 == 4], random.Random(0)
        assert level_of(sentence.format(w=word, **filled), scale) < 3
        assert level_of(sentence.format(w=plain, **filled), scale) == 3
        marked = in_manner(sentence.format(w=plain, **filled), mark, rng, part)
        assert level_of(marked, scale) < 3
        easy = in_manner(sentence.format(w=word, **filled), unmark, rng, part)
        assert not re.search(rf"\b{re.escape(word)}\b", easy), easy


def test_the_rule_reads_sentences_that_it_has_not_made():
    assert level_of("Pursuant to section 4, the tenant shall vacate the premises.", "formality") > 3
    assert level_of("Nah, we're gonna grab some stuff, okay?", "formality") == 1
    assert level_of("The aforementioned apparatus requires investigation.", "simplicity") < 3
    assert level_of("In plain words, it is broken.", "simplicity") > 3
    assert level_of("Yes.", "length") == 1 and level_of("word " * 30, "length") == 5
    assert manner_of("Athens.", "The capital of Greece is Athens.")["length"] == 1


def test_what_is_quoted_is_no_cue_and_is_not_replaced():
    text = "A synonym for 'purchase' is 'obtain'."
    assert manner_of(text) == {"length": 3, "formality": 3, "simplicity": 3}
    assert facts(text) == ["purchase", "obtain"]
    assert all(facts_kept(text, said_anew) for pole, _, said_anew in in_every_manner(text) if pole != "shorter")
    assert "physician" in in_manner("It was the physician.", "simpler", random.Random(0), keep=("physician",))


def test_shorter_is_shorter_or_the_same():
    rng = random.Random(1)
    for text in [r["output"] for r in RECORDS]:
        long = in_manner(text, "longer", rng)
        assert count_words(in_manner(long, "shorter", rng)) < count_words(long)
        assert count_words(in_manner(text, "shorter", rng)) < count_words(text)
    assert in_manner("Lima fell.", "shorter", rng) == "Lima fell."


def test_manners_come_off():
    rng = random.Random(2)
    for text in [r["output"] for r in RECORDS]:
        for pole in POLES:
            if pole == "shorter":
                continue
            plain = without_manner(in_manner(text, pole, rng))
            assert facts_kept(text, plain) and count_words(plain) <= count_words(text) + 6, plain
        assert without_manner(text) == text
    assert without_manner("So yeah, the capital of Greece is, like, Athens. That's it.") == (
        "The capital of Greece is Athens."
    )
    assert without_manner("The capital of Greece? Yep, it's Athens.") == "The capital of Greece is Athens."


def test_a_manner_replaces_another():
    text = "The capital of Greece is Athens."
    for seed in range(60):
        rng = random.Random(seed)
        stiff = in_manner(text, "more formal", rng)
        assert level_of(in_manner(stiff, "less formal", rng), "formality") < 3


def test_parts_do_not_share_what_they_say():
    text = "The capital of Greece is Athens."
    for pole in POLES:
        trained, held_out = (
            {in_manner(text, pole, random.Random(seed), part) for seed in range(400)} for part in PARTS
        )
        assert trained and held_out and not trained & held_out


def test_the_same_seed_says_the_same():
    def one(seed):
        rng = random.Random(seed)
        return [in_manner(r["output"], pole, rng) for r in RECORDS[:20] for pole in POLES]

    assert one(1) == one(1) != one(2)


def test_everyday_sentences_keep_their_articles():
    rng = random.Random(0)
    for kind in ("hard", "casual"):
        for part in PARTS:
            for marked, plain, word in (everyday(rng, kind, part) for _ in range(300)):
                assert "{" not in marked + plain and marked != plain and word.lower() in marked.lower()
                assert not re.search(r"\ba [aeio]\w|\ban [bcdfgklmnpqrstvwz]\w", marked + " " + plain)


def test_politeness_is_left_alone():
    rng = random.Random(0)
    for text in [r["output"] for r in RECORDS[:100]]:
        kind = voiced(text, "polite", rng)
        assert politeness(kind) > 3 and level_of(kind, "length", text) > 3
        assert all(politeness(in_manner(text, pole, rng)) == 3 for pole in POLES)


def test_unknown_poles_and_parts():
    with pytest.raises(CourseError, match="no manner"):
        in_manner("A b.", "louder", random.Random(0))
    with pytest.raises(CourseError, match="no part"):
        in_manner("A b.", "longer", random.Random(0), "test")
