"""The benchmark that kills the builder, in short: three kills."""

import random
import runpy
from types import SimpleNamespace

from helpers.files import DATA, ROOT

benchmark = SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "benchmarks" / "kill_the_builder.py")))


def test_killed_at_random_moments_nothing_is_lost_or_asked_twice(tmp_path, clean_environment):
    records = DATA / "instruction-data.json"
    result = benchmark.kill_and_compare(tmp_path, records, kills=3, limit=80, delay=0.02, rng=random.Random())
    assert (result.kills, result.lost, result.asked_twice, result.equal) == (3, 0, 0, True)
    assert result.kills_at_work >= 1


def test_the_benchmark_would_see_a_loss_and_a_second_request():
    result, lines = benchmark.Result(), [b'{"failed_attempts": [], "requests": [%s]}' % request for request in REQUESTS]
    asked = [("a", 1), ("b", 2), ("c", 3), ("c", 3), ("a", 1)]
    benchmark._compare(result, [(lines, 3)], lines[1:], asked)
    assert (result.lost, result.asked_twice, result.in_flight) == (1, 1, 1)


REQUESTS = [b'{"prompt": "a", "options": {"seed": 1}}', b'{"prompt": "b", "options": {"seed": 2}}']
