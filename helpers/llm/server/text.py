"""From tokens to text while a reply is being written: split characters and stop strings are held back."""

import codecs


class TextStream:
    """Collects the bytes of tokens and lets go of text that is final.

    A character whose bytes come in several tokens is held until it is whole; text that may be the beginning
    of a stop string is held until that is decided. Each token may bring a note (its log-probability), which
    leaves with the text that the token begins.
    """

    def __init__(self, stop=()):
        self.stop = tuple(stop)
        self.stopped = False  # a stop string was found; neither it nor what follows is text of the reply
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._notes = []  # (place in the held text where the token begins, note)

    def add(self, data: bytes, note=None) -> tuple[str, list]:
        """The bytes of one token; returns the text and the notes that are final now."""
        if note is not None:
            self._notes.append((len(self._held), note))
        self._held += self._decoder.decode(data)
        return self._release()

    def close(self) -> tuple[str, list]:
        """The reply is over: returns what was held back. An unfinished character becomes U+FFFD."""
        if self.stopped:
            return "", []
        self._held += self._decoder.decode(b"", final=True)
        text, notes = self._release()
        if not self.stopped:
            rest, more = self._take(len(self._held))
            text, notes = text + rest, notes + more
        return text, notes

    def _release(self):
        places = [place for place in map(self._held.find, self.stop) if place >= 0]
        if places:
            self.stopped = True
            return self._take(min(places))
        return self._take(len(self._held) - max(map(self._unsure, self.stop), default=0))

    def _unsure(self, stop: str) -> int:
        """Length of the longest end of the held text that is a beginning of `stop`."""
        longest = min(len(stop) - 1, len(self._held))
        return next((n for n in range(longest, 0, -1) if self._held.endswith(stop[:n])), 0)

    def _take(self, length: int):
        text, self._held = self._held[:length], self._held[length:]
        notes = [note for place, note in self._notes if place < length]
        self._notes = [(place - length, note) for place, note in self._notes if place >= length]
        return text, notes
