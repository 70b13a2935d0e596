"""What the course models are asked when they are measured, none of it ever trained on: `trials()`.

Requests written by hand (data/course/asked.json), the held-out part of the stream (talk.py), and the prompts of Part I
over records that were kept away.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from helpers.criterion import rewrite_prompt
from helpers.files import DATA, read_json
from helpers.pairs.checks import problems, words
from helpers.politeness import POLITENESS
from helpers.politeness.voices import TIERS, voiced
from helpers.records import InstructionRecord, contains_answer, one_line_question, question
from helpers.tools.course import declined, people, tasks, together, verdicts
from helpers.tools.course.corpus import held_out_fact
from helpers.tools.course.directions import DIRECTIONS, agrees
from helpers.tools.course.faults import FAULTS
from helpers.tools.course.instruction_data import reserve_records
from helpers.tools.course.made_up import made_up
from helpers.tools.course.rewrites import KEPT, MANNER, kept_rule, remark_rule, rewrite_rule
from helpers.tools.course.talk import Talk
from helpers.tools.course.tasks import CORRECTNESS
from helpers.tools.course.verdicts import OTHER_LABEL, Rule, winner_of

PART = "held out"
SAMPLED = {"temperature": 0.8, "top_k": 40, "top_p": 0.9}  # Ollama's defaults
GREEDY = {"temperature": 0.0}
NEARLY_ALL = 0.9  # of the words in made-up content
SEED = 1_000_003  # no training uses it
EACH_FAMILY, EACH_DIRECTION, OF_A_KIND, CONTESTS = 40, 160, 150, 60
MENDS = {"too_long": "shorter", "too_short": "longer", "unkind": POLITENESS.better, "too_stiff": "less formal"}
MENDS |= {"too_casual": "more formal", "too_hard": "simpler", "hard_word": "simpler"}  # fault -> direction
NEAR = {"unknown", "invented_things"}  # kinds of declined.toml beside those called near_...


@dataclass(frozen=True)
class Trial:
    """One or more prompts with the rules for their replies; a measure holds if it does for every reply."""

    row: str  # of the table
    group: str  # that is counted apart within the row
    asks: tuple[tuple[str, Rule], ...]
    expected: str = ""  # for a person who reads the replies
    settings: dict | None = None  # of the request; SAMPLED if None


def by_hand() -> Iterator[Trial]:
    """The requests of data/course/asked.json."""
    for one in read_json(DATA / "course" / "asked.json"):
        name, request, keys = one["set"], one["request"], one["answer"]
        settings, expected = None, " or ".join(", ".join(strings) for strings in keys)
        if name in ("near", "far"):
            rule = verdicts.foreign_rule(request)
        elif name == "json":
            rule = verdicts.json_rule(one["keys"], keys)
        elif name == "rewrite":
            rule, expected = kept_rule(one["direction"], one["source"], one["keep"]), f"keep {', '.join(one['keep'])}"
        elif name == "judge":
            expected, settings = one["labels"]["AB".index(one["better"])], GREEDY
            rule = verdicts.winner_rule(expected)
        elif name == "revise":
            rule, expected = remark_rule(one["remark"], one["keep"], one.get("keep_any", ())), f"{one['keep']}"
        else:
            rule = verdicts.fact_rule(keys, one.get("among", ()))
        group = one.get("family") or one.get("direction") or one.get("criterion") or one.get("remark") or ""
        yield Trial(f"by hand: {name}", group, ((request, rule),), expected, settings)


def fact_trial(row: str, asked: people.Request, group="") -> Trial:
    """A request of the stream for facts."""
    keys = list(product(*asked.keys))
    expected = " and ".join("/".join(keys) for keys in asked.keys)
    return Trial(row, group or asked.family, ((asked.text, verdicts.fact_rule(keys)),), expected)


def known_facts(talk: Talk) -> Iterator[Trial]:
    """Facts of every family, all of its facts alike; facts as the stream draws them; two facts at once."""
    rng, more = talk.rng, {"known": talk.known}
    for name, family in talk.world.items():
        facts = rng.sample(family.facts, min(EACH_FAMILY, len(family.facts)))
        for fact in facts or [family.draw(rng) for _ in range(EACH_FAMILY)]:
            asked = people.request(talk.world, rng, PART, family=name, fact=fact, **more)
            yield fact_trial("stream: every family", asked)
    for _ in range(2 * OF_A_KIND):
        name = talk.family()[0]
        yield fact_trial("stream: as trained", people.request(talk.world, rng, PART, family=name, **more))
    for _ in range(OF_A_KIND):
        asked = together.request_two(talk.world, rng, PART, **more)
        yield fact_trial("stream: two facts", asked, asked.kind)


def foreign(talk: Talk) -> Iterator[Trial]:
    """What the model cannot do, of trained kinds in new wordings and of kinds that are held out whole."""
    for _ in range(2 * OF_A_KIND):
        asked = declined.request_declined(talk.world, talk.rng, PART)
        near = asked.kind.startswith("near_") or asked.kind in NEAR
        rule = verdicts.foreign_rule(asked.text)
        yield Trial(f"stream: {'near' if near else 'far'}", asked.kind, ((asked.text, rule),), "a decline")


def plain_json(talk: Talk) -> Iterator[Trial]:
    """Requests for JSON in words."""
    for _ in range(OF_A_KIND):
        asked = together.request_json(talk.world, talk.rng, PART, known=talk.known)
        (response,) = asked.responses
        rule = verdicts.json_rule(json.loads(response), list(product(*asked.keys)), only=True)
        yield Trial("stream: JSON", asked.kind, ((asked.text, rule),), response)


def schemas(talk: Talk) -> Iterator[Trial]:
    """Requests whose reply is held to a JSON schema."""
    kinds = {"answer": {"type": "string"}, "winner": {"type": "string", "enum": ["A", "B"]}}
    kinds |= {"score": {"type": "integer", "enum": [1, 2, 3, 4, 5]}}
    for number in range(3 * 20):
        key, wanted = list(kinds.items())[number % 3]
        ask, answer, _ = talk.content()
        better, worse = (voiced(answer, voice, talk.rng, TIERS[:1]) for voice in POLITENESS.voices[::2])
        prompt = POLITENESS.judge_json_prompt(ask, better, worse) if key == "winner" else ask
        prompt = POLITENESS.score_json_prompt(ask, better) if key == "score" else prompt
        schema = {"type": "object", "properties": {key: wanted}, "required": [key]}
        yield Trial("schema", key, ((prompt, verdicts.schema_rule(schema)),), key, SAMPLED | {"format": schema})


def rewrites(talk: Talk) -> Iterator[Trial]:
    """Each direction in wordings and manners that are held out; then content of words that were never seen."""
    for direction in DIRECTIONS:
        for _ in range(EACH_DIRECTION):
            yield rewrite_trial(f"rewrite: {direction}", talk, direction, talk.content)
    for number in range(OF_A_KIND):
        yield rewrite_trial("unseen words", talk, DIRECTIONS[number % len(DIRECTIONS)], lambda: unseen(talk.rng))


def unseen(rng: random.Random) -> tasks.Source:
    """Made-up content, nearly all of its words invented."""
    ask, answer = made_up(rng, NEARLY_ALL)
    return ask, answer, (max(answer.rstrip(".").split(), key=len),)


def rewrite_trial(row: str, talk: Talk, direction: str, draw) -> Trial:
    """A rewrite of something drawn, which its own response shows to be possible."""
    while True:
        source = draw()
        ask, before, after = tasks.changed(source, direction, talk.rng, PART)
        if agrees(direction, before, after) and (ask or row != "unseen words"):
            break
    prompt = tasks.ask_for_rewrite(source, ask, before, direction, talk.rng, PART)
    fact, keep = (source[1], source[2][:1]) if ask else (before, ())  # without a question: a sentence of everyday life
    rule = rewrite_rule(direction, fact, before, keep)
    return Trial(row, direction, ((prompt, rule),), after)


def contests(talk: Talk) -> Iterator[Trial]:
    """Each direction, and right against wrong, in held-out wordings and in both orders."""
    for direction in DIRECTIONS + CORRECTNESS:
        row = "judge: correctness" if direction in CORRECTNESS else f"judge: {direction}"
        for _ in range(OF_A_KIND // 2 if direction in CORRECTNESS else CONTESTS):
            source, wrong = talk.two_sources() if direction in CORRECTNESS else (talk.content(), None)
            ask, better, worse, slots = tasks.opponents(source, wrong, direction, talk.rng, PART)
            seed = talk.rng.random()
            (one, verdict), (two, _) = (
                tasks.contest(ask, *pair, direction, random.Random(seed), PART, slots)
                for pair in ((better, worse), (worse, better))
            )
            label = winner_of(verdict)  # the second time the same label is the other answer's
            rules = verdicts.winner_rule(label), verdicts.winner_rule(OTHER_LABEL[label])
            yield Trial(row, direction, ((one, rules[0]), (two, rules[1])), f"{label}, {OTHER_LABEL[label]}", GREEDY)


def rated_and_revised(talk: Talk) -> Iterator[Trial]:
    """Scores with a reason, and answers mended after a remark, in held-out wordings."""
    for _ in range(OF_A_KIND // 2):
        prompt, response = talk.with_wrong(tasks.rate)
        level = int(next(filter(str.isdigit, response)))
        yield Trial("score", str(level), ((prompt, verdicts.level_rule(level)),), response, GREEDY)
    for number in range(OF_A_KIND):
        yield revision(talk, list(FAULTS)[number % len(FAULTS)])


def revision(talk: Talk, kind: str) -> Trial:
    """An answer with a fault of the kind, what a person says about it, and the rule for the answer that mends it."""
    while True:
        source, wrong = talk.two_sources()
        seed = talk.rng.random()
        if faulty := FAULTS[kind](source, random.Random(seed), PART, wrong):
            break
    ask, before, after, _ = faulty
    prompt, _ = tasks.revise(source, random.Random(seed), PART, wrong, kind)  # the same fault again
    fact, keep = (source[1], source[2][:1]) if ask else (before, ())
    return Trial("revise", kind, ((prompt, rewrite_rule(MENDS.get(kind, ""), fact, before, keep)),), after)


def record_sets(invented=60, seed=SEED) -> dict[str, list[dict]]:
    """Records of Part I: facts never rewritten or judged in training, facts of no file, facts of invented words.

    The answer key of an invented record is its longest word.
    """
    rng = random.Random(seed)
    shipped = [r for r in read_json(DATA / "instruction-data.json") if held_out_fact(r)]
    sets = {"held out": rng.sample(shipped, 60), "reserve": rng.sample(reserve_records(), 60), "invented": []}
    for ask, answer, _ in (unseen(rng) for _ in range(invented)):
        key = max(words(answer), key=len)
        sets["invented"].append({"instruction": ask, "input": "", "output": answer, "answer": [key]})
    return sets


def part_one() -> Iterator[Trial]:
    """The prompts of helpers/criterion.py, and the test questions of the course."""
    rng = random.Random(SEED)
    for name, records in record_sets().items():
        for record in records:
            for direction in POLITENESS.directions:
                prompt = rewrite_prompt(record["instruction"], record["input"], record["output"], direction)
                yield Trial(
                    f"Part I: {name}", direction, ((prompt, part_one_rule(record, direction)),), record["output"]
                )
        for tiers, row in ((TIERS[:1], "judge: known voices"), (TIERS[1:], "judge: unseen voices")):
            for number, record in enumerate(records):
                yield part_one_contest(row, name, number, record, rng, tiers)
    test = [r for r in read_json(DATA / "instruction-data.json") if r["split"] == "test"]
    for record in rng.sample(test, 2 * OF_A_KIND):
        prompt = question(record["instruction"], record["input"])
        rule = verdicts.fact_rule([record["answer"]])
        yield Trial("Part I: answers", record["task"], ((prompt, rule),), ", ".join(record["answer"]))


def part_one_rule(record: dict, direction: str) -> Rule:
    """The voice that was asked for, and the answer key kept; if it is not, whether the checks of a rewrite notice."""

    def rule(reply):
        kept = contains_answer(reply or "", record["answer"])
        noticed = {} if kept else {"lost fact noticed": bool(problems(InstructionRecord(**record), reply or ""))}
        return {MANNER: POLITENESS.voice_of(reply or "") == POLITENESS.targets[direction], KEPT: kept} | noticed

    return rule


def part_one_contest(row: str, group: str, number: int, record: dict, rng: random.Random, tiers) -> Trial:
    """Two voices of one answer, in both orders."""
    pairs = [*POLITENESS.contrasts.values(), POLITENESS.voices[::2]]
    better, worse = (voiced(record["output"], voice, rng, tiers) for voice in pairs[number % 3])
    ask = one_line_question(record["instruction"], record["input"])
    asks = ((POLITENESS.judge_prompt(ask, better, worse), "A"), (POLITENESS.judge_prompt(ask, worse, better), "B"))
    return Trial(row, group, tuple((ask, verdicts.winner_rule(label)) for ask, label in asks), "A, B", GREEDY)


def trials(talk: Talk) -> dict[str, list[Trial]]:
    """Everything, by section."""
    makers = {"known facts": known_facts, "foreign": foreign, "JSON": plain_json, "schemas": schemas}
    makers |= {"rewrites": rewrites, "contests": contests, "scores, revisions": rated_and_revised}
    sections = {"by hand": list(by_hand())} | {name: list(make(talk)) for name, make in makers.items()}
    return sections | {"Part I": list(part_one())}
