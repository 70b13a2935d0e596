import pytest

from helpers.files import DATA, read_json
from helpers.records import contains_answer
from helpers.tools.course.sentences import bare, inverse, lowered, parse, slots, with_right_articles

RECORDS = {r["output"]: r for r in read_json(DATA / "instruction-data.json")}.values()


@pytest.mark.parametrize(
    "text, topic, verb, value, kind",
    [
        ("The capital of Greece is Athens.", "the capital of Greece", "is", "Athens", "name"),
        ("Athens is the capital of Greece.", "the capital of Greece", "is", "Athens", "name"),
        ("The Hague is in the Netherlands.", "The Hague", "is", "in the Netherlands", "place"),
        ("A saw is a tool.", "a saw", "is", "a tool", "name"),
        ("There are 56 days in 8 weeks.", "the number of days in 8 weeks", "is", "56", "name"),
        ("In Roman numerals, 150 is CL.", "150 in Roman numerals", "is", "CL", "name"),
        ("In the past tense it is 'I sat'.", "the sentence in the past tense", "is", "'I sat'", "name"),
        ("The word 'quiet' is a synonym for 'silent'.", "a synonym for 'silent'", "is", "'quiet'", "name"),
        ("The young of a dog is called a puppy.", "the young of a dog", "is called", "a puppy", "name"),
        ("The sorted numbers are 1, 2, 3.", "the sorted numbers", "are", "1, 2, 3", "name"),
        ("Athens is Greece's capital.", "Greece's capital", "is", "Athens", "name"),
        ("The domain of Greece is .gr.", "the domain of Greece", "is", ".gr", "name"),
        ("The tower is tall.", "the tower", "is", "tall", "quality"),
    ],
)
def test_parts_of_a_sentence(text, topic, verb, value, kind):
    assert parse(text)[:4] == (topic, verb, value, kind)


@pytest.mark.parametrize(
    "text",
    [
        "Athens.",
        "It is Athens.",
        "Lima was built in 1920.",
        "The ball was thrown by Ben.",
        "Ben has a cat.",
        "It is so. It was so.",
        "What is it?",
        "The cat is big and old, and it has a tail.",
    ],
)
def test_what_has_no_value_that_can_stand_alone(text):
    assert parse(text) is None and slots(text) == {"text": text}


def test_every_output_of_the_course_comes_apart_and_keeps_its_answer():
    for record in RECORDS:
        parts = parse(record["output"])
        assert contains_answer(bare(parts.value), record["answer"]), record["output"]


def test_the_other_part_first():
    assert inverse(parse("The capital of Greece is Athens.")) == "Athens is the capital of Greece"
    assert inverse(parse("Athens is the capital of Greece.")) == "the capital of Greece is Athens"
    assert inverse(parse("The young of a dog is called a puppy.")) == "a puppy is what the young of a dog is called"
    assert inverse(parse("A saw is a tool.")) is None and inverse(parse("Oslo is in Norway.")) is None


def test_first_words_after_a_comma():
    assert [lowered(text)[:5] for text in ("The cat", "Another word", "Greece is", "A is it.", "This is it.")] == [
        "the c",
        "anoth",
        "Greec",
        "A is ",
        "this ",
    ]


@pytest.mark.parametrize(
    "text, right",
    [
        ("a apple", "an apple"),
        ("an dog", "a dog"),
        ("a useful tool", "a useful tool"),
        ("A is the symbol of an area", "A is the symbol of an area"),
        ("an hour", "an hour"),
        ("a one", "a one"),
    ],
)
def test_articles(text, right):
    assert with_right_articles(text) == right
