"""Run notebooks of Part I against a server with the manners of real models: does each end in the time it promises?

    .venv/bin/python tests/benchmarks/real_manners.py [--seconds 2] [--notebooks 01 02 ...]

The server is a fake Ollama with one slot, so one request after the other is worked on. A request takes 0.5 to 20
seconds, `--seconds` in the middle. Its replies come with prefaces, quotation marks, notes, Markdown, thoughts and
second versions, some are refusals and some are cut; a judge is wrong at times; there are no log-probs; one of the
models that it lists is damaged. A notebook passes if it ends without an error within twice the time that its head
promises.
"""

import argparse
import hashlib
import json
import os
import random
import re
import runpy
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[2]
fake = SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "conftest.py")))
MODELS = {"chatty:3b": ["completion"], "damaged:1b": None, "coder:7b": ["completion", "insert"]}
MANNERS = {  # how a reply comes, in so many of a hundred
    "Sure! Here's the rewritten answer:\n\n{}": 8,
    "Answer: {}": 5,
    '"{}"': 8,
    "{}\n\n(Note: I kept all of the facts as you asked.)": 6,
    "<think>\nOkay, the user wants an answer. Let me think.\n</think>\n\n{}": 5,
    "**{}**": 4,
    "{}\n\nOr, another way to put it: {}": 3,
    "I'm sorry, but I can't help with that.": 3,
    "Well, first of all, let me begin by saying that…": 2,
}
WRONG = 15  # verdicts and scores in a hundred


def draw(body: dict) -> random.Random:
    """The dice of a request: the same for the same prompt and seed."""
    key = repr((body["prompt"], body["options"].get("seed"), body.get("format") is not None))
    return random.Random(hashlib.sha256(key.encode()).digest())


def seconds_for(middle: float):
    """How long a request is worked on: half of them take less than `middle`, none under 0.5 or over 20."""
    return lambda body: min(20.0, max(0.5, draw(body).lognormvariate(0, 0.6) * middle))


def replies(criterion, records, question_of):
    """The function of a request that writes its reply."""
    known = {question_of(r.instruction, r.input): r.output for r in records}

    def answer(body):
        dice, prompt = draw(body), body["prompt"]
        if body.get("format"):
            return verdict(prompt, body["format"], dice, criterion)
        if rewrite := re.search(r"Answer: (.*)\n\nRewrite the answer so that it is (.*?)\.", prompt, re.DOTALL):
            text, voice = rewrite[1], criterion.targets.get(rewrite[2], criterion.neutral)
        else:
            voice = next((v for v, request in criterion.requests.items() if request and prompt.startswith(request)), "")
            question = prompt.removeprefix(criterion.requests.get(voice, ""))
            text, voice = known.get(question, "That depends on what you mean."), voice or criterion.neutral
        text = text if voice == criterion.neutral else criterion.voiced(text, voice, dice)
        return in_manner(text, dice)

    return answer


def in_manner(text: str, dice: random.Random) -> str:
    manner = dice.choices(["{}", *MANNERS], [100 - sum(MANNERS.values()), *MANNERS.values()])[0]
    return manner.replace("{}", text)


def verdict(prompt: str, schema: dict, dice: random.Random, criterion) -> str:
    """JSON as the schema wants it: what the rule says, or another value."""
    [(key, about)] = schema["properties"].items()
    if key == "winner":
        a, b = (re.search(rf"^Response {place}: (.*)$", prompt, re.MULTILINE)[1] for place in "AB")
        value = "B" if criterion.level(b) > criterion.level(a) else "A"
    else:
        value = criterion.level(re.search(r"^Answer: (.*)$", prompt, re.MULTILINE)[1])
    return json.dumps({key: dice.choice(about["enum"]) if dice.randrange(100) < WRONG else value})


@dataclass
class Run:
    """One notebook against the server: minutes promised and taken, requests, and what went wrong, if anything."""

    name: str
    promised: float
    minutes: float
    requests: int
    problem: str

    @property
    def passed(self) -> bool:
        return not self.problem and self.minutes <= 2 * self.promised

    def __str__(self):
        said = f"{self.name:34} {self.minutes:5.1f} min of {self.promised:.1f} promised, {self.requests:5} requests  "
        return said + ("passed" if self.passed else f"FAILED {self.problem}")


def promised_minutes(notebook) -> float:
    """What the head of a notebook says: "**Time** about 2 minutes", "**Time** half a minute"."""
    said = re.search(r"\*\*Time\*\* (?:about )?(half a|[\d.]+) minute", notebook.cells[0].source)[1]
    return 0.5 if said == "half a" else float(said)


def run(path: Path, server) -> Run:
    from helpers.tools.running import Execution, describe_failure

    work, before, began = Execution(path), len(server.bodies), time.monotonic()
    promised = promised_minutes(work.notebook)
    work.run()
    minutes = (time.monotonic() - began) / 60
    problem = describe_failure(work, path.stem) if work.error else ""
    return Run(path.stem, promised, minutes, len(server.bodies) - before, problem)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="half of the requests take less (default 2)")
    parser.add_argument("--notebooks", nargs="+", default=["00", "01", "02", "03", "04"], metavar="NN")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as build:
        os.environ |= {"COURSE_BUILD": build, "PYTHONPATH": str(ROOT)}
        sys.path.insert(0, str(ROOT))
        from helpers.files import DATA
        from helpers.politeness import POLITENESS
        from helpers.records import load_instructions, question

        records = load_instructions(DATA / "instruction-data.json")
        server = fake.FakeOllama(MODELS, replies(POLITENESS, records, question), slots=1)
        server.work, server.sizes = seconds_for(options.seconds), {"chatty:3b": 2 * 10**9}
        os.environ["OLLAMA_HOST"] = server.url
        runs = []
        for number in options.notebooks:
            runs.append(run(next((ROOT / "notebooks").glob(f"{number}_*.ipynb")), server))
            print(runs[-1], flush=True)
        server.stop()
    return 0 if all(one.passed for one in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
