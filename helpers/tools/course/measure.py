"""Measure the course models on what they were not trained on: `python3 -m helpers evaluate-course-models`.

Three sets of records, none of which course-small rewrote or judged while it was trained:
  held out   facts of data/instruction-data.json that were kept away from rewriting and judging (`held_out_fact`)
  reserve    facts that are not in the file at all, many with words that it has hardly met
  invented   made-up sentences in which most words exist nowhere

Rewrites and answers are sampled with Ollama's defaults (temperature 0.8, top_k 40, top_p 0.9), verdicts are greedy.
"""

import random
from collections import Counter
from collections.abc import Iterator

from helpers.criterion import rewrite_prompt
from helpers.files import BUILD, DATA, CourseError, read_json, write_json
from helpers.gpt.checkpoints import load_model
from helpers.gpt.sampling import Sampling, complete
from helpers.pairs.checks import problems, words
from helpers.politeness import POLITENESS
from helpers.politeness.voices import TIERS, strip_voice, voiced
from helpers.records import InstructionRecord, contains_answer, one_line_question, question
from helpers.stats import wilson
from helpers.tools.course.corpus import held_out_fact
from helpers.tools.course.instruction_data import reserve_records
from helpers.tools.course.made_up import made_up

OLLAMA_DEFAULTS = Sampling(temperature=0.8, top_k=40, top_p=0.9)
GREEDY = Sampling(temperature=0.0)
INVENTED_SEED = 1_000_003  # no training corpus uses it
BARS = {
    ("course-small", "held out", "rewrite keeps the fact"): 0.95,
    ("course-small", "held out", "rewrite has the asked voice"): 0.95,
    ("course-small", "held out", "judge right in both orders"): 0.90,
    ("course-small", "invented", "rewrite keeps the fact"): 0.60,
    ("course-small", "invented", "garbled rewrites caught"): 0.99,
}


def record_sets(invented=200) -> dict[str, list[dict]]:
    """The three sets. The answer key of an invented record is its longest word."""
    shipped = read_json(DATA / "instruction-data.json")
    rng = random.Random(INVENTED_SEED)
    return {
        "held out": [r for r in shipped if held_out_fact(r)],
        "reserve": reserve_records(),
        "invented": [
            {"instruction": ask, "input": "", "output": answer, "answer": [max(words(answer), key=len)]}
            for ask, answer in (made_up(rng, invented=0.9) for _ in range(invented))
        ],
    }


def measure_rewrites(model, tok, records) -> dict[str, tuple[int, int]]:
    """(successes, trials) for both directions of rewriting."""
    counts = Counter()
    for direction, voice in POLITENESS.targets.items():
        asks = [rewrite_prompt(r["instruction"], r["input"], r["output"], direction) for r in records]
        for r, reply in zip(records, ask_all(model, tok, asks, OLLAMA_DEFAULTS), strict=True):
            kept = contains_answer(reply, r["answer"])
            counts["kept"] += kept
            counts["voice"] += POLITENESS.voice_of(reply) == voice
            counts["copied"] += words(strip_voice(reply)) == words(r["output"])
            counts["caught"] += not kept and bool(problems(InstructionRecord(**r), reply))
    trials = 2 * len(records)
    return {
        "rewrite keeps the fact": (counts["kept"], trials),
        "rewrite has the asked voice": (counts["voice"], trials),
        "rewrite copies every word": (counts["copied"], trials),
        "garbled rewrites caught": (counts["caught"], trials - counts["kept"]),
    }


def measure_judge(model, tok, records, tiers, seed=0) -> tuple[int, int]:
    """How often the politer of two voices of one answer wins when it stands first and when it stands second."""
    rng = random.Random(seed)
    asks, contests = [], [*POLITENESS.contrasts.values(), POLITENESS.voices[::2]]
    for number, r in enumerate(records):
        better, worse = (voiced(r["output"], voice, rng, tiers) for voice in contests[number % 3])
        ask = one_line_question(r["instruction"], r["input"])
        asks += [POLITENESS.judge_prompt(ask, better, worse), POLITENESS.judge_prompt(ask, worse, better)]
    verdicts = ask_all(model, tok, asks, GREEDY)
    right = sum(first == "A" and second == "B" for first, second in zip(verdicts[::2], verdicts[1::2], strict=True))
    return right, len(records)


def measure_answers(model, tok, records) -> tuple[int, int]:
    """Facts right on phrasings that were held out."""
    test = [r for r in records if r["split"] == "test"]
    replies = ask_all(model, tok, [question(r["instruction"], r["input"]) for r in test], OLLAMA_DEFAULTS)
    return sum(contains_answer(a, r["answer"]) for a, r in zip(replies, test, strict=True)), len(test)


def ask_all(model, tok, asks, sampling) -> list[str]:
    """The replies to complete prompts, as the server would give them."""
    return complete(model, tok, [{"instruction": ask} for ask in asks], 80, sampling)


def measure_course_models(names: list[str]) -> None:
    """Print the table for the named models (all in data/models by default) and keep it in build/."""
    names = names or sorted(folder.name for folder in (DATA / "models").iterdir())
    if unknown := [name for name in names if not (DATA / "models" / name).is_dir()]:
        raise CourseError(f"There is no course model {unknown[0]!r} in data/models.")
    rows = []
    for name in names:
        for row in measured_rows(name):
            rows.append(row)
            print(row_text(row), flush=True)
    write_json(BUILD / "course-models" / "evaluation.json", rows)


def measured_rows(name: str) -> Iterator[dict]:
    """All figures of one model: model, records, measure, successes, trials, share, low, high (95 % Wilson), bar."""
    model, tok, _ = load_model(DATA / "models" / name)
    for set_name, records in record_sets().items():
        counts = measure_rewrites(model, tok, records)
        counts["judge right in both orders"] = measure_judge(model, tok, records, TIERS[:1])
        counts["judge right in both orders, unseen voices"] = measure_judge(model, tok, records, TIERS[1:])
        yield from (measured_row(name, set_name, measure, *count) for measure, count in counts.items())
    shipped = read_json(DATA / "instruction-data.json")
    yield measured_row(name, "shipped", "right answers on unseen phrasings", *measure_answers(model, tok, shipped))


def measured_row(name: str, set_name: str, measure: str, successes: int, trials: int) -> dict:
    share = successes / trials if trials else float("nan")
    low, high = wilson(share, trials) if trials else (share, share)
    row = {"model": name, "records": set_name, "measure": measure, "successes": successes, "trials": trials}
    return row | {"share": share, "low": low, "high": high, "bar": BARS.get((name, set_name, measure))}


def row_text(row: dict) -> str:
    counts = f"{row['successes']:4}/{row['trials']:<4} {row['share']:6.1%} [{row['low']:.1%}, {row['high']:.1%}]"
    bar = f"  bar {row['bar']:.0%} {'met' if row['share'] >= row['bar'] else 'MISSED'}" if row["bar"] else ""
    return f"{row['model']:12} {row['records']:9} {row['measure']:42} {counts}{bar}"
