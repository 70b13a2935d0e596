"""Two models answer (--model, --weak-model), and the strong one judges both orders.

The stronger author should win, and a judge checks that it does. Intel/orca_dpo_pairs took for granted that the larger
model's answer is the better one; when the pairs were judged again (argilla/distilabel-intel-orca-dpo-pairs), about
half were kept. Provenance is not a label.
"""

from helpers.criterion import PROMPT_VERSIONS
from helpers.llm.client import LLM
from helpers.llm.judge import both_orders, llm_judge
from helpers.llm.recording import RecordingLLM, nth_seed
from helpers.pairs.checks import side_problems
from helpers.pairs.method import BuildSettings, Method, Outcome, ask_clean
from helpers.pairs.methods.rewrite import direction_of
from helpers.records import InstructionRecord, one_line_question


def strong_weak_method(
    settings: BuildSettings,
    llm: LLM | None = None,
    weak: LLM | None = None,
    *,
    voices: tuple[str, str] | None = None,
    judge_llm: LLM | None = None,
) -> Method:
    """Two authors answer; the pair is kept if the judge prefers the stronger one in both orders.

    llm: the stronger model. If it is given and no course model, both sides answer as they are, without a voice.
    weak: the weaker model; None lets the first model write both sides.
    voices: in which the stronger and the weaker author are asked; the preferred and the dispreferred one are one
        model with a deliberately flawed prompt. None flips a coin between the criterion's contrasts.
    judge_llm: the judge; None is the first model, which then judges its own answers as well.
    An answer that is wrong, empty or cut off, on either side, is a problem; so is a weaker side that wins.
    """
    criterion = settings.criterion
    if llm and not (llm.embedded or voices):
        voices = (criterion.neutral, criterion.neutral)
    judge_prompt = criterion.judge_json_prompt

    def make(record: InstructionRecord, ask: RecordingLLM, seed: int) -> Outcome:
        asked_for = voices or criterion.contrasts[direction_of(record, criterion, settings.seed)]
        authors, replies = {"strong": ask, "weak": ask.also(weak)}, {}
        for number, ((side, author), voice) in enumerate(zip(authors.items(), asked_for, strict=True)):
            prompt = criterion.answer_prompt(record.instruction, record.input, voice)
            replies[side] = ask_clean(author, prompt, criterion, seed=nth_seed(seed, number), **settings.sampling)
        notes = {"models": {side: author.model for side, author in authors.items()}, "voices": list(asked_for)}
        notes |= {"prompt_name": "answer", "prompt_version": PROMPT_VERSIONS["answer"]}
        sides = {side: (reply.text, reply.done_reason) for side, reply in replies.items()}
        if wrong := side_problems(record, sides, criterion):
            return Outcome(problems=wrong, notes=notes)
        return confirmed(record, ask.also(judge_llm), judge_prompt, *(r.text for r in replies.values()), notes)

    models = [[model.model, model.digest] if model else None for model in (weak, judge_llm)]
    return Method("strong-weak", version=1, calls=4, make=make, key=(models, voices, PROMPT_VERSIONS["judge-json"]))


def confirmed(record: InstructionRecord, ask: RecordingLLM, prompt, supposed: str, other: str, notes: dict) -> Outcome:
    """The pair if the judge agrees in both orders that the supposed winner wins; else a tie, or a problem."""
    if supposed == other:
        return Outcome(tie=True, notes=notes | {"verdicts": None})
    question = one_line_question(record.instruction, record.input)
    verdict = both_orders(llm_judge(ask, prompt), question, supposed, other)
    notes = notes | {"judge": ask.model, "verdicts": [verdict.first, verdict.swapped]}
    if verdict.winner not in ("a", "tie"):
        problem = verdict.reason or "other side won: the judge prefers it in both orders"
        return Outcome(problems=(problem,), notes=notes)
    return Outcome(supposed, other, tie=verdict.winner == "tie", notes=notes)
