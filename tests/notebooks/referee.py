"""Reads a notebook as a referee does: which numbers and comparisons of its prose does no cell carry?

The rule is explained at the head of test_numbers.py.
"""

import ast
import functools
import html
import io
import itertools
import re
import tokenize
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from sentences import DIGITS, claims, numbers, references

from helpers.files import NOTEBOOKS

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
MARK = re.compile(r"<!-- (definition(: [^>]+)?|citation: [^>]+) -->")
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
LOOK_BACK = ("Take-aways", "Check yourself")  # on the whole notebook
EXEMPT = "Your turn"  # settings for the reader to try


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def sentences(source: str) -> list[tuple[str, bool]]:
    """(sentence, whether a mark covers it) for a markdown cell; without headings, code, formulas, targets of links.

    A mark after a sentence covers the sentence; on a line of its own it covers the paragraph, list or table below.
    """
    source = re.sub(r"```.*?```|\$\$.*?\$\$", " ", source, flags=re.DOTALL)
    source = re.sub(r"\$(?:[^$]*= *([-−]?\d+\.\d+) *|[^$]+)\$", r" \1 ", source)  # of an equation, its result
    source = re.sub(r"`[^`]*`|<code>.*?</code>|<summary>.*?</summary>", "…", source, flags=re.DOTALL)
    source = re.sub(r"\[[^\]]*\]\([^)]*\.ipynb\)|\]\([^)]*\)|https?://\S+", "]", source)
    found = []
    for block in re.split(r"\n\s*\n", HEADING.sub("\n", source)):
        covered = bool(re.match(rf"{MARK.pattern}\n", block.strip()))
        for unit in re.split(r"\n(?=\||[-*] |\d+\. )", block.strip()):
            unit = " ".join(re.sub(r"^(?:[-*]|\d+\.) ", "", unit).split())
            for sentence in re.split(r"(?<=-->) |(?<=[.!?]) (?!<!--)|(?<=[.!?][\"*)]) (?!<!--)", unit):
                marked = covered or bool(MARK.search(sentence))
                found.append((re.sub(r"<[^>]*>", "", COMMENT.sub("", sentence)).strip(), marked))
    return [(sentence, marked) for sentence, marked in found if sentence]


def wrong_marks(source: str) -> list[str]:
    """Comments that are no marks, and marks that a Markdown reader would take for the beginning of a block of HTML."""
    wrong = [f"no such mark: {mark}" for mark in COMMENT.findall(source) if not MARK.match(mark)]
    lines = ["", *source.splitlines()]
    for before, line in zip(lines, lines[1:], strict=False):
        if line.lstrip().startswith("<!--") and (before.strip() or not MARK.fullmatch(line.strip())):
            wrong.append(f"a mark begins a line only above a block, and alone: {line}")
    return wrong


def values(text: str) -> set[float]:
    """All numbers in what a cell prints, or in its code; 80 % and 8 of 10 also as the share that they are."""
    found = {int(a) / int(b) for a, b in re.findall(r"\b(\d+) (?:of|in|out of) (\d*[1-9]\d*)\b", text)}
    for match in re.finditer(rf"(?<![\w.])-?(?:{DIGITS}|\d[\d_]*)(\s?%)?", text.replace("−", "-")):
        value = float(re.sub(r"[,_%\s]", "", match[0]))
        found |= {value, value / 100} if match[1] else {value}
    return found


def printed(cell: NotebookNode) -> str:
    """What a code cell shows, as text: streams, values, tables, and the alt texts of figures."""
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        page = re.sub(r"<style.*?</style>|data:image/[^\"']*", "", data.get("text/html", ""), flags=re.DOTALL)
        visible = [re.sub(r"<[^>]*>", " ", page), *re.findall(r'alt="([^"]*)"', page)]
        texts += [output.get("text", ""), data.get("text/markdown", ""), *map(html.unescape, visible)]
        texts.append("" if page else data.get("text/plain", ""))
    return "\n".join(texts)


def asserted(source: str) -> str:
    """The words of the asserts of a code cell: their comments and messages."""
    lines, words = re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE).splitlines(), []
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.Assert):
            code = "\n".join(line.strip() for line in lines[node.lineno - 1 : node.end_lineno]) + "\n"
            tokens = tokenize.generate_tokens(io.StringIO(code).readline)
            words += [token.string for token in tokens if token.type in (tokenize.COMMENT, tokenize.STRING)]
    return "\n".join(words)


def sections_of(notebook: NotebookNode) -> list[str]:
    """For each cell, the section that it stands in: "3" for "## 3. Title", else the title; "" at the head."""
    here, found = "", []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            titles = [title for level, title in HEADING.findall(cell.source) if level == "##"]
            here = re.sub(r"^(\d+)\. .*", r"\1", titles[-1]) if titles else here
        found.append(here)
    return found


class Referee:
    """A notebook; for each cell the numbers that it prints and that stand in its code, and its section."""

    def __init__(self, notebook: NotebookNode):
        self.cells, self.sections = notebook.cells, sections_of(notebook)
        code = [cell if cell.cell_type == "code" else NotebookNode(source="") for cell in self.cells]
        self.printed = [values(printed(cell)) for cell in code]
        self.code = [values(cell.source) for cell in code]
        self.asserted = [claims(asserted(cell.source), anywhere=True) for cell in code]

    def problems(self) -> list[str]:
        """All that no cell carries: "[cell] what is wrong: the sentence"."""
        found = []
        for place, cell in enumerate(self.cells):
            if cell.cell_type != "markdown" or self.sections[place] == EXEMPT:
                continue
            found += [f"[{place}] {what}" for what in wrong_marks(cell.source)]
            source = re.sub(r"\*\*Time\*\*.*", "", cell.source) if place == 0 else cell.source
            reading = len(sentences(HEADING.split(source)[0])) if self.reads_a_result(place) else 0
            for number, (sentence, marked) in enumerate(sentences(source)):
                wrong = self.missing_references(sentence)
                if not marked:
                    wrong += self.missing_numbers(place, sentence)
                    wrong += self.missing_claims(place, sentence) if number < reading else []
                elif not numbers(sentence) and not claims(sentence):
                    wrong.append("there is nothing to mark")
                found += [f"[{place}] {what}: {sentence}" for what in wrong]
        return found

    def reads_a_result(self, place: int) -> bool:
        return place > 0 and bool(self.cells[place - 1].get("outputs"))

    def missing_references(self, sentence: str) -> list[str]:
        """The sections and notebooks that a sentence names and that do not exist."""
        named = references(sentence)
        wrong = [f"there is no section {number}" for number in named.sections if number not in self.sections]
        wrong += [f"there is no notebook {number}" for number in named.notebooks if not other(number)]
        for number, section in named.elsewhere:
            if other(number) and section not in other(number).sections:
                wrong.append(f"there is no section {section} in notebook {number}")
        return wrong

    def missing_numbers(self, place: int, sentence: str) -> list[str]:
        """The numbers that stand in no code, and that no cell above prints in this section or in one that is named."""
        named = references(sentence)
        sections = {self.sections[place], *named.sections}
        code = set().union(*self.code[:place], self.announced(place))
        shown = set()
        for at, here in zip(self.sections[:place], self.printed, strict=False):
            if at in sections or self.sections[place] in LOOK_BACK:
                shown |= here
        elsewhere = [notebook.printed for notebook in map(other, named.notebooks) if notebook]
        shown = shown.union(*itertools.chain(*elsewhere))
        missing = (one for one in numbers(named.rest) if not one.is_one_of(shown) and not one.is_exactly_one_of(code))
        return [f"no cell prints {one.text!r}" for one in missing]

    def announced(self, place: int) -> set[float]:
        """The numbers in the code that this cell introduces: the code cells directly below it."""
        found = set()
        for cell, numbers_of_code in zip(self.cells[place + 1 :], self.code[place + 1 :], strict=True):
            if cell.cell_type != "code":
                break
            found |= numbers_of_code
        return found

    def missing_claims(self, place: int, sentence: str) -> list[str]:
        """The comparisons that no assert of this section makes in words. Announcements and questions claim nothing."""
        here = (words for at, words in zip(self.sections, self.asserted, strict=True) if at == self.sections[place])
        missing = set() if sentence.endswith((":", "?")) else claims(sentence) - set().union(*here)
        return [f"no assert says {claim!r}" for claim in sorted(missing)]


@functools.cache
def other(number: str) -> Referee | None:
    """The notebook with this number, if there is one."""
    paths = list(NOTEBOOKS.glob(f"{number}_*.ipynb"))
    return Referee(read(paths[0])) if paths else None
