"""The house style of the notebooks as functions: each returns what is wrong, as sentences."""

import ast
import re
import statistics
from pathlib import Path

from nbformat import NotebookNode

LINES_MEDIAN, LINES_P90 = 6, 15
RATIO = (1.2, 1.8)
LARGEST = 420_000  # bytes
MACHINE_PATH = re.compile(r"(?<![\w.])(/home/|/Users/|/root/|/work/|/var/folders/|/tmp/|[A-Z]:\\+Users)")
CODE_RULES = {
    "imports *": re.compile(r"^\s*from\s+\S+\s+import\s+\*", re.M),
    "installs something": re.compile(r"^\s*[%!]\s*(pip|conda|uv)\b|\bpip3?\s+install\b", re.M),
    "touches sys.path": re.compile(r"\bsys\s*\.\s*path\b"),
}


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown(notebook: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def execution(notebook: NotebookNode) -> list[str]:
    """Run once from top to bottom, without an error and without a word on stderr."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    wrong = [] if counts == list(range(1, len(counts) + 1)) else [f"execution counts are {counts}"]
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                wrong.append(f"cell {cell.execution_count} stores an error: {output.ename}")
            if output.get("name") == "stderr":
                wrong.append(f"cell {cell.execution_count} stores stderr: {output.text[:80]!r}")
            if output.output_type == "execute_result" and not ends_in_a_value(cell.source):
                wrong.append(f"cell {cell.execution_count} stores a value, but its last line shows none")
    return wrong


def ends_in_a_value(source: str) -> bool:
    return isinstance(ast.parse(re.sub(r"^[%!].*$", "0", source, flags=re.MULTILINE)).body[-1], ast.Expr)


def cell_sizes(notebook: NotebookNode) -> list[str]:
    """Short cells, and enough words between them."""
    cells = code_cells(notebook)
    lines = sorted(sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in cells)
    median, p90 = statistics.median(lines), lines[max(0, -(-len(lines) * 9 // 10) - 1)]
    wrong = []
    if median > LINES_MEDIAN:
        wrong.append(f"the median code cell has {median} lines, more than {LINES_MEDIAN}")
    if p90 > LINES_P90:
        wrong.append(f"a tenth of the code cells have {p90} lines or more; {LINES_P90} is the limit")
    ratio = sum(cell.cell_type == "markdown" for cell in notebook.cells) / len(cells)
    if not RATIO[0] <= ratio <= RATIO[1]:
        wrong.append(f"{ratio:.2f} markdown cells per code cell; {RATIO[0]} to {RATIO[1]} is asked for")
    return wrong


def code_rules(notebook: NotebookNode) -> list[str]:
    return [
        f"cell {cell.execution_count} {what}"
        for cell in code_cells(notebook)
        for what, pattern in CODE_RULES.items()
        if pattern.search(cell.source)
    ]


def machine_paths(notebook: NotebookNode) -> list[str]:
    """No path of the machine it was written on, in sources and outputs."""
    wrong = []
    for number, cell in enumerate(notebook.cells, start=1):
        texts = [cell.source, *(text for output in cell.get("outputs", []) for text in output_texts(output))]
        wrong += [f"cell {number} of all names {found[0]!r}" for text in texts if (found := MACHINE_PATH.search(text))]
    return wrong


def output_texts(output: NotebookNode) -> list[str]:
    data = output.get("data", {})
    texts = [value for kind, value in data.items() if kind.startswith("text/") and isinstance(value, str)]
    # a base64 image inside HTML is no text that anybody reads, and may spell anything
    return [re.sub(r"data:image/[^\"']*", "", text) for text in [*texts, output.get("text", "")]]


def frame(notebook: NotebookNode) -> list[str]:
    """Title, objectives, take-aways, questions with folded answers, exercises."""
    text, wrong = markdown(notebook), []
    if not (notebook.cells and notebook.cells[0].source.startswith("# ")):
        wrong.append("the first cell is not a title")
    for part in ("You will be able to", "Take-aways", "Check yourself", "Your turn"):
        if part.lower() not in text.lower():
            wrong.append(f"there is no {part!r}")
    if not 0 < text.count("<details>") == text.count("</details>"):
        wrong.append("the answers are not folded in <details> ... </details>")
    return wrong


def links(notebook: NotebookNode, path: Path) -> list[str]:
    """Every relative link leads to a file."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"\$[^$]*\$|`[^`]*`", "", markdown(notebook)))
    local = [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    return [f"the link {target} leads nowhere" for target in local if not (path.parent / target).exists()]


def neighbours(notebook: NotebookNode, path: Path, course: list[Path]) -> list[str]:
    """Previous and next are linked, near the top and at the end."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    place, wrong = course.index(path), []
    for other in course[max(0, place - 1) : place] + course[place + 1 : place + 2]:
        for where, text in (("top", "\n".join(texts[:3])), ("end", texts[-1])):
            if f"]({other.name})" not in text:
                wrong.append(f"{other.name} is not linked at the {where}")
    return wrong


def images(notebook: NotebookNode) -> list[str]:
    """Every image has alt text: images come as HTML, for only an <img alt> reaches the reader."""
    wrong = []
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if any(kind.startswith("image/") for kind in data):
                wrong.append(f"cell {number} of all shows a bare image, without alt text")
            wrong += [f"cell {number} of all: {what}" for what in without_alt(data.get("text/html", ""))]
        if cell.cell_type == "markdown":
            wrong += [f"cell {number} of all: {what}" for what in without_alt(cell.source)]
            wrong += [f"cell {number} of all: an image has no alt text" for _ in re.findall(r"!\[\s*\]\(", cell.source)]
    return wrong


def without_alt(html: str) -> list[str]:
    tags = re.findall(r"<img\b[^>]*>", html)
    return ["an <img> has no alt text" for tag in tags if not re.search(r"""\balt\s*=\s*("[^"]+"|'[^']+')""", tag)]


def identity(notebook: NotebookNode) -> list[str]:
    """Format 4.5, the kernel python3, unique cell ids, no widget state."""
    wrong = []
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        wrong.append(f"the format is {notebook.nbformat}.{notebook.nbformat_minor}, not 4.5")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        wrong.append("the kernel is not python3")
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) != len(ids):
        wrong.append("cell ids are missing or not unique")
    if "widgets" in notebook.metadata:
        wrong.append("widget state is stored in the metadata")
    return wrong
