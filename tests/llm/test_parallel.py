"""Many calls at once: a little ahead of what is done, and no further once the loop is left."""

import itertools
import threading
import time

from helpers.llm.parallel import in_parallel


def test_in_parallel_looks_only_a_little_ahead():
    taken, gate = [], threading.Event()

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield number

    results = in_parallel(lambda number: gate.wait(5) and number, endless(), workers=3)
    threading.Timer(0.05, gate.set).start()
    assert next(results)[0] in range(6)
    assert len(taken) == 6
    results.close()


def test_leaving_the_loop_cancels_the_rest():
    begun = []

    def slow(number):
        begun.append(number)
        time.sleep(0.02)

    for _ in in_parallel(slow, range(100), workers=2):
        break
    time.sleep(0.1)
    assert len(begun) <= 6
