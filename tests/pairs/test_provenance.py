"""A pair's origin is found by the pair itself, and becomes columns that have one type each."""

import json

from helpers.files import write_jsonl
from helpers.pairs.provenance import provenance_columns, provenance_of, with_provenance

PAIRS = [
    {"instruction": f"Question {i}?", "input": "", "output": "So.", "chosen": f"Yes {i}.", "rejected": f"No {i}."}
    for i in range(4)
]
REWRITE = {"method": "rewrite", "model": "small", "seed": 3, "temperature": 0.8, "prompt": "Rewrite."}
REWRITE |= {"raw_reply": "x", "time": "2026-11-22T17:31:43+00:00"}
RANK = {"method": "rank", "judge": "small", "verdicts": {"1-2": ["A", "B"]}, "synthetic": None, "cleaned": []}


def test_provenance_is_found_by_the_pair(tmp_path):
    aside = {"chosen": None, "status": "set aside"}
    made = [PAIRS[2] | REWRITE, PAIRS[3] | aside, PAIRS[1] | {"chosen": "x"}]
    path = write_jsonl(tmp_path / "rows.jsonl", made)
    assert provenance_of(PAIRS, path, tmp_path / "missing.jsonl") == made[:1]
    assert provenance_of(PAIRS, path, path) == made[:1], "a pair that two files have is one pair"
    assert provenance_of(PAIRS) == []


def test_columns_are_what_a_row_says_and_have_a_type():
    assert provenance_columns([REWRITE, RANK]) == {
        **{"method": "string", "model": "string", "judge": "string", "verdicts": "string"},
        **{"seed": "int64", "temperature": "float64"},
    }, "neither what no row says, nor the request, its reply and its time"
    assert provenance_columns([]) == {}


def test_every_row_has_the_same_columns():
    rows = with_provenance(PAIRS[:3], [PAIRS[1] | RANK, PAIRS[0] | REWRITE])
    assert [list(row) for row in rows] == [list(rows[0])] * 3
    assert [row["method"] for row in rows] == ["rewrite", "rank", None]
    assert [row["seed"] for row in rows] == [3, None, None]
    assert json.loads(rows[1]["verdicts"]) == RANK["verdicts"], "JSON text, since methods differ in its shape"
    assert with_provenance(PAIRS, []) == PAIRS
