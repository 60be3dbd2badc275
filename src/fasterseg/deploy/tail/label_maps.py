"""The tail: from low-resolution class logits to the label map at the image's size, in one pass.

It gives what upsampling every class (bilinear, corner on corner) and arg max give, the first of
equal classes winning, but writes bytes only and never a class map at full size.  Between four
neighbouring logits lies a *cell* of pixels, and each pixel's value is a convex combination of the
four corners, so

- where the four corners agree on the largest class, it is the largest in the whole cell: filled;
- in the other, *mixed* cells only *candidates* can win: classes whose largest corner reaches the
  largest of all classes' smallest corners.  Only these are computed, on the cell's pixels only.

A pixel's value is, in float32 and in this order, unfused: left = near * upper left + far * lower
left, right likewise, then near * left + far * right.  Rounded sums and products keep the order of
what goes in, so rounding cannot lift a class above one that is nowhere below it.  The weights are
correctly rounded from whole numbers.  Labels hence differ from those of exact arithmetic only
where two classes come as close as a few float32 roundings; PyTorch and ONNX Runtime, which round
the pixel's coordinate, differ from it where two classes are a little less close (`tests/deploy`).

There are two forms here that give equal labels: `fast`, compiled by Numba, and `numpy`, which is a
file by itself (`arrays`).  A third in C (`label_map.c`) goes with exported networks (`beside`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from fasterseg.deploy.tail.arrays import Axis, axis_of, prepared, write_labels
from fasterseg.errors import EnvironmentFault, FileError, UsageError

if TYPE_CHECKING:
    from fasterseg.deploy.tail.arrays import Floats, Labels

TailKind = Literal["fast", "numpy"]
SHARED_FROM = 1_500_000
"""Pixels of a label map from which on several threads work at it (`benchmarks/tail.py`)."""
# Whoever is free takes the next part: on a busy machine one thread may be held up.
PARTS_PER_THREAD = 3


class Tail(Protocol):
    """Makes label maps; may be called from several threads at once."""

    @property
    def name(self) -> str:
        """What is named beside every latency: the form, and its threads."""

    def __call__(
        self, logits: npt.NDArray[Any], size: tuple[int, int], *, out: Labels | None = None
    ) -> Labels:
        """(classes, h, w) logits to class ids of that (height, width): `out`, or a new array.

        The logits are float32, or float16, which is widened; ids are uint8 up to 256 classes,
        else int32.  Raises ValueError or TypeError for arrays of another form, and
        `FileError` where a logit is NaN or infinite: such a map would mean nothing.
        """

    def close(self) -> None:
        """End the threads; the tail cannot be used any more."""


def open_tail(kind: TailKind, *, threads: int) -> Tail:
    """The tail of a kind, compiled and ready; `threads` is how many processors it may use.

    The first opening on a machine compiles for some seconds; the result is kept on disk, beside
    the package or in the user's cache.  Ids of more than 256 classes are compiled at first use.
    Raises `EnvironmentFault` for `fast` without Numba.
    """
    if kind not in get_args(TailKind):
        raise UsageError(
            f"there is no tail named {kind!r}",
            next_step=f"choose one of {', '.join(get_args(TailKind))}",
        )
    if threads < 1:
        raise UsageError(f"a tail cannot run on {threads} threads", next_step="ask for at least 1")
    return NumpyTail() if kind == "numpy" else _fast_tail(threads)


def best_tail(*, threads: int) -> Tail:
    """The fast tail where Numba is installed, else the NumPy one; its name says which.

    Both give the same labels.
    """
    try:
        return open_tail("fast", threads=threads)
    except EnvironmentFault:
        return open_tail("numpy", threads=threads)


def _fast_tail(threads: int) -> FastTail:
    try:
        from fasterseg.deploy.tail.kernels import label_part
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            f"{error.name} is not installed",
            where="the tail named 'fast'",
            why="its compiled loops belong to the extra 'fast'",
            next_step="pip install 'fasterseg[fast]', or use the tail named 'numpy'",
        ) from error
    tail = FastTail(label_part, threads=threads)
    # Two classes that cross: every kernel runs, and so is compiled, here.
    tail(np.eye(2, dtype=np.float32)[:, None], (2, 32))
    return tail


class NumpyTail:
    """The tail without compiled code; always on one thread."""

    name = "numpy (1 thread)"

    def __call__(
        self, logits: npt.NDArray[Any], size: tuple[int, int], *, out: Labels | None = None
    ) -> Labels:
        """See `Tail`."""
        values, labels = _checked(logits, size, out)
        write_labels(values, labels, *_axes(values, labels))
        return labels

    def close(self) -> None:
        """See `Tail`."""


class FastTail:
    """The tail in compiled code, on the calling thread and on threads of its own.

    A pool of Numba's or OpenMP's would spin beside that of the runtime which makes the logits;
    these threads sleep between calls, and end with the tail.  To wake one takes longer than it
    saves on maps of less than `SHARED_FROM` pixels, which the calling thread does alone.
    """

    def __init__(self, kernel: Callable[..., None], *, threads: int) -> None:
        self.threads = threads
        self._kernel = kernel
        self._open_pool()

    @property
    def name(self) -> str:
        """See `Tail`."""
        return f"fast (Numba, {self.threads} thread{'s' if self.threads > 1 else ''})"

    def __call__(
        self, logits: npt.NDArray[Any], size: tuple[int, int], *, out: Labels | None = None
    ) -> Labels:
        """See `Tail`."""
        values, labels = _checked(logits, size, out)
        axes = [(axis.start, axis.near, axis.far) for axis in _axes(values, labels)]
        alone = self.threads == 1 or labels.size < SHARED_FROM
        parts = 1 if alone else PARTS_PER_THREAD * self.threads
        left = deque(range(parts))

        def work() -> None:
            for part in _taken(left):
                self._kernel(values, labels, *axes, part, parts)

        if alone:
            work()
        else:
            self._shared(work, left)
        return labels

    def _shared(self, work: Callable[[], None], left: deque[int]) -> None:
        """Work on all threads until nothing is left.

        A thread that the system has not woken by then is not waited for.
        """
        if os.getpid() != self._process:
            self._open_pool()  # threads do not follow into a forked process
        others = [self._pool.submit(work) for _ in range(self.threads - 1)] if self._pool else []
        try:
            work()
        finally:
            left.clear()
            begun = [other for other in others if not other.cancel()]
            wait(begun)
        for other in begun:
            other.result()

    def close(self) -> None:
        """See `Tail`."""
        if self._pool is not None:
            self._pool.shutdown()

    def _open_pool(self) -> None:
        self._process = os.getpid()
        several = self.threads > 1
        self._pool = ThreadPoolExecutor(self.threads - 1, "tail") if several else None


def _taken(left: deque[int]) -> Iterator[int]:
    """Take what is left, one after the other, beside others who do."""
    with suppress(IndexError):
        while True:
            yield left.popleft()


def _axes(logits: Floats, labels: Labels) -> tuple[Axis, Axis]:
    return axis_of(logits.shape[1], labels.shape[0]), axis_of(logits.shape[2], labels.shape[1])


def _checked(
    logits: npt.NDArray[Any], size: tuple[int, int], out: Labels | None
) -> tuple[Floats, Labels]:
    """The logits in float32 and C order, and the array for the labels."""
    values, labels = prepared(logits, size, out)
    if not np.isfinite(values).all():
        raise FileError(
            "some logits are NaN or infinite",
            where=f"the tail, logits {logits.shape}",
            why="the network has diverged, or its numbers left the range of its precision",
            next_step="score it with 'fasterseg evaluate', and export it in float32",
        )
    return values, labels
