"""What preference tuning has to beat: the best of n answers. (Fine-tuning on the chosen ones is the loss "sft".)"""

import math

import numpy as np

from helpers.evaluate.samples import Generations
from helpers.files import CourseError


def best_of_n(drawn, reward) -> Generations:
    """The best of n answers to each question, by a reward that takes a text; of equals the one drawn first.

    drawn: n sets of Generations to the same questions, in the same order, drawn with different seeds.
    Raises CourseError if there is none, or if the questions differ.
    """
    if not drawn or any(answers.prompts != drawn[0].prompts for answers in drawn):
        raise CourseError("best_of_n needs one or more sets of answers to the same questions, in the same order.")
    rewards = np.array([[reward(text) for text in answers.texts] for answers in drawn])  # (n, questions)
    best = [(drawn[n], row) for row, n in enumerate(rewards.argmax(axis=0))]
    responses, texts = [answers.responses[row] for answers, row in best], [answers.texts[row] for answers, row in best]
    return Generations(drawn[0].prompts, responses, texts, [answers.stopped[row] for answers, row in best])


def best_of_n_kl(n) -> float:
    """KL(best of n ‖ one draw) in nats, at most: log n - (n - 1)/n (arXiv 2009.01325, appendix G.3).

    It is exact if no two answers have the same reward, and too high if there are ties (arXiv 2401.01879).
    """
    if n < 1:
        raise CourseError(f"The best of {n} answers: n must be 1 or more.")
    return math.log(n) - (n - 1) / n
