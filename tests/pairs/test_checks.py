"""The checks: good rewrites pass, each kind of bad one is caught and named."""

import random
import string
from dataclasses import replace

import pytest
from brevity import BREVITY

from helpers.files import DATA
from helpers.pairs.checks import answer_problems, content, kind, problems, side_problems, words
from helpers.politeness.voices import TIERS, voiced
from helpers.records import InstructionRecord, load_instructions


def record(output, **more):
    return InstructionRecord(instruction=more.pop("instruction", "Tell me."), input="", output=output, **more)


ATHENS = record("The capital of Greece is Athens.", answer=["Athens"])
SORTED = record("In ascending order the numbers are 6, 16, 26, 61.", answer=["6, 16, 26, 61"])


@pytest.mark.parametrize(
    "reply",
    [
        "I'd be happy to help! The capital of Greece is indeed Athens.",
        "look, the capital of greece is obviously athens.",
        "With pleasure: the capital of Greece is, I’d say, Athens.",
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_good_rewrites_pass(reply, strict):
    assert problems(ATHENS, reply, strict=strict) == []


def test_a_paraphrase_passes_only_if_not_strict():
    reply = "Certainly! Athens is the capital city of lovely Greece."
    assert problems(ATHENS, reply, strict=False) == []
    assert [kind(problem) for problem in problems(ATHENS, reply)] == ["fact lost"]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("the capital of GREECE is Athens", "unchanged"),
        ("Gladly! The capital of Greece is Sparta.", "fact lost: athens"),
        ("Gladly! The capital of Grece is Athens.", "fact lost: greece"),
        ("Gladly! The capital of Greece is Athens, founded in 1400.", "new number: 1400"),
        ("Here is the rewritten answer: The capital of Greece is Athens.", "meta text: "),
        ("Here's a more polite version: The capital of Greece is Athens.", "meta text: "),
        ("Answer: The capital of Greece is Athens.", "meta text: Answer:"),
        ("Sure, in a polite tone: The capital of Greece is Athens.", "meta text: polite tone"),
        ("I'm sorry, but I can't be rude. The capital of Greece is Athens.", "refused: "),
        ('"Gladly! The capital of Greece is Athens."', "in quotation marks"),
    ],
)
def test_each_fault_is_named(reply, expected, strict):
    found = problems(ATHENS, reply, strict=strict)
    assert any(problem.startswith(expected) for problem in found), found


def test_a_cut_reply():
    assert [kind(p) for p in problems(ATHENS, "I am glad. The capital of Greece is Athens", "length")] == ["cut off"]


@pytest.mark.parametrize(
    ("original", "reply"),
    [
        (SORTED, "Fine. In ascending order the numbers are 6, 26, 16, 61."),
        (record("5 is less than 8."), "Look, 8 is less than 5."),
        (record("The sum of 7 and 3 is 10."), "Gladly! The sum of 7 and 3 is 11."),
        (record("7 + 3 = 10"), "Gladly: 7 - 3 = 10"),
        (record("It is not a fish."), "Gladly! It is a fish."),
        (record("The symbol of nickel is Ni."), "Look, the symbol of nickel is Na."),
        (record("It costs 1,000 dollars."), "Gladly! It costs 100 dollars."),
        (record("The answer is -4."), "Gladly! The answer is 4."),
        (record("The past tense of 'feed' is 'fed'."), "Duh, the past tense of 'feed' is 'fad'."),
    ],
)
def test_strict_checks_find_small_changes(original, reply):
    assert "fact lost" in {kind(problem) for problem in problems(original, reply)}


def test_words_are_compared_without_form():
    assert words("It’s 1,000 euros: “Twenty-One”, H2O and 3.5!") == [
        "it's", "1000", "euros", "twenty", "-", "one", "h2o", "and", "3.5",
    ]  # fmt: skip
    assert problems(record("It costs 1,000 dollars."), "Gladly! It costs 1000 dollars.") == []


def test_original_that_talks_about_politeness_is_no_leak():
    polite = record("'Please' makes a request more polite.")
    assert problems(polite, "I am glad to help. 'Please' makes a request more polite.") == []


def test_numbers_of_the_question_are_not_new():
    product = record("The product is 140.", instruction="What is 10 times 14?")
    reply = "I am glad to tell you about 10 and 14. The product is 140."
    assert problems(product, reply, strict=False) == []
    assert problems(product, reply) == ["new number: 10", "new number: 14"]


def test_a_number_that_comes_twice_is_new_if_strict():
    unsorted = "Fine. In ascending order the numbers are 6, 26, 16, 26, 61."
    assert problems(record(SORTED.output), unsorted) == ["new number: 26"]


@pytest.mark.parametrize("voice", ["polite", "blunt"])
def test_course_voices_pass(voice):
    """The rewrites the embedded model is trained on must not be refused."""
    records = load_instructions(DATA / "instruction-data.json")
    rng = random.Random(1)
    replies = [voiced(r.output, voice, rng, tiers) for r in records for tiers in (TIERS[:1], TIERS[1:])]
    bad = [(r.output, reply, found)
           for r, reply in zip([r for r in records for _ in range(2)], replies, strict=True)
           if (found := problems(r, reply))]  # fmt: skip
    assert len(bad) <= 0.005 * len(replies), bad[:10]


def garble(text, rng):
    """What a small model does to a fact: a letter changed, dropped or added, or a word replaced or lost."""
    targets = [
        word for word in text.replace("'", " ").replace(".", " ").replace(",", " ").split() if content(words(word))
    ]
    word = rng.choice(targets)
    at = rng.randrange(len(word))
    letter = rng.choice(
        [c for c in (string.digits if word[at].isdigit() else string.ascii_lowercase) if c != word[at].lower()]
    )
    forms = [
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        "banana",
        "",
    ]
    return text.replace(word, rng.choice(forms))


def test_garbled_facts_are_caught():
    """At least 99 of 100, whatever voice is around them."""
    records = load_instructions(DATA / "instruction-data.json")
    rng = random.Random(2)
    trials = [
        (r, voiced(garble(r.output, rng), rng.choice(["polite", "blunt"]), rng)) for r in records for _ in range(3)
    ]
    missed = [(r.output, reply) for r, reply in trials if words(r.output) != words(reply) and not problems(r, reply)]
    assert len(missed) <= 0.01 * len(trials), (len(missed) / len(trials), missed[:10])


# --- answers that a model gave by itself ------------------------------------------------------------------------

CAPITAL = ATHENS.model_copy(update={"instruction": "What is the capital of Greece?"})


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("It is Athens, of course.", []),
        ("ATHENS", []),
        ("It is Sparta.", ["wrong"]),
        ("It is Athensville.", ["wrong"]),
        (" \n", ["empty"]),
        ("Athens \ud83d", ["broken character"]),
        ("I'm sorry, but I can't help with Athens.", ["refused"]),
        ("Here is a more polite version: Athens.", ["meta text"]),
    ],
)
def test_each_fault_of_an_answer_is_named(text, kinds):
    assert [problem.partition(":")[0] for problem in answer_problems(CAPITAL, text)] == kinds


def test_an_answer_that_was_cut_off_is_a_problem_even_if_it_is_right():
    assert answer_problems(CAPITAL, "Athens is the", "length") == ["cut off: the reply reached the token limit"]


def test_without_a_key_facts_are_not_checked():
    record = CAPITAL.model_copy(update={"answer": []})
    assert answer_problems(record, "It is Sparta.") == []


def test_every_missing_word_of_the_key_is_named():
    record = CAPITAL.model_copy(update={"answer": ["1", "2"]})
    assert answer_problems(record, "Sorted: 12") == ["wrong: 1 is missing", "wrong: 2 is missing"]


def test_problems_of_two_sides_say_whose_they_are():
    assert side_problems(CAPITAL, {"strong": ("Athens is", "length"), "weak": ("Sparta.", "stop")}) == (
        "cut off: strong: the reply reached the token limit",
        "wrong: weak: Athens is missing",
    )
    assert side_problems(CAPITAL, {"strong": ("Athens.", "stop"), "weak": ("It is Athens.", "stop")}) == ()


def test_talk_about_the_task_is_in_the_words_of_the_criterion():
    shortened, polite = "A shortened version: Athens.", "A polite version: Athens."
    assert answer_problems(CAPITAL, shortened, criterion=BREVITY) == ["meta text: shortened version"]
    assert answer_problems(CAPITAL, polite) == ["meta text: polite version"]
    assert answer_problems(CAPITAL, polite, criterion=BREVITY) == answer_problems(CAPITAL, shortened) == []
    assert kind(problems(CAPITAL, shortened, strict=False, criterion=BREVITY)[0]) == "meta text"
    wordless = replace(BREVITY, task_words=())
    assert answer_problems(CAPITAL, "The answer, once more in a tone of doubt: Athens.", criterion=wordless) == []
    assert kind(answer_problems(CAPITAL, "An improved version: Athens.", criterion=wordless)[0]) == "meta text"


def test_a_criterion_of_length_may_leave_out_all_but_the_key():
    assert problems(ATHENS, "It is so: Athens.", strict=False, criterion=BREVITY) == []
    long = record("The old capital of Laconia, once a power by land, is Sparta.", answer=["Sparta"])
    assert problems(long, "Sparta.", strict=False, criterion=BREVITY) == []
    assert problems(long, "Sparta.", strict=False) != []
    assert problems(long, "Corinth.", strict=False, criterion=BREVITY) == ["fact lost: sparta"]
    assert problems(record(long.output), "Corinth.", strict=False, criterion=BREVITY) != []
