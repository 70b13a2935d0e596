"""Examples of rewriting, judging, scoring and revising in the wordings of people (data/course/world/wordings.toml).

Each task makes one (prompt, response) of a source: (question, answer sentence, the fact's own words), where the first
of the words is the answer itself. A question may be "", then no layout asks it. `part` ("train" or "held out") decides
wordings, layouts and manners alike. The exact prompts of helpers/criterion.py are made by corpus.py.
"""

import random
import re

from helpers.files import CourseError, read_toml
from helpers.politeness import POLITENESS
from helpers.politeness.voices import politeness
from helpers.tools.course.directions import (
    DIRECTIONS,
    OPPOSITE,
    TRIES,
    Source,
    agrees,
    measure,
    named_answer,
    towards,
    wrong_answer,
)
from helpers.tools.course.faults import FAULTS
from helpers.tools.course.manners import SCALES, everyday, facts_kept, level_of
from helpers.tools.course.parts import of_part
from helpers.tools.course.sentences import capitalised
from helpers.tools.course.world import WORLD

WORDINGS = read_toml(WORLD / "wordings.toml")
CORRECTNESS = ("more correct", "less correct")
EVERYDAY = {"simpler": "hard", "more complicated": "hard", "more formal": "casual", "less formal": "casual"}
EVERYDAY_SHARE = 0.3  # of the examples about words: a sentence of manners.toml instead of the source's


def filled_in(pattern: str, **slots) -> str:
    """The pattern with its {slots} filled; other braces, as in JSON, stay. KeyError for a slot that is not given."""
    return re.sub(r"\{(\w+)\}", lambda slot: str(slots[slot[1]]), pattern).strip()


def pick(items: list, part: str, rng: random.Random):
    """An entry of this part of a list, or any if the list is too short to have held-out ones."""
    return rng.choice(of_part(items, part) or items)


def requests(direction: str, part: str) -> list[str]:
    """All ways to ask for a rewrite in this direction."""
    shared, own = (of_part(WORDINGS["rewrite"][kind], part) for kind in ("any", direction))
    return [filled_in(wording, direction=direction) for wording in shared] + own


def copy(text: str, rng: random.Random, part: str = "train") -> tuple[str, str]:
    """Ask for a text to be said again; the response is the text."""
    return filled_in(pick(WORDINGS["copy"], part, rng), text=text), text


def laid_out(layouts: list[str], part: str, rng: random.Random, **slots) -> str:
    """A layout that has all it needs, filled: none with a question if that is ""."""
    usable = [layout for layout in layouts if slots["question"] or "{question}" not in layout]
    return re.sub(r" +$", "", filled_in(pick_layout(usable, part, rng), **slots), flags=re.MULTILINE)


def pick_layout(layouts: list[str], part: str, rng: random.Random) -> str:
    """Held-out layouts are those that are so among all of their kind; any if none of them is usable."""
    kinds = WORDINGS["layouts"].values()
    own = [layout for kind in kinds for layout in of_part(kind, part) if layout in layouts]
    return rng.choice(own or layouts)


def rewrite(source: Source, rng: random.Random, part: str = "train", direction: str | None = None) -> tuple[str, str]:
    """Ask for an answer in another manner; the response is that answer."""
    direction = direction or rng.choice(DIRECTIONS)
    question, before, after = changed(source, direction, rng, part)
    return ask_for_rewrite(source, question, before, direction, rng, part), after


def ask_for_rewrite(source: Source, question: str, before: str, direction: str, rng: random.Random, part: str) -> str:
    """The request to rewrite `before`, which answers the source's question in some manner."""
    layouts, wordings = WORDINGS["layouts"]["rewrite"], requests(direction, part)
    if direction == "longer" and not facts_kept(source[1], before):  # only the question has the rest
        layouts = [layout for layout in layouts if "{question}" in layout]
        wordings = [wording for wording in wordings if wording[-1] != ":"]
    request = rng.choice(wordings)
    if request.endswith(":"):
        layouts = [layout for layout in layouts if re.search(r'\{request\}\s*(?:Answer: )?"?\{answer\}', layout)]
    return laid_out(layouts, part, rng, question=question, answer=before, request=request)


def changed(source: Source, direction: str, rng: random.Random, part: str) -> tuple[str, str, str]:
    """(question, answer before, answer after): mostly from neutral, sometimes from the opposite manner."""
    if direction in EVERYDAY and rng.random() < EVERYDAY_SHARE:
        marked, plain, _ = everyday(rng, EVERYDAY[direction], part)
        return ("", marked, plain) if direction in ("simpler", "more formal") else ("", plain, marked)
    question, answer, words = source
    before = answer
    for _ in range(TRIES):
        after = towards(direction, (question, before if direction == "shorter" else answer, words), rng, part)
        if agrees(direction, before, after) and (rng.random() < 0.85 or direction == "longer" and not question):
            break
        before = towards(OPPOSITE[direction], source, rng, part)
    return question, before, after


def versions(source: Source, direction: str, rng: random.Random, part: str) -> tuple[str, str, str]:
    """(question, better, worse): two answers, of which the first has more of the direction."""
    if direction in EVERYDAY and rng.random() < EVERYDAY_SHARE:
        two, question = everyday(rng, EVERYDAY[direction], part)[:2], ""
    else:
        question, two = source[0], [source[1], source[1]]
        while measure(two[0], direction) == measure(two[1], direction):
            ways = rng.sample((direction, OPPOSITE[direction], ""), 2)
            two = [towards(way, source, rng, part) if way else source[1] for way in ways]
    worse, better = sorted(two, key=lambda text: measure(text, direction))
    return question, better, worse


def disguised(text: str, rng: random.Random, part: str, keep: tuple[str, ...]) -> str:
    """Three times in ten in some manner, which must not count where correctness is asked for."""
    return towards(rng.choice(DIRECTIONS), ("", text, keep), rng, part) if rng.random() < 0.3 else text


def judge(source: Source, rng: random.Random, part: str = "train", wrong: Source | None = None, direction=None):
    """(prompt, response): which of two answers has more of a direction, or which is right if there is a wrong one.

    `wrong` is another fact of the same family. The better answer stands first in one case of two.
    """
    directions = DIRECTIONS + (CORRECTNESS * 2 if wrong else ())
    direction = direction or rng.choice(directions)
    question, better, worse, slots = opponents(source, wrong, direction, rng, part)
    return contest(question, better, worse, direction, rng, part, slots)


def opponents(source: Source, wrong: Source | None, direction: str, rng: random.Random, part: str):
    """(question, better, worse, slots of the reason): the two answers of a contest."""
    if direction not in CORRECTNESS:
        return *versions(source, direction, rng, part), {}
    question, better, worse = right_and_wrong(source, wrong, rng, part)
    better, worse = (better, worse) if direction == CORRECTNESS[0] else (worse, better)
    return question, better, worse, {"right": named_answer(source), "wrong": named_answer(wrong)}


def right_and_wrong(source: Source, wrong: Source, rng: random.Random, part: str) -> tuple[str, str, str]:
    """(question, right answer, wrong answer), each in some manner."""
    right = disguised(source[1], rng, part, source[2][:1])
    return source[0], right, disguised(wrong_answer(source, wrong), rng, part, wrong[2][:1])


def contest(question: str, better: str, worse: str, direction: str, rng, part: str, slots: dict) -> tuple[str, str]:
    """The prompt that compares the two, and the verdict in the form that it asks for."""
    layouts = WORDINGS["layouts"]["judge"]
    text, *labels = pick(layouts, part, rng)
    if not question:
        usable = [layout for layout in layouts if "{question}" not in layout[0]]
        text, *labels = pick(usable, "train", rng)
    first = rng.random() < 0.5
    slots = slots | {"better": pick(WORDINGS["better"][direction], part, rng)} | dict(zip("xy", labels, strict=True))
    slots |= named(labels[0] if first else labels[1])
    slots["reason"] = filled_in(pick(WORDINGS["reasons"][direction], part, rng), **slots)
    ask, verdict = pick(WORDINGS["judge"]["forms"], part, rng)
    names = {side: f"the {label}" if len(label) > 1 else label for side, label in zip("xy", labels, strict=True)}
    wording = pick(WORDINGS["judge"]["any"], part, rng)
    request = capitalised(filled_in(wording, **slots | names)) + " " + capitalised(filled_in(ask, **slots))
    a, b = (better, worse) if first else (worse, better)
    verdict = filled_in(verdict if ask or len(labels[0]) == 1 else "{Name}.", **slots)
    return filled_in(text, question=question, a=a, b=b, request=request.strip()), verdict


def named(label: str) -> dict[str, str]:
    """The winner as a verdict alone and as the subject of a sentence."""
    name = f"The {label}" if len(label) > 1 else f"Number {label}" if label.isdigit() else label
    return {"z": label, "Name": name}


def rate(source: Source, rng: random.Random, part: str = "train", wrong: Source | None = None) -> tuple[str, str]:
    """(prompt, response): a score from 1 to 5 for one quality of an answer, with a short reason."""
    scale = rng.choice(["politeness", "formality", "simplicity"] + ["correctness"] * bool(wrong))
    rubric, slots, question = WORDINGS["score"][scale], {}, source[0]
    if scale == "correctness":
        _, right, other = right_and_wrong(source, wrong, rng, part)
        level, text = rng.choice(((5, right), (1, other)))
        slots = {"right": named_answer(source), "wrong": named_answer(wrong)}
    else:
        ways = POLITENESS.directions if scale == "politeness" else SCALES[scale]
        way = rng.choice((*ways, *ways, ""))
        text = towards(way, source, rng, part) if way else source[1]
        level = politeness(text) if scale == "politeness" else level_of(text, scale)
    reason = filled_in(pick(rubric["reasons"][level - 1], part, rng), **slots)
    slots |= {"what": pick(rubric["what"], part, rng), "ends": pick(rubric["ends"], part, rng), "how": rubric["how"]}
    request = filled_in(pick(WORDINGS["score"]["any"], part, rng), How=capitalised(rubric["how"]), **slots)
    verdict = pick(WORDINGS["score"]["answers"], part, rng)
    response = filled_in(verdict, level=level, reason=reason, Reason=capitalised(reason))
    layouts = WORDINGS["layouts"]["score"]
    if scale == "correctness":  # nothing is right without a question
        layouts = [layout for layout in layouts if "{question}" in layout]
    return laid_out(layouts, part, rng, question=question, answer=text, request=request), response


def revise(source: Source, rng: random.Random, part: str = "train", wrong: Source | None = None, kind=None):
    """(prompt, response): an answer with a fault, what a person says about it, and the answer that mends it.

    `kind` is a key of [revise.remarks]; any that the source allows by default. CourseError if it does not allow it.
    """
    kinds = [kind] if kind else rng.sample(list(FAULTS), len(FAULTS))
    for kind in kinds:
        if faulty := FAULTS[kind](source, rng, part, wrong):
            break
    else:
        raise CourseError(f"This source has no {kinds[0]!r} to mend: {source[1]}")
    question, before, after, slots = faulty
    wording = pick(WORDINGS["revise"]["remarks"][kind], part, rng)
    remark = capitalised(filled_in(wording, **slots)) if wording[0] == "{" else filled_in(wording, **slots)
    request = pick(WORDINGS["revise"]["requests"], part, rng)
    layouts = WORDINGS["layouts"]["revise"]
    if not question:
        layouts = [*layouts, *WORDINGS["layouts"]["rewrite"]]
        request, usable = remark, re.compile(r"(?!.*\{question\}).*\{answer\}.*\{request\}", re.DOTALL)
        layouts = [layout for layout in layouts if usable.match(layout)]
    ended = remark if remark[-1] in ".!?" else remark + "."
    slots = {"question": question, "answer": before, "remark": remark, "ended": ended, "request": request}
    return laid_out(layouts, part, rng, **slots), after
