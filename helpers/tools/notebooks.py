"""The notebooks of the course, in reading order; their links and the tables that list them follow from this list.

A new notebook is a file in notebooks/ and a line in COURSE_LIST; `python3 -m helpers sync` does the rest.
Standard library only.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from helpers.files import NOTEBOOKS, ROOT, CourseError, read_json, read_text, write_text


@dataclass(frozen=True)
class Notebook:
    """One line of the list: the file without .ipynb, the title of its links, the question it answers, its time."""

    stem: str
    title: str
    question: str
    time: str  # of one `run` on two cores at 2.5 GHz

    @property
    def number(self) -> str:
        return self.stem[:2]

    def link(self, folder: str = "") -> str:
        return f"[{self.number} · {self.title}]({folder}{self.stem}.ipynb)"


# The head of a table of notebooks, and its rows.
TABLE = re.compile(r"^(\| notebook \|.*\n\|[-|]+\|\n)((?:\|.*(?:\n|$))*)", re.MULTILINE)

COURSE_LIST = """
00_start_here | Start here | Is my machine ready, and where are we going? | 9 s
01_pairs_from_an_llm | Pairs from an LLM | How does a local LLM turn instruction data into preference pairs? | 48 s
02_rank_responses | Rank responses | What if the model answers several times and somebody ranks? | 47 s
03_preferences_without_ranking | Preferences without ranking | Where else do preferences come from? | 58 s
04_audit_the_dataset | Audit the dataset | Would I train on this? | 13 s
05_dpo_loss | The DPO loss | Where does the DPO loss come from, and what does its gradient do? | 12 s
06_small_gpt | A small GPT | What model do we align? | 7.6 min
07_train_with_dpo | Train with DPO | How do masks, log-probs and the loop fit together? | 4.6 min
08_evaluate | Evaluate | Did it help, and what did it cost? | 55 s
09_other_losses | Other losses | When is DPO not enough? | 59 s
12_ship_to_ollama | Ship to Ollama | How do I hand my model to someone else? | 35 s
"""
COURSE = [Notebook(*line.split(" | ")) for line in COURSE_LIST.strip().splitlines()]


def notebooks(folder: Path = NOTEBOOKS) -> list[Path]:
    """The course's notebooks that are in the folder, in reading order."""
    return [path for one in COURSE if (path := folder / f"{one.stem}.ipynb").is_file()]


def select_notebooks(only: list[str] | None = None, start: str | None = None, folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks to run: all, only some, or from one on; always in the order of the course.

    Raises CourseError for a name that is no notebook, and if there are no notebooks at all.
    """
    paths = notebooks(folder)
    if not paths:
        raise CourseError("There are no notebooks in notebooks/. Get the course again.")
    if only:
        wanted = {find_notebook(name, folder) for name in only}
        return [path for path in paths if path in wanted]
    return paths[paths.index(find_notebook(start, folder)) :] if start else paths


def find_notebook(name: str, folder: Path = NOTEBOOKS) -> Path:
    """The notebook called `name`: 5, 05, 05_dpo_loss or notebooks/05_dpo_loss.ipynb. CourseError if there is none."""
    wanted = Path(name).name.removesuffix(".ipynb")
    for path in notebooks(folder):
        if path.stem == wanted or wanted.isdecimal() and int(path.name[:2]) == int(wanted):
            return path
    there = ", ".join(path.stem for path in notebooks(folder))
    raise CourseError(f"There is no notebook {name!r}. There is: {there}.")


def sync(arguments: list[str] = ()) -> None:
    """Write the titles, links and tables that follow from COURSE into the notebooks and the README."""
    for path, text in out_of_step(NOTEBOOKS, ROOT / "README.md").items():
        write_text(path, text)
        print(f"{path.name} brought into step with the list of notebooks.")


def out_of_step(folder: Path, readme: Path) -> dict[Path, str]:
    """{file: the text it should have} for the README and every notebook where that is not what they have."""
    text, wanted = read_text(readme), {}
    table = with_table(text, [(one.link("notebooks/"), one.question, one.time) for one in COURSE])
    if table != text:
        wanted[readme] = table
    for place, one in enumerate(COURSE):
        path = folder / f"{one.stem}.ipynb"
        notebook = read_json(path, f"It stands in the list of {__name__}.")
        link_cells(notebook["cells"], place)
        if notebook != read_json(path):
            wanted[path] = json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
    return wanted


def link_cells(cells: list[dict], place: int) -> None:
    """Put title and links at the top and links at the end; where a cell lists the notebooks, put its rows."""
    prose = [cell for cell in cells if cell["cell_type"] == "markdown"]
    for cell in prose:
        text = "".join(cell["source"])
        if cell is prose[0]:
            text = re.sub(r"^# .*", f"# {COURSE[place].number} · {COURSE[place].title}", text)
        if cell is prose[0] or cell is prose[-1]:
            text = with_links(text, place)
        if TABLE.search(text):
            text = with_table(text, [(one.link(), one.question) for one in COURSE if one is not COURSE[place]])
        cell["source"] = text.splitlines(keepends=True)


def with_links(text: str, place: int) -> str:
    """The text with its line of links to the notebooks before and after; the line is added if there is none."""
    line = f"**Previous** {COURSE[place - 1].link()}" if place else ""
    if place + 1 < len(COURSE):
        line += " · " * bool(line) + f"**Next** {COURSE[place + 1].link()}"
    changed, count = re.subn(r"^\*\*(Previous|Next)\*\* \[.*$", lambda _: line, text, flags=re.MULTILINE)
    return changed if count else f"{text}\n\n{line}"


def with_table(text: str, rows: list[tuple[str, ...]]) -> str:
    """The text with these rows in its table of notebooks. Raises CourseError if it has no such table."""
    if not TABLE.search(text):
        raise CourseError("The table of notebooks is gone: write its line `| notebook | ...` again.")
    body = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return TABLE.sub(lambda match: match[1] + body, text, count=1)
