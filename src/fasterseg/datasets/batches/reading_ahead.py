"""Batches read by a thread while the loop computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice

from fasterseg.datasets.batches.batch import Batch
from fasterseg.events import Warn

READ_AHEAD = 2
WAITED_S = 10.0
"""When the loop has waited so long for images, it is said aloud."""


def stream_ahead(
    batch: Callable[[int], Batch], steps: range, describe: Callable[[int], str], warn: Warn
) -> Generator[Batch]:
    """Batches that a thread asks for ahead; `warn` is told when one lets the loop wait long."""
    left, told = iter(steps), False
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as reader:
        ahead = deque((step, reader.submit(batch, step)) for step in islice(left, READ_AHEAD))
        try:
            while ahead:
                step, ready = ahead.popleft()
                if not told and wait([ready], WAITED_S).not_done:
                    told = True
                    warn(f"waiting for images for {WAITED_S:g} s now: {describe(step)}")
                value = ready.result()
                ahead.extend((step, reader.submit(batch, step)) for step in islice(left, 1))
                yield value
        finally:
            reader.shutdown(cancel_futures=True)
