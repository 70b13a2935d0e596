"""Preference pairs by ranking: a model answers several times, a judge ranks, the best answer meets the worst.

Sampling several answers and comparing them is how most preference sets are made (InstructGPT, arXiv:2203.02155,
section 3.5; UltraFeedback, arXiv:2310.01377).
"""

from itertools import combinations

from helpers.files import CourseError
from helpers.llm.client import LLM
from helpers.llm.judge import JudgePrompt, Verdict, judge
from helpers.llm.recording import Asker, nth_seed
from helpers.pairs.checks import answer_problems
from helpers.pairs.method import BuildSettings, Method, Outcome
from helpers.pairs.methods.rewrite import direction_of
from helpers.pairs.ranking import MOST, distinct, in_words, ranked_by_wins, winning_pairs
from helpers.politeness.prompts import STYLES, answer_prompt, judge_json_prompt
from helpers.records import InstructionRecord, fingerprint, one_line_question

VERSION = 1
# How the answers are asked for, as the coin of `direction_of` falls: the plain style wins as often as it loses, so
# that length gives nothing away.
CONTRASTS = {"more polite": ("neutral", "polite", "polite"), "less polite": ("neutral", "blunt", "blunt")}


def rank_method(
    settings: BuildSettings,
    judge_llm: LLM | None = None,
    count: int = 3,
    styles: tuple[str, ...] | None = None,
    prompt: JudgePrompt = judge_json_prompt,
) -> Method:
    """`count` answers to each record, every two judged in both orders; the most wins against the fewest.

    judge_llm: the judge; None is the model that answers, which then judges itself.
    styles: how the answers are asked for in turn (keys of `prompts.STYLES`); ("neutral",) leaves it to temperature,
        None throws the coin between the two CONTRASTS.
    prompt: holds the criterion; a course model knows only the default one.
    A wrong, empty or cut off answer takes no part. Fewer than two answers, or a contest without a usable verdict,
    is a problem, and the record is asked again. No winner, or one that the loser did not lose to, is a tie.
    """
    if not 2 <= count <= MOST or styles is not None and (not styles or set(styles) - set(STYLES)):
        raise CourseError(f"Ranking takes 2 to {MOST} answers, in styles of {', '.join(STYLES)}.")

    def make(record: InstructionRecord, ask: Asker, seed: int) -> Outcome:
        judging = ask.also(judge_llm) if judge_llm else ask
        asked = styles or CONTRASTS[direction_of(record, settings.seed)]
        answers, wrong = _answers(record, ask, seed, [asked[n % len(asked)] for n in range(count)], settings)
        notes = {"prompt_name": "answer", "styles": list(asked), "judge": judging.model, "left_out": wrong}
        notes |= {"answers": answers}
        if len(answers) < 2:
            reasons = ", ".join(wrong) or "all answers are the same"
            return Outcome(problems=(f"too few answers: {reasons}",), notes=notes)
        verdicts = _duels(record, judging, answers, nth_seed(seed, count), prompt)
        notes |= {"verdicts": {f"{i + 1}-{j + 1}": [v.first, v.swapped] for (i, j), v in verdicts.items()}}
        if reasons := [verdict.reason for verdict in verdicts.values() if verdict.winner is None]:
            return Outcome(problems=tuple(f"no verdict: {reason}" for reason in reasons), notes=notes)
        return _best_and_worst(answers, {pair: verdict.winner for pair, verdict in verdicts.items()}, notes)

    judged_by = [judge_llm.model, judge_llm.digest] if judge_llm else None
    texts = [answer_prompt("i", "", style) for style in STYLES] + [prompt("q", "a", "b")]
    key = (count, styles, judged_by, fingerprint(*texts))
    return Method("rank", VERSION, count * count, make, key=key)


def _answers(
    record: InstructionRecord, ask: Asker, seed: int, styles: list[str], settings: BuildSettings
) -> tuple[list[str], list[str]]:
    """The different usable answers, and what was wrong with the others."""
    good, wrong = [], []
    for number, style in enumerate(styles):
        asked = answer_prompt(record.instruction, record.input, style)
        options = {"temperature": settings.temperature, "num_predict": settings.num_predict}
        reply = ask.ask(asked, seed=nth_seed(seed, number), **options)
        problems = answer_problems(record, reply.text, reply.done_reason)
        wrong += problems
        good += [] if problems else [reply.text]
    return list(distinct(good)), wrong


def _duels(
    record: InstructionRecord, judging: Asker, answers: list[str], seed: int, prompt: JudgePrompt
) -> dict[tuple[int, int], Verdict]:
    """The verdict on every two answers."""
    question = one_line_question(record.instruction, record.input)
    return {
        (i, j): judge(judging, question, answers[i], answers[j], prompt, seed=nth_seed(seed, number))
        for number, (i, j) in enumerate(combinations(range(len(answers)), 2))
    }


def _best_and_worst(answers: list[str], winners: dict[tuple[int, int], str], notes: dict) -> Outcome:
    ranking = ranked_by_wins(winners, len(answers))
    notes = notes | {"ranking": in_words(ranking)}
    for best, worst in winning_pairs(ranking, "best-worst"):
        duel = winners.get((best, worst)) or {"a": "b", "b": "a"}.get(winners.get((worst, best)))
        if duel == "a":
            return Outcome(answers[best], answers[worst], notes=notes)
    return Outcome(tie=True, notes=notes)
