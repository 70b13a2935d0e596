"""Single responses with a thumb up or down: preference data for people who have no pairs."""

import random
from dataclasses import dataclass

from helpers.dpo.data import TokenPair
from helpers.files import CourseError


@dataclass(frozen=True)
class TokenThumb:
    """One response that somebody liked or did not, as token ids; it ends with the end-of-text token.

    `other` is a response to another prompt. KTO compares with it: how far has the policy moved on answers that do
    not even fit (z0 of arXiv 2402.01306)?
    """

    prompt: list[int]
    response: list[int]
    liked: bool
    other: list[int]

    # A batch of pairs carries these two rows as well: the response is its first side, the other its second.
    chosen = property(lambda self: self.response)
    rejected = property(lambda self: self.other)
    length = TokenPair.length


def thumbs_from_pairs(pairs, both=True, seed=0) -> list[TokenThumb]:
    """Each pair as two thumbs: its chosen response liked, its rejected one not. Who belongs together is lost.

    both: False keeps one side of each pair, drawn by a coin, as if nobody had ever compared anything.
    Raises CourseError if all pairs have the same prompt.
    """
    coin, single = random.Random(seed), []
    for pair in pairs:
        sides = [(pair.chosen, True), (pair.rejected, False)]
        single += [(pair.prompt, *side) for side in (sides if both else [coin.choice(sides)])]
    return mismatched(single, max(pair.length for pair in pairs))


def mismatched(single, longest) -> list[TokenThumb]:
    """TokenThumbs of (prompt, response, liked), each with the response of the next row that has another prompt.

    longest: the most tokens that a prompt and a response may have together. Raises CourseError for a row to which
    no other response fits.
    """
    thumbs = []
    for number, (prompt, response, liked) in enumerate(single):
        following = (single[(number + step) % len(single)] for step in range(1, len(single)))
        other = next((r for p, r, _ in following if p != prompt and len(prompt) + len(r) <= longest), None)
        if other is None:
            raise CourseError(
                f"Response {number + 1} finds no response to another prompt to be compared with. "
                "KTO needs at least two different prompts."
            )
        thumbs.append(TokenThumb(prompt, response, liked, other))
    return thumbs
