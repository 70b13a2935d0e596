"""How fast a server is: how many requests it works on at once, and how long one may take.

Ollama works on one request at a time unless it is told otherwise, and lets the others wait without a word. A time limit
that runs while a request waits would end it unread, so no more requests are sent at once than the server works on; the
others wait here. Its replies say how long it worked on each, and the rest of the time the request has waited.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

SHORT = 0.5  # seconds: a shorter wait is the way to the server and back, or does no harm
MARGIN = 8  # a request may take so many times what the slowest ones so far let one expect


def seconds_of_work(answer: dict) -> tuple[float, float]:
    """Seconds that the server read the prompt and wrote the reply; zeros if it does not say.

    answer: Ollama's, with its durations in nanoseconds.
    """
    return answer.get("prompt_eval_duration", 0) / 1e9, answer.get("eval_duration", 0) / 1e9


class Pace:
    """What the replies of a server have taught; several threads use it at once.

    A server that does not say how long it worked teaches nothing: it gets ever more at once, and no more time.
    """

    def __init__(self):
        self.at_once = 1  # requests that may be under way; it is tried again and again whether one more waits
        self.requests, self.slowest = 0, 0.0  # measured, and seconds of work on the slowest of them
        self._reading, self._token, self._tokens = 0.0, 0.0, 0  # seconds a prompt and a token at most; most tokens
        self._under_way, self._changed = 0, threading.Condition()

    @contextmanager
    def turn(self, num_predict: int) -> Iterator[int]:
        """Wait until one more request may be sent; gives how many are then under way."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self.at_once)
            self._under_way += 1
            under_way, self._tokens = self._under_way, max(self._tokens, num_predict)
        try:
            yield under_way
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def learn(self, under_way: int, seconds: float, answer: dict) -> None:
        """Learn from an answer that came after so many seconds, when so many requests were under way.

        answer: Ollama's, with its durations in nanoseconds.
        """
        reading, writing = seconds_of_work(answer)
        work = reading + writing
        waited = seconds - answer.get("load_duration", 0) / 1e9 - work if work else 0.0
        with self._changed:
            if waited > max(SHORT, work / 2):  # k requests on s places: each waits (k - s) / s times its work
                self.at_once = max(1, round(under_way * work / (work + waited)))
            elif under_way == self.at_once:
                self.at_once += 1
            self.requests, self.slowest = self.requests + (work > 0), max(self.slowest, work)
            self._reading = max(self._reading, reading)
            self._token = max(self._token, writing / max(answer.get("eval_count", 0), 1))

    def slow_down(self) -> None:
        """Send one at a time again: a request got no answer in time."""
        self.at_once = 1

    @property
    def time_needed(self) -> float:
        """Seconds that the longest reply may take, with a margin; 0 before anything was measured."""
        return MARGIN * (self._reading + self._token * self._tokens)

    def give_time(self, request: httpx.Request) -> None:
        """Raise the time limit of a request to what is needed; as an event hook of the HTTP client."""
        limits = request.extensions["timeout"]
        limits["read"] = max(limits["read"], self.time_needed)
