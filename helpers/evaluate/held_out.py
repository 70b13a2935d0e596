"""The questions of a file that somebody brings: those which training has not seen, and which the model can read."""

import random

from helpers.dpo.data import fit_pairs, grouped_split
from helpers.files import CourseError
from helpers.gpt.prompt import format_prompt

ROOM = 64  # tokens that must be left in the context for an answer
LEAST, MOST = 20, 400  # questions: with fewer no interval says anything, with more a laptop is busy for long


def held_out(records, tok, block_size, share=0.1, seed=0, too_long="skip") -> tuple[list[dict], list[dict], str]:
    """Split preference records as notebook 07 does: those it trains on, the questions it does not, and a summary.

    Each question is asked once, whatever the number of pairs about it, and keeps its first pair. Of more than 400
    questions 400 are drawn. Raises CourseError if fewer than 20 are left, or as `fit_pairs` does.
    """
    fitted = fit_pairs(records, tok, block_size, too_long)
    kept = [records[place] for place in fitted.kept]
    train, val = grouped_split(kept, share, seed)
    asked = list({(kept[i]["instruction"], kept[i]["input"]): kept[i] for i in reversed(val)}.values())[::-1]
    short = [record for record in asked if _tokens(record, tok) + ROOM <= block_size]
    if len(short) < LEAST:
        raise CourseError(
            f"Only {len(short)} different questions of the {len(records)} records could be held out and fit into the "
            f"context with their answer, and an evaluation needs {LEAST}. Bring more records, with more different "
            "instructions, or a model with a larger context (GPTConfig.block_size, notebook 06)."
        )
    summary = (
        f"{fitted}\n{len(train)} pairs to train on, {len(val)} held out with {len(asked)} different questions, "
        f"{len(asked) - len(short)} of them left out: prompt and answer leave no room of {ROOM} tokens."
    )
    if len(short) > MOST:
        short = [short[i] for i in sorted(random.Random(seed).sample(range(len(short)), MOST))]
        summary += f" Of the others {MOST} are asked, drawn at random."
    return [kept[i] for i in train], short, summary


def _tokens(record, tok) -> int:
    prompt = format_prompt(record["instruction"], record["input"])
    return len(tok.encode_ordinary(prompt)) + len(tok.encode_ordinary(record["output"]))
