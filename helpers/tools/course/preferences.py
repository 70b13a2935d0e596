"""Make data/instruction-data-with-preference.json with notebook 01: `python3 -m helpers data preferences`."""

from pathlib import Path

from helpers.files import DATA, write_bytes
from helpers.tools.course.notebook_artefacts import empty_build, execute

FILE = "instruction-data-with-preference.json"


def main(argv=None):
    """Build the pairs with course-small and put them into data/."""
    with empty_build() as build:
        execute(["01"], Path(build))
        write_bytes(DATA / FILE, (Path(build) / FILE).read_bytes())
    print(f"data/{FILE} written.")


if __name__ == "__main__":
    main()
