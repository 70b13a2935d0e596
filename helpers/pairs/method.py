"""What a method is: a function that makes a preference pair of one record by asking a language model.

A method asks and decides. The builder does the rest: it asks again after problems, appends the rows, and writes
down every request that was made through the `RecordingLLM`, so that no method has to think of provenance.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from helpers.criterion import Criterion
from helpers.llm.client import NUM_PREDICT, Reply
from helpers.llm.recording import RecordingLLM
from helpers.pairs.cleaning import clean_reply
from helpers.politeness import POLITENESS
from helpers.records import InstructionRecord


@dataclass(frozen=True)
class BuildSettings:
    """What to ask for, and how.

    Another seed, temperature, strictness or criterion makes other rows; the rest are limits, and may change while a
    file grows.
    """

    seed: int = 123  # of the coin and, with the record, of the sampling
    temperature: float = 0.8
    num_predict: int = NUM_PREDICT  # tokens; a longer reply counts as cut off
    strict: bool = True  # see `checks.problems`
    max_retries: int = 2  # a record with problems is asked again with the next seed
    retry_set_aside: bool = False  # ask again, with new seeds, for the records that an earlier run set aside
    workers: int = 8  # records at once
    max_failures: int = 3  # records that the server failed on before the build stops
    max_in_vain: int = 25  # records set aside before the build stops, if not one has passed
    criterion: Criterion = POLITENESS

    @property
    def sampling(self) -> dict[str, float]:
        """The options of every request that samples, besides its seed."""
        return {"temperature": self.temperature, "num_predict": self.num_predict}


@dataclass(frozen=True)
class Outcome:
    """What a method made of one record. With problems, or in a tie, the row does not keep the two texts."""

    chosen: str = ""
    rejected: str = ""
    problems: tuple[str, ...] = ()  # "kind: detail"; none is a good pair, else the record is asked again
    tie: bool = False  # a judge saw no difference: set aside at once, not asked again
    notes: dict[str, Any] = field(default_factory=dict)  # what else the row keeps, as JSON: direction, verdicts, …


def question_and_answer(record: InstructionRecord) -> tuple:
    """All of a record that most methods look at, besides its answer key."""
    return record.instruction, record.input, record.output


@dataclass(frozen=True)
class Method:
    """A way to make preference pairs. `make(record, ask, seed)` is called in several threads at once.

    It may raise LLMError: if the server refused the prompt the record is set aside, else it has failed and is
    asked again by the next run. The next attempt at the record gets `seed + 1`; see `nth_seed` for several requests.
    """

    name: str  # "rewrite", "rank", "strong-weak", "model-human", …
    version: int  # raise it whenever prompts or decisions change
    calls: int  # requests that a record takes when nothing goes wrong
    make: Callable[[InstructionRecord, RecordingLLM, int], Outcome]
    key: tuple = ()  # whatever else changes the outcome, as JSON; the first model and BuildSettings are known
    identity: Callable[[InstructionRecord], tuple] = question_and_answer  # what of a record changes the outcome


def ask_clean(ask: RecordingLLM, prompt: str, criterion: Criterion, **options) -> Reply:
    """The reply with its cleaned text. What was removed stands in the request, under "cleaned", by its raw reply."""
    reply = ask.ask(prompt, **options)
    cleaned = clean_reply(reply.text, criterion)
    ask.requests[-1]["cleaned"] = list(cleaned.removed)
    return replace(reply, text=cleaned.text)
