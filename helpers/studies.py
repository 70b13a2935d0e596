"""Studies: results too long for a cell, computed before by `python3 -m helpers study NAME` and kept in data/studies/.

A study file holds the question, the settings of every run, the seeds, versions, the machine and the measured points.
"""

from typing import NamedTuple

from helpers.files import DATA, CourseError, display_path, read_json

# name: (version, the question it answers). A change of what a study measures raises its version.
STUDIES = {
    "seeds": (1, "How much does the result of the course's recipe vary from one training seed to the next?"),
    "frontier": (1, "At equal politeness, which loss keeps most answers clean: plain DPO, with an anchor, or IPO?"),
    "kinds": (1, "What does the policy learn from pairs of one kind, and what from their mixture?"),
    "sft": (1, "Do a longer fine-tuning and dropout leave DPO a better model to start from?"),
    "noise": (1, "Does a robust loss help the student when labels are flipped?"),
}


class Study(NamedTuple):
    """A study as a notebook reads it."""

    question: str
    points: list[dict]  # flat: the settings of the run and what was measured
    source: str  # a sentence: when, on what and with which seeds it was computed


def study_file(name):
    return DATA / "studies" / f"{name}.json"


def load_study(name: str) -> Study:
    """A study of data/studies. Raises CourseError if there is none, or if it was made by another version of the code."""
    command = f"`python3 -m helpers study {name}`"
    if name not in STUDIES:
        raise CourseError(f"There is no study {name!r}. There are: {', '.join(STUDIES)}.")
    path = study_file(name)
    if not path.exists():
        raise CourseError(f"{display_path(path)} is missing. {command} computes it.")
    study, (version, question) = read_json(path), STUDIES[name]
    if not isinstance(study, dict) or study.get("version") != version:
        found = study.get("version") if isinstance(study, dict) else None
        raise CourseError(
            f"{display_path(path)} has version {found}, and this code reads version {version}. {command} computes it again."
        )
    source = (
        f"Computed before by python3 -m helpers study {name}: {len(study['points'])} points, seeds "
        f"{', '.join(map(str, study['seeds']))}, {study['minutes']:.0f} minutes of processor time, {study['machine']}."
    )
    return Study(question, study["points"], source)
