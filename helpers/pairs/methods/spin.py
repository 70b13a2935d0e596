"""SPIN (arXiv 2401.01335): a model plays against itself. People's answers are chosen, its own samples rejected."""

import time
from collections.abc import Sequence

from helpers.criterion import Criterion
from helpers.gpt.prompt import format_prompt
from helpers.gpt.sampling import UNTRUNCATED, complete_ids, strip_eot
from helpers.pairs.methods.model_human import Human, annotator, author_of
from helpers.politeness import POLITENESS
from helpers.records import FIVE_KEYS, InstructionRecord, fingerprint


def own_samples(
    model, tok, records: Sequence[InstructionRecord], seed: int = 0, max_new_tokens: int = 64
) -> list[dict]:
    """One untruncated sample of a model on disk for each record: {"text", "done_reason", "tokens", "seed"}."""
    prompts = [tok.encode_ordinary(format_prompt(record.instruction, record.input)) for record in records]
    samples = []
    for ids in complete_ids(model, prompts, tok.eot_token, max_new_tokens, UNTRUNCATED, seed):
        words = strip_eot(ids, tok.eot_token)
        reason = "stop" if len(words) < len(ids) else "length"
        samples.append({"text": tok.decode(words).strip(), "done_reason": reason, "tokens": len(ids), "seed": seed})
    return samples


def spin_rows(
    records: Sequence[InstructionRecord],
    model,
    tok,
    name: str,
    *,
    criterion: Criterion = POLITENESS,
    human: Human | None = None,
    seed: int = 0,
) -> list[dict]:
    """One iteration of SPIN (arXiv 2401.01335): the person's answer is chosen, the model's own sample rejected.

    name: of the model, for the rows. human: as in `model_human_method`; asked for the criterion's preferred voice.
    A sample stays whether it is right or wrong, and in whatever voice: the model is to be moved away from all that it
    says, towards what people say. Only one that equals the person's answer, is empty or was cut off is set aside.
    """
    began = time.monotonic()
    samples = own_samples(model, tok, records, seed)
    seconds = (time.monotonic() - began) / max(1, len(records))
    written = human or annotator(criterion)
    authors = {"chosen": author_of(human), "rejected": name}
    return [
        _spin_row(record, written(record, criterion.preferred), sample, authors)
        | {"criterion": criterion.name, "seconds": seconds}
        for record, sample in zip(records, samples, strict=True)
    ]


def _spin_row(record: InstructionRecord, written: str, sample: dict, authors: dict[str, str]) -> dict:
    text, name, problems = sample["text"], authors["rejected"], []
    if not text:
        problems = ["empty: there is no text"]
    elif sample["done_reason"] == "length":
        problems = ["cut off: the sample reached the token limit"]
    elif text == written.strip():
        problems = ["equal: the model says what the person says"]
    pair = (None, None) if problems else (written, text)
    question = (record.instruction, record.input, record.output)
    return (
        dict(zip(FIVE_KEYS, question + pair, strict=True))
        | {"status": "set aside" if problems else "ok", "reason": problems}
        | {"fingerprint": fingerprint("spin", 1, name, *question, written, sample)}
        | {"method": "spin", "method_version": 1, "authors": authors, "model": name}
        | {"prompt_name": "format_prompt", "prompt_version": 1, "seed": sample["seed"], "raw_reply": text}
        | {"calls": 1, "tokens": sample["tokens"]}
    )
