"""Requests a second through the embedded engine, and by llama.cpp's own server beside it, in one run.

    .venv/bin/python tests/benchmarks/engine_rate.py [--rounds 5] [--requests 100]

The same rewriting requests to the same model, in turns, so that a busy machine slows both. A request gets one thread
of the engine; 16 requests are shared by two processes of one thread each. The memory is that of the engine's process,
which has no PyTorch, and of llama.cpp's.
"""

import argparse
import http.client
import json
import random
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from helpers.criterion import rewrite_prompt  # noqa: E402
from helpers.files import DATA, read_json  # noqa: E402
from helpers.llm.server import api  # noqa: E402
from helpers.llm.server.models import describe  # noqa: E402
from helpers.politeness import POLITENESS  # noqa: E402

MODEL = "course-small"
OPTIONS = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0}
ENGINE = "import sys; from helpers.llm.server.serve import start; print(start().url, flush=True); sys.stdin.read()"


def started(command: list[str], first_line: dict | None = None) -> tuple[subprocess.Popen, str]:
    """A server that prints its address first, and ends when its standard input closes."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if first_line:
        print(json.dumps(first_line), file=process.stdin, flush=True)
    line = process.stdout.readline().strip()
    return process, (json.loads(line)["url"] if first_line else line).removeprefix("http://")


def ask(address: str, path: str, body: dict, key: str):
    connection = http.client.HTTPConnection(address, timeout=120)
    connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    connection.close()


def rate(requests: list) -> float:
    """Requests a second, 16 at a time."""
    began = time.perf_counter()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda request: request(), requests))
    return len(requests) / (time.perf_counter() - began)


def seconds(request) -> float:
    began = time.perf_counter()
    request()
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=100, help="in a round")
    wanted = parser.parse_args()
    info = describe(MODEL, DATA / "models" / f"{MODEL}.gguf")
    engine, engine_at = started([sys.executable, "-c", ENGINE])
    servers = {}
    for threads in (1, 2):
        settings = {"path": str(info.path), "context": info.context, "slots": 16, "threads": threads}
        settings |= {"embedding": "each token", "key": "benchmark"}
        servers[threads] = started([sys.executable, "-m", "helpers.llm.server.llama_server"], settings)
    records = read_json(DATA / "instruction-data.json")
    prompts = [
        rewrite_prompt(r["instruction"], r["input"], r["output"], POLITENESS.directions[number % 2])
        for number, r in enumerate(records)
    ]

    def body(number):
        return {"model": MODEL, "prompt": prompts[number % len(prompts)], "options": OPTIONS | {"seed": number}}

    def through_engine(number):
        return lambda: ask(engine_at, "/api/generate", body(number) | {"stream": False}, "")

    def directly(number, threads, **other):
        wanted = api.read_generate(body(number) | {"stream": False})
        ids = info.tok.encode_ordinary(*api.prompt_turns(wanted, info))
        same = api.completion(wanted, info, ids) | other
        return lambda: ask(servers[threads][1], "/completion", same, "benchmark")

    ways = {
        "engine": through_engine,
        "llama.cpp, 1 thread": lambda number: directly(number, 1),
        "llama.cpp, 1 thread, with its prompt cache": lambda number: directly(number, 1, cache_prompt=True),
        "llama.cpp, 2 threads": lambda number: directly(number, 2),
    }
    for way in ways.values():
        rate([way(number) for number in range(32)])
    alone = {name: [] for name in ways}
    for number in range(wanted.rounds * wanted.requests):
        for name in random.Random(number).sample(list(ways), len(ways)):
            alone[name].append(seconds(ways[name](number)))
    together = {name: [] for name in ways}
    for first in range(0, wanted.rounds * wanted.requests, wanted.requests):
        for name, way in ways.items():
            together[name].append(rate([way(number) for number in range(first, first + wanted.requests)]))
    print(f"{'':43} requests/s at 1 and 16   of which the engine has (bar 0.90)")
    for name in ways:
        of_one = statistics.mean(alone[name]) / statistics.mean(alone["engine"])
        pairs = zip(together["engine"], together[name], strict=True)
        of_sixteen = statistics.median(engine_rate / other for engine_rate, other in pairs)
        rates = 1 / statistics.mean(alone[name]), statistics.median(together[name])
        print(f"{name:43} {rates[0]:12.1f} {rates[1]:8.1f} {of_one:12.2f} {of_sixteen:8.2f}")
    own = psutil.Process(engine.pid)
    memory = [process.memory_info().rss / 1e6 for process in (own, *own.children(recursive=True))]
    print(f"memory: {' + '.join(f'{m:.0f}' for m in memory)} = {sum(memory):.0f} MB (bar 250 MB)")
    for process, _ in ((engine, engine_at), *servers.values()):
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    main()
