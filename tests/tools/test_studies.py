"""The study command: every run once, whatever interrupts it; and what a notebook hears of a file that does not fit."""

import json
from argparse import Namespace

import pytest

from helpers import studies
from helpers.dpo.losses import LOSSES
from helpers.dpo.train import DPOSettings
from helpers.files import DATA, CourseError
from helpers.gpt.checkpoints import load_model
from helpers.studies import STUDIES, load_study
from helpers.tools.cli import study_options
from helpers.tools.studies import run
from helpers.tools.studies.grids import GRIDS, grid
from helpers.tools.studies.student import SHARE

LOG = "log.txt"


def measure(folder, seed):
    """Two points of a run, which leaves a trace; seed 2 fails as long as there is no file called "ready"."""
    if seed == 2 and not (folder / "ready").exists():
        raise KeyboardInterrupt
    with open(folder / LOG, "a") as file:
        file.write(f"{seed}\n")
    return [{"value": seed}, {"value": seed + 0.5}]


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "BUILD", tmp_path)
    monkeypatch.setattr(run, "study_file", lambda name: tmp_path / f"{name}.json")
    monkeypatch.setattr(studies, "study_file", lambda name: tmp_path / f"{name}.json")
    monkeypatch.setattr(run, "input_hashes", lambda name: {"data": "1"})
    monkeypatch.setitem(run.GRIDS, "noise", ("None.", grid(folder=[tmp_path], seed=(0, 1, 2)), measure))
    monkeypatch.setattr(run, "timed_points", traced)
    monkeypatch.setattr(run, "fingerprint", lambda *parts: str(parts))
    return tmp_path


def traced(measure, settings):
    return [{"seed": settings["seed"]} | point for point in measure(**settings)], 60.0


def test_an_interrupted_study_goes_on_where_it_stopped(study):
    with pytest.raises(BaseException):  # noqa: B017  the pool hands over what its process died of
        run.run_study(Namespace(name="noise", jobs=1))
    assert not (study / "noise.json").exists()
    (study / "ready").touch()
    run.run_study(Namespace(name="noise", jobs=1))
    assert (study / LOG).read_text().split() == ["0", "1", "2"]  # no run twice
    found = load_study("noise")
    assert found["points"][:2] == [{"seed": 0, "value": 0}, {"seed": 0, "value": 0.5}] and len(found["points"]) == 6
    assert found["minutes"] == 3 and found["seeds"] == [0, 1, 2] and found["inputs"] == {"data": "1"}


def test_a_file_of_another_version_is_refused_with_the_command_that_mends_it(study):
    (study / "noise.json").write_text(json.dumps({"version": -1, "points": []}))
    with pytest.raises(CourseError, match=r"version -1.*python3 -m helpers study noise"):
        load_study("noise")
    (study / "noise.json").write_text("[]")
    with pytest.raises(CourseError, match="version None"):
        load_study("noise")


def test_unknown_and_missing_studies_are_named(study):
    with pytest.raises(CourseError, match="no study 'nose'"):
        load_study("nose")
    with pytest.raises(CourseError, match=r"is missing.*study noise"):
        load_study("noise")
    with pytest.raises(SystemExit):
        study_options(["nose"])
    assert study_options(["noise", "--jobs", "3"]).jobs == 3


def test_each_study_has_a_grid_of_different_runs_with_three_seeds():
    assert GRIDS.keys() == STUDIES.keys()
    for _, runs, _ in GRIDS.values():
        assert len({str(settings) for settings in runs}) == len(runs)
        assert len({settings["seed"] for settings in runs}) >= 3


def test_the_studies_follow_the_recipe_of_the_shipped_policy():
    meta = load_model(DATA / "dpo")[2]
    recipe = LOSSES["dpo-kl"].settings | {"share": SHARE} | vars(DPOSettings())
    assert recipe == {name: meta[name] for name in recipe}


def test_a_shipped_study_started_from_the_shipped_files():
    for name in STUDIES:
        assert load_study(name)["inputs"] == run.input_hashes(name)
