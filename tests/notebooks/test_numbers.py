"""Every number and every comparison in the text of a notebook is carried by a cell. The rule:

1. A number is printed by a cell above it in the same section (`##`), rounded as the text rounds: "98 %" is 0.9806, "a
   third of" 0.34. Or it stands in code above it, or in the code cell that the text introduces.
2. A sentence that names "section 3" or "notebook 05" may use what is printed there; both must exist. Take-aways and
   "Check yourself" may use the whole notebook. "Your turn" is free.
3. Numbers are digits, words from eleven on, words before a unit ("two points"), and shares ("five of six").
   Headings, `code`, formulas (but for their result, "= 0.6"), names (GPT-2) and the line about the time are free.
4. A comparison ("more than", "is longer", "nearly all", "falls") in the text directly below an output needs an
   `assert` in its section whose comment or message says the same: `assert after > before  # more answers are polite`.
   A question, and a sentence that ends in a colon, compare nothing.
5. `<!-- definition -->` after a sentence frees it: what was decided, a worked or invented example. So does
   `<!-- citation: arXiv 2305.18290 -->`: what others found. On a line of its own it frees the block below.
"""

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from referee import Referee, read, sentences
from sentences import claims, listed, numbers, references

from helpers.tools.notebooks import COURSE, notebooks


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_a_cell_carries_every_number_and_comparison(path):
    problems = Referee(read(path)).problems() + broken_promise(read(path).cells[0].source, path.stem)
    assert not problems, "\n" + "\n".join(problems)


def broken_promise(head: str, stem: str) -> list[str]:
    """The head of a notebook does not promise less time than one run took."""
    (promise,) = re.findall(r"\*\*Time\*\*([^\n.]*)", head)
    took = next(one.time for one in COURSE if one.stem == stem)
    return [] if minutes(promise) >= 0.9 * minutes(took) else [f"[0] it took {took}: {promise.strip()}"]


def minutes(text: str) -> float:
    """ "1.8 min", "75 s", "about 2 minutes", "half a minute"."""
    amount, unit = re.search(r"(half a|\d+(?:\.\d+)?) ?(s|min)", text).groups()
    return (0.5 if amount == "half a" else float(amount)) / (60 if unit == "s" else 1)


def test_a_promise_of_less_time_is_noticed():
    assert broken_promise("**Time** about 2 minutes to run, 40 minutes to read.", "05_dpo_loss") == []
    assert broken_promise("**Time** 5 seconds to run.", "05_dpo_loss") == ["[0] it took 12 s: 5 seconds to run"]


# What a sentence says.

NUMBERS = {
    "98 % of 1,497 pairs": [98, 1497],
    "from −0.2 to +3.5e-4, with top-p 0.9": [-0.2, 3.5e-4, 0.9],
    "five contests in six, and two thirds of the rest": [5 / 6, 2 / 3],
    "twelve questions, sixty-four answers, about half a point": [12, 64],
    "it fell by two points": [2],
    "two answers to one question, with GPT-2 and gemma3:1b, by arXiv 2305.18290": [],
    "a hundred times a thousand": [],
    "the model has 1.8 million weights": [1.8],
    "(Bradley and Terry, 1952), Python 3.11, 95 % intervals": [1952],
}


@pytest.mark.parametrize("sentence", NUMBERS)
def test_the_numbers_of_a_sentence(sentence):
    assert [number.value for number in numbers(sentence)] == pytest.approx(NUMBERS[sentence])


ROUNDED = [
    ("98 %", {0.9806}, True),
    ("98 %", {98.1}, True),
    ("97 %", {0.9806}, False),
    ("0.98", {0.9806}, True),
    ("0.980", {0.9806}, False),
    ("1.8 million", {1_849_344}, True),
    ("about 1,500", {1497}, True),
    ("1,500", {1497}, False),
    ("3 rows", {2.7}, False),
    ("fell by 0.06", {-0.058}, True),
    ("−0.06", {0.058}, False),
    ("a third of", {0.34}, True),
    ("five in six", {0.8333}, True),
    ("five in six", {0.75}, False),
    ("two points", {0.0214}, True),
    ("two points", {0.0314}, False),
]


@pytest.mark.parametrize(("text", "values", "carried"), ROUNDED)
def test_a_number_is_rounded_as_the_prose_rounds(text, values, carried):
    (number,) = numbers(text)
    assert number.is_one_of(values) is carried


CLAIMS = {
    "Far more answers are polite.": {"more"},
    "It does not rise, and is no longer than before.": {"not rises", "not longer"},
    "Nearly every pair is ranked right; most of the others are not.": {"nearly all", "most"},
    "The longer answer wins, and a larger model needs less time than this.": {"larger", "less"},
    "DPO keeps about as much as cDPO and beats IPO; the two do not differ clearly.": {"as much as", "beats"},
    "The polite answer rose; the blunt one fell.": {"rises", "falls"},
    "It drops repetitions.": set(),
}


@pytest.mark.parametrize("sentence", CLAIMS)
def test_the_comparisons_of_a_sentence(sentence):
    assert claims(sentence) >= CLAIMS[sentence]
    assert claims(sentence) == CLAIMS[sentence] or CLAIMS[sentence]


def test_the_references_of_a_sentence():
    named = references("As in section 3 and notebooks 06–09 (notebook 05, section 8).")
    assert named.sections == ["3"] and named.elsewhere == [("05", "8")]
    assert named.notebooks == ["06", "07", "08", "09", "05"]
    assert listed([("1", ", 2 and 3")]) == ["1", "2", "3"]


def test_a_mark_frees_its_sentence_or_its_block():
    text = "One. <!-- definition --> Two.\n\n<!-- citation: arXiv 1 -->\n- three\n- four\n\nFive."
    assert sentences(text) == [("One.", True), ("Two.", False), ("three", True), ("four", True), ("Five.", False)]


# A small notebook that is right, and then one thing wrong at a time.

TEXT = "Far more answers are polite: 98 % against 0.14. It is so with sixty-four questions (section 1, notebook 05)."


def small():
    shown = new_output("stream", text="before 0.1419, after 98.06 %")
    page = new_output("display_data", data={"text/html": "<td>7.25</td><img alt='' src='data:image/png;base64,31'>"})
    return new_notebook(
        cells=[
            new_markdown_cell("# A title\n\n**Time** 30 seconds to run"),
            new_markdown_cell("## 1. Measure\n\nWe ask sixty-four questions."),
            new_code_cell("n = 64\nassert after > before  # more polite answers", outputs=[shown]),
            new_markdown_cell(TEXT),
            new_code_cell("table", outputs=[page]),
            new_markdown_cell("The mean is 7.3."),
            new_markdown_cell("## 2. Read\n\nIt was 0.14 in section 1."),
            new_code_cell("x"),
            new_markdown_cell("## Take-aways\n\n- From 0.14 to 98 %."),
            new_markdown_cell("## Your turn\n\n1. Try 1000."),
        ]
    )


def edit(place, old, new):
    def change(notebook):
        assert old in notebook.cells[place].source
        notebook.cells[place].source = notebook.cells[place].source.replace(old, new)

    return change


SPOILED = {
    "no cell prints '97 %'": edit(3, "98 %", "97 %"),
    "no cell prints '0.15'": edit(8, "0.14", "0.15"),
    "no cell prints 'sixty-five'": edit(1, "sixty-four", "sixty-five"),
    "no cell prints '31'": edit(5, "7.3.", "7.3 of 31."),
    "[6] no cell prints '0.14'": edit(6, " in section 1", ""),
    "no cell prints '5.2'": edit(3, "98 %", "98 % at a KL of 5.2"),
    "no assert says 'fewer'": edit(3, "Far more", "Far fewer"),
    "no assert says 'not more'": edit(3, "Far more", "Not more"),
    "no assert says 'more'": edit(2, "assert after > before  # more", "# more"),
    "no assert says 'rises'": edit(5, "The mean", "The mean rises: it"),
    "there is no section 7": edit(3, "section 1", "section 7"),
    "there is no notebook 77": edit(3, "notebook 05", "notebook 77"),
    "there is no section 99 in notebook 05": edit(3, "notebook 05", "notebook 05, section 99"),
    "no such mark": edit(5, "7.3.", "7.3. <!-- defnition -->"),
    "a mark begins a line only above a block": edit(5, "is 7.3.", "is 7.3.\n<!-- definition --> So it is."),
    "there is nothing to mark": edit(5, "is 7.3.", "is known. <!-- definition -->"),
}


def test_a_small_notebook_has_no_problems():
    assert Referee(small()).problems() == []


@pytest.mark.parametrize("message", SPOILED)
def test_a_spoiled_sentence_is_noticed(message):
    notebook = small()
    SPOILED[message](notebook)
    problems = Referee(notebook).problems()
    assert any(message in problem for problem in problems), problems


# The notebooks themselves, spoiled.


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_an_invented_number_is_noticed_in_every_cell(path):
    notebook = read(path)
    known = set(Referee(notebook).problems())
    spoiled = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "markdown" and not free(cell)]
    for place in spoiled:
        notebook.cells[place].source += "\n\nIt was 31.4159 of 2718281."
    found = set(Referee(notebook).problems()) - known
    assert sorted(found) == sorted(
        f"[{place}] no cell prints {number!r}: It was 31.4159 of 2718281."
        for place in spoiled
        for number in ("31.4159", "2718281")
    )


def slips(sentence: str) -> list[str]:
    """The sentence with the last digit of one number changed, for every number of two digits or more."""
    texts = [
        re.search(r"[\d.,]*\d", number.text)[0]
        for number in numbers(references(sentence).rest)
        if re.search(r"\d", number.text)
    ]
    return [sentence.replace(text, f"{text[:-1]}{(int(text[-1]) + 3) % 10}") for text in texts if len(text) > 1]


def test_most_slips_of_a_digit_are_noticed():
    """Not all: among the many numbers of a section some other one may be printed. Counts below ten say too little."""
    tried = noticed = 0
    for referee in (Referee(read(path)) for path in notebooks()):
        for place, cell in enumerate(referee.cells):
            right = [
                one for one, marked in sentences(cell.source) if place and cell.cell_type == "markdown" and not marked
            ]
            for sentence in (one for one in right if not referee.missing_numbers(place, one)):
                found = [bool(referee.missing_numbers(place, slip)) for slip in slips(sentence)]
                tried, noticed = tried + len(found), noticed + sum(found)
    assert tried > 50 and noticed > 0.8 * tried


def free(cell) -> bool:
    return "## Your turn" in cell.source
