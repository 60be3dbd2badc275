"""ExecuTorch with XNNPACK in float32: programs run in a child that has it, whoever made them."""

from __future__ import annotations

import mmap
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from fasterseg.artifacts import digest_of_bytes
from fasterseg.deploy.exporting.borders import Numbers
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.executorch import files as executorch_files
from fasterseg.deploy.runtimes.executorch.child import DONE, RUN, aligned
from fasterseg.deploy.runtimes.executorch.environment import python
from fasterseg.deploy.runtimes.executorch.graphs import PteGraph, plain_graph
from fasterseg.deploy.runtimes.executorch.process import Broken, Child
from fasterseg.deploy.runtimes.module_backend import ModuleBackend
from fasterseg.deploy.runtimes.sessions import Image, Running
from fasterseg.deploy.runtimes.untrusted.outputs import fault_of
from fasterseg.deploy.runtimes.untrusted.trial_child import images_of
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.errors import FileError, UsageError
from fasterseg.latency.timing import Call, Stopwatch
from fasterseg.network.network import WholeJob
from fasterseg.scratch import scratch_folder
from fasterseg.space.blocks import Size

MOST_MEMORY = 4 << 30
LEAST_RUN_S = 60.0
"""So long a run may take, and longer for more pixels: a machine may be busy."""

_LOADING_S, _MOST_ELEMENTS = 120.0, 1 << 30


@dataclass(frozen=True, eq=False)
class ExecutorchGraph:
    """A program in a child: images go there, and outputs come back, in memory of both.

    The child ends with this object, or with this process.  A run includes the exchange: to copy
    the image and the output, and to wake the child.
    """

    digest: str
    graph: PteGraph
    child: Child
    threads: int
    image: np.ndarray[Any, Any]
    output: np.ndarray[Any, Any]
    seconds: float
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, images: Image) -> np.ndarray[Any, Any]:
        """The program's output; raises ValueError for images that it does not take."""
        with self._lock:
            self._put(images)
            self._run()
            return self.output.copy()

    def timed(
        self, images: Image, stopwatch: Stopwatch
    ) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
        """The output, and the milliseconds: the network by the child's own clock."""
        with self._lock:
            copied = stopwatch(lambda: self._put(images))
            started = time.perf_counter_ns()
            taken_ms = self._run() / 1e6
            waited_ms = (time.perf_counter_ns() - started) / 1e6
            kept: list[np.ndarray[Any, Any]] = []
            fetched = stopwatch(lambda: kept.append(self.output.copy()))
        rest = max(0.0, waited_ms - taken_ms)
        return kept[0], {"copy in": copied, "network": taken_ms, "copy out": fetched + rest}

    def resident(self, images: Image) -> Call:
        """A call on images that lie where the child reads them; the output stays there."""
        self._put(images)
        return self._run_alone

    def facts(self) -> dict[str, str]:
        """The versions, and what XNNPACK leaves to portable kernels."""
        told = self.child.versions
        return {
            "runtime": f"executorch {told.get('executorch', '')}, torch {told.get('torch', '')}, "
            "in a process of its own",
            "precision": "float32",
            "threads": str(self.threads),
            "operators": self.graph.describe(),
        }

    def _run_alone(self) -> None:
        with self._lock:
            self._run()

    def _put(self, images: Image) -> None:
        if images.shape != self.image.shape:
            height, width = self.image.shape[1:3]
            raise ValueError(f"it takes images of {height}x{width} alone")
        np.copyto(self.image, images, casting="no")

    def _run(self) -> int:
        """Run the program; the nanoseconds that it took."""
        self.child.say(RUN)
        if self.child.bytes(1, self.seconds) != DONE:
            raise Broken(str(self.child.text(self.seconds)))
        return int.from_bytes(self.child.bytes(8, self.seconds), "little")


def opened(
    program: bytes, graph: PteGraph, size: Size, *, threads: int, where: str = ""
) -> ExecutorchGraph:
    """A program in a child of its own, loaded within limits and run once.

    Raises `FileError` where it does not load or run, `EnvironmentFault` without ExecuTorch.
    """
    memory = min(
        400_000_000 + 4 * len(program) + graph.memory_bytes + 1000 * size.area, MOST_MEMORY
    )
    asked = {"threads": threads, "memory_bytes": memory, "size": [size.height, size.width]}
    with scratch_folder(Path(tempfile.gettempdir()), "fasterseg-executorch-") as folder:
        (folder / "program.pte").write_bytes(program)
        child = Child.start("run", folder, asked)
        try:
            image, output = _exchange(child, folder, size)
        except Broken as error:
            child.close()
            raise _unfit(where, f"it was run in a process of its own: {error}") from error
        except BaseException:
            child.close()
            raise
    seconds = LEAST_RUN_S + size.area / 20_000
    found = ExecutorchGraph(digest_of_bytes(program), graph, child, threads, image, output, seconds)
    weakref.finalize(found, child.close)
    return found


def _exchange(
    child: Child, folder: Path, size: Size
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The memory of an image and of what comes out, which the child has too."""
    told = child.line(_LOADING_S)
    kind, shape = told.get("type"), _shape_of(told.get("shape"))
    if kind not in ("uint8", "float32") or shape is None:
        raise Broken(f"it gives {kind} {told.get('shape')}"[:200])
    given = np.dtype(kind)
    image_bytes = size.area * 3
    begin, place = aligned(image_bytes), folder / "exchange"
    count = prod(shape)
    with place.open("w+b") as file:
        file.truncate(begin + count * given.itemsize)
        memory = mmap.mmap(file.fileno(), 0)
    child.say(RUN)
    if child.bytes(1, _LOADING_S) != DONE:
        raise Broken("it does not begin")
    image = np.frombuffer(memory, np.uint8, image_bytes).reshape(1, *size, 3)
    return image, np.frombuffer(memory, given, count, begin).reshape(shape)


def _shape_of(found: object) -> tuple[int, ...] | None:
    """A shape of an output that can be; None where it is none."""
    if not isinstance(found, list) or not 1 <= len(found) <= 4:
        return None
    shape = tuple(n for n in found if isinstance(n, int) and 0 < n < 1 << 20)
    return shape if len(shape) == len(found) and prod(shape) < _MOST_ELEMENTS else None


class ExecutorchBackend(ModuleBackend):
    """Whole jobs lowered by ExecuTorch and run by it; blocks are timed on other runtimes."""

    def module_call(self, module: nn.Module, inputs: Sequence[Numbers]) -> Call:
        """Refused: a search times hundreds of blocks, each of which would be lowered alone."""
        raise UsageError(
            "ExecuTorch times whole networks, and no blocks",
            where="executorch",
            why="to lower one block takes seconds, and a run goes through another process",
            next_step="search on onnxruntime, and export what it finds with --format executorch",
        )

    def graph_of(self, job: WholeJob, size: Size) -> ExecutorchGraph:
        """Lower the job and open it."""
        program = executorch_files.program_of(job, ExportForm("executorch", size, size))
        return opened(program, plain_graph(program), size, threads=self.threads)

    def floor_call(self) -> Call:
        """See `module_call`."""
        return self.module_call(nn.ReLU(), [])

    def versions(self) -> dict[str, str]:
        """Where it is; which version, a graph says."""
        return {"executorch": str(python())}


def open_backend(running: Running, tail: Tail | None) -> ExecutorchBackend:
    """The backend for these conditions; `EnvironmentFault` where no ExecuTorch is named."""
    python()
    return ExecutorchBackend(threads=running.threads, tail=tail, transfer=running.transfer)


def open_file(path: Path, running: Running) -> tuple[ExecutorchGraph, ExportedCard]:
    """A program, ready to run, and its card.

    What this very process did not write has also been seen to give what its card says.
    """
    data, graph, card = executorch_files.read(path)
    assert card.size is not None
    found = opened(data, graph, card.size, threads=running.threads, where=str(path))
    try:
        if found.digest != running.made_here:
            _require_true(found, card, path)
    except BaseException:
        found.child.close()
        raise
    return found, card


def _require_true(found: ExecutorchGraph, card: ExportedCard, path: Path) -> None:
    """Raise `FileError` where a program gives something else than its card says."""
    assert card.size is not None
    for image in images_of(card.size):
        try:
            output = found.run(image)
        except Broken as error:
            raise _unfit(str(path), str(error)) from error
        classes = card.label_space.classes
        if why := fault_of(output, card.size, output=card.output, classes=classes):
            raise _unfit(str(path), why)


def _unfit(where: str, why: str) -> FileError:
    return FileError(
        "the program does not run as what it says it is",
        where=where,
        why=why,
        next_step="export the model again: fasterseg export MODEL --format executorch",
    )
