"""Whose data the tables hold, with the notices that their licences ask for, from the packages' own files."""

import importlib.util
from pathlib import Path

from helpers.tools.course.tables import wordnet

GEONAMES = """Capitals, cities, continents, domains and populations: GeoNames (https://www.geonames.org), under the
licence Creative Commons Attribution 4.0 International (https://creativecommons.org/licenses/by/4.0/).
Changed: selected, some names and capitals replaced (corrections.toml)."""


def notice_text() -> str:
    """The text of NOTICE.txt."""
    cldr = Path(importlib.util.find_spec("babel").submodule_search_locations[0]) / "locale-data" / "LICENSE.unicode"
    parts = {
        "GeoNames (countries.csv, cities.csv)": GEONAMES,
        "WordNet 3.0 (synonyms.csv, antonyms.csv, meanings.csv, demonyms in countries.csv)": read(
            wordnet.folder() / "LICENSE"
        ),
        "Unicode CLDR (currencies and languages in countries.csv)": read(cldr),
    }
    return "\n\n\n".join(f"{title}\n{'-' * len(title)}\n\n{text}" for title, text in parts.items()) + "\n"


def read(path: Path) -> str:
    """The text without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in path.read_text("utf-8").strip().splitlines())
