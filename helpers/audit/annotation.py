"""Pairs for people to judge anew, as Argilla and Label Studio import them.

Both get the two answers blind: in an order that depends on the texts and not on which one was chosen, and without a
suggestion, since people tend to agree with what they are shown first. Whose vote is whose can be told afterwards by the
`id` of `task_id`, or by the texts.
"""

from collections.abc import Iterable
from pathlib import Path

from helpers.audit.export import checked_pairs
from helpers.files import write_json
from helpers.pairs.provenance import pair_key
from helpers.records import fingerprint, question

# The labelling interface of a Label Studio project (Settings, Labeling Interface, Code), for `save_label_studio`.
LABEL_STUDIO_VIEW = """<View>
  <Header value="Which answer is better?"/>
  <Text name="question" value="$question"/>
  <Text name="response_a" value="$response_a"/>
  <Text name="response_b" value="$response_b"/>
  <Choices name="preference" toName="question" choice="single" required="true">
    <Choice value="A"/>
    <Choice value="B"/>
    <Choice value="tie"/>
  </Choices>
</View>
"""


def task_id(row: dict) -> str:
    """The same for the same pair, also if its sides are the other way round."""
    instruction, given, *sides = pair_key(row)
    return fingerprint(instruction, given, sorted(sides))


def blind_task(row: dict) -> dict[str, str]:
    """{"question", "response_a", "response_b"}; half of the pairs have the chosen side in second place."""
    sides = sorted((row["chosen"], row["rejected"]), reverse=int(task_id(row), 16) % 2 == 1)
    asked = question(row["instruction"], row["input"])
    return {"question": asked, "response_a": sides[0], "response_b": sides[1]}


def save_argilla(path, pairs: Iterable) -> Path:
    """Write records that `dataset.records.from_json(path)` of Argilla 2 adds to a dataset with three text fields.

    The fields are called question, response_a and response_b (https://docs.argilla.io/latest/how_to_guides/record).
    CourseError names a record that is no pair.
    """
    return write_json(path, [{"id": task_id(row), "fields": blind_task(row)} for row in checked_pairs(pairs)])


def save_label_studio(path, pairs: Iterable) -> Path:
    """Write tasks that Label Studio imports (https://labelstud.io/guide/tasks) into a project with LABEL_STUDIO_VIEW.

    CourseError names a record that is no pair.
    """
    return write_json(path, [{"data": {"id": task_id(row), **blind_task(row)}} for row in checked_pairs(pairs)])
