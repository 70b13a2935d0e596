"""What `python3 -m helpers build-preferences` takes. Standard library only: it is checked before any set-up."""

import argparse
import ast
from contextlib import suppress
from pathlib import Path

METHODS = Path(__file__).parents[1] / "pairs" / "methods"

EPILOG = """\
methods:
{methods}

FILE of --instructions: a JSON list of {{"instruction", "input", "output"}}, or .jsonl with one such record a line.
Every finished row goes at once to OUT.rows.jsonl (pairs.json: pairs.rows.jsonl), with its prompts, replies and
seeds; when all are done, the good ones are written to OUT with the five keys of the field. Stop the command when
you like: the same command goes on where it stopped, and asks for nothing twice. With a higher --num-predict or
--max-retries it asks again only for records that were set aside and may now pass.
What is not given is as in `BuildSettings` of helpers/pairs/method.py.

exit codes: 0 all done, or what --minutes allowed; 1 an error, or records that failed and can be asked for again;
2 wrong usage; 130 interrupted"""


def build_options(arguments: list[str]) -> argparse.Namespace:
    """Read the command's arguments. Ends the program with exit code 2 if they are wrong."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.weak_model and options.method != "strong-weak":
        parser.error(f"--weak-model goes with --method strong-weak, not with {options.method}")
    if not options.out.endswith(".json"):
        parser.error(f"--out {options.out}: the name must end in .json, for it will be a JSON list")
    return options


def build_parser() -> argparse.ArgumentParser:
    """All that the command takes, and its help."""
    parser = argparse.ArgumentParser(
        prog="python3 -m helpers build-preferences",
        description="Make preference pairs of instruction records with a language model.",
        epilog=EPILOG.format(methods="\n".join(f"  {name:13} {about}" for name, about in methods().items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--instructions", metavar="FILE", required=True, help="the records, .json or .jsonl")
    add("--out", metavar="OUT", required=True, help="the preference pairs, .json")
    add("--method", choices=methods(), default="rewrite", help="how pairs are made (default: rewrite)")
    add("--model", metavar="NAME", help="a chat model of Ollama, or course-small (default: as in the notebooks)")
    add("--weak-model", metavar="NAME", help="the weak side of strong-weak (default: course-weak)")
    add("--host", metavar="HOST:PORT", help="where Ollama is (default: OLLAMA_HOST, or this machine)")
    add("--minutes", metavar="M", type=number(float, 0), help="begin no more records after M minutes, but at least ten")
    add("--limit", metavar="N", type=number(int, 1), help="only the first N records")
    add("--seed", metavar="N", type=number(int, 0), help="of coins and sampling")
    add("--temperature", metavar="T", type=number(float, 0, 2), help="0 to 2")
    add("--num-predict", metavar="N", type=number(int, 1), help="tokens a reply may have")
    add("--workers", metavar="N", type=number(int, 1, 256), help="records at once")
    add("--max-retries", metavar="N", type=number(int, 0, 100), help="further attempts at a record with problems")
    add("--retry-set-aside", action="store_true", default=None, help="ask again for what an earlier run set aside")
    add("--dry-run", action="store_true", help="ask nothing; show the plan and the first prompt")
    return parser


def methods() -> dict[str, str]:
    """Name -> what it does: each file of pairs/methods with a function of its name (see there). Read, not imported."""
    names = {}
    for path in sorted(METHODS.glob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
        if f"{path.stem}_method" in functions:
            names[path.stem.replace("_", "-")] = (ast.get_docstring(module) or "").partition("\n")[0]
    return names


def number(kind: type, least: float, most: float = 2**31 - 1):
    """A reader of whole numbers (int) or of any (float) in these bounds."""

    def read(text: str) -> float:
        with suppress(ValueError):
            if least <= (value := kind(text)) <= most:
                return value
        name = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"{text} is not a {name} from {least} to {most}")

    return read
