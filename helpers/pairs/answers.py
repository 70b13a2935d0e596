"""What can be wrong with an answer that a model gave by itself, with nothing to compare it to but the answer key."""

from helpers.llm.client import Reply
from helpers.pairs.checks import meta_text
from helpers.records import InstructionRecord, contains_answer, writable


def answer_problems(record: InstructionRecord, text: str, done_reason: str = "stop") -> list[str]:
    """Say what speaks against this answer to the record, each as "kind: detail"; none is a usable answer.

    Facts are checked by the record's answer key; without a key they are not checked.
    """
    if not text.strip():
        return ["empty: there is no text"]
    if not writable(text):  # no file can hold it, and no request can send it to a judge
        return ["broken character: the text holds half of a surrogate pair"]
    found = ["cut off: the reply reached the token limit"] if done_reason == "length" else []
    found += meta_text(record, text)
    return found + [f"wrong: {key} is missing" for key in record.answer if not contains_answer(text, [key])]


def side_problems(record: InstructionRecord, sides: dict[str, Reply | str]) -> tuple[str, ...]:
    """The problems of several answers to one record, each with the name of its side: "wrong: weak: Na is missing"."""
    found = []
    for side, reply in sides.items():
        text, done_reason = (reply, "stop") if isinstance(reply, str) else (reply.text, reply.done_reason)
        for problem in answer_problems(record, text, done_reason):
            kind, _, detail = problem.partition(": ")
            found.append(f"{kind}: {side}: {detail}")
    return tuple(found)
