"""Studies: what takes too long for a cell, computed before by `python3 -m helpers study NAME`; see data/studies/."""

import hashlib

from helpers.files import DATA, CourseError, display_path, read_json

# name: (version, the question it answers). A change of what a study runs or measures raises its version.
STUDIES = {
    "seeds": (2, "How much does the result of notebooks 06 and 07 vary from one training seed to the next?"),
    "frontier": (1, "At equal politeness, which loss keeps most answers clean?"),
    "kinds": (1, "What is learned from pairs of one kind, and what from their mixture?"),
    "sft": (1, "Do a longer fine-tuning and dropout leave a better model to start preference tuning from?"),
    "noise": (1, "Does a robust loss help the student when labels are flipped?"),
}


def study_file(name):
    return DATA / "studies" / f"{name}.json"


def input_hash(path) -> str:
    """The beginning of a file's SHA-256: how a study knows the files that it started from."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def about(study) -> str:
    """What all runs of a study have in common, its seeds, and what it took."""
    return f"{study['settings']} Seeds: {study['seeds']}; {study['minutes']:.0f} minutes of processor time."


def over_seeds(values, form=".3f") -> str:
    """'mean (lowest … highest)' of a measure; values: a pandas Series or an array, one value a seed."""
    return f"{values.mean():{form}} ({values.min():{form}} … {values.max():{form}})"


def load_study(name: str) -> dict:
    """A study: question, settings, seeds, versions, machine, minutes of processor time, and points (flat dicts).

    Raises CourseError if there is none, or if it was made by another version of the code.
    """
    if name not in STUDIES:
        raise CourseError(f"There is no study {name!r}. There are: {', '.join(STUDIES)}.")
    path, (version, _), command = study_file(name), STUDIES[name], f"`python3 -m helpers study {name}`"
    study = read_json(path, f"{command} computes it.")
    found = study.get("version") if isinstance(study, dict) else None
    if found != version:
        raise CourseError(
            f"{display_path(path)} has version {found}, this code reads version {version}. {command} computes it again."
        )
    return study
