"""Choices are made on validation: nothing reads the test part of the instruction data or of the pairs but what reports.

Every notebook and every module of helpers/ is read as code. Who may read the test part is in REPORTS, with the reason.
"""

import ast

import nbformat
import pytest
import structure

from helpers.files import NOTEBOOKS, ROOT

FILE = "instruction-data.json"
REPORTS = {
    "08_evaluate": "reports what became of the model; its settings were chosen before, in 06 and 07",
    "12_ship_to_ollama": "reports what a finished model loses in another form; nothing is set by it",
    "04_audit_the_dataset": "looks up answer keys, and audits the split: it counts the rows of each part",
    "helpers.splits": "makes the parts",
    "helpers.evaluate.samples": "held_out gives notebook 08 the test part of a reader's own file",
    "helpers.tools.course.instruction_data": "makes the file",
    "helpers.tools.course.trials": "evaluate-course-models reports on models that were made without these questions",
    "helpers.tools.studies.seeds": "reports the spread over training seeds",
}


def sources() -> dict[str, str]:
    """{notebook or module: its code}."""
    code = structure.read_sources(ROOT / "helpers")
    for path in sorted(NOTEBOOKS.rglob("*.ipynb")):
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        lines = "\n".join(cells).splitlines()
        code[path.stem] = "\n".join("" if line.startswith(("%", "!")) else line for line in lines)
    return code


def reads_test(code: str) -> list[str]:
    """The lines that can read a test part, and what they do; [] if none does."""
    tree, bad, splits, files = ast.parse(code), {}, set(), set()
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == "test" and not is_dict_key(node, parents[node]):
            bad[node.lineno] = 'names the part "test"'
        elif isinstance(node, ast.Attribute) and node.attr == "test":
            bad[node.lineno] = "takes .test"
        elif (
            isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotEq | ast.NotIn) and "split" in names(node)
        ):
            bad[node.lineno] = "takes all parts but one"
        elif isinstance(node, ast.Call) and called(node) == "held_out" and node.args:
            bad[node.lineno] = "takes the questions of held_out"
        elif isinstance(node, ast.Call) and called(node) == "split_by_fact" and has_test_part(node):
            if (variable := assigned(node, parents)) is not None:
                splits.add(variable)
            elif not is_other_part(parents[node]):
                bad[node.lineno] = "takes all parts of a split"
        elif isinstance(node, ast.Call) and FILE in {arg for part in node.args for arg in strings(part)}:
            if (variable := assigned(node, parents)) is not None:
                files.add(variable)
            elif not is_filtered(node, parents):
                bad[node.lineno] = "reads all parts"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in splits and not is_other_part(parents[node]):
                bad.setdefault(node.lineno, f"takes all parts of {node.id}")
            if node.id in files and not (is_filtered(node, parents) or is_parameter(node, parents)):
                bad.setdefault(node.lineno, f"takes all parts of {node.id}")
    return [f"line {line} {what}" for line, what in sorted(bad.items())]


def called(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def assigned(node, parents) -> str | None:
    """The variable that gets this value, if it gets nothing else."""
    parent, variable = parents[node], None
    if isinstance(parent, ast.Tuple) and isinstance(parents[parent], ast.Assign):
        variable = parents[parent].targets[0].elts[parent.elts.index(node)]
    elif isinstance(parent, ast.Assign):
        variable = parent.targets[0]
    return variable.id if isinstance(variable, ast.Name) else None


def is_filtered(node, parents) -> bool:
    """True for the rows in `for r in rows if r.split == …`, and for at most ten rows to look at."""
    parent = parents[node]
    if isinstance(parent, ast.comprehension):
        return parent.iter is node and any("split" in names(condition) for condition in parent.ifs)
    first = getattr(parent, "slice", None)
    first = first.upper if isinstance(first, ast.Slice) else first
    return isinstance(first, ast.Constant) and first.value <= 10


def is_parameter(name, parents) -> bool:
    """True inside a function with a parameter of this name."""
    node = name
    while node := parents.get(node):
        if isinstance(node, ast.FunctionDef | ast.Lambda) and name.id in {arg.arg for arg in node.args.args}:
            return True
    return False


def is_dict_key(node, parent) -> bool:
    return isinstance(parent, ast.Dict) and node in parent.keys


def is_other_part(node) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("train", "validation", "test")  # .test is named above


def has_test_part(call: ast.Call) -> bool:
    shares = [keyword.value for keyword in call.keywords if keyword.arg == "test"] + call.args[2:3]
    return not (shares and isinstance(shares[0], ast.Constant) and shares[0].value == 0)


def names(tree) -> set[str]:
    """Variables, attributes and texts in it."""
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return found | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | strings(tree)


def strings(tree) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


SOURCES = sources()


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in REPORTS])
def test_whoever_chooses_never_reads_the_test_part(name):
    assert reads_test(SOURCES[name]) == []


def test_whoever_may_read_it_does():
    assert [name for name in REPORTS if name in SOURCES and not reads_test(SOURCES[name])] == []
    assert len([name for name in REPORTS if name[:2].isdigit()]) == 3 and all(REPORTS.values())


BREACHES = (
    'test = [r for r in records if r.split == "test"]',
    'test = [r for r in records if r["split"] == "test"]',
    'parts = ([r for r in records if r.split == split] for split in ("train", "test"))',
    'unseen = [r for r in records if r.split != "train"]',
    'unseen = [r for r in records if r["split"] not in ("train",)]',
    'fit(model, load_instructions(DATA / "instruction-data.json"))',
    'records = load_instructions(DATA / "instruction-data.json")\nfit(model, records)',
    'records = load_instructions(DATA / "instruction-data.json")\nfit(model, records[:2000])',
    'rows, n = read_json(DATA / "instruction-data.json"), 3\nfit([row["output"] for row in rows if row["input"]])',
    "split = split_by_fact(records)\nquestions = [records[i] for i in split.test]",
    "train, validation, rest = split_by_fact(records)",
    "rest = split_by_fact(records)[2]",
    "split = split_by_fact(records, seed=1)\nrest = split[-1]",
    "split = split_by_fact(records)\nfor part in split:\n    fit(part)",
    "split = split_by_fact(records)\nparts = split._asdict()",
    'split = split_by_fact(records)\nrest = getattr(split, "test")',
    "import helpers.splits as s\nrest = s.split_by_fact(records).test",
    "train, questions, note = held_out(records, tok, 128)",
)
FINE = (
    'unseen = [r for r in load_instructions(DATA / "instruction-data.json") if r.split == "validation"]',
    'records = load_instructions(DATA / "instruction-data.json")\nprint(records[0], records[:3])',
    'rows = load_instructions("instruction-data.json")\ntrain = [r for r in rows if r.split == "train"]',
    "split = split_by_fact(records)\ntrain, val = split.train, split.validation",
    "train = split_by_fact(records).train",
    "splits = [split_by_fact(records, validation=0.2, test=0, seed=seed)[:2] for seed in range(8)]",
    "train, val, _ = split_by_fact(records, 0.2, 0)",
    'COMMANDS = {"test": 1}',
    '"""We test it, split != test."""',
)


@pytest.mark.parametrize("line", BREACHES)
@pytest.mark.parametrize("name", ["06_small_gpt", "07_train_with_dpo", "helpers.dpo.train"])
def test_a_breach_is_noticed(line, name):
    assert reads_test(f"{SOURCES[name]}\n{line}\n") != []


@pytest.mark.parametrize("line", FINE)
def test_what_reads_the_other_parts_is_fine(line):
    assert reads_test(line) == []
