"""The scoreboard: numbers merge, bars are read, what cannot be read is refused."""

import json

import pytest

from helpers import scoreboard
from helpers.files import CourseError
from helpers.tools import report


@pytest.fixture(autouse=True)
def build(tmp_path, monkeypatch):
    for module in (scoreboard, report):
        monkeypatch.setattr(module, "BUILD", tmp_path)
    return tmp_path


def test_records_merge_and_the_last_of_a_name_counts():
    scoreboard.record("polite", 80, "%", ">= 90")
    scoreboard.record("KL", 3.5, "nats")
    scoreboard.keep_row("notebooks", "05_dpo_loss", {"seconds": 3.0, "peak_mb": 500})
    scoreboard.record("polite", 97.5, "%", ">= 90")
    board = json.loads(scoreboard.path().read_text())
    assert board["results"] == {
        "polite": {"value": 97.5, "unit": "%", "bar": ">= 90", "met": True},
        "KL": {"value": 3.5, "unit": "nats", "bar": None, "met": None},
    }
    assert board["notebooks"] == {"05_dpo_loss": {"seconds": 3.0, "peak_mb": 500}}


@pytest.mark.parametrize(
    "value, bar, met",
    [
        (90, ">= 90", True),
        (89.99, ">= 90", False),
        (9, "<= 9", True),
        (9.01, "<=9", False),
        (10, "10 to 30", True),
        (30.1, "10 to 30", False),
        (-0.5, ">= -1", True),
        (0.06, ">= 0.05", True),
    ],
)
def test_bars(value, bar, met):
    assert scoreboard.meets(value, bar) is met


@pytest.mark.parametrize("bar", ["90", "> 90", "at least 90", ">= many"])
def test_an_unreadable_bar_is_refused_and_nothing_written(bar):
    with pytest.raises(CourseError, match="cannot be read"):
        scoreboard.record("polite", 97.5, "%", bar)
    assert not scoreboard.path().exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(CourseError, match="finite"):
        scoreboard.record("polite", value)


def test_tensors_are_numbers():
    torch = pytest.importorskip("torch")
    scoreboard.record("loss", torch.tensor(0.5))
    assert scoreboard.load()["results"]["loss"]["value"] == 0.5


def test_a_damaged_file_is_an_error_and_not_overwritten():
    scoreboard.path().write_text("[1]")
    with pytest.raises(CourseError, match="not a scoreboard"):
        scoreboard.record("polite", 1)
    assert scoreboard.path().read_text() == "[1]"


def test_clearing_starts_anew():
    scoreboard.record("polite", 1)
    scoreboard.clear()
    assert scoreboard.load() == {"results": {}, "notebooks": {}}


def test_the_table_is_aligned_and_says_what_is_met(capsys):
    scoreboard.record("polite after DPO", 97.54321, "%", ">= 90")
    scoreboard.record("time", 11, "min", "<= 9")
    scoreboard.show()
    head, rule, first, second = capsys.readouterr().out.splitlines()
    assert first.split("  ")[0] == "polite after DPO"
    assert first.endswith("met") and second.endswith("MISSED")
    assert "97.54 %" in first and "11 min" in second
    assert head.index("value") == first.index("97.54") == second.index("11 min")


def test_the_first_page_of_the_report_escapes_and_marks_what_is_missed():
    scoreboard.record("a < b", 11, "min", "<= 9")
    scoreboard.keep_row("notebooks", "05_dpo_loss", {"seconds": 3.0, "peak_mb": 500})
    page = report.write_index(scoreboard.load()).read_text()
    assert "a &lt; b" in page and "&lt;= 9 min" in page and "<strong>no</strong>" in page
    assert "05_dpo_loss" in page and "<a href" not in page  # its page was not made
