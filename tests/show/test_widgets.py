import json
import re
import time

import ipywidgets as ipw
import numpy as np
import pytest
import torch
from IPython.display import HTML

from helpers.files import CourseError
from helpers.pairs.judgements import JudgementStore
from helpers.show import (
    LiveCurve,
    ab_card,
    ab_result,
    ab_summary,
    blind_ab,
    explorer,
    loss_explorer,
    show_loss_explorer,
)
from helpers.show.widgets import sketch

ITEMS = [{"prompt": f"What is {i} + 1?", "before": f"Look, {i + 1}.", "after": f"Gladly: {i + 1}."} for i in range(5)]
FIRST = "A is better"


def names_shown(widget) -> list[str]:
    """Which answer stands on the left and on the right, read from the page."""
    cells = re.findall(r"<td[^>]*>(.*?)</td>", widget.card.value)
    return ["after" if cell.startswith("Gladly") else "before" for cell in cells]


# --- explorer -----------------------------------------------------------------------------------------------


def test_explorer_draws_the_function_at_the_controls_values():
    box = explorer(
        lambda size, name, on: HTML(f"{size} {name} {on}"),
        size=(0, 9, 1, 3),
        name=["a", "b"],
        on=ipw.Checkbox(True),
    )
    size, name, on, view = box.children
    assert view.value == "3 a True"
    size.value, name.value, on.value = 7, "b", False
    assert view.value == "7 b False"
    assert size.description == "size" and isinstance(size, ipw.IntSlider)


def test_loss_explorer_widget_shows_its_static_twin():
    beta, logratio, view = show_loss_explorer().children
    assert view.value == loss_explorer(0.1, 0).data
    beta.value, logratio.value = 0.3, -4
    assert view.value == loss_explorer(0.3, -4).data


@pytest.mark.parametrize("beta, h", [(0.1, 0.0), (0.3, -4.0), (1.0, 30.0)])
def test_loss_explorer_shows_the_dpo_loss_and_its_gradient(beta, h):
    margin = torch.tensor(h, requires_grad=True)
    loss = -torch.nn.functional.logsigmoid(beta * margin)
    loss.backward()
    assert (
        f"loss is {loss.item():.3f} and the gradient weight {-margin.grad.item() / beta:.3f}"
        in loss_explorer(beta, h).data
    )


# --- live curve ---------------------------------------------------------------------------------------------


def test_live_curve_takes_a_history_or_single_records(capsys):
    one, whole = LiveCurve(every=0), LiveCurve(every=0)
    rows = [{"step": step, "loss": 5.0 - step} for step in range(3)]
    for number, row in enumerate(rows):
        one(row)
        whole(rows[: number + 1])
    assert one.widget.value == whole.widget.value and "loss 3" in one.widget.value
    assert capsys.readouterr().err == ""
    assert 'alt="Training loss. loss from 5 to 3.' in one.figure().data


def test_live_curve_redraws_at_most_twice_a_second():
    live, drawn = LiveCurve(), []
    live.widget.observe(drawn.append, names="value")
    started = time.monotonic()
    for step in range(400):
        live({"step": step, "loss": 1 / (step + 1)})
    assert len(drawn) <= 1 + 2 * (time.monotonic() - started)
    live.draw()
    assert "step 399" in live.widget.value


def test_live_curve_can_be_used_for_a_second_run():
    live = LiveCurve(every=0)
    live([{"step": 1, "loss": 9.0}])
    live([{"step": 1, "loss": 1.0}])
    assert "loss 1" in live.widget.value and "9" not in re.search('aria-label="([^"]*)"', live.widget.value).group(1)


def test_sketch_stays_small_and_inside_its_frame():
    rows = [{"step": step, "loss": np.sin(step / 99)} for step in range(20_000)] + [{"step": 20_000, "loss": np.nan}]
    drawing = sketch(rows, ("loss", "val_loss"))
    points = re.search('points="([^"]*)"', drawing).group(1).split()
    assert len(drawing) < 20_000 and len(points) > 300
    assert all(59 < float(x) < 561 and 19 < float(y) < 201 for x, y in (point.split(",") for point in points))
    assert "Waiting" in sketch([], ("loss",)) and "Waiting" in sketch([{"step": 1, "loss": np.nan}], ("loss",))
    assert "<script" not in sketch([{"step": 1, "<script>": 1.0}], ("<script>",), y_label="<script>")


# --- blind A/B ----------------------------------------------------------------------------------------------


def test_every_verdict_is_on_disk_at_once_and_names_are_hidden(tmp_path):
    store = JudgementStore(tmp_path / "deep" / "ab.jsonl")
    widget = blind_ab(ITEMS, store)
    for number, label in enumerate(["A is better", "B is better", "Tie", "Skip"], start=1):
        assert "before" not in widget.card.value and "after" not in widget.card.value
        left, right = names_shown(widget)
        widget.buttons[label].click()
        row = json.loads(store.path.read_text().splitlines()[-1])
        assert len(store.path.read_text().splitlines()) == number == widget.progress.value
        expected = {"A is better": left, "B is better": right, "Tie": "tie", "Skip": "skip"}[label]
        assert (row["verdict"], row["left"], row["right"]) == (expected, left, right)
        assert row["annotator"] == "me"


def test_a_second_widget_continues_in_the_same_order(tmp_path):
    store = JudgementStore(tmp_path / "ab.jsonl")
    first = blind_ab(ITEMS, store)
    first.buttons[FIRST].click()
    first.buttons[FIRST].click()
    second = blind_ab(ITEMS, store)
    assert second.card.value == first.card.value and second.progress.value == 2
    assert blind_ab(ITEMS, store, annotator="you").progress.value == 0
    other = blind_ab([{**ITEMS[0], "after": "Another answer."}], store)
    assert other.progress.value == 0  # judged was another pair


def test_undo_also_reaches_back_before_a_restart(tmp_path):
    store = JudgementStore(tmp_path / "ab.jsonl")
    widget = blind_ab(ITEMS, store)
    start = widget.card.value
    widget.buttons[FIRST].click()
    widget = blind_ab(ITEMS, store)
    widget.buttons["Undo"].click()
    assert widget.card.value == start and ab_result(store)["judged"] == 0
    assert widget.buttons["Undo"].disabled
    widget.press("Undo")  # nothing left to undo
    assert len(store.path.read_text().splitlines()) == 2
    widget.buttons["Tie"].click()
    assert ab_result(store)["tie"] == 1 and blind_ab(ITEMS, store).progress.value == 1


def test_a_torn_last_line_costs_only_that_line(tmp_path):
    store = JudgementStore(tmp_path / "ab.jsonl")
    blind_ab(ITEMS, store).buttons["Tie"].click()
    store.path.write_text(store.path.read_text() + '{"item": "abc", "verd')
    widget = blind_ab(ITEMS, store)
    assert widget.progress.value == 1
    widget.buttons["Tie"].click()
    assert ab_result(store)["tie"] == 2


def test_all_judged_and_equal_answers(tmp_path):
    store = JudgementStore(tmp_path / "ab.jsonl")
    widget = blind_ab([*ITEMS[:2], {"prompt": "p", "before": "same", "after": "same"}], store)
    for _ in range(2):
        widget.buttons["Tie"].click()
    assert "All pairs are judged" in widget.card.value and widget.buttons["Tie"].disabled
    widget.press("Tie")  # a late key press changes nothing
    assert len(store.path.read_text().splitlines()) == 2
    assert "All pairs" in blind_ab([], JudgementStore(tmp_path / "none.jsonl")).card.value


def test_sides_are_shuffled_and_seeded(tmp_path):
    many = [{"prompt": str(i), "before": "Look", "after": "Gladly"} for i in range(200)]
    widget = blind_ab(many, JudgementStore(tmp_path / "a.jsonl"), seed=1)
    left = [widget.sides(key)[0] for key in widget.session.queue]
    assert 70 < left.count("after") < 130
    assert widget.session.queue == blind_ab(many, JudgementStore(tmp_path / "b.jsonl"), seed=1).session.queue
    assert widget.session.queue != blind_ab(many, JudgementStore(tmp_path / "c.jsonl"), seed=2).session.queue
    assert widget.session.queue != sorted(widget.session.queue)


def test_result_counts_wins_with_ties_as_half(tmp_path):
    store = JudgementStore(tmp_path / "ab.jsonl")
    widget = blind_ab(ITEMS, store)
    for wish in ("after", "after", "before", "tie", "skip"):
        label = {"tie": "Tie", "skip": "Skip"}.get(wish)
        label = label or ("A is better" if names_shown(widget)[0] == wish else "B is better")
        widget.buttons[label].click()
    result = ab_result(store)
    assert (result["after"], result["before"], result["tie"], result["skip"]) == (2, 1, 1, 1)
    assert result["judged"] == 4 and result["win_rate"] == 2.5 / 4
    assert 0 < result["low"] < 2.5 / 4 < result["high"] < 1
    assert "0.625" in ab_summary(store).data
    assert ab_result(store, annotator="you")["judged"] == 0


def test_result_before_any_judgement(tmp_path):
    assert ab_result(JudgementStore(tmp_path / "none.jsonl"))["win_rate"] is None
    assert "No judgement" in ab_summary(JudgementStore(tmp_path / "none.jsonl")).data


def test_answers_are_escaped(tmp_path):
    attack = "<script>alert(1)</script>"
    widget = blind_ab(
        [{"prompt": attack, "before": attack, "after": attack + "!"}], JudgementStore(tmp_path / "ab.jsonl")
    )
    assert "<script" not in widget.card.value and "&lt;script&gt;" in widget.card.value
    assert "<script" not in ab_card(attack, attack, attack).data


def test_bad_items_and_an_unwritable_file_are_named(tmp_path):
    with pytest.raises(CourseError, match="Item 1 .* 'prompt', 'before', 'after'"):
        blind_ab([ITEMS[0], {"prompt": "p", "before": "b"}], JudgementStore(tmp_path / "ab.jsonl"))
    (tmp_path / "file").write_text("")
    widget = blind_ab(ITEMS, JudgementStore(tmp_path / "file" / "ab.jsonl"))
    widget.buttons[FIRST].click()
    assert "cannot be written" in widget.error.value and widget.progress.value == 0


def test_other_judgements_are_no_verdicts(tmp_path):
    store = JudgementStore(tmp_path / "thumbs.jsonl")
    store.add("me", "i", "up")
    with pytest.raises(CourseError, match="thumbs.jsonl holds judgements that are no A/B verdicts"):
        ab_result(store)
