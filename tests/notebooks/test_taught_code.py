"""What a notebook teaches and what helpers/ keeps are the same text."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from helpers.files import NOTEBOOKS, ROOT

# Written in a cell of this notebook, line by line, and kept in helpers/ for the notebooks after it.
TAUGHT = {
    "01": ["rewrite_prompt", "direction_of", "to_pair"],
    "02": ["nominal_alpha", "both_orders", "ranked_by_wins", "jury"],
    "03": ["latest_votes", "kto_records"],
    "04": ["normalised", "longer_wins", "folds_by_prompt", "classifier", "probe_classifier"],
    "05": ["dpo_loss"],
    "06": [
        *("CausalSelfAttention", "MLP", "Block", "init_weights", "GPT"),
        *("encode_example", "sft_loss", "prompt_dropout", "orthogonal", "muon_step", "train_sft"),
    ],
    "07": [
        *("collate", "vocabulary_logprobs", "token_logprobs", "sequence_logprobs", "concatenated_forward"),
        *("forward_with_kl", "kl_dpo_loss", "train_dpo", "interpolate"),
    ],
    "08": [
        *("per_answer", "log_ratios", "least_kl", "both_orders", "scores", "win_rate"),
        *("reward_accuracy", "judge_json_prompt"),
    ],
    "12": ["cut_in_two"],
}


def definitions(source: str) -> dict[str, list[str]]:
    """The text, with decorators, of each function and class at the top level."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            text = "\n".join(line.rstrip() for line in source.splitlines()[first - 1 : node.end_lineno])
            found.setdefault(node.name, []).append(text)
    return found


def merged(sources) -> dict[str, list[str]]:
    together = {}
    for source in sources:
        for name, texts in definitions(source).items():
            together.setdefault(name, []).extend(texts)
    return together


def cell_code(source: str) -> str:
    """A cell's source as plain Python: IPython's magics become comments."""
    return re.sub(r"^(\s*)([%!].*)$", r"\1pass  # \2", source, flags=re.M)


def in_notebook(path: Path) -> dict[str, list[str]]:
    cells = nbformat.read(path, as_version=4).cells
    return merged(cell_code(cell.source) for cell in cells if cell.cell_type == "code")


def in_helpers() -> dict[str, list[str]]:
    return merged(path.read_text(encoding="utf-8") for path in sorted((ROOT / "helpers").rglob("*.py")))


def differing(names, notebook: dict[str, list[str]], helpers: dict[str, list[str]]) -> list[str]:
    """The names for which a text of the notebook is not one of the helpers' texts."""
    return [name for name in names if set(notebook[name]) - set(helpers[name])]


@pytest.mark.parametrize("number", TAUGHT)
def test_helpers_keep_what_the_notebook_teaches_in_the_same_words(number):
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    notebook, helpers = in_notebook(path), in_helpers()
    assert [name for name in TAUGHT[number] if name not in notebook] == [], f"{path.name} does not define them"
    assert [name for name in TAUGHT[number] if name not in helpers] == [], "helpers/ does not keep them"
    assert differing(TAUGHT[number], notebook, helpers) == [], "the two texts differ"


KEPT = "@torch.no_grad()\ndef loss(x, beta=0.1):\n    '''One.'''\n    return -x * beta  # why\n"


@pytest.mark.parametrize(
    "changed",
    [
        KEPT.replace("0.1", "0.2"),
        KEPT.replace("-x", "x"),
        KEPT.replace("# why", "# because"),
        KEPT.replace("One", "Two"),
        KEPT.replace("@torch.no_grad()\n", ""),
    ],
)
def test_a_changed_copy_is_noticed(changed):
    kept = definitions("import torch\n\n\n" + KEPT)
    assert differing(["loss"], definitions("%matplotlib inline\n".replace("%", "# ") + KEPT), kept) == []
    assert differing(["loss"], definitions(changed), kept) == ["loss"]


def test_a_second_definition_in_the_same_notebook_is_compared_too():
    assert differing(["loss"], merged([KEPT, KEPT.replace("-x", "x")]), definitions(KEPT)) == ["loss"]


def test_magics_do_not_hide_a_cell():
    assert list(definitions(cell_code("%matplotlib inline\n" + KEPT))) == ["loss"]
