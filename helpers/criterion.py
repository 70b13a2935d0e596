"""What "better" means, as one object: the criterion by which one answer is preferred to another.

Everything that builds, judges, checks or measures preferences takes a `Criterion` and knows no voice by name. The
course's own is `helpers.politeness.POLITENESS`. Another one is another instance: write its words, and a rule that
gives any text a level from 1 to 5.

The texts of the prompts are here, the words that fill them in the criterion. A prompt's name and version are written
next to each row that it produced, so whoever changes a text raises its number in `PROMPT_VERSIONS`, and whoever
changes the words of a criterion raises `Criterion.version`. The embedded course models were trained on exactly the
texts that come out for politeness.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from helpers.files import CourseError
from helpers.records import one_line_question
from helpers.records import question as full_question

PROMPT_VERSIONS = {
    "answer": 1,
    "rewrite": 1,
    "judge": 1,
    "judge-json": 1,
    "long-judge": 1,
    "score": 1,
    "score-json": 1,
    "rubric": 1,
}


def rewrite_prompt(instruction: str, input: str, output: str, direction: str) -> str:
    """Ask for the same answer in another voice. `direction` is one of `Criterion.directions`."""
    return (
        f"Question: {one_line_question(instruction, input)}\n"
        f"Answer: {output}\n\n"
        f"Rewrite the answer so that it is {direction}. "
        "Keep every fact. Reply with the rewritten answer only."
    )


def judge_json_prompt(question: str, a: str, b: str, better: str) -> str:
    """Ask which of two responses is better, as {"winner": "A"}. `better` says in what: it is `Criterion.better`."""
    return (
        f"Question: {question}\nResponse A: {a}\nResponse B: {b}\n\n"
        f'Which response is {better}? Reply as JSON with the key "winner".'
    )


@dataclass(frozen=True)
class Criterion:
    """A preference in words and as a rule. The voices come in the order preferred, neutral, dispreferred."""

    name: str
    requests: dict[str, str]  # voice -> what stands before a question to have it answered so; "" for the neutral one
    directions: tuple[str, str]  # a rewrite is asked to be this: towards the preferred voice, towards the dispreferred
    scale: str  # asks for a score from 1 to 5 and names both ends
    levels: tuple[str, str, str, str, str]  # a text for each level, the lowest first
    guidelines: str  # for annotators, one paragraph a line
    task_words: tuple[str, ...]  # adjectives in a reply that talks about the task: "polite" of "a polite version"

    level: Callable[[str], int]  # the rule: a text to 1 … 5; 3 is neutral, more is preferred
    language: str  # that the rule knows, as an ISO 639-1 code
    limits: str  # what the rule cannot see, in words

    longer_chosen: tuple[float, float]  # bounds of the share of pairs whose chosen side is the longer one
    voiced: Callable[[str, str, random.Random], str] | None = None  # writes a text in a voice: synthetic people
    plain: Callable[[str], str] | None = None  # a text without its voice: what is left of it can be checked
    version: int = 1

    @property
    def voices(self) -> tuple[str, str, str]:
        """The names of the three voices: preferred, neutral, dispreferred."""
        return tuple(self.requests)

    @property
    def preferred(self) -> str:
        """The name of the preferred voice."""
        return self.voices[0]

    @property
    def neutral(self) -> str:
        """The name of the voice that leans to neither side."""
        return self.voices[1]

    @property
    def dispreferred(self) -> str:
        """The name of the voice that nobody is to learn."""
        return self.voices[2]

    @property
    def targets(self) -> dict[str, str]:
        """Direction -> the voice that a rewrite in this direction is to have."""
        return dict(zip(self.directions, (self.preferred, self.dispreferred), strict=True))

    @property
    def contrasts(self) -> dict[str, tuple[str, str]]:
        """Direction -> (voice asked of the chosen side, voice asked of the rejected side).

        A coin between the two puts the neutral voice on either side, so that a voice alone does not reveal the label.
        """
        return dict(zip(self.directions, (self.voices[:2], self.voices[1:]), strict=True))

    @property
    def better(self) -> str:
        """What the winner of a contest is, as in "more polite"."""
        return self.directions[0]

    def voice_of(self, text: str) -> str:
        """The name of the text's voice, by the rule."""
        return self.voice_at(self.level(text))

    def voice_at(self, level: int) -> str:
        """The name of the voice of texts at this level."""
        return self.neutral if level == 3 else self.preferred if level > 3 else self.dispreferred

    def answer_prompt(self, instruction: str, input: str = "", voice: str | None = None) -> str:
        """The question itself, to be answered in a voice (the neutral one by default). CourseError for another one."""
        voice = voice or self.neutral
        if voice not in self.requests:
            raise CourseError(f"{voice!r} is no voice of {self.name}. Choose one of {', '.join(self.voices)}.")
        return self.requests[voice] + full_question(instruction, input)

    def judge_json_prompt(self, question: str, a: str, b: str) -> str:
        """Ask which of two responses is better, as {"winner": "A"}."""
        return judge_json_prompt(question, a, b, self.better)

    def judge_prompt(self, question: str, a: str, b: str) -> str:
        """The same, answered with the letter only, whose probability can then be read."""
        json_prompt = self.judge_json_prompt(question, a, b)
        return json_prompt.removesuffix('Reply as JSON with the key "winner".') + "Reply with A or B only."

    def long_judge_prompt(self, question: str, a: str, b: str) -> str:
        """The same with rules against the usual biases: for large models only."""
        return (
            f"Compare two responses to a question by one criterion only: which response is {self.better}?\n"
            "Neither their order nor their length may influence you, unless the criterion says so.\n\n"
            f"Question: {question}\nResponse A: {a}\nResponse B: {b}\n\n"
            f'Which response is {self.better}? Reply as JSON with the key "winner", which is "A" or "B".'
        )

    def score_prompt(self, question: str, answer: str) -> str:
        """Ask for the level of one answer, from 1 to 5."""
        return f"Question: {question}\nAnswer: {answer}\n\n{self.scale} Reply with the number only."

    def score_json_prompt(self, question: str, answer: str) -> str:
        """The same, answered as {"score": 4}."""
        return f'Question: {question}\nAnswer: {answer}\n\n{self.scale} Reply as JSON with the key "score".'

    def rubric_prompt(self, question: str, answer: str) -> str:
        """The same with a text for each level: for large models only."""
        rubric = "\n".join(f"{level}: {text}" for level, text in enumerate(self.levels, start=1))
        return (
            f"Question: {question}\nAnswer: {answer}\n\n"
            f"Give the answer the score whose description fits best:\n{rubric}\n\n"
            'Reply as JSON with the key "score".'
        )
