"""What the course models are trained on: requests of people about the wide world and everything that can be done with
an answer, beside the prompts of Part I (corpus.py).

Every example is a pair (prompt, response). `part` "held out" has wordings that "train" never uses.
"""

import math
import random
from functools import cache, partial

from helpers.files import DATA, read_json
from helpers.tools.course import exact, tasks
from helpers.tools.course.corpus import Corpus
from helpers.tools.course.declined import request_declined, request_identity, request_unknown
from helpers.tools.course.foreign import request_foreign
from helpers.tools.course.made_up import made_up, words_in_a_row
from helpers.tools.course.people import phrase, request, typed
from helpers.tools.course.together import request_json, request_two
from helpers.tools.course.world import Question, known_words, read_world, tidy

RULE = 150  # a family whose answers follow from a rule (sums, plurals) counts as one with so many facts
INVENTED = 0.6  # of the words in made-up content

# How often each kind of example comes, relative to the others. Facts are learned from cards, which are short, and
# quickly; what takes long is to copy and to compare.
SHARES = {"answer": 50, "two": 5, "json": 6, "declined": 7, "unknown": 4, "foreign": 9, "identity": 3, "card": 250}
SHARES |= {"copy": 15, "rewrite": 45, "judge": 30, "rate": 3, "revise": 8, "corpus": 20, "record": 15, "exact": 30}
TRAINED_ONLY = {"corpus", "record", "exact", "card"}  # kinds without held-out wordings


def letters(text: str) -> str:
    """What two requests share that differ in capitals, blanks and punctuation only."""
    return "".join(filter(str.isalnum, text.lower()))


@cache
def asked() -> frozenset[str]:
    """The requests that were written by hand."""
    return frozenset(letters(one["request"]) for one in read_json(DATA / "course" / "asked.json"))


@cache
def wide_world() -> dict[str, Question]:
    """The families, read once: each block of a training has a stream of its own."""
    return read_world()


@cache
def wide_words() -> set[str]:
    """The words of their facts, collected once."""
    return known_words(wide_world())


def by_heart(question: Question) -> int:
    """How many facts of the family must be learned by heart."""
    return RULE if question.table in ("", "numbers", "nouns", "verbs", "adjectives") else len(question.facts)


class Talk:
    """An endless, seeded stream of training examples. `records` are those of data/instruction-data.json to train on."""

    def __init__(self, records, seed=0, part="train"):
        self.rng, self.part = random.Random(f"{seed} {part}"), part
        self.records, self.part_one = records, Corpus(records, seed, made_up_share=0.6)
        self.world, self.known = wide_world(), wide_words()
        sizes = {name: by_heart(question) for name, question in self.world.items()}
        self.family = partial(self.rng.choices, list(sizes), list(map(math.sqrt, sizes.values())))
        self.studied = partial(self.rng.choices, list(sizes), list(sizes.values()))
        kinds = {kind: n for kind, n in SHARES.items() if part == "train" or kind not in TRAINED_ONLY}
        self.draw = partial(self.rng.choices, list(kinds), list(kinds.values()))

    def example(self) -> tuple[str, str]:
        """One (prompt, response); never a request of data/course/asked.json, which is there to test with."""
        while letters((example := getattr(self, self.draw()[0])())[0]) in asked():
            pass
        return example

    def answer(self):
        asked = request(self.world, self.rng, self.part, family=self.family()[0], known=self.known)
        return self.said(asked)

    def card(self):
        """Only the name of a thing, and the bare answer: a dozen tokens, so that each fact is met often."""
        question = self.world[self.studied()[0]]
        fact = question.draw(self.rng)
        name = question.fill(self.rng.choice(question.names), fact)
        text = typed(name, self.rng, self.part, facts=[fact], questions=[question], known=self.known)
        return text, tidy(f"{question.keys(fact)[0]}.")

    def two(self):
        return self.said(request_two(self.world, self.rng, self.part, known=self.known))

    def json(self):
        return self.said(request_json(self.world, self.rng, self.part, known=self.known))

    def declined(self):
        return self.said(request_declined(self.world, self.rng, self.part))

    def foreign(self):
        return self.said(request_foreign(self.rng, self.part))

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

    def corpus(self):
        return self.part_one.example()

    def record(self):
        """One of the course's own questions, as Part I asks it."""
        return self.part_one.answer()

    def exact(self):
        """A prompt that the pipeline sends, word for word."""
        kinds = {
            lambda: exact.exact_rewrite(self.content(), self.rng): 6,
            lambda: exact.exact_score(self.content(), self.rng): 1.5,
            lambda: exact.two_records(self.records, self.rng): 2,
            lambda: self.with_wrong(exact.exact_judge): 3,
            self.mannerly: 5,
            self.with_input: 2,
        }
        return self.rng.choices(list(kinds), list(kinds.values()))[0]()

    def mannerly(self):
        question = self.world[self.family()[0]]
        return exact.in_a_manner(self.source(question, question.draw(self.rng)), self.rng)

    def with_input(self):
        question = self.world[self.family()[0]]
        while len(question.fields) != 2:
            question = self.world[self.family()[0]]
        return exact.with_input(question, question.draw(self.rng), self.rng)

    def copy(self):
        text = words_in_a_row(self.rng) if self.rng.random() < 0.7 else self.content()[1]
        return tasks.copy(text, self.rng, self.part)

    def rewrite(self):
        return tasks.rewrite(self.content(), self.rng, self.part)

    def judge(self):
        return self.with_wrong(tasks.judge)

    def rate(self):
        return self.with_wrong(tasks.rate)

    def revise(self):
        return self.with_wrong(tasks.revise)

    def with_wrong(self, task):
        """An example of the task: of some content alone, or of a fact beside another that is a wrong answer."""
        source, wrong = (self.content(), None) if self.rng.random() < 0.5 else self.two_sources()
        return task(source, self.rng, self.part, wrong)
