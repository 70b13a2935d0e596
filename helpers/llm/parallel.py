"""Many calls of a function at once, in threads: for requests, which mostly wait."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice

from tqdm.auto import tqdm


def in_parallel(
    function: Callable, items: Iterable, *, workers: int = 8, total: int | None = None, label: str | None = None
) -> Iterator[tuple]:
    """Yield (item, function(item)) as each is finished, with a progress bar if there is a label.

    Only 2 × workers items are taken ahead, so `items` may be endless. The first exception, a Ctrl-C, or
    leaving the loop cancels what has not begun.
    """
    items, running = iter(items), {}
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ask")
    bar = tqdm(total=total, desc=label, disable=label is None, mininterval=0.5)
    try:
        while True:
            for item in islice(items, 2 * workers - len(running)):
                running[pool.submit(function, item)] = item
            if not running:
                return
            # The time limit lets Ctrl-C through on Windows, where an endless wait cannot be interrupted.
            for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                item, result = running.pop(future), future.result()
                bar.update()
                yield item, result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        bar.close()


def in_order(function: Callable, items: Iterable, **options) -> list:
    """What `in_parallel` yields, with its options, as the list of results in the order of the items."""
    items = list(items)
    done = in_parallel(lambda place: function(items[place]), range(len(items)), total=len(items), **options)
    return [result for _, result in sorted(done, key=lambda pair: pair[0])]
