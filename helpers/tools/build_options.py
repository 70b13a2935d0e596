"""What `python3 -m helpers build-preferences` takes. Standard library only: it is checked before any set-up."""

import argparse

METHODS = ("rewrite", "rank", "strong-weak", "model-human")

EPILOG = """\
methods:
  rewrite       the model makes each answer more or less polite; the politer side is chosen
  rank          the model answers several times, and judges its answers two by two in both orders
  strong-weak   two models answer (--model, --weak-model), and the strong one judges both orders
  model-human   the record's own answer is chosen, the model's answer is rejected (a course model says what the
                record says, so there both speak in voices, as in notebook 03, and the person is synthetic)

FILE of --instructions: a JSON list of {"instruction", "input", "output"}, or .jsonl with one such record a line.
Every finished row goes at once to OUT.rows.jsonl (pairs.json: pairs.rows.jsonl), with its prompts, replies and
seeds; when all are done, the good ones are written to OUT with the five keys of the field. Stop the command when
you like: the same command goes on where it stopped, and asks for nothing twice.

exit codes: 0 all done; 1 an error, or records that failed and can be asked for again; 2 wrong usage;
130 interrupted"""


def build_options(arguments: list[str]) -> argparse.Namespace:
    """Read the command's arguments. Ends the program with exit code 2 if they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python3 -m helpers build-preferences",
        description="Make preference pairs of instruction records with a language model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--instructions", metavar="FILE", required=True, help="the records, .json or .jsonl")
    add("--out", metavar="OUT", required=True, help="the preference pairs, .json")
    add("--method", choices=METHODS, default="rewrite", help="how pairs are made (default: rewrite)")
    add("--model", metavar="NAME", help="a chat model of Ollama, or course-small (default: as in the notebooks)")
    add("--weak-model", metavar="NAME", help="the weak side of strong-weak (default: course-weak)")
    add("--host", metavar="HOST:PORT", help="where Ollama is (default: OLLAMA_HOST, or this machine)")
    add("--limit", metavar="N", type=whole(1), help="only the first N records")
    add("--seed", metavar="N", type=whole(0), default=123, help="of coins and sampling (default: 123)")
    add("--temperature", metavar="T", type=temperature, default=0.8, help="0 to 2 (default: 0.8)")
    add("--num-predict", metavar="N", type=whole(1), default=256, help="tokens a reply may have (default: 256)")
    add("--workers", metavar="N", type=whole(1, 256), default=8, help="records at once (default: 8)")
    add("--dry-run", action="store_true", help="ask nothing; show the plan and the first prompt")
    options = parser.parse_args(arguments)
    if options.weak_model and options.method != "strong-weak":
        parser.error(f"--weak-model goes with --method strong-weak, not with {options.method}")
    if not options.out.endswith(".json"):
        parser.error(f"--out {options.out}: the name must end in .json, for it will be a JSON list")
    return options


def whole(least: int, most: int = 2**31 - 1):
    """A reader of whole numbers in these bounds."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} to {most}")
        return value

    return number


def temperature(text: str) -> float:
    """A number from 0 to 2."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 2:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 2")
    return value
