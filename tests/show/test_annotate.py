"""The ranking tool, by its line, its buttons and its pages."""

import random

import pytest

from helpers.files import CourseError
from helpers.pairs import judgements
from helpers.pairs.judgements import UNDO, JudgementStore
from helpers.pairs.ranking import SKIP, Candidates, rankings
from helpers.pairs.store import JsonlStore
from helpers.politeness import POLITENESS
from helpers.show.annotate import (
    annotate,
    guidelines_panel,
    how_to_enter,
    judgements_table,
    ranking_card,
    ranking_page,
    read_entry,
    shown_order,
)

ITEMS = [
    Candidates(f"What is {n} + 1?", "", f"{n + 1}.", (f"{n + 1}.", f"Gladly: {n + 1}.", f"Look, {n + 1}."))
    for n in range(5)
]


@pytest.fixture
def store(tmp_path):
    return JudgementStore(tmp_path / "rankings.jsonl")


def type_in(tool, text):
    """What the page sends when somebody types into the line and presses Enter."""
    tool.entry.value = text


def on_page(tool):
    """The item on the page, and its answers in the order shown."""
    (item,) = [item for item in ITEMS if item.instruction in tool.card.value]
    return item, sorted(range(3), key=lambda number: tool.card.value.index(f">{item.answers[number]}<"))


# --- pages ----------------------------------------------------------------------------------------------------


def test_the_order_is_shuffled_by_annotator_and_item_and_stays():
    many = [Candidates(f"q{n}", "", "o", ("x", "y", "z")) for n in range(300)]
    orders = [tuple(shown_order(item, "ada")) for item in many]
    assert all(35 <= orders.count(order) <= 65 for order in set(orders)) and len(set(orders)) == 6
    assert orders == [tuple(shown_order(item, "ada")) for item in many]
    assert orders != [tuple(shown_order(item, "ben")) for item in many]


def test_what_is_typed_is_about_the_page_and_what_is_stored_about_the_answers():
    order = [2, 0, 1]
    assert read_entry("1>2>3", "ranking", order) == ((2,), (0,), (1,))
    assert read_entry("31=2", "ranking", order) == read_entry("32=1", "ranking", order) == ((1,), (0, 2))
    assert read_entry(" T ", "ranking", order) == ((0, 1, 2),)
    assert read_entry("13", "best-worst", order) == read_entry("1 > 3", "best-worst", order) == ((2,), (0,), (1,))


def test_several_bests_or_worsts_can_be_named():
    assert read_entry("1=3>2", "best-worst", [2, 0, 1]) == read_entry("3=12", "best-worst", [2, 0, 1]) == ((1, 2), (0,))
    assert read_entry("4>1=2", "best-worst", [3, 1, 0, 2]) == ((2,), (0,), (1, 3))


@pytest.mark.parametrize("text", ["1", "123", "1a", "ab", "", "11", "14", "10", "²1", "1=2", "1=1>2", "1=2>2", "1=>2"])
def test_a_wrong_best_and_worst_is_told(text):
    with pytest.raises(CourseError):
        read_entry(text, "best-worst", [2, 0, 1])


def test_everything_is_escaped():
    attack = "<script>alert(1)</script>"
    item = Candidates(attack, attack, attack, (attack, attack + "!b"))
    pages = [ranking_card(item, [0, 1]), ranking_page(item, attack, guidelines=attack), guidelines_panel(attack)]
    for page in pages:
        assert "<script" not in page.data and "&lt;script&gt;" in page.data


def test_the_page_shows_all_answers_the_guidelines_and_how_to_enter():
    page = ranking_page(ITEMS[0], "ada").data
    for text in (*ITEMS[0].answers, "What is 0 + 1?", "e.g. 231", "Longer is not politer"):
        assert text in page
    assert page == ranking_page(ITEMS[0], "ada").data
    assert "the best and the worst" in ranking_page(ITEMS[0], mode="best-worst").data
    with pytest.raises(CourseError, match="Unknown mode 'stars'"):
        how_to_enter("stars", 3)
    assert POLITENESS.guidelines.splitlines()[0] in page


# --- the tool -------------------------------------------------------------------------------------------------


def test_a_typed_ranking_is_saved_at_once_and_the_line_is_empty_again(store):
    tool = annotate(ITEMS, store, "ada")
    item, order = on_page(tool)
    type_in(tool, "2>1=3")
    assert rankings(ITEMS, store) == {item.key: {"ada": ((order[1],), tuple(sorted((order[0], order[2]))))}}
    assert tool.entry.value == "" and tool.progress.value == 1 and "1 of 5 judged" in tool.status.value
    assert on_page(tool)[0] != item
    type_in(tool, "2>1=3")
    assert tool.progress.value == 2, "the same text a second time counts as well"


def test_letters_and_buttons_do_the_same(tmp_path):
    stores = [JudgementStore(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]
    by_key, by_mouse = (annotate(ITEMS, store, "ada") for store in stores)
    for text in ("321", "t", "s", "u", "1=32"):
        type_in(by_key, text)
    for number in (3, 2, 1):
        by_mouse.digits[number - 1].click()
    assert by_mouse.entry.value == "321" and by_mouse.progress.value == 0
    by_mouse.buttons["Save"].click()
    for label in ("All tied", "Skip", "Undo"):
        by_mouse.buttons[label].click()
    by_mouse.entry.value = "1=32"
    typed, clicked = ([(row["item"], row["verdict"]) for row in store.rows()] for store in stores)
    assert typed == clicked
    assert [verdict if verdict in (SKIP, UNDO) else "ranking" for _, verdict in typed] == [
        *("ranking", "ranking", SKIP, UNDO, "ranking"),
    ]


def test_best_and_worst(store):
    tool = annotate(ITEMS, store, "ada", mode="best-worst")
    item, order = on_page(tool)
    type_in(tool, "31")
    assert rankings(ITEMS, store)[item.key]["ada"] == ((order[2],), (order[1],), (order[0],))
    other, order = on_page(tool)
    type_in(tool, "3=1>2")
    assert rankings(ITEMS, store)[other.key]["ada"] == (tuple(sorted((order[0], order[2]))), (order[1],))
    assert [row["mode"] for row in store.rows()] == ["best-worst"] * 2


@pytest.mark.parametrize("text", ["12", "4321", "x", "<b>"])
def test_what_cannot_be_read_is_told_and_changes_nothing(store, text):
    tool = annotate(ITEMS, store, "ada")
    card = tool.card.value
    type_in(tool, text)
    assert (
        "is no ranking" in tool.error.value and "<b>&#x27;" not in tool.error.value and "<b>'" not in tool.error.value
    )
    assert tool.card.value == card and tool.entry.value == text and store.rows() == []
    type_in(tool, "123")
    assert tool.error.value == "" and tool.progress.value == 1


def test_a_restarted_kernel_goes_on_in_the_same_order(store):
    first = annotate(ITEMS, store, "ada")
    type_in(first, "123")
    type_in(first, "s")
    second = annotate(ITEMS, store, "ada")
    assert second.card.value == first.card.value and second.progress.value == 2
    type_in(second, "u")
    type_in(second, "u")
    type_in(second, "u")  # nothing left to undo
    assert second.progress.value == 0 and second.buttons["Undo"].disabled
    assert len(store.rows()) == 4


def test_another_name_is_another_annotator(store):
    tool = annotate(ITEMS, store, "ada")
    type_in(tool, "123")
    tool.name.value = "ben"
    assert tool.progress.value == 0
    type_in(tool, "123")
    assert {row["annotator"] for row in store.rows()} == {"ada", "ben"}
    tool.name.value = "ada"
    assert tool.progress.value == 1
    tool.name.value = " "
    assert "Give the annotator a name" in tool.error.value


def test_without_a_name_nothing_is_judged_until_there_is_one(store):
    tool = annotate(ITEMS, store, "")
    assert "Give the annotator a name" in tool.error.value
    type_in(tool, "123")
    tool.buttons["Undo"].click()
    assert store.rows() == []
    tool.name.value = "ada"
    type_in(tool, "321")
    assert tool.error.value == "" and list(rankings(ITEMS, store).values())[0].keys() == {"ada"}


def test_the_end(store):
    tool = annotate(ITEMS, store, "ada")
    for _ in ITEMS:
        type_in(tool, "t")
    assert "All questions are judged" in tool.card.value and tool.entry.disabled and tool.buttons["Skip"].disabled
    tool.submit("123")
    assert len(store.rows()) == 5
    type_in(tool, "u")
    assert tool.progress.value == 4 and not tool.entry.disabled
    assert "All questions" in annotate([], store, "ada").card.value


def test_a_file_that_cannot_be_written_is_told_and_the_item_stays(store, monkeypatch):
    monkeypatch.setattr(judgements, "WAIT", 0.1)
    tool = annotate(ITEMS, store, "ada")
    with JsonlStore(store.path):
        type_in(tool, "123")
    assert "writing" in tool.error.value and tool.progress.value == 0
    tool.buttons["Save"].click()
    assert tool.progress.value == 1


def test_items_come_in_another_order_for_each_annotator(store):
    many = [Candidates(f"q{n}", "", "o", ("x", "y")) for n in range(30)]
    queues = [annotate(many, store, name).session.queue for name in ("ada", "ben")]
    assert queues[0] != queues[1] and sorted(queues[0]) == sorted(queues[1])
    random.shuffle(many)
    assert annotate(many, store, "ada").session.queue == queues[0]


def test_the_latest_judgements_in_a_table(store):
    assert "No judgement" in judgements_table(ITEMS, store).data
    tool = annotate(ITEMS, store, "<ada>")
    item, order = on_page(tool)
    type_in(tool, "123")
    type_in(tool, "s")
    page = judgements_table(ITEMS, store).data
    assert "&lt;ada&gt;" in page and "skipped" in page and item.instruction in page
    assert "&gt;".join(str(number + 1) for number in order) in page
