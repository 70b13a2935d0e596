"""Preference pairs from a stronger and a weaker author: the stronger one should win, and a judge checks that it does.

Intel/orca_dpo_pairs took for granted that the larger model's answer is the better one; when the pairs were judged
again (argilla/distilabel-intel-orca-dpo-pairs), about half were kept. Provenance is not a label.
"""

from helpers.llm.client import LLM
from helpers.llm.judge import judge
from helpers.llm.recording import Asker, nth_seed
from helpers.pairs.checks import side_problems
from helpers.pairs.method import BuildSettings, Method, Outcome
from helpers.pairs.methods.rewrite import direction_of
from helpers.politeness.prompts import VERSIONS, answer_prompt
from helpers.records import InstructionRecord, one_line_question

VERSION = 1
# How the stronger and the weaker side are asked. With the coin of `direction_of`, the plain style is on either side.
CONTRASTS = {"more polite": ("polite", "neutral"), "less polite": ("neutral", "blunt")}


def strong_weak_method(
    settings: BuildSettings,
    weak: LLM | None = None,
    styles: tuple[str, str] | None = None,
    judge_llm: LLM | None = None,
) -> Method:
    """Two authors answer; the pair is kept if the judge prefers the stronger one in both orders.

    weak: the weaker model; None lets the first model write both sides.
    styles: how the stronger and the weaker author are asked (keys of `prompts.STYLES`); ("polite", "blunt") is one
        model with a deliberately flawed prompt. None throws the coin between the two CONTRASTS.
    judge_llm: the judge; None is the first model, which then judges its own answers as well.
    An answer that is wrong, empty or cut off, on either side, is a problem; so is a weaker side that wins.
    """

    def asked(record: InstructionRecord) -> tuple:
        return styles or CONTRASTS[direction_of(record, settings.seed)]

    def make(record: InstructionRecord, ask: Asker, seed: int) -> Outcome:
        options = {"temperature": settings.temperature, "num_predict": settings.num_predict}
        authors, replies = {"strong": ask, "weak": ask.also(weak) if weak else ask}, {}
        for number, ((side, author), style) in enumerate(zip(authors.items(), asked(record), strict=True)):
            prompt = answer_prompt(record.instruction, record.input, style)
            replies[side] = author.ask(prompt, seed=nth_seed(seed, number), **options)
        notes = {"models": {side: author.model for side, author in authors.items()}, "styles": list(asked(record))}
        notes |= {"prompt_name": "answer", "prompt_version": VERSION}
        if wrong := side_problems(record, replies):
            return Outcome(problems=wrong, notes=notes)
        strong, weaker = (reply.text for reply in replies.values())
        if strong == weaker:
            return Outcome(tie=True, notes=notes | {"verdicts": None})
        return confirmed(record, ask.also(judge_llm) if judge_llm else ask, strong, weaker, notes)

    models = [[llm.model, llm.digest] if llm else None for llm in (weak, judge_llm)]
    return Method("strong-weak", VERSION, 4, make, key=(models, styles, VERSIONS["judge-json"]))


def confirmed(record: InstructionRecord, judging: Asker, supposed: str, other: str, notes: dict) -> Outcome:
    """The pair if the judge agrees in both orders that the supposed winner wins; else a tie, or a problem."""
    question = one_line_question(record.instruction, record.input)
    verdict = judge(judging, question, supposed, other)
    notes = notes | {"judge": judging.model, "verdicts": [verdict.first, verdict.swapped]}
    if verdict.winner == "tie":
        return Outcome(tie=True, notes=notes)
    if verdict.winner == "a":
        return Outcome(supposed, other, notes=notes)
    return Outcome(problems=(verdict.reason or "other side won: the judge prefers it in both orders",), notes=notes)
