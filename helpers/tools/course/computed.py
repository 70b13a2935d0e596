"""Facts of the wide world that are computed and not looked up: sums, order, days, months, letters.

A fact is a list of strings, one for each field of its family in data/course/world/families.toml.
"""

import random
from collections.abc import Callable

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NUMBER_SIZES, SIZE_WEIGHTS = (10, 20, 100, 1000), (25, 25, 40, 10)  # sums that people ask for are mostly small


def neighbours(names, step: int) -> list[list[str]]:
    """Each name and the one `step` places on, in a circle."""
    return [[name, names[(at + step) % len(names)]] for at, name in enumerate(names)]


# families whose facts are few: all of them
FINITE = {
    "next_day": neighbours(DAYS, 1),
    "previous_day": neighbours(DAYS, -1),
    "next_month": neighbours(MONTHS, 1),
    "previous_month": neighbours(MONTHS, -1),
    "next_letter": neighbours(ALPHABET, 1)[:-1],
}


def two_numbers(rng: random.Random, least: int = 0) -> tuple[int, int]:
    """Two numbers of one size, from `least` up to below 1,000."""
    size = rng.choices(NUMBER_SIZES, SIZE_WEIGHTS)[0]
    return rng.randrange(least, size), rng.randrange(least, size)


def addition(rng, words):
    a, b = two_numbers(rng, least=1)
    return a, b, a + b


def subtraction(rng, words):
    b, a = sorted(two_numbers(rng, least=1))
    return a, b, a - b


def factors(rng) -> tuple[int, int]:
    """Two factors of a product that people do in their heads: mostly up to 12, now and then up to 99 times 9."""
    if rng.random() < 0.8:
        return rng.randint(2, 12), rng.randint(2, 12)
    return rng.randint(11, 99), rng.randint(2, 9)


def multiplication(rng, words):
    a, b = factors(rng)
    return a, b, a * b


def division(rng, words):
    quotient, b = factors(rng)
    return quotient * b, b, quotient


def two_different(rng) -> tuple[int, int]:
    """Two different numbers below 10, 100, 1,000 or 10,000."""
    return tuple(rng.sample(range(10 ** rng.choice((1, 2, 2, 3, 3, 4))), 2))


def larger(rng, words):
    a, b = two_different(rng)
    return a, b, max(a, b)


def smaller(rng, words):
    a, b = two_different(rng)
    return a, b, min(a, b)


def sorting_numbers(rng, words):
    numbers = rng.sample(range(10 ** rng.choice((1, 2, 2, 3))), rng.randint(3, 5))
    return ", ".join(map(str, numbers)), ", ".join(map(str, sorted(numbers)))


def sorting_words(rng, words):
    chosen = rng.sample(words, rng.randint(3, 4))
    return ", ".join(chosen), ", ".join(sorted(chosen))


def letters_in(rng, words):
    word = rng.choice(words)
    return word, len(word)


def first_letter(rng, words):
    word = rng.choice(words)
    return word, word[0]


def even_or_odd(rng, words):
    number = rng.randrange(10 ** rng.choice((1, 2, 3, 4)))
    return number, ("even", "odd")[number % 2]


def pick_finite(name: str) -> Callable:
    """A drawer of one of the few facts of the family."""
    return lambda rng, words: rng.choice(FINITE[name])


# family -> function of (rng, words) that gives the values of one fact; `words` are plain lower-case words, at least 4
DRAW: dict[str, Callable] = {
    function.__name__: function
    for function in (addition, subtraction, multiplication, division, larger, smaller, sorting_numbers)
    + (sorting_words, letters_in, first_letter, even_or_odd)
} | {name: pick_finite(name) for name in FINITE}


def draw(name: str, rng: random.Random, words: list[str]) -> list[str]:
    """The values of one fact of a computed family, as strings."""
    return [str(value) for value in DRAW[name](rng, words)]
