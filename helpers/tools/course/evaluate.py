"""Measure the course models on what they were not trained on: `python3 -m helpers evaluate-course-models`.

Three sets of records, none of which course-small rewrote or judged while it was trained:
  held out   facts of data/instruction-data.json that were kept away from rewriting and judging (`held_out_fact`)
  reserve    facts that are not in the file at all, many with words that it has hardly met
  invented   made-up sentences in which most words exist nowhere

Rewrites and answers are sampled with Ollama's defaults (temperature 0.8, top_k 40, top_p 0.9), verdicts are greedy.
"""

import random

from helpers.files import BUILD, DATA, CourseError, read_json, write_json
from helpers.gpt.checkpoints import load_model
from helpers.gpt.sampling import Sampling, complete
from helpers.pairs.checks import problems, words
from helpers.politeness import prompts
from helpers.politeness.voices import strip_voice, voice_of, voiced
from helpers.records import InstructionRecord, contains_answer, question
from helpers.stats import wilson
from helpers.tools.course.corpus import held_out_fact, made_up
from helpers.tools.course.instruction_data import reserve_records

OLLAMA_DEFAULTS = Sampling(temperature=0.8, top_k=40, top_p=0.9)
GREEDY = Sampling(temperature=0.0)
INVENTED_SEED = 1_000_003  # no training corpus uses it
VOICE = {"more polite": "polite", "less polite": "blunt"}
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
    pairs = [made_up(rng, invented=0.9) for _ in range(invented)]
    return {
        "held out": [r for r in shipped if held_out_fact(r)],
        "reserve": reserve_records(),
        "invented": [
            {"instruction": ask, "input": "", "output": answer, "answer": [max(words(answer), key=len)]}
            for ask, answer in pairs
        ],
    }


def measure_rewrites(model, tok, records) -> dict[str, tuple[int, int]]:
    """(successes, trials) for both directions of rewriting."""
    counts = {}
    kept, voice, exact, garbled, caught = 0, 0, 0, 0, 0
    for direction, asked in VOICE.items():
        asks = [prompts.rewrite_prompt(r["instruction"], r["input"], r["output"], direction) for r in records]
        for r, reply in zip(records, ask_all(model, tok, asks, OLLAMA_DEFAULTS), strict=True):
            kept += contains_answer(reply, r["answer"])
            voice += voice_of(reply) == asked
            same = words(strip_voice(reply)) == words(r["output"])
            exact += same
            if not contains_answer(reply, r["answer"]):
                garbled += 1
                caught += bool(problems(InstructionRecord(**r), reply))
    n = 2 * len(records)
    counts["rewrite keeps the fact"] = (kept, n)
    counts["rewrite has the asked voice"] = (voice, n)
    counts["rewrite copies every word"] = (exact, n)
    counts["garbled rewrites caught"] = (caught, garbled)
    return counts


def measure_judge(model, tok, records, split, seed=0) -> tuple[int, int]:
    """How often the politer of two voices of one answer wins when it stands first and when it stands second."""
    rng = random.Random(seed)
    asks, contests = [], [("polite", "neutral"), ("neutral", "blunt"), ("polite", "blunt")]
    for number, r in enumerate(records):
        better, worse = (voiced(r["output"], voice, rng, split) for voice in contests[number % 3])
        ask = prompts.one_line_question(r["instruction"], r["input"])
        asks += [prompts.judge_prompt(ask, better, worse), prompts.judge_prompt(ask, worse, better)]
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


def evaluate(name) -> list[dict]:
    """All figures of one model, as rows: set, measure, successes, trials, share, low, high (95 % Wilson), bar."""
    model, tok, _ = load_model(DATA / "models" / name)
    rows = []
    for set_name, records in record_sets().items():
        counts = measure_rewrites(model, tok, records)
        counts["judge right in both orders"] = measure_judge(model, tok, records, "train")
        counts["judge right in both orders, unseen voices"] = measure_judge(model, tok, records, "held-out")
        rows += [row(name, set_name, measure, *count) for measure, count in counts.items()]
    shipped = read_json(DATA / "instruction-data.json")
    return rows + [row(name, "shipped", "right answers on unseen phrasings", *measure_answers(model, tok, shipped))]


def row(name, set_name, measure, successes, trials) -> dict:
    share = successes / trials if trials else float("nan")
    low, high = wilson(share, trials) if trials else (float("nan"), float("nan"))
    bar = BARS.get((name, set_name, measure))
    return dict(
        model=name,
        records=set_name,
        measure=measure,
        successes=successes,
        trials=trials,
        share=share,
        low=low,
        high=high,
        bar=bar,
    )


def main(argv=None):
    """Print the table for the named models (all in data/models by default) and keep it in build/."""
    names = argv or sorted(folder.name for folder in (DATA / "models").iterdir())
    if unknown := [name for name in names if not (DATA / "models" / name).is_dir()]:
        raise CourseError(f"There is no course model {unknown[0]!r} in data/models.")
    rows = []
    for name in names:
        for r in evaluate(name):
            rows.append(r)
            bar = f"bar {r['bar']:.0%} {'met' if r['share'] >= r['bar'] else 'MISSED'}" if r["bar"] else ""
            if r["trials"]:
                print(
                    f"{name:12} {r['records']:9} {r['measure']:42} {r['successes']:4}/{r['trials']:<4} "
                    f"{r['share']:6.1%} [{r['low']:.1%}, {r['high']:.1%}]  {bar}",
                    flush=True,
                )
    write_json(BUILD / "course-models" / "evaluation.json", rows)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
