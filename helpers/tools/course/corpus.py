"""What the course models are trained on: the prompts of Part I, over the course's records and over made-up content.

Every example is a pair (prompt, response). Rewriting, judging and scoring never see the facts of `held_out_fact`, so
that those measure what the models do with sentences that they have not met.
"""

import hashlib
import random
from functools import partial

from helpers.criterion import rewrite_prompt
from helpers.files import DATA, read_json
from helpers.gpt.prompt import format_prompt
from helpers.politeness import POLITENESS
from helpers.politeness.voices import politeness, voiced
from helpers.records import one_line_question
from helpers.tools.course.instruction_data import fact_id
from helpers.tools.course.made_up import ADJECTIVE_LIST, NAME_LIST, NOUN_LIST, VERB_LIST, invented_word, made_up

HELD_OUT_SHARE = 0.1
ANSWER_VOICES = POLITENESS.neutral, POLITENESS.preferred, POLITENESS.dispreferred
OTHER_VOICE = dict(zip(POLITENESS.voices, reversed(POLITENESS.voices), strict=True))

REWRITE_WORDINGS = (
    "Rewrite the answer to be {direction}.",
    "Make the answer {direction}.",
    "Make this answer sound {direction}. Keep the facts.",
    "Rewrite the answer so that it sounds {direction}. Change as little as possible.",
    "Please rewrite the answer so that it is {direction}. Reply with the answer only.",
)


def training_records() -> list[dict]:
    return [r for r in read_json(DATA / "instruction-data.json") if r["split"] == "train"]


def held_out_fact(record) -> bool:
    """A tenth of all facts, by hash: kept away from the rewriting, judging and scoring examples."""
    return int(hashlib.sha256(fact_id(record).encode()).hexdigest(), 16) % 1000 < 1000 * HELD_OUT_SHARE


class Corpus:
    """An endless, seeded stream of training examples.

    `records` are the training records of data/instruction-data.json.
    """

    def __init__(self, records, seed=0, made_up_share=0.5):
        self.records, self.made_up_share = records, made_up_share
        self.seen = [r for r in records if not held_out_fact(r)]
        self.rng = random.Random(seed)
        tasks = {self.rewrite: 50, self.judge: 18, self.score: 10, self.answer: 22}
        self.draw = partial(self.rng.choices, list(tasks), list(tasks.values()))

    def example(self) -> tuple[str, str]:
        """One (prompt, response)."""
        return self.draw()[0]()

    def fact(self) -> tuple[str, str, str]:
        """(instruction, input, neutral answer), from the course or made up."""
        if self.rng.random() < self.made_up_share:
            ask, answer = made_up(self.rng)
            return ask, "", answer
        r = self.rng.choice(self.seen)
        return r["instruction"], r["input"], r["output"]

    def answer(self):
        r = self.rng.choice(self.records)
        voice = self.rng.choices(ANSWER_VOICES, (70, 15, 15))[0]
        return POLITENESS.answer_prompt(r["instruction"], r["input"], voice), voiced(r["output"], voice, self.rng)

    def rewrite(self):
        instruction, input, output = self.fact()
        direction, voice = self.rng.choice(list(POLITENESS.targets.items()))
        source = output
        if self.rng.random() < 0.08:  # the other side's voice goes first
            source = voiced(output, OTHER_VOICE[voice], self.rng)
        prompt = rewrite_prompt(instruction, input, source, direction)
        if self.rng.random() < 0.1:
            wording = self.rng.choice(REWRITE_WORDINGS).format(direction=direction)
            prompt = prompt[: prompt.index("\n\nRewrite the answer")] + "\n\n" + wording
        return prompt, voiced(output, voice, self.rng)

    def judge(self):
        ask, a, b = self.contest()
        better = "A" if politeness(a) > politeness(b) else "B"
        if self.rng.random() < 0.25:
            return POLITENESS.judge_json_prompt(ask, a, b), f'{{"winner": "{better}"}}'
        return POLITENESS.judge_prompt(ask, a, b), better

    def contest(self):
        """A question and two answers of different politeness; mostly the same fact in two voices."""
        instruction, input, output = self.fact()
        ask = one_line_question(instruction, input)
        other = self.fact()[2] if self.rng.random() < 0.1 else output
        while True:
            a, b = (voiced(text, self.rng.choice(POLITENESS.voices), self.rng) for text in (output, other))
            if politeness(a) != politeness(b):
                return ask, a, b

    def score(self):
        instruction, input, output = self.fact()
        ask = one_line_question(instruction, input)
        text = voiced(output, self.rng.choices(POLITENESS.voices, (2, 1, 2))[0], self.rng)
        if self.rng.random() < 0.25:
            return POLITENESS.score_json_prompt(ask, text), f'{{"score": {politeness(text)}}}'
        return POLITENESS.score_prompt(ask, text), str(politeness(text))


def tokenizer_texts(records, seed=0, examples=40_000):
    """What the course tokenizer is trained on: the course's own texts, every listed word, many invented ones."""
    corpus, rng = Corpus(records, seed), random.Random(seed)
    for prompt, response in (corpus.example() for _ in range(examples)):
        yield format_prompt(prompt) + response
    for word in NOUN_LIST + ADJECTIVE_LIST + VERB_LIST + NAME_LIST:
        yield from (f" {word}", word, f" {word.capitalize()}") * 40
    yield from (" " + invented_word(rng) for _ in range(examples))
