"""Where each pair came from: its builder's row is found again by the pair itself, and becomes columns of an export."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from helpers.files import read_jsonl

# What a merged row keeps of where it came from, where its method gives it.
PROVENANCE = (
    *("method", "method_version", "model", "models", "digest", "engine", "judge", "verdicts", "authors", "synthetic"),
    *("criterion", "voices", "direction", "prompt_name", "prompt_version", "prompt"),
    *("seed", "temperature", "raw_reply", "cleaned", "prompt_tokens", "tokens", "time"),
)
# No columns of an export: "prompt" is there what the trained model sees, not what a builder asked; the reply belongs to
# that; and libraries read "time" as a time and not as this text.
NO_COLUMNS = ("prompt", "raw_reply", "time")
NUMBER_TYPES = dict.fromkeys(("method_version", "prompt_version", "seed", "prompt_tokens", "tokens"), "int64")
NUMBER_TYPES |= {"temperature": "float64"}


def pair_key(row: dict) -> tuple:
    """The question and both sides: what makes two rows the same pair, whatever else is known of them."""
    return tuple(row.get(key) for key in ("instruction", "input", "chosen", "rejected"))


def provenance_of(rows: Iterable[dict], *paths) -> list[dict]:
    """The builders' rows (JSONL) that these pairs came from: for each pair the first row of the given files with it.

    A file that is missing is passed over, so that a set without provenance gives an empty list.
    """
    pairs = set(map(pair_key, rows))
    origin = {}
    for row in (row for path in paths if Path(path).exists() for row in read_jsonl(path)):
        if pair_key(row) in pairs:
            origin.setdefault(pair_key(row), row)
    return list(origin.values())


def provenance_columns(provenance: Sequence[dict]) -> dict[str, str]:
    """{name: type} of what at least one of the builders' rows says. Types: "string", "int64" or "float64"."""
    return {
        name: NUMBER_TYPES.get(name, "string")
        for name in PROVENANCE
        if name not in NO_COLUMNS and any(_has_value(row.get(name)) for row in provenance)
    }


def with_provenance(pairs: Iterable[dict], provenance: Sequence[dict]) -> list[dict]:
    """The pairs with the columns of `provenance_columns`, in all rows the same ones; what is not known is None.

    A list or an object, such as the verdicts of a judge, becomes JSON text: methods differ in their shapes, and a
    column has one type.
    """
    columns, origin = provenance_columns(provenance), {pair_key(row): row for row in provenance}
    return [
        pair | {name: _column_value(origin.get(pair_key(pair), {}).get(name), kind) for name, kind in columns.items()}
        for pair in pairs
    ]


def _has_value(value) -> bool:
    return value is not None and value not in ("", [], {})


def _column_value(value, kind: str):
    if not _has_value(value):
        return None
    return value if kind != "string" or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
