"""What the course models are trained on: requests of people about the wide world and everything that can be done with
an answer, beside the prompts of Part I (corpus.py).

Every example is a pair (prompt, response). `part` "held out" has wordings that "train" never uses.
"""

import math
import random
from functools import cache, partial

from helpers.files import DATA, read_json
from helpers.tools.course import tasks
from helpers.tools.course.corpus import Corpus
from helpers.tools.course.declined import request_declined, request_identity, request_unknown
from helpers.tools.course.made_up import made_up
from helpers.tools.course.people import phrase, request
from helpers.tools.course.together import request_json, request_two
from helpers.tools.course.world import known_words, read_world

ENDLESS = 400  # a family whose facts are computed counts as one with so many
INVENTED = 0.6  # of the words in made-up content


def letters(text: str) -> str:
    """What two requests share that differ in capitals, blanks and punctuation only."""
    return "".join(filter(str.isalnum, text.lower()))


@cache
def asked() -> frozenset[str]:
    """The requests that were written by hand."""
    return frozenset(letters(one["request"]) for one in read_json(DATA / "course" / "asked.json"))


class Talk:
    """An endless, seeded stream of training examples. `records` are those of data/instruction-data.json to train on."""

    def __init__(self, records, seed=0, part="train"):
        self.rng, self.part = random.Random(f"{seed} {part}"), part
        self.part_one = Corpus(records, seed, made_up_share=0.6)
        self.world = read_world()
        self.known = known_words(self.world)
        sizes = {name: math.sqrt(len(question.facts) or ENDLESS) for name, question in self.world.items()}
        self.family = partial(self.rng.choices, list(sizes), list(sizes.values()))
        kinds = {self.answer: 44, self.two: 4, self.json: 4, self.declined: 7, self.unknown: 3, self.identity: 2}
        kinds |= {self.rewrite: 10, self.judge: 5, self.rate: 1, self.revise: 3}
        kinds |= {self.part_one.example: 17} if part == "train" else {}
        self.draw = partial(self.rng.choices, list(kinds), list(kinds.values()))

    def example(self) -> tuple[str, str]:
        """One (prompt, response); never a request of data/course/asked.json, which is there to test with."""
        while letters((example := self.draw()[0]())[0]) in asked():
            pass
        return example

    def answer(self):
        asked = request(self.world, self.rng, self.part, family=self.family()[0], known=self.known)
        return self.said(asked)

    def two(self):
        return self.said(request_two(self.world, self.rng, self.part, known=self.known))

    def json(self):
        return self.said(request_json(self.world, self.rng, self.part, known=self.known))

    def declined(self):
        return self.said(request_declined(self.world, self.rng, self.part))

    def unknown(self):
        return self.said(request_unknown(self.world, self.rng, self.part))

    def identity(self):
        return self.said(request_identity(self.rng, self.part))

    def said(self, asked):
        return asked.text, self.rng.choice(asked.responses)

    def source(self, question, fact) -> tasks.Source:
        """(question, answer sentence, the fact's own words), as the tasks take it."""
        words = [text for key in reversed(question.fields) for text in fact[key].split("|")[:1]]
        return phrase(question, fact, self.rng, self.part)[1], self.rng.choice(question.responses(fact)), tuple(words)

    def content(self) -> tasks.Source:
        """A fact of the world, or something about nothing, so that what is read is copied and not remembered."""
        if self.rng.random() < 0.6:
            ask, answer = made_up(self.rng, INVENTED)
            return ask, answer, (max(answer.rstrip(".").split(), key=len),)
        question = self.world[self.family()[0]]
        return self.source(question, question.draw(self.rng))

    def two_sources(self) -> tuple[tasks.Source, tasks.Source]:
        """Two facts of one family with different answers."""
        question = self.world[self.family()[0]]
        fact, other = question.draw(self.rng), question.draw(self.rng)
        while set(question.keys(fact)) & set(question.keys(other)):
            fact, other = question.draw(self.rng), question.draw(self.rng)
        return self.source(question, fact), self.source(question, other)

    def rewrite(self):
        return tasks.rewrite(self.content(), self.rng, self.part)

    def judge(self):
        if self.rng.random() < 0.5:
            return tasks.judge(self.content(), self.rng, self.part)
        source, wrong = self.two_sources()
        return tasks.judge(source, self.rng, self.part, wrong)

    def rate(self):
        return tasks.rate(*(self.content(), self.rng, self.part) if self.rng.random() < 0.5 else self._with_wrong())

    def revise(self):
        return tasks.revise(*(self.content(), self.rng, self.part) if self.rng.random() < 0.5 else self._with_wrong())

    def _with_wrong(self):
        source, wrong = self.two_sources()
        return source, self.rng, self.part, wrong
