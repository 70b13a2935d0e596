"""A dataset card: what somebody must know before they train on a set. Every number in it is computed from the data."""

import html
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from helpers.audit.export import Configuration, configuration_header
from helpers.audit.gate import Audit, audited_rows
from helpers.audit.shortcuts import levels_of, voice_counts
from helpers.files import CourseError
from helpers.pairs.checks import prompt_key
from helpers.splits import Split

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
EXAMPLES = 3
VOICES_OF = 2_000  # pairs whose voices are counted


def dataset_card(
    records: Iterable,
    report: Audit,
    *,
    title: str,
    licence: str,
    provenance: Sequence[dict] = (),
    split: Sequence[Sequence[int]] = (),
    configurations: Sequence[Configuration] = (),
    notes: Sequence[str] = (),
) -> str:
    """The card as Markdown, with the header that the Hugging Face Hub reads.

    report: the audit of these records. licence: such as "cc-by-4.0". provenance: the builder's rows of these records,
    in any order. split: as the audit had it. configurations: of `save_configurations`, into the folder of the card.
    notes: known limits in your own words.
    Raises CourseError without a title or a licence, or if the audit saw another number of records.
    """
    rows = audited_rows(records, report)
    if not (title.strip() and licence.strip()):
        raise CourseError('A card needs a title and a licence, such as licence="cc-by-4.0". Decide before you share.')
    opening = f"{len(rows):,} preference pairs: a question, and two answers of which one is preferred."
    parts = [_header(rows, report, title, licence, configurations), f"# {_safe(title)}", opening, _sizes(rows, split)]
    parts += [*_files(configurations), _provenance(provenance), _lengths(rows), _voices(rows, report), _gate(report)]
    return "\n\n".join([*parts, _limits(report, provenance, notes), _examples(rows)]) + "\n"


def _header(rows: list[dict], report: Audit, title: str, licence: str, configurations) -> str:
    size = next((name for limit, name in SIZES if len(rows) < limit), "n>1M")
    language = ["language:", f"- {report.language}"] if report.language else []
    lines = [f"pretty_name: {_yaml_text(title)}", f"license: {_yaml_text(licence)}", *language]
    lines += ["size_categories:", f"- {size}", "tags:", "- preference", "- dpo", *configuration_header(configurations)]
    return "\n".join(["---", *lines, "---"])


def _sizes(rows: list[dict], split) -> str:
    questions = Counter(prompt_key(row) for row in rows)
    table = [
        ("pairs", f"{len(rows):,}"),
        ("different questions", f"{len(questions):,}"),
        ("questions with several pairs", f"{sum(count > 1 for count in questions.values()):,}"),
        ("pairs with an input", f"{sum(bool(row['input']) for row in rows):,}"),
    ]
    table += [(f"{name} pairs", f"{len(part):,}") for name, part in zip(Split._fields, split, strict=False)]
    return "## Size\n\n" + _markdown_table(("what", "number"), table)


def _files(configurations: Sequence[Configuration]) -> list[str]:
    """A section on the forms of the set, if there are any."""
    table = [(one.name, *(f"{one.lines.get(part, 0):,}" for part in Split._fields)) for one in configurations]
    how = (
        "Lines of each form. `datasets.load_dataset(folder, configuration)` reads one. "
        "They are split by fact, as far as shared texts show it."
    )
    return ["## Files\n\n" + how + "\n\n" + _markdown_table(("configuration", *Split._fields), table)] if table else []


def _provenance(provenance: Sequence[dict]) -> str:
    if not provenance:
        return "## Origin\n\nUnknown: no row says which method and which model made it."
    counts = Counter((str(row.get("method") or "unknown"), _models(row)) for row in provenance)
    table = [(method, model, f"{count:,}") for (method, model), count in counts.most_common()]
    spent = {name: sum(row.get(name) or 0 for row in provenance) for name in ("prompt_tokens", "tokens")}
    note = "\n\nTheir requests read {prompt_tokens:,} tokens and wrote {tokens:,}.".format(**spent)
    return (
        "## Origin\n\n" + _markdown_table(("method", "model", "pairs"), table) + (note if all(spent.values()) else "")
    )


def _models(row: dict) -> str:
    """The models that wrote or judged this row."""
    names = [row.get("model"), *(row.get("models") or {}).values(), row.get("judge")]
    return ", ".join(dict.fromkeys(str(name) for name in names if name)) or "unknown"


def _lengths(rows: list[dict]) -> str:
    table = []
    for side in ("chosen", "rejected"):
        words = np.array([len(row[side].split()) for row in rows])
        characters = np.array([len(row[side]) for row in rows])
        table.append((side, f"{words.mean():.1f}", f"{np.median(words):.0f}", f"{np.quantile(words, 0.95):.0f}",
                      f"{characters.mean():.0f}", f"{characters.max():,}"))  # fmt: skip
    columns = ("side", "words, mean", "median", "95th percentile", "characters, mean", "longest")
    return "## Texts\n\n" + _markdown_table(columns, table)


def _voices(rows: list[dict], report: Audit) -> str:
    criterion = report.criterion
    if report.language != criterion.language:
        return f"The voices were not measured: the rule for {criterion.name} does not know the language."
    read = rows[:: -(-len(rows) // VOICES_OF)]
    counts = voice_counts([levels_of(row, criterion) for row in read], criterion)
    shares = [
        (side, *(f"{of_side[voice] / len(read):.1%}" for voice in criterion.voices)) for side, of_side in counts.items()
    ]
    note = f"Voices of {len(read):,} pairs, by the rule for {criterion.name}. {criterion.limits}"
    return f"{note}\n\n" + _markdown_table(("side", *criterion.voices), shares)


def _gate(report: Audit) -> str:
    rows = [
        (finding.check, finding.verdict, "–" if finding.value is None else f"{finding.value:.4g}",
         finding.threshold or "–", finding.message)
        for finding in report.findings
    ]  # fmt: skip
    return f"## Quality gate\n\n{report}\n\n" + _markdown_table(("check", "verdict", "value", "limit", "finding"), rows)


def _limits(report: Audit, provenance: Sequence[dict], notes: Sequence[str]) -> str:
    """What the numbers above do not vouch for; the caller's notes come last."""
    limits = [f"The check '{check}' fails. Read its finding before you train on this set." for check in report.failed]
    limits += [f"'{check}' was not checked." for check in report.skipped]
    probe = report["response-only classifier"].value
    if probe is not None:
        limits.append(f"The response alone, without its question, tells the preferred side in {probe:.1%} of pairs.")
    synthetic = sum(bool(row.get("model") or row.get("models")) for row in provenance)
    if synthetic:
        limits.append(f"A language model wrote a side of at least {synthetic:,} pairs, or judged them.")
    limits += [_safe(note) for note in notes]
    return "## Known limits\n\n" + "\n".join(f"- {limit}" for limit in limits or ["None is known."])


def _examples(rows: list[dict]) -> str:
    chosen = rows[:: max(1, len(rows) // EXAMPLES)][:EXAMPLES]
    table = [[row[key] for key in ("instruction", "input", "chosen", "rejected")] for row in chosen]
    return "## Examples\n\n" + _markdown_table(("instruction", "input", "chosen", "rejected"), table)


def _markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([_safe(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _safe(text: str) -> str:
    """Text of a model inside Markdown: one line, no HTML, no link, no table cell of its own."""
    line = html.escape(" ".join(str(text).split()), quote=False)
    return "".join("\\" + character if character in "\\`*_[]|#!$~" else character for character in line)


def _yaml_text(text: str) -> str:
    """A YAML string, so that a colon in a title does no harm."""
    return '"' + " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"') + '"'
