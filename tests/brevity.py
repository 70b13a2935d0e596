"""A second criterion, as somebody would bring it: short answers are preferred, and length is all that counts."""

from helpers.criterion import Criterion

LIMITS = (6, 12, 20, 30)  # words: up to 6 is level 5, more than 30 level 1


def brevity(text: str) -> int:
    """1 (rambling) to 5 (terse)."""
    return 5 - sum(len(text.split()) > limit for limit in LIMITS)


BREVITY = Criterion(
    name="brevity",
    requests={"short": "Answer in a few words. ", "plain": "", "long": "Answer at length. "},
    directions=("shorter", "longer"),
    scale="How short is the answer, from 1 (far too long) to 5 (no word too many)?",
    levels=("it rambles", "it has words to spare", "it is a plain sentence", "it is short", "no word is too many"),
    guidelines="Rank by length alone: the fewer words, the better.",
    task_words=("shorter", "longer", "shortened"),
    level=brevity,
    language="en",
    limits="It counts words: it cannot tell whether something that matters was left out.",
    longer_chosen=(0.0, 0.1),
)
