"""From preference records to tokens: tokenising, what exceeds the context, single responses.

The unit is a TokenRow, a prompt and one response. A TokenPair has two of them, and so has an Unpaired response.
"""

import random
from dataclasses import dataclass, replace
from typing import NamedTuple

from helpers.files import CourseError
from helpers.gpt.batches import TokenRow, longest_row
from helpers.gpt.prompt import FOOTER, format_prompt


@dataclass(frozen=True)
class TokenPair:
    """One preference pair as token ids. Both responses end with the end-of-text token.

    shared_prefix: score also the first min(n_w, n_l) tokens of both responses (LD-DPO, arXiv 2409.06411). A causal
        model gives them the same log-probs in a row of their own.
    """

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    shared_prefix: bool = False

    length = property(lambda self: longest_row(self))

    @property
    def rows(self) -> tuple[TokenRow, ...]:
        shared = min(len(self.chosen), len(self.rejected))
        responses = [self.chosen, self.rejected]
        if self.shared_prefix:
            responses += [self.chosen[:shared], self.rejected[:shared]]
        return tuple(TokenRow(self.prompt, response) for response in responses)


@dataclass(frozen=True)
class Unpaired:
    """One response that somebody liked (label True) or did not; it ends with the end-of-text token.

    mismatched: a response to another prompt. KTO compares with it: how far has the policy moved on answers that do
        not even fit (z0 of arXiv 2402.01306)?
    """

    prompt: list[int]
    response: list[int]
    label: bool
    mismatched: list[int]

    rows = property(lambda self: (TokenRow(self.prompt, self.response), TokenRow(self.prompt, self.mismatched)))
    length = property(lambda self: longest_row(self))


class TokenizedPairs(NamedTuple):
    """Records as pairs, and what became of those that exceed the context: nothing is left out or cut silently."""

    pairs: list[TokenPair]
    kept: list[int]  # which records the pairs are from, counted from 0
    skipped: list[str]  # one line a record: its number and its lengths
    truncated: list[str]

    def __str__(self):
        total = len(self.kept) + len(self.skipped)
        lines = [f"{len(self.pairs)} of {total} records fit, {len(self.truncated)} of them with a truncated prompt."]
        for what, records in (("Left out", self.skipped), ("Truncated", self.truncated)):
            lines += [f"{what}: {line}." for line in records[:3]]
            lines += [f"... and {len(records) - 3} more."] if len(records) > 3 else []
        return "\n".join(lines)


OVERFLOW = ("refuse", "skip", "truncate prompt")
CHOICES = (
    'Shorten it, or choose: overflow="skip" leaves such records out; overflow="truncate prompt" keeps the end of the '
    "prompt and never cuts a response; a model with a larger GPTConfig.block_size (notebook 06) reads it whole."
)


def tokenize_pair(prompt, chosen, rejected, tok, block_size, name="The pair") -> TokenPair:
    """Tokenise prompt and responses apart, so that no token spans their boundary, and end both responses.

    Raises CourseError if the prompt or a side is empty, if both sides are equal, or if a row does not fit
    into `block_size` tokens: nothing is ever cut.
    """
    pair = encode_pair(prompt, chosen, rejected, tok.encode_ordinary, tok.eot_token, name)
    if excess(pair, block_size) > 0:
        raise CourseError(f"{name} is too long: {needs(pair, block_size)}. {CHOICES}")
    return pair


def tokenize_pairs(records, tok, block_size, overflow="refuse") -> TokenizedPairs:
    """Tokenise preference records (dicts with instruction, input, chosen, rejected), in the same order.

    overflow: what to do with a record that exceeds the context of `block_size` tokens. "refuse" raises CourseError;
        "skip" leaves the record out; "truncate prompt" keeps the end of the prompt, on which the response follows
        (as TRL does by default), and leaves the record out only if not even the prompt's closing line fits. A
        response is never cut: the model would learn to stop in mid-sentence.
    Raises CourseError naming the number of a record that cannot be trained on, counted from 1.
    """
    if overflow not in OVERFLOW:
        raise CourseError(f"overflow is {overflow!r}, and it must be one of {', '.join(OVERFLOW)}.")
    encode, result = frugal_encoder(tok), TokenizedPairs([], [], [], [])
    footer = len(tok.encode_ordinary(FOOTER))
    for place, record in enumerate(records):
        name = f"Record {place + 1} ({record['instruction'][:40]!r})"
        prompt = format_prompt(record["instruction"], record["input"])
        pair = encode_pair(prompt, record["chosen"], record["rejected"], encode, tok.eot_token, name)
        over = excess(pair, block_size)
        if over > 0:
            problem = needs(pair, block_size)
            if overflow == "refuse":
                raise CourseError(f"{name} is too long: {problem}. {CHOICES}")
            if overflow == "skip" or len(pair.prompt) - over <= footer:
                result.skipped.append(f"{name}: {problem}")
                continue
            pair = replace(pair, prompt=pair.prompt[over:])
            result.truncated.append(f"{name}: {problem}; the first {over} tokens of the prompt are cut")
        result.pairs.append(pair)
        result.kept.append(place)
    return result


def encode_pair(prompt, chosen, rejected, encode, eot, name) -> TokenPair:
    """A pair of any length. Raises CourseError if the prompt or a side is empty, or if both sides are equal."""
    prompt_ids = encode(prompt)
    if not prompt_ids:
        raise CourseError(f"{name} has no prompt for the response to follow. Add one.")
    if chosen.strip() == rejected.strip():
        raise CourseError(f"{name} has two equal sides, so nothing is preferred. Change one or remove it.")
    for side, text in (("chosen", chosen), ("rejected", rejected)):
        if not text.strip():
            raise CourseError(f"{name} has an empty {side} response. Remove it or write an answer.")
    return TokenPair(prompt_ids, encode(chosen) + [eot], encode(rejected) + [eot])


def frugal_encoder(tok):
    """tok.encode_ordinary, but each token id is one object however often it occurs: a third of the memory."""
    known = list(range(tok.n_vocab))
    return lambda text: [known[i] for i in tok.encode_ordinary(text)]


def excess(pair, block_size) -> int:
    """How many positions the pair needs more than the model has; the last token is predicted, never read."""
    return pair.length - 1 - block_size


def needs(pair, block_size) -> str:
    side = "chosen" if len(pair.chosen) >= len(pair.rejected) else "rejected"
    return (
        f"prompt ({len(pair.prompt)} tokens) and {side} response ({len(getattr(pair, side))}) "
        f"need {pair.length - 1} positions, and the model has {block_size}"
    )


def flip_labels(pairs, share, seed=0) -> list[TokenPair]:
    """The pairs as a careless annotator labels them: each has its sides swapped with the probability `share`."""
    coin = random.Random(seed)
    return [replace(p, chosen=p.rejected, rejected=p.chosen) if coin.random() < share else p for p in pairs]


def unpaired_from_pairs(pairs, both=True, seed=0) -> list[Unpaired]:
    """Each pair as two single responses: the chosen one liked, the rejected one not. Which two were a pair is lost.

    All liked ones come first, as in TRL, so that as many mismatched responses are liked ones as are not.
    both: False keeps one side of each pair, drawn by a coin, as if nobody had ever compared anything.
    Raises CourseError if all pairs have the same prompt.
    """
    chosen = [(pair.prompt, pair.chosen, True) for pair in pairs]
    rejected = [(pair.prompt, pair.rejected, False) for pair in pairs]
    coin = random.Random(seed)
    labelled = chosen + rejected if both else [coin.choice(sides) for sides in zip(chosen, rejected, strict=True)]
    return with_mismatched(labelled, max(pair.length for pair in pairs))


def with_mismatched(labelled, longest) -> list[Unpaired]:
    """Unpaired data from (prompt, response, label), each with the response of the next row that has another prompt.

    longest: the most tokens that a prompt and a response may have together. Raises CourseError for a row to which
    no other response fits.
    """
    result = []
    for number, (prompt, response, label) in enumerate(labelled):
        following = (labelled[(number + step) % len(labelled)] for step in range(1, len(labelled)))
        other = next((r for p, r, _ in following if p != prompt and len(prompt) + len(r) <= longest), None)
        if other is None:
            raise CourseError(
                f"Response {number + 1} has no response to another prompt to be compared with. "
                "KTO needs at least two different prompts."
            )
        result.append(Unpaired(prompt, response, label, other))
    return result
