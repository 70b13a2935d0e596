"""What many requests will cost, measured on the first few of them: minutes, tokens, and people's hours instead."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from helpers.llm.client import LLM, Reply
from helpers.llm.pace import seconds_of_work

TRIAL = 8  # requests that are sent to measure: so few that one place answers all within the time limit
SLOW = 5.0  # seconds for a request, from which on only two more are sent
FEWEST = 10  # records that are worth a build, however slow the server or little the time: fewer would tell nothing
PERSON = 60.0  # seconds for a rewrite or a judgement by a person: an assumption, so time yourself


@dataclass(frozen=True)
class Plan:
    """The cost of a number of requests, if all are answered well at once; a reply with faults is asked for again."""

    requests: int
    seconds: float  # a request, several being asked at once
    at_once: float  # requests that the server really works on at once
    spread: float  # of the seconds: 0.2 is give or take 20 %, about 95 % of the time
    prompt_tokens: float  # a request
    tokens: float  # a reply
    person: float  # seconds that a person takes for one
    replies: list[Reply] = field(repr=False, default_factory=list)  # to the first requests, which were sent

    @property
    def minutes(self) -> float:
        """For all requests."""
        return self.requests * self.seconds / 60

    def records_for(self, minutes: float, calls: int = 1) -> int:
        """How many records fit, if each takes so many requests: at least ten, at most all."""
        fit = int(60 * minutes / self.seconds / calls)
        return min(max(fit, FEWEST), self.requests // calls)

    def few(self, most: int, calls: int = 1, seconds: float = 20) -> int:
        """How many records an experiment may take: `most`, or as many as fit into the seconds, at least two."""
        return max(2, min(most, int(seconds / self.seconds / calls)))

    def row(self) -> dict[str, float]:
        """The plan as a row of a table."""
        low, high = (self.minutes * (1 + sign * self.spread) for sign in (-1, 1))
        sums = {"prompt tokens": self.requests * self.prompt_tokens, "tokens": self.requests * self.tokens}
        times = {
            "minutes": self.minutes,
            "low": low,
            "high": high,
            "people's hours": self.requests * self.person / 3600,
        }
        return {"requests": self.requests, "at once": self.at_once} | sums | times

    def __str__(self) -> str:
        row = self.row()
        return (
            f"{self.requests:,} requests: about {row['minutes']:.1f} minutes ({row['low']:.1f} to {row['high']:.1f}), "
            f"{self.seconds:.2g} s each, as the server works on {self.at_once:.1f} at once. About "
            f"{row['prompt tokens']:,.0f} tokens of prompts and {row['tokens']:,.0f} of replies. People would take "
            f"{self.requests * self.person / 3600:.1f} hours, {self.person:g} s each. Measured on {len(self.replies)}."
        )


def plan(
    llm: LLM,
    asks: Sequence[str | dict],
    *,
    total: int | None = None,
    workers: int = 8,
    person: float = PERSON,
    **common,
) -> Plan:
    """Send the first requests, one alone and then the others at once, and say what all will cost.

    asks, workers, common: as in `LLM.ask_many`, at least two requests. total: how many there will be, if `asks` are but
    the first of them. person: seconds that a person takes for one.
    """
    if len(asks) < 2:
        raise ValueError("A plan needs at least two requests to measure.")
    alone = llm.ask_many(asks[:1], **common)
    others = asks[1 : min(TRIAL if alone[0].seconds < SLOW else 3, workers + 1)]
    llm.pace.at_once = max(llm.pace.at_once, len(others))  # to see what it does with them
    started = time.monotonic()
    together = llm.ask_many(others, workers=workers, **common)
    took = time.monotonic() - started
    at_once = sum(sum(seconds_of_work(reply.raw)) or alone[0].seconds for reply in together) / took
    number = len(asks) if total is None else total
    return Plan(number, took / len(together), max(1.0, at_once), person=person, **_means(alone + together))


def _means(replies: list[Reply]) -> dict:
    """The means of a request's tokens, and how far the mean of their work is from certain.

    spread: twice its relative standard error; at least 0.1, as other things vary as well, and at most 0.9.
    """
    prompt, reply = np.array([(reply.prompt_tokens, reply.tokens) for reply in replies], float).T
    work = prompt / 10 + reply  # reading is about 10 times faster than writing
    spread = float(np.clip(2 * work.std(ddof=1) / work.mean() / len(work) ** 0.5, 0.1, 0.9))
    return {"spread": spread, "prompt_tokens": float(prompt.mean()), "tokens": float(reply.mean()), "replies": replies}
