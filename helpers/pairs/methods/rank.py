"""The model answers several times, and judges its answers two by two in both orders.

The best answer meets the worst. Sampling several answers and comparing them is how most preference sets are made
(InstructGPT, arXiv:2203.02155, section 3.5; UltraFeedback, arXiv:2310.01377).
"""

from itertools import combinations

from helpers.criterion import PROMPT_VERSIONS
from helpers.files import CourseError
from helpers.llm.client import LLM
from helpers.llm.judge import JudgePrompt, Verdict, both_orders, llm_judge
from helpers.llm.recording import RecordingLLM, nth_seed
from helpers.pairs.checks import answer_problems
from helpers.pairs.method import BuildSettings, Method, Outcome, ask_clean
from helpers.pairs.methods.rewrite import direction_of
from helpers.pairs.ranking import MOST, distinct, in_words, ranked_by_wins, winning_pairs
from helpers.records import InstructionRecord, fingerprint, one_line_question


def rank_method(
    settings: BuildSettings,
    llm: LLM | None = None,
    weak: LLM | None = None,
    *,
    judge_llm: LLM | None = None,
    count: int = 3,
    voices: tuple[str, ...] | None = None,
    prompt: JudgePrompt | None = None,
) -> Method:
    """`count` answers to each record, every two judged in both orders; the most wins against the fewest.

    judge_llm: the judge; None is the model that answers, which then judges itself.
    voices: in which the answers are asked for in turn; only the neutral one leaves it to temperature. None: a coin
        says whether the neutral answer meets better or worse ones, so that length does not reveal the label.
    prompt: of the judge; None is the criterion's `judge_json_prompt`, the only one that a course model knows.
    A wrong, empty or cut off answer takes no part. Fewer than two answers, or a contest without a verdict, is a
    problem, and the record is asked again. No winner, or one that the loser did not lose to, is a tie.
    """
    criterion = settings.criterion
    if not 2 <= count <= MOST or voices is not None and (not voices or set(voices) - set(criterion.voices)):
        raise CourseError(f"Ranking takes 2 to {MOST} answers, in voices of {', '.join(criterion.voices)}.")
    prompt = prompt or criterion.judge_json_prompt

    def make(record: InstructionRecord, ask: RecordingLLM, seed: int) -> Outcome:
        asked_for = voices or _voices_by_coin(record, settings)
        answers, wrong = _answers(record, ask, seed, [asked_for[n % len(asked_for)] for n in range(count)], settings)
        judge_ask = ask.also(judge_llm)
        notes = {"prompt_name": "answer", "prompt_version": PROMPT_VERSIONS["answer"], "voices": list(asked_for)}
        notes |= {"judge": judge_ask.model, "left_out": wrong, "answers": answers}
        if len(answers) < 2:
            reasons = ", ".join(wrong) or "all answers are the same"
            return Outcome(problems=(f"too few answers: {reasons}",), notes=notes)
        return _ranked(answers, _duels(record, judge_ask, answers, nth_seed(seed, count), prompt), notes)

    return Method(
        "rank", version=1, calls=count * count, make=make, key=_key(criterion, count, voices, judge_llm, prompt)
    )


def _key(criterion, count: int, voices, judge_llm: LLM | None, prompt: JudgePrompt) -> tuple:
    """What changes the outcome besides the record, the answering model and the settings."""
    judged_by = [judge_llm.model, judge_llm.digest] if judge_llm else None
    names = (criterion.neutral, criterion.preferred, criterion.dispreferred)
    texts = [criterion.answer_prompt("i", "", voice) for voice in names] + [prompt("q", "a", "b")]
    return count, voices, judged_by, fingerprint(*texts)


def _voices_by_coin(record: InstructionRecord, settings: BuildSettings) -> tuple[str, ...]:
    """The neutral voice, and twice the other one of the contrast on which the coin falls."""
    criterion = settings.criterion
    contrast = criterion.contrasts[direction_of(record, criterion, settings.seed)]
    (other,) = set(contrast) - {criterion.neutral}
    return criterion.neutral, other, other


def _answers(
    record: InstructionRecord, ask: RecordingLLM, seed: int, voices: list[str], settings: BuildSettings
) -> tuple[list[str], list[str]]:
    """The different usable answers, and what was wrong with the others."""
    good, wrong = [], []
    for number, voice in enumerate(voices):
        prompt = settings.criterion.answer_prompt(record.instruction, record.input, voice)
        reply = ask_clean(ask, prompt, settings.criterion, seed=nth_seed(seed, number), **settings.sampling)
        problems = answer_problems(record, reply.text, reply.done_reason, settings.criterion)
        wrong += problems
        good += [] if problems else [reply.text]
    return list(distinct(good)), wrong


def _duels(
    record: InstructionRecord, ask: RecordingLLM, answers: list[str], seed: int, prompt: JudgePrompt
) -> dict[tuple[int, int], Verdict]:
    """The verdict on every two answers."""
    question = one_line_question(record.instruction, record.input)
    return {
        (i, j): both_orders(llm_judge(ask, prompt, seed=nth_seed(seed, number)), question, answers[i], answers[j])
        for number, (i, j) in enumerate(combinations(range(len(answers)), 2))
    }


def _ranked(answers: list[str], verdicts: dict[tuple[int, int], Verdict], notes: dict) -> Outcome:
    """The best answer against the worst, if every duel has a verdict and the best won theirs."""
    notes = notes | {"verdicts": {f"{i + 1}-{j + 1}": [v.first, v.swapped] for (i, j), v in verdicts.items()}}
    if reasons := [verdict.reason for verdict in verdicts.values() if verdict.winner is None]:
        return Outcome(problems=tuple(f"no verdict: {reason}" for reason in reasons), notes=notes)
    winners = {pair: verdict.winner for pair, verdict in verdicts.items()}
    ranking = ranked_by_wins(winners, len(answers))
    notes |= {"ranking": in_words(ranking)}
    for best, worst in winning_pairs(ranking, "best-worst"):
        if winners.get((best, worst)) == "a" or winners.get((worst, best)) == "b":
            return Outcome(answers[best], answers[worst], notes=notes)
    return Outcome(tie=True, notes=notes)
