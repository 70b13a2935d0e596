import html
import re

import numpy as np
import pandas as pd
import pytest
import torch
from IPython.display import HTML

from helpers.files import CourseError
from helpers.show import diff, side_by_side, table, token_text, tokens

ATTACK = "<script>alert('x')</script><img src=x onerror=alert(1)>"


class Words:
    """A tokenizer with three tokens, in the form of tiktoken.Encoding."""

    vocabulary = [b"Hello", b" <script>", b"\n", b"\xe2\x82", b" a\tb"]

    def decode_single_token_bytes(self, token):
        return self.vocabulary[token]


def plain(page) -> str:
    """What a reader sees of a page: no tags, no entities."""
    return html.unescape(re.sub(r"<[^>]*>", "", page.data))


@pytest.mark.parametrize(
    "page",
    [
        table([{ATTACK: ATTACK}], caption=ATTACK, highlight=[0]),
        table(pd.DataFrame({"a": [ATTACK]}, index=[ATTACK])),
        side_by_side(ATTACK, ATTACK, (ATTACK, ATTACK), prompts=ATTACK),
        diff(ATTACK, "x" + ATTACK),
        diff("", ATTACK),
    ],
)
def test_text_of_a_model_never_becomes_html(page):
    assert "<script" not in page.data and "<img" not in page.data
    assert "alert('x')" in plain(page)


def test_tokens_are_escaped():
    page = tokens(Words(), [1, 0], mask=[1, 0], values=[0, 0])
    assert "<script" not in page.data and "·<script>" in plain(page)


def test_table_shows_numbers_none_and_long_text():
    long = "word " * 400
    page = table([{"text": long, "share": 0.987654, "count": 12345, "flag": True}, {"share": float("nan")}])
    assert long in plain(page) and "white-space:pre-wrap" in page.data
    assert "0.9877" in page.data and "12345" in page.data and "True" in page.data
    assert plain(page).count("–") == 4


@pytest.mark.parametrize("number", [torch.tensor(0.2), np.float32(0.2), np.array(0.2), torch.tensor(0.2).double()])
def test_one_number_of_torch_or_numpy_is_a_number(number):
    assert plain(table([{"β": number}])) == "β0.2"
    rows = [[torch.tensor(3), np.int64(4), torch.tensor(True), torch.tensor([1, 2])]]
    assert plain(table(rows, list("abcd"))) == "abcd34True[1, 2]"


def test_table_keeps_index_only_if_it_says_something():
    assert ">SFT<" in table(pd.DataFrame({"polite": [0.2]}, index=["SFT"])).data
    assert "index" not in table(pd.DataFrame({"polite": [0.2]})).data
    assert ">model<" in table(pd.DataFrame({"a": [1]}, index=pd.Index(["SFT"], name="model"))).data


def test_table_says_how_many_rows_it_leaves_out():
    page = table([{"i": i} for i in range(30)], max_rows=3)
    assert "and 27 more rows" in page.data and ">2<" in page.data and ">3<" not in page.data


def test_table_highlights_by_number_or_rule_and_not_by_colour_alone():
    rows = [{"a": 1}, {"a": 2}]
    for page in (table(rows, highlight=[1]), table(rows, highlight=lambda row: row["a"] == 2)):
        first, second = page.data.split("<tbody>")[1].split("</tr>")[:2]
        assert "▶" in second and "bold" in second and "color:#111111" in second
        assert "▶" not in first and "bold" not in first


def test_table_takes_columns_html_cells_and_no_rows():
    assert "<ins" in table([[diff("a", "a b")]], ["rewrite"]).data
    assert plain(table([{"a": 1, "b": 2}], columns=["b"])) == "b2"
    assert plain(table([], columns=["a"])) == "a(no rows)" and plain(table([], caption="Lost")) == "Lost(no rows)"
    with pytest.raises(CourseError, match="one column name for each"):
        table([[1, 2]], ["only one"])
    with pytest.raises(CourseError, match="one column name for each"):
        table([[1, 2]])


def test_side_by_side_pairs_rows_and_refuses_unequal_lists():
    page = side_by_side(["a", "b"], ["c", HTML("<b>d</b>")], ("before", "after"), prompts=["p", "q"])
    assert plain(page) == "promptbeforeafterpacqbd" and "<b>d</b>" in page.data
    with pytest.raises(CourseError, match=r"different lengths: \[2, 1\]"):
        side_by_side(["a", "b"], ["c"])


def test_side_by_side_shows_every_row():
    assert plain(side_by_side(["a"] * 50, ["b"] * 50)).count("ab") == 50


def test_diff_marks_words_and_keeps_both_texts():
    original, rewrite = "The capital is Athens.", "Gladly! The capital is indeed Athens."
    page = diff(original, rewrite).data
    assert re.findall(r"<ins[^>]*>(.*?)</ins>", page) == ["Gladly! ", "indeed "]
    assert "underline" in page and "<del" not in page
    both = diff("It is 5.\nYes", "Look, it is 5").data
    assert html.unescape(re.sub(r"<ins.*?</ins>|<[^>]*>", "", both)) == "It is 5.\nYes"
    assert html.unescape(re.sub(r"(?s)<del.*?</del>|<[^>]*>", "", both)) == "Look, it is 5"


def test_tokens_show_text_mask_and_values():
    page = tokens(Words(), torch.tensor([0, 2, 4]), torch.tensor([False, False, True]), torch.tensor([-1.0, 0, -2]))
    boxes = re.findall(r'<span title="([^"]*)"', page.data)
    assert boxes == ["id 0, masked", "id 2, masked", "id 4, counted, -2.0000"]
    assert "<b>·a⇥b</b>" in page.data and "-2.00" in page.data and "-1.00" not in page.data
    assert 'aria-label="3 tokens, 1 counted in the loss, 2 masked out"' in page.data
    assert "⏎" in page.data and page.data.count("dashed") == 4  # two boxes, and style and word of the legend


def test_lower_values_are_darker():
    page = tokens(Words(), [0, 0, 0, 0], values=np.array([0.0, -1.0, -4.0, np.nan]))
    shades = re.findall(r"background:(#\w{6});\">\s*<b>Hello", page.data)
    brightness = [int(shade[5:], 16) for shade in shades[:3]]
    assert brightness == sorted(brightness, reverse=True) and shades[0] == "#ffffff"
    assert "nan" not in page.data


def test_tokens_write_ids_and_take_empty_sequences():
    assert ">4<" in tokens(Words(), [4], ids_below=True).data
    assert "0 tokens" in tokens(Words(), []).data
    assert tokens(Words(), [0], mask=[0], values=[-1.0]).data.count("-1.0") == 0


@pytest.mark.parametrize("extra", [{"mask": [1]}, {"values": [0.0, 1.0, 2.0]}])
def test_tokens_refuse_unequal_lengths(extra):
    with pytest.raises(CourseError, match=f"2 ids but .* entries in {next(iter(extra))}"):
        tokens(Words(), [0, 1], **extra)


def test_half_a_character_is_shown_as_bytes():
    assert token_text(Words(), 3) == r"\xe2\x82"
