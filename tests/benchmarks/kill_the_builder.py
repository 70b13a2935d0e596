"""Kill `build-preferences` at random moments, and measure what the client adds to the server's time.

    .venv/bin/python tests/benchmarks/kill_the_builder.py [--kills 20] [--seed N]

A fake server counts which prompt was asked with which seed. After each kill -9 a whole line of the rows file is a
finished row. *Lost*: a finished row that is not there, byte for byte, in the end. *Asked twice*: a request of a
finished row, the same prompt with the same seed, that arrives at the server after the kill. A request under way
when the kill comes has no row yet, so it is asked again; such requests are counted too. In the end the exported
file must be equal, byte for byte, to that of an undisturbed build.
"""

import argparse
import hashlib
import json
import math
import os
import random
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[2]
fake = SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "conftest.py")))
COMMAND = "import sys; from helpers.tools import build_options as o, build_preferences as b; "
COMMAND += "b.build_and_leave(o.build_options(sys.argv[1:]))"


@dataclass
class Result:
    """What the kills did. `in_flight`: requests without a row at a kill that were asked again."""

    kills: int = 0
    kills_at_work: int = 0  # while prompts were being asked
    rows: int = 0
    lost: int = 0
    asked_twice: int = 0
    in_flight: int = 0
    equal: bool = False


def key(body: dict) -> tuple:
    return body["prompt"], body["options"].get("seed")


def answer(body: dict) -> str:
    """A rewrite; one in ten is bad, by prompt and seed, so that kills also meet retries."""
    dice = hashlib.sha256(repr(key(body)).encode()).digest()[0]
    return "Gladly! Bananas." if dice < 26 else fake.rewrite(body)


def command(server, instructions: Path, out: Path, limit: int) -> list[str]:
    """What a user types, in this Python."""
    options = {"--instructions": instructions, "--out": out, "--host": server.url, "--limit": limit}
    arguments = [str(word) for option in options.items() for word in option]
    return [sys.executable, "-c", COMMAND, *arguments]


def start(*arguments) -> subprocess.Popen:
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command(*arguments), cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, **pipes)


def _succeed(process: subprocess.Popen) -> None:
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"build-preferences ended with {process.returncode}: {said[-2000:]}")


def finished(rows: Path) -> list[bytes]:
    """The whole lines, each of them a row that was finished."""
    return rows.read_bytes().split(b"\n")[:-1] if rows.exists() else []


def asked_for(lines: Iterable[bytes]) -> set[tuple]:
    """(prompt, seed) of all requests behind these rows."""
    rows = [json.loads(line) for line in lines]
    attempts = [attempt for row in rows for attempt in [row, *row["failed_attempts"]]]
    return {(asked["prompt"], asked["options"]["seed"]) for attempt in attempts for asked in attempt["requests"]}


def kill_and_compare(folder: Path, instructions: Path, kills: int, limit: int, delay: float, rng) -> Result:
    """Kill the builder this often, let it finish, and compare with a build that nobody disturbed."""
    server, result = fake.FakeOllama(answer=answer, delay=delay), Result(rows=limit)
    calm, out = folder / "calm.json", folder / "killed.json"
    rows, kept = out.with_suffix(".rows.jsonl"), []
    starting = _seconds_to_start(server, instructions, calm, limit)
    for number in range(kills):
        before = len(server.bodies)
        # Every fourth kill comes anywhere from the start on. The others wait for prompts, and so few that every kill
        # finds some work, however fast the machine is at that moment.
        prompts = before + 2 + rng.randrange(limit // (2 * kills))
        process = start(server, instructions, out, limit)
        latest = time.monotonic() + (math.inf if number % 4 else rng.uniform(0, starting))
        while len(server.bodies) < prompts and process.poll() is None and time.monotonic() < latest:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, delay))
        process.kill()
        process.communicate()
        time.sleep(2 * delay + 0.05)  # until what was sent has arrived and is counted
        result.kills += 1
        result.kills_at_work += len(server.bodies) > before + 1 and not out.exists()
        kept.append((finished(rows), len(server.bodies)))
    _succeed(start(server, instructions, out, limit))
    _compare(result, kept, finished(rows), [key(body) if body["prompt"] != "Hello" else None for body in server.bodies])
    result.equal = calm.read_bytes() == out.read_bytes()
    server.stop()
    return result


def _seconds_to_start(server, *arguments) -> float:
    """Build once undisturbed: seconds until the first prompt."""
    began, process = time.monotonic(), start(server, *arguments)
    while len(server.bodies) < 2 and process.poll() is None:  # the first is the Hello that loads the model
        time.sleep(0.001)
    seconds = time.monotonic() - began
    _succeed(process)
    server.bodies.clear()
    return seconds


def _compare(result: Result, kept: list[tuple[list[bytes], int]], rows: list[bytes], asked: list[tuple]) -> None:
    result.lost = len({line for lines, _ in kept for line in lines} - set(rows))
    again = {number for lines, count in kept for number in _later(asked, count, asked_for(lines))}
    result.asked_twice = len(again)
    real = [request for request in asked if request]  # without the Hello of each start, which loads the model
    result.in_flight = len(real) - len(set(real)) - len(again)


def _later(asked: list[tuple], count: int, done: set[tuple]) -> list[int]:
    """The numbers of the requests after the first `count` that were done by then."""
    return [number for number, request in enumerate(asked[count:], start=count) if request in done]


SERVE = """
import runpy, sys, time
print(runpy.run_path(sys.argv[1])["FakeOllama"](delay=float(sys.argv[2])).url, flush=True)
time.sleep(3600)
"""


def overhead(requests: int = 400, at_once: int = 8, delay: float = 0.2) -> float:
    """Wall time over the server's own time (`delay` a request, `at_once` at a time), less one.

    The server is another process, as Ollama is. Each prompt goes through the builder: checks, rows, fsync.
    """
    import ollama

    from helpers.llm.client import LLM
    from helpers.pairs.method import BuildSettings
    from helpers.pairs.run import build_preferences
    from helpers.records import InstructionRecord

    serve = [sys.executable, "-c", SERVE, str(ROOT / "tests" / "conftest.py"), str(delay)]
    server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().strip()
    llm = LLM(ollama.Client(url, trust_env=False, verify=False), "test-model", url)
    texts = [f"The number {number} is a number." for number in range(requests)]
    records = [InstructionRecord(instruction="Which number?", input="", output=text) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        summary = build_preferences(records, llm, Path(folder) / "rows.jsonl", BuildSettings(workers=at_once))
    server.kill()
    assert summary.made == requests
    return summary.seconds / (requests * delay / at_once) - 1


def main(argv=None) -> None:
    """Print the figures; the exit code is 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--limit", type=int, default=1000, help="records")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(argv)
    instructions = ROOT / "data" / "instruction-data.json"
    with tempfile.TemporaryDirectory() as folder:
        rng = random.Random(options.seed)
        result = kill_and_compare(Path(folder), instructions, options.kills, options.limit, 0.02, rng)
    print(f"seed {options.seed}: {result}")
    added = min(overhead() for _ in range(3))
    print(f"client overhead at 8 requests at once, best of 3: {added:.1%} of the server's time")
    sys.exit(bool(result.lost or result.asked_twice or not result.equal or added > 0.05))


if __name__ == "__main__":
    main()
