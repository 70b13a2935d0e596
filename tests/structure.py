"""What test_structure.py measures in Python sources: code lines, long functions, names, and lines that stand twice.

`sources` is {module: text} everywhere, the module being "helpers.gpt.model" and the like.
"""

import ast
import io
import keyword
import tokenize
from collections import defaultdict
from pathlib import Path

LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DATA = (ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Load, ast.UnaryOp, ast.USub)


def read_sources(folder: Path) -> dict[str, str]:
    """{module: text} of a package; the __init__ of a package has the package's name."""
    sources = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        sources[".".join(parts).removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return sources


def code_lines(text: str) -> dict[int, str]:
    """{line number: its tokens, names and numbers replaced} of all lines but blanks, comments and docstrings."""
    lines = defaultdict(list)
    docstrings = docstring_lines(ast.parse(text))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in LAYOUT or token.start[0] in docstrings:
            continue
        for number in range(token.start[0], token.end[0] + 1):
            lines[number].append(normal(token))
    return {number: " ".join(tokens) for number, tokens in lines.items()}


def normal(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NUMBER:
        return "0"
    if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
        return "name"
    return token.string


def docstring_lines(tree: ast.Module) -> set[int]:
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) and ast.get_docstring(node) is not None:
            lines |= lines_of(node.body[0])
    return lines


def lines_of(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, node.end_lineno + 1))


def functions_over(limit: int, sources: dict[str, str]) -> list[str]:
    """The functions with more lines than that, from `def` to the last one, docstrings and blanks included."""
    return [
        f"{module}.{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for module, text in sources.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, FUNCTIONS) and node.end_lineno - node.lineno + 1 > limit
    ]


def names_defined_twice(sources: dict[str, str]) -> list[str]:
    """Functions, classes and constants that several modules define at the top level; an import is no definition."""
    modules = defaultdict(list)
    for module, text in sources.items():
        for name in sorted({name for node in ast.parse(text).body for name in defined(node)}):
            modules[name].append(module)
    return [f"{name}: {', '.join(places)}" for name, places in sorted(modules.items()) if len(places) > 1]


def defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    names = [part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
    return [name.id for name in names if isinstance(name.ctx, ast.Store)]


def repeated_lines(sources: dict[str, str], length: int = 6) -> list[str]:
    """Runs of so many code lines that stand twice, names and numbers apart: "a:10 and b:20: 7 lines"."""
    places = defaultdict(list)
    lines = {module: comparable_lines(text) for module, text in sources.items()}
    for module, numbered in lines.items():
        for start in range(len(numbered) - length + 1):
            places["\n".join(text for _, text in numbered[start : start + length])].append((module, start))
    runs = {}  # (one module, other module, distance): first place, length
    for first, *others in places.values():
        for other in others:
            apart = other[1] - first[1]
            if first[0] != other[0] or apart >= length:
                runs.setdefault((first[0], other[0], apart), []).append(first[1])
    repeated = []
    for (one, other, apart), starts in runs.items():
        here, there = lines[one][starts[0]][0], lines[other][starts[0] + apart][0]
        repeated.append(f"{one}:{here} and {other}:{there}: {length - 1 + len(starts)} lines")
    return repeated


def comparable_lines(text: str) -> list[tuple[int, str]]:
    """The code lines that could be copied code: imports, tables, fields and lists of parameters are none."""
    left_out = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)) or is_table(node):
            left_out |= lines_of(node)
        if isinstance(node, FUNCTIONS) and node.body[0].lineno > node.lineno + 1:  # what takes the same things says so
            left_out |= set(range(node.lineno, node.body[0].lineno))
    return [(number, line) for number, line in code_lines(text).items() if number not in left_out]


def is_table(node: ast.AST) -> bool:
    """True for an assignment of a literal, and for a field with such a default or none."""
    if not isinstance(node, (ast.Assign, ast.AnnAssign)):
        return False
    return node.value is None or all(isinstance(part, DATA) for part in ast.walk(node.value))
