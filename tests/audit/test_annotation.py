"""What people get to judge: both answers, and nothing that says which one was chosen."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from helpers.audit.annotation import LABEL_STUDIO_VIEW, blind_task, save_argilla, save_label_studio, task_id
from helpers.audit.findings import load_rows
from helpers.files import DATA, CourseError
from helpers.records import question

ROWS = load_rows(DATA / "instruction-data-with-preference.json")[:400]


def swapped(row):
    return row | {"chosen": row["rejected"], "rejected": row["chosen"]}


def test_the_order_says_nothing():
    assert 0.4 < sum(blind_task(row)["response_a"] == row["chosen"] for row in ROWS) / len(ROWS) < 0.6
    assert [blind_task(swapped(row)) for row in ROWS] == [blind_task(row) for row in ROWS]
    assert [task_id(swapped(row)) for row in ROWS] == [task_id(row) for row in ROWS]
    assert len({task_id(row) for row in ROWS}) == len(ROWS)


def test_argilla_gets_records_with_three_fields_and_an_id(tmp_path):
    records = json.loads(save_argilla(tmp_path / "a.json", ROWS[:20]).read_text(encoding="utf-8"))
    for record, row in zip(records, ROWS, strict=False):
        assert set(record) == {"id", "fields"} and record["id"] == task_id(row)
        assert list(record["fields"]) == ["question", "response_a", "response_b"]
        assert record["fields"]["question"] == question(row["instruction"], row["input"])
        assert {record["fields"]["response_a"], record["fields"]["response_b"]} == {row["chosen"], row["rejected"]}
    assert len(records) == 20


def test_label_studio_gets_tasks_that_its_view_can_show(tmp_path):
    tasks = json.loads(save_label_studio(tmp_path / "l.json", ROWS[:20]).read_text(encoding="utf-8"))
    assert all(set(task) == {"data"} for task in tasks) and len(tasks) == 20
    assert [task["data"] for task in tasks] == [{"id": task_id(row), **blind_task(row)} for row in ROWS[:20]]
    view = ElementTree.fromstring(LABEL_STUDIO_VIEW)
    shown = {text.get("value") for text in view.iter("Text")}
    assert shown == {"$question", "$response_a", "$response_b"}, "every text of a task, and no other"
    names = {text.get("name") for text in view.iter("Text")}
    assert view.find("Choices").get("toName") in names


@pytest.mark.parametrize("save", [save_argilla, save_label_studio])
def test_what_is_no_pair_is_not_written(tmp_path, save):
    with pytest.raises(CourseError, match='Record 2 of the list .*the key "chosen" is empty'):
        save(tmp_path / "x.json", [ROWS[0], ROWS[1] | {"chosen": ""}])
    assert list(tmp_path.iterdir()) == []
