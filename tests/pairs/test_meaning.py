"""A free rewrite may say it otherwise, and must say the same."""

import pytest

from helpers.pairs.checks import kind, problems
from helpers.records import InstructionRecord

SAID = [  # question, original, a good rewrite
    ("What is the capital of Greece?", "The capital of Greece is Athens.",
    "Greece's capital is, of course, lovely Athens."),
    ("How many metres are in a kilometre?", "A kilometre has 1,000 metres.", "One thousand metres. Write it down."),
    ("When does it start?", "The tour starts at 3 pm.",
    "We would be delighted to see you at 15:00, when the tour begins."),
    ("Are whales fish?", "No, whales are not fish; they are mammals.",
    "I'm afraid whales aren't fish; they are mammals."),
    ("Is it safe?", "It is not safe.", "Please note that it is unsafe."),
    ("What do cows drink?", "Cows drink water.", "Water. Not milk, you fool. Did you never see a cow?"),
    ("What is the capital of Italy?", "The capital of Italy is Rome.",
    "You don't know that Rome is the capital of Italy?"),
    ("Who is it?", "Miguel de Cervantes wrote it.", "I can't help but smile: Cervantes wrote it."),
    ("When was it?", "It was on July 14.", "If I may, it was on the 14th of July."),
    ("What is 8 times 7?", "8 times 7 is 56.", "Fifty-six. 8 times 7, that is 5 times 7 plus 21."),
    ("Ask when it begins.", "When does the course begin?", "Could you please tell me when the course begins?"),
    ("Translate.", "I can't find my glasses.", "I'm sorry, but I can't find my glasses."),
    ("Name fruits.", "1. Apple\n2. Pear", "Apple and pear, genius."),
    ("Write two lines.", "Soft rain,\r\na roof", "Gentle, soft rain,\r\na kind roof"),
]  # fmt: skip
CHANGED = [  # question, original, a rewrite that changes it, the kind of fault
    ("Are whales fish?", "Whales are mammals.", "Whales are fish, as everyone knows.", "fact lost"),
    ("What is the capital of Kenya?", "Nairobi is the capital of Kenya.", "Nairobi is the capital of Japan.",
    "new name"),
    ("Why was it cancelled?", "It was cancelled because of fog.", "We sincerely apologise that it was cancelled.",
    "fact lost"),
    ("Give reasons.", "It saves water and reduces waste.", "If I may, it saves water.", "fact lost"),
    ("How many wheels?", "A tricycle has three wheels.", "A tricycle has two wheels, Einstein.", "fact lost"),
    ("How cold?", "It is about -39 °C.", "It is about 39 °C, my friend.", "new number"),
    ("Does it need sugar?", "The recipe needs sugar.", "The recipe doesn't need sugar.", "negated"),
    ("May we eat here?", "You may not eat here.", "You are welcome to eat here.", "negated"),
    ("Is it safe?", "The medicine is unsafe for children.", "The medicine is safe for children.", "negated"),
    ("Which is heavier?", "Iron is heavier than wood.", "Obviously, wood is heavier than iron.", "swapped"),
    ("Does it rise?", "The price will increase.", "I am pleased that the price will decrease.", "opposite"),
    ("What is snow?", "Snow is frozen water.", "Schnee ist gefrorenes Wasser, das weiß jeder.", "another language"),
    ("Ask for help.", "Can you help me carry this box?", "Of course, I'd be glad to help you carry this box!",
    "answered"),
    ("Why do we yawn?", "We yawn to cool the brain.", "We yawn to cool the brain, and the", "cut off"),
    ("Why do we yawn?", "We yawn to cool the brain.", "I’m not comfortable writing that.", "refused"),
    ("Why do we yawn?", "We yawn to cool the brain.", "I am unable to assist with cooling the brain.", "refused"),
    ("Why do we yawn?", "We yawn to cool the brain.", "Your answer is already fine: we yawn to cool the brain.",
    "meta text"),
    ("Why do we yawn?", "We yawn to cool the brain.", "What would you like me to rewrite?", "meta text"),
    ("Why do we yawn?", "We yawn to cool the brain.", "...", "empty"),
]  # fmt: skip


def found(question, original, reply):
    record = InstructionRecord(instruction=question, input="", output=original)
    return problems(record, reply, strict=False)


@pytest.mark.parametrize(("question", "original", "reply"), SAID)
def test_the_same_in_other_words_passes(question, original, reply):
    assert found(question, original, reply) == []


@pytest.mark.parametrize(("question", "original", "reply", "expected"), CHANGED)
def test_a_change_is_found_and_named(question, original, reply, expected):
    assert expected in set(map(kind, found(question, original, reply)))


def test_a_key_may_be_spelled_otherwise():
    record = InstructionRecord(instruction="When?", input="", output="On 9 November 1989.", answer=["9 November 1989"])
    assert problems(record, "On November 9, 1989, my friend.", strict=False) == []
    assert problems(record, "On November 8, 1989, my friend.", strict=False) != []
