"""From verdicts to rows, bars and the tables of data/README.md."""

import json

import pytest

from helpers.files import CourseError
from helpers.tools.course import evaluation
from helpers.tools.course.evaluation import (
    BARS,
    END,
    EVERY_FAMILY,
    START,
    amounting,
    facts_known,
    is_met,
    section_lines,
    share_text,
    tallied,
    write_readme,
)


def replies(row, group, measure, *verdicts):
    return [{"row": row, "group": group, "verdict": {measure: verdict}} for verdict in verdicts]


KNOWN = replies("by hand: known", "capital", "right", *[True] * 9, False)
FACTS = replies(EVERY_FAMILY, "capital", "right", True, True, False, False) + replies(
    EVERY_FAMILY, "sum", "right", True
)
SIZES = {"capital": 100, "sum": 0}


def test_each_measure_is_counted_where_it_was_taken():
    both = KNOWN + replies("by hand: known", "capital", "refused", True)
    assert tallied(both) == {("by hand: known", "right"): (9, 10), ("by hand: known", "refused"): (1, 1)}


def test_a_figure_has_counts_and_an_interval():
    assert share_text(9, 10) == "90.0 % (9/10; 59.6 to 98.2)"


@pytest.mark.parametrize(
    "row, measure, share, met",
    [
        ("by hand: known", "right", 0.85, True),
        ("by hand: known", "right", 0.84, False),
        ("by hand: known", "refused", 0.05, True),
        ("by hand: known", "refused", 0.06, False),
        ("by hand: near", "answered with something else", 0.06, False),
        ("schema", "follows", 0.99, False),
        ("revise", "right", 0.1, None),
    ],
)
def test_a_bar_is_met_from_the_right_side(row, measure, share, met):
    assert is_met(row, measure, share) is met


def test_a_missed_bar_is_printed_as_missed():
    (met,), (missed,) = section_lines(KNOWN), section_lines(KNOWN + KNOWN[-1:] * 5)
    assert met.endswith("≥ 85 %, met") and missed.endswith("≥ 85 %, MISSED")


def test_facts_known_are_sizes_times_shares():
    known, half, total = facts_known(FACTS, SIZES)
    assert (known, total) == (50, 100) and 40 < half < 60
    assert facts_known(FACTS, {"capital": 4, "sum": 0})[1] == 0  # all of them were asked
    assert "50 ± " in amounting(FACTS, SIZES)["known"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "DATA", tmp_path)
    found = {}
    for name in ("course-small", "course-weak"):
        found[name] = tmp_path / f"{name}.json"
        text = json.dumps({"digest": "0123456789abcdef"} | amounting(KNOWN + FACTS, SIZES))
        found[name].write_text(text, encoding="utf-8")
    (tmp_path / "README.md").write_text(f"before\n{START}\nold\n{END}\nafter\n", encoding="utf-8")
    return found


def test_the_tables_stand_between_their_marks(files, tmp_path):
    write_readme(files)
    write_readme(files)  # and take the place of earlier ones
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"before\n{START}\n- `course-small` (0123456789ab)") and text.endswith(f"\n{END}\nafter\n")
    row = "| by hand: known | right | ≥ 85 % | 90.0 % (9/10; 59.6 to 98.2), met | 90.0 % (9/10; 59.6 to 98.2) |"
    assert text.count(row) == 1 and "old" not in text
    assert "| `capital` | 50.0 % (2/4; 15.0 to 85.0) |" in text


def test_without_marks_nothing_is_written(files, tmp_path):
    (tmp_path / "README.md").write_text("text\n", encoding="utf-8")
    with pytest.raises(CourseError, match="once"):
        write_readme(files)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "text\n"


def test_the_tables_wait_for_both_models(files, tmp_path, capsys):
    files["course-weak"].unlink()
    write_readme(files)
    assert "course-weak" in capsys.readouterr().out and "old" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_there_is_a_bar_for_every_direction_on_both_counts():
    assert sum(row.startswith("rewrite: ") for row, _ in BARS) == 16
