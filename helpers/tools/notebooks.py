"""Which notebooks there are, and which a person means by "05". Standard library only."""

from pathlib import Path

from helpers.files import NOTEBOOKS, CourseError


def notebooks(folder: Path = NOTEBOOKS) -> list[Path]:
    """The course's notebooks in order."""
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def select(only: list[str] | None = None, start: str | None = None, folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks to run: all, only some, or from one on; always in the order of the course.

    Raises CourseError for a name that is no notebook, and if there are no notebooks at all.
    """
    paths = notebooks(folder)
    if not paths:
        raise CourseError("There are no notebooks in notebooks/. Get the course again.")
    if only:
        wanted = {find(name, paths) for name in only}
        return [path for path in paths if path in wanted]
    return paths[paths.index(find(start, paths)) :] if start else paths


def find(name: str, paths: list[Path]) -> Path:
    """The notebook called `name`: 5, 05, 05_dpo_loss or notebooks/05_dpo_loss.ipynb."""
    wanted = Path(name).name.removesuffix(".ipynb")
    if wanted.isdecimal():
        matches = [path for path in paths if int(path.name[:2]) == int(wanted)]
    else:
        matches = [path for path in paths if path.stem == wanted]
    if not matches:
        raise CourseError(f"There is no notebook {name!r}. There is: {', '.join(path.stem for path in paths)}.")
    return matches[0]
