"""When the next record of a build may begin: as the server has room, and as long as there is time."""

import threading
import time

from helpers.llm.pace import Pace
from helpers.llm.plan import FEWEST


class Turns:
    """Lets the threads of a build begin records one by one, one more at once than the server works on.

    So a build that ends, for its minutes or for Ctrl-C, has little under way that is asked in vain.
    """

    def __init__(self, pace: Pace, minutes: float | None):
        self._pace = pace
        self._end = float("inf") if minutes is None else time.monotonic() + 60 * minutes
        self._begun, self._ended, self._stopped = 0, 0, False
        self._changed = threading.Condition()

    @property
    def over(self) -> bool:
        """Whether no more records begin: the minutes have passed, or the build was left."""
        return self._stopped or self._begun >= FEWEST and time.monotonic() >= self._end

    def begin(self) -> bool:
        """Wait for a turn; False if there is none any more."""
        with self._changed:
            while not self.over and self._begun - self._ended > self._pace.at_once:
                self._changed.wait(0.2)  # seconds: what the pace learns in the meantime comes without a word
            if self.over:
                return False
            self._begun += 1
            return True

    def end(self) -> None:
        """The record that began is finished."""
        with self._changed:
            self._ended += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing begins any more."""
        self._stopped = True
