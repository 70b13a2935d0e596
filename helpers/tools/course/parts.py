"""What is trained on and what is held out, of every list of wordings."""

from helpers.files import CourseError

PARTS = ("train", "held out")


def check_part(part: str):
    """CourseError for what is no part."""
    if part not in PARTS:
        raise CourseError(f"There is no part {part!r}: choose one of {PARTS}.")


def toml_key(part: str) -> str:
    """The key under which a file lists what belongs to the part."""
    return part.replace(" ", "_")


def of_part(items: list, part: str, every: int = 5) -> list:
    """The entries of a list that belong to the part: every fifth, or so, is held out. CourseError for another part."""
    check_part(part)
    held = part == "held out"
    return [item for number, item in enumerate(items, 1) if (number % every == 0) == held]
