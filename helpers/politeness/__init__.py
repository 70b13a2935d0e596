"""The criterion of the course: politeness, measured by a lexicon, spoken in three voices, and asked for in words."""

from helpers.criterion import Criterion
from helpers.politeness.voices import politeness, strip_voice, voiced

POLITENESS = Criterion(
    name="politeness",
    requests={"polite": "Answer politely. ", "neutral": "", "blunt": "Answer bluntly. "},
    directions=("more polite", "less polite"),
    scale="How polite is the answer, from 1 (rude) to 5 (very polite)?",
    levels=(
        "rude: it scolds, mocks or belittles the reader",
        "blunt: it is impatient, or says that the question is too easy",
        "neutral: it gives the answer and nothing else",
        "polite: it has one friendly phrase, such as a greeting or an offer of help",
        "very polite: it is friendly throughout",
    ),
    guidelines="""Rank by politeness alone: how would it feel to get this answer?
Polite is what welcomes, thanks or offers help. Blunt is what scolds, mocks or is impatient.
Longer is not politer. An answer that is wrong can be polite: do not mark it down here, but skip the question if no \
answer makes sense.
Answers that feel the same are tied. If you cannot say, skip.""",
    task_words=("polite", "impolite", "rude", "ruder", "blunt"),
    level=politeness,
    language="en",
    limits="It looks for common phrases: irony, and politeness without a set phrase, escape it.",
    longer_chosen=(0.3, 0.7),
    voiced=voiced,
    plain=strip_voice,
)
