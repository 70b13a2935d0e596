"""The thinking that a reasoning model writes before its answer, told apart from the answer."""

import re

NAMES = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad)"
WHOLE = re.compile(rf"[<\[]({NAMES})[>\]].*?[<\[]/\1[>\]]", re.DOTALL | re.IGNORECASE)
UNOPENED = re.compile(rf".*[<\[]/{NAMES}[>\]]", re.DOTALL | re.IGNORECASE)
UNCLOSED = re.compile(rf"[<\[]{NAMES}[>\]].*", re.DOTALL | re.IGNORECASE)
# As `ollama run` prints it.
PLAIN = re.compile(r"^\s*Thinking(?:\.\.\.|…).*?(?:\.\.\.|…)\s*done thinking\.?", re.DOTALL | re.IGNORECASE)
# gpt-oss names the channel of each part: its thinking is on "analysis", its answer on "final".
CHANNEL = re.compile(r".*(?:<\|channel\|>)?\s*final\s*<\|message\|>|<\|channel\|>\s*analysis.*", re.DOTALL)


def split_thinking(text: str) -> tuple[str, str]:
    """(thinking, answer), both without outer blanks. Tags may lack their other half.

    What follows a tag that is never closed is all thinking: the reply was cut before the answer.
    """
    thinking = []
    for pattern in (WHOLE, UNOPENED, UNCLOSED, PLAIN, CHANNEL):
        thinking += [match.group() for match in pattern.finditer(text) if match.group()]
        text = pattern.sub("", text)
    return "\n".join(thinking).strip(), text.strip()
