"""The exact prompts of the pipeline (helpers/criterion.py, helpers/records.py) about the wide world, in all directions.

corpus.py has the same prompts for politeness and the records of the course. Each function gives one (prompt, response).
"""

import re
from random import Random

from helpers.criterion import judge_json_prompt, rewrite_prompt
from helpers.politeness import POLITENESS
from helpers.politeness.voices import politeness
from helpers.records import one_line_question, question
from helpers.tools.course.directions import DIRECTIONS, Source, measure, towards, wrong_answer
from helpers.tools.course.tasks import WORDINGS, changed, versions
from helpers.tools.course.world import Question

BOTH = "Answer both questions."
MANNERLY = {"shorter": "briefly", "longer": "at length", "more formal": "formally", "less formal": "casually"}
MANNERLY |= {"simpler": "simply"}
INSTEAD_SHARE = 0.15  # of the contests of politeness in which one answer is wrong, and that does not count


def exact_rewrite(source: Source, rng: Random) -> tuple[str, str]:
    """The prompt that rewrites an answer, in any direction."""
    direction, asked = rng.choice(POLITENESS.directions + DIRECTIONS), ""
    while not asked:  # a sentence of everyday life answers nothing
        asked, before, after = changed(source, direction, rng, "train")
    return rewrite_prompt(asked, "", before, direction), after


def exact_judge(source: Source, rng: Random, part: str, wrong: Source | None = None) -> tuple[str, str]:
    """The prompt that compares two answers by any direction, in its two forms. A wrong answer wins if it has more."""
    direction, asked = rng.choice(POLITENESS.directions[:1] * 4 + DIRECTIONS), ""
    while not asked:
        asked, *two = versions(source, direction, rng, part)
    if wrong and direction in POLITENESS.directions and rng.random() < INSTEAD_SHARE:
        false = (asked, wrong_answer(source, wrong), wrong[2])
        ways = rng.sample(POLITENESS.directions, 2)
        two = [towards(way, one, rng, part) for way, one in zip(ways, (source, false), strict=True)]
    rng.shuffle(two)
    winner = "AB"[measure(two[1], direction) > measure(two[0], direction)]
    better = direction if rng.random() < 0.5 else rng.choice(WORDINGS["better"][direction])
    prompt = judge_json_prompt(asked, *two, better)
    if rng.random() < 0.5:
        return prompt, f'{{"winner": "{winner}"}}'
    return prompt.removesuffix('Reply as JSON with the key "winner".') + "Reply with A or B only.", winner


def exact_score(source: Source, rng: Random) -> tuple[str, str]:
    """The prompt that gives an answer a level of politeness, in its two forms."""
    way = rng.choice((*POLITENESS.directions, ""))
    text = towards(way, source, rng, "train") if way else source[1]
    if rng.random() < 0.5:
        return POLITENESS.score_json_prompt(source[0], text), f'{{"score": {politeness(text)}}}'
    return POLITENESS.score_prompt(source[0], text), str(politeness(text))


def in_a_manner(source: Source, rng: Random) -> tuple[str, str]:
    """A question whose answer is asked for in some manner."""
    if rng.random() < 0.5:
        direction, voice = rng.choice(list(POLITENESS.targets.items()))
        prefix = POLITENESS.requests[voice]
    else:
        direction = rng.choice(list(MANNERLY))
        prefix = f"Answer {MANNERLY[direction]}. "
    return prefix + source[0], towards(direction, source, rng, "train")


def with_input(family: Question, fact: dict[str, str], rng: Random) -> tuple[str, str]:
    """An instruction that leaves the thing to the input of its record."""
    field = family.fields[0]
    name = family.fill(rng.choice(family.names), fact | {field: f"this {field}"})
    name = re.sub(r"['\"](this \w+)['\"]", r"\1", name)
    ask = rng.choice(("Give {}.", "What is {}?", "Find {}.", "Name {}.", "I need {}."))
    return question(ask.format(name), fact[field]), rng.choice(family.responses(fact))


def two_records(records: list[dict], rng: Random) -> tuple[str, str]:
    """Two questions of the course's own records at once."""
    two = rng.sample(records, 2)
    asks = (f"{number}. {one_line_question(r['instruction'], r['input'])}" for number, r in enumerate(two, start=1))
    return "\n".join((BOTH, *asks)), "\n".join(f"{number}. {r['output']}" for number, r in enumerate(two, start=1))
