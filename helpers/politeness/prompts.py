"""Every prompt of Part I, word for word. Whoever changes one raises its version.

A prompt's name and version are written next to each row it produced, so that rows made with different
wordings are never mistaken for each other. The embedded course model was trained on exactly these texts.
"""

from helpers.records import one_line_question
from helpers.records import question as full_question

DIRECTIONS = ("more polite", "less polite")
VERSIONS = {"rewrite": 1, "judge": 1, "judge-json": 1, "score": 1, "score-json": 1, "criterion": 1, "rubric": 1}
POLITENESS_LEVELS = {  # for `rubric_prompt`
    1: "rude: it scolds, mocks or belittles the reader",
    2: "blunt: it is impatient, or says that the question is too easy",
    3: "neutral: it gives the answer and nothing else",
    4: "polite: it has one friendly phrase, such as a greeting or an offer of help",
    5: "very polite: it is friendly throughout",
}
STYLES = {"neutral": "", "polite": "Answer politely. ", "blunt": "Answer bluntly. "}


def answer_prompt(instruction: str, input: str = "", style: str = "neutral") -> str:
    """Ask the question itself, optionally for a polite or a blunt answer."""
    return STYLES[style] + full_question(instruction, input)


def rewrite_prompt(instruction: str, input: str, output: str, direction: str) -> str:
    """Ask for the same answer, "more polite" or "less polite"."""
    return (
        f"Question: {one_line_question(instruction, input)}\n"
        f"Answer: {output}\n\n"
        f"Rewrite the answer so that it is {direction}. "
        "Keep every fact. Reply with the rewritten answer only."
    )


def judge_prompt(question: str, a: str, b: str) -> str:
    """Ask which of two responses is more polite: A or B."""
    return (
        f"Question: {question}\nResponse A: {a}\nResponse B: {b}\n\n"
        "Which response is more polite? Reply with A or B only."
    )


def judge_json_prompt(question: str, a: str, b: str) -> str:
    """The same, answered as {"winner": "A"}."""
    asked = judge_prompt(question, a, b).removesuffix("Reply with A or B only.")
    return asked + 'Reply as JSON with the key "winner".'


def score_prompt(question: str, answer: str) -> str:
    """Ask how polite one answer is, from 1 to 5."""
    return _scored(question, answer) + "Reply with the number only."


def score_json_prompt(question: str, answer: str) -> str:
    """The same, answered as {"score": 4}."""
    return _scored(question, answer) + 'Reply as JSON with the key "score".'


def _scored(question: str, answer: str) -> str:
    asked = "How polite is the answer, from 1 (rude) to 5 (very polite)? "
    return f"Question: {question}\nAnswer: {answer}\n\n{asked}"


def criterion_prompt(question: str, a: str, b: str, criterion: str) -> str:
    """Ask which response is better by any criterion, for example "is more helpful": for large models only."""
    return (
        f"Compare two responses to a question by one criterion only: which response {criterion}?\n"
        "Neither their order nor their length may influence you, unless the criterion says so.\n\n"
        f"Question: {question}\nResponse A: {a}\nResponse B: {b}\n\n"
        f'Which response {criterion}? Reply as JSON with the key "winner", which is "A" or "B".'
    )


def rubric_prompt(question: str, answer: str, levels: dict[int, str] = POLITENESS_LEVELS) -> str:
    """Ask for a score from 1 to 5 with a text for each level: for large models only."""
    told = "\n".join(f"{level}: {text}" for level, text in sorted(levels.items()))
    return (
        f"Question: {question}\nAnswer: {answer}\n\n"
        f"Give the answer the score whose description fits best:\n{told}\n\n"
        'Reply as JSON with the key "score".'
    )
