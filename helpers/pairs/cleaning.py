"""What a chat model writes around an answer, taken off before the answer is checked: thinking, prefaces, notes, quotes.

An answer is left as it is, though it may have quotation marks, brackets, lists or colons of its own. Each remover
takes a text and returns (what is left, what it took off).
"""

import re
from typing import NamedTuple

from helpers.criterion import Criterion
from helpers.llm.thinking import split_thinking
from helpers.pairs.checks import content, words
from helpers.pairs.task_talk import HEADED, VERSION, announces, is_note, is_offer, is_quoted
from helpers.politeness import POLITENESS

Left = tuple[str, str]
MOST_LAYERS = 12  # a wrapping can hold another one
LONGEST_HEAD = 30  # words of a preface
# A longer run of blanks is shortened, so that no pattern reads one again from each of its places.
LONG_BLANK = re.compile(r"(\s{20})\s+")

TURN_MARK = re.compile(r"<\|[\w ]+\|>|<(?:start|end)_of_turn>(?:\w+\n)?|</?s>|\[/?INST\]")
ECHO = re.compile(
    r"\W{0,9}(?:original|before|old|question|instruction|input|prompt|user)\b[^:\n]{0,30}:[^\n]*\n\s*(?=[^\n:]{1,40}:)",
    re.I,
)
# What ends a preface: a colon, a line, a sentence, a dash.
HEAD_END = re.compile(r":(?=[\s*_\"'“‘`]|$)|\s*\n|(?<=\w)[.!?](?=\s)|\s[–—-]+\s")
SENTENCE_END = re.compile(r"(?<=[.!?\"'”’)*_…>])\s+(?=[\W_]{0,9}[A-Z(\[])|\s*\n\s*(?:[-*•]\s+)?")
BRACKETED_LABEL = re.compile(
    r"[*_]*[(\[]([^()\[\]\n]{3,40})[)\]][*_:]*\s+(?=\S)|(?:sure(?: thing)?|ok(?:ay)?|understood|got it)[!.]\s*\n",
    re.I,
)
NOTES_HEAD = re.compile(rf"\n[^\w\n]*(?:{HEADED})\b[^\n:.]{{0,30}}[*_]*:", re.IGNORECASE)
RULED_OFF = re.compile(r"\n[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,})(?:\n|$)")
NUMBERED = rf"(?:{VERSION}|option|alternative|answer|response) ?#?(?:\d|[a-c]|one|two|three)\b[^:\n]{{0,30}}[:.)–-]"
ITEM = re.compile(rf"^[ \t]*[*_]*(?:[-*•–]\s|\(?\d[.):]\)?\s|\(?[a-c][.)]\s|{NUMBERED})[*_]*\s*(?=\S)", re.I | re.M)
FIRST_ITEM = re.compile(rf"[ \t]*[*_]*(?:[-*•–]\s|\(?1[.):]\)?\s|{NUMBERED})[*_]*\s*(?=\S)", re.IGNORECASE)
OR = re.compile(
    r"\n[ \t*_(]*(?:or|alternatively|alternative|(?:other|more) (?:options|versions|ways)|another (?:option|version|"
    r"way|one)|or (?:even|maybe|perhaps)|second (?:option|version))\b[^\n:]{0,40}[*_)]*\s*(?:[:,…]|\n|-{2,})|"
    r"\s+[(*_]*(?:or,? )?alternatively,? (?:you|i|one|it) (?:could|can|might)\b|\s+or,? (?:if you prefer|even|how "
    r"about|alternatively)\b[^\n:]{0,40}:",
    re.IGNORECASE,
)
FENCE = re.compile(r"(```|~~~|\"\"\"|''')[\w-]*[ \t]*\n?(.*?)\n?[ \t]*\1", re.DOTALL)
TAGS = re.compile(r"<(\w+)>\s*(.*?)\s*</\1>", re.DOTALL)
EMPHASIS = re.compile(r"(\*{1,3}|_{1,3}|~~)(?=[^\s*_])((?:(?!\1).)+?)(?<=\S)\1", re.DOTALL)
INNER_EMPHASIS = re.compile(r"(?<![\w*\\/])(\*{1,3})(?=[^\s*_])([^*\n]{0,300}?[^\s*])\1(?![\w*])")
LINE_MARK = re.compile(r"(?:#{1,6}|>|[-*•–]|1[.)])\s+(?=\S)")
ENDS = tuple(".!?\"'”’*)…")


class CleanReply(NamedTuple):
    """An answer without what its model wrote around it."""

    text: str
    removed: tuple[str, ...]  # "kind: what was taken off", in the order in which it was found


def clean_reply(reply: str, criterion: Criterion = POLITENESS) -> CleanReply:
    """The answer that stands in a reply; of several versions the first. Nothing is left of a reply without one.

    `criterion`: its words can be labels of an answer.
    """
    lines = reply.strip().replace("\r\n", "\n").split("\n")
    text, removed = LONG_BLANK.sub(r"\1", "\n".join(line.rstrip() for line in lines)), []
    for _ in range(MOST_LAYERS):
        layers = ((kind, *remover(text, criterion.task_words)) for kind, remover in REMOVERS.items())
        kind, left, off = next((layer for layer in layers if layer[2]), ("", text, ""))
        if not off:
            break
        text = left.strip()
        removed.append(f"{kind}: {off.strip()}")
    return CleanReply(text.replace("\n", "\r\n") if "\r\n" in reply else text, tuple(removed))


# --- The removers, in their order. `labels`: the words of the criterion. ----------------------------------------


def no_thinking(text: str, labels: tuple[str, ...]) -> Left:
    """Without what stands in <think> tags, of which one may be missing."""
    thinking, answer = split_thinking(text)
    return (answer, thinking) if thinking else (text, "")


def no_template(text: str, labels: tuple[str, ...]) -> Left:
    """Without marks of the chat template, and without the turn that follows the first of them."""
    found = TURN_MARK.search(text)
    if not found:
        return text, ""
    before = text[: found.start()]
    return (before, text[found.start() :]) if before.strip() else (text[found.end() :], found.group())


def first_version(text: str, labels: tuple[str, ...]) -> Left:
    """The first of several versions: items that say nearly the same, or what stands before "Or:"."""
    if (found := OR.search(text)) and text[: found.start()].strip():
        return text[: found.start()], text[found.start() :]
    starts = [found.start() for found in ITEM.finditer(text)] + [len(text)]
    items = [text[start:end] for start, end in zip(starts, starts[1:], strict=False)]
    if len(items) < 2 or text[: starts[0]].strip():
        return text, ""
    numbered = re.match(rf"\W*{NUMBERED}", items[0], re.IGNORECASE)
    first, second = (set(content(words(ITEM.sub("", item)))) for item in items[:2])
    alike = len(first & second) >= max(2, 0.4 * min(len(first), len(second))) and items[0].rstrip().endswith(ENDS)
    if not (numbered or alike):
        return text, ""
    mark = ITEM.match(items[0]).group()
    return items[0].removeprefix(mark), mark + "… " + "".join(items[1:])


def no_wrapping(text: str, labels: tuple[str, ...]) -> Left:
    """Without what stands around the whole: a code fence, tags, emphasis, a heading's or a bullet's mark, quotes."""
    for pattern in (FENCE, TAGS, EMPHASIS):
        if (found := pattern.fullmatch(text)) and found.group(2).strip():
            return found.group(2), text[: found.start(2)]
    for pattern in (LINE_MARK, FIRST_ITEM):
        if "\n" not in text and (found := pattern.match(text)):
            return text[found.end() :], found.group()
    return (text[1:-1], text[0] + text[-1]) if is_quoted(text) else (text, "")


def no_preface(text: str, labels: tuple[str, ...]) -> Left:
    """Without a first line or clause that announces the answer, or labels it."""
    if echo := ECHO.match(text):
        return text[echo.end() :], echo.group()
    if (label := BRACKETED_LABEL.match(text)) and (not label.group(1) or announces(label.group(1), ":", labels)):
        return text[label.end() :], label.group()
    for end in HEAD_END.finditer(text[:400]):
        head, rest = text[: end.start()], text[end.end() :]
        mark = "\n" if "\n" in end.group() else end.group().strip()[:1]
        if announces(head, mark, labels) and (rest.strip() or mark == ":"):
            emphasis = re.match(r"[*_]*", head).group()  # its second half stands behind the colon
            return rest.strip().removeprefix(emphasis), text[: end.end()]
        if mark == "\n" or len(head.split()) > LONGEST_HEAD:
            break
    return text, ""


def no_note(text: str, labels: tuple[str, ...]) -> Left:
    """Without what is said about the answer after it: notes, explanations, offers of other versions."""
    for mark in (NOTES_HEAD, RULED_OFF):
        if (found := mark.search(text)) and text[: found.start()].strip():
            return text[: found.start()], text[found.start() :]
    start, inner = last_bracket(text)
    if start and (is_note(inner) or inner.casefold() in labels):
        return text[:start], text[start:]
    quoted, _, rest = text.partition("\n")
    if rest and is_quoted(quoted) and is_offer(rest.lstrip()):
        return quoted, rest
    start = len(text)
    for end in reversed(list(SENTENCE_END.finditer(text))):
        if (sentence := text[end.end() : start]) and not is_note(sentence):
            break
        start = end.start()
    return text[:start], text[start:]


def last_bracket(text: str) -> tuple[int, str]:
    """(where the brackets begin with which the text ends, what stands in them); (0, "") without any.

    Emphasis around them goes with them.
    """
    closed = text.rstrip("*_. \n")
    emphasis = text[len(closed) :].strip(". \n")
    depth = 0
    for place in reversed(range(len(closed) if closed.endswith((")", "]")) else 0)):
        depth += (closed[place] in ")]") - (closed[place] in "([")
        if depth == 0:
            return len(text[:place].removesuffix(emphasis)), closed[place + 1 : -1]
    return 0, ""


def no_emphasis(text: str, labels: tuple[str, ...]) -> Left:
    """Without Markdown's asterisks around single words."""
    marked = [found.group() for found in INNER_EMPHASIS.finditer(text)]
    return (INNER_EMPHASIS.sub(r"\2", text), ", ".join(marked)) if marked else (text, "")


REMOVERS = {
    "thinking": no_thinking,
    "chat template": no_template,
    "other versions": first_version,
    "wrapping": no_wrapping,
    "preface": no_preface,
    "note": no_note,
    "emphasis": no_emphasis,
}
