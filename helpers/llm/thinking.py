"""The thinking that a reasoning model writes before its answer, told apart from the answer."""

import re

TAG = re.compile(r"[<\[](/?)(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad)[>\]]", re.IGNORECASE)
# As `ollama run` prints it.
PLAIN = re.compile(r"Thinking(?:\.\.\.|…).*?(?:\.\.\.|…)\s{0,9}done thinking\.?", re.DOTALL | re.IGNORECASE)
# gpt-oss names the channel of each part: its thinking is on "analysis", its answer on "final".
CHANNEL = re.compile(r"(?:<\|channel\|>)?\s{0,9}(final|analysis)\s{0,9}<\|message\|>")


def split_thinking(text: str) -> tuple[str, str]:
    """(thinking, answer), both without outer blanks. Tags may lack their other half.

    What follows a tag that is never closed is all thinking: the reply was cut before the answer.
    """
    thinking, answer = _between_tags(text.strip())
    if plain := PLAIN.match(answer):
        thinking, answer = thinking + plain.group(), answer[plain.end() :]
    if channels := list(CHANNEL.finditer(answer)):
        first, last = channels[0].start(), channels[-1].end() if channels[-1].group(1) == "final" else len(answer)
        thinking, answer = thinking + answer[first:last], answer[last:] or answer[:first]
    return thinking.strip(), answer.strip()


def _between_tags(text: str) -> tuple[str, str]:
    """(what stands in tags with its tags, the rest): one walk over the tags, whichever names they have."""
    thinking, answer, place, inside = "", "", 0, False
    for tag in TAG.finditer(text):
        if tag.group(1):  # before a tag that closes what was never opened all is thinking
            thinking, answer = thinking + ("" if inside else answer) + text[place : tag.end()], answer if inside else ""
            place, inside = tag.end(), False
        elif not inside:
            answer, place, inside = answer + text[place : tag.start()], tag.start(), True
    return (thinking + text[place:], answer) if inside else (thinking, answer + text[place:])
