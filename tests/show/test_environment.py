import sys
from collections import namedtuple

from helpers.show import environment
from helpers.show.environment import report


def verdicts():
    return {row["what"]: row["verdict"] for row in report()}


def test_this_machine_is_ready(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "BUILD", tmp_path / "build")
    assert set(verdicts().values()) == {"ready"}
    assert list((tmp_path / "build").iterdir()) == []  # the trial file is gone


def test_each_shortcoming_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(environment, "BUILD", tmp_path / "file" / "build")
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package",))
    monkeypatch.setattr(environment.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: namedtuple("Disk", "free")(1000))
    monkeypatch.setattr(sys, "version_info", (3, 9, 0))
    shown = verdicts()
    assert "3.11" in shown["Python"] and shown["CPU cores"].startswith("ready, but") and "space" in shown["free disk"]
    assert "owns" in shown["build folder"] and "installs it" in shown["no-such-package"]
