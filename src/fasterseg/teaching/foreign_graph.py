"""A foreign ONNX file as a function from pictures to what it gives: looked at, tried, then run.

Its card is its user's own word, believed where nothing can be seen; what the graph says is held
against it first (`foreign_look`).  As with exported files of unknown origin, the whole graph is
looked at before a runtime sees it, and it runs in a process with limits before it runs in this one.
These are wider than for what is to be fast: a teacher may take its time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fasterseg.children.running import Ended, run_limited
from fasterseg.datasets.data_files.remedies import lines, written
from fasterseg.datasets.data_files.teacher_card import TeacherCard
from fasterseg.deploy.exporting.export import require_onnx
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.onnx.graphs import parsed, plain_graph, texts_of
from fasterseg.deploy.runtimes.untrusted.trial_child import reason_of
from fasterseg.deploy.runtimes.untrusted.wire import NotPlain
from fasterseg.errors import DataError, FastersegError, FileError, UsageError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.space.blocks import Size
from fasterseg.teaching.foreign import card_beside
from fasterseg.teaching.foreign_job import MOST_BYTES, ForeignJob, Numbers
from fasterseg.teaching.foreign_look import (
    OTHER_TEACHER,
    Misfit,
    job_of,
    misfits,
    output_of,
    size_in,
)

if TYPE_CHECKING:
    import onnxruntime
    from onnx import ModelProto

MOST_MEMORY = 24 << 30


@dataclass(frozen=True)
class ForeignGraph:
    """A foreign file of which nothing was seen that its card denies; its digest is of its bytes.

    `bound` is the height and width that it takes alone; None along a side where any will do.
    """

    file: Path
    data: bytes = field(repr=False)
    job: ForeignJob
    bound: tuple[int | None, int | None]

    @property
    def digest(self) -> str:
        """SHA-256 of the file, as hex."""
        return hashlib.sha256(self.data).hexdigest()


def looked_at(file: Path, card: TeacherCard) -> ForeignGraph:
    """A foreign file with its card, of which all is true that can be seen without running it.

    Raises `FileError` for what is no plain graph or gives nothing to learn from, `UsageError` for a
    card that says otherwise than the graph, with the line to write.
    """
    data, model = _parsed(file)
    try:
        name = output_of(card, [one.name for one in model.graph.output])
        if isinstance(name, Misfit):
            raise name.as_error(file, card_beside(file))
        graph = plain_graph(model, output=name)
    except NotPlain as error:
        raise _not_run(file, str(error)) from error
    for misfit in misfits(card, graph):
        raise misfit.as_error(file, card_beside(file))
    return ForeignGraph(file, data, job_of(card, graph), size_in(graph.image, card.layout))


def _parsed(file: Path) -> tuple[bytes, ModelProto]:
    require_onnx()
    try:
        data = bytes_of(file, most_bytes=MOST_BYTES)
        return data, parsed(data)
    except OSError as error:
        raise _not_run(file, error.strerror or str(error)) from error
    except NotPlain as error:
        raise _not_run(file, str(error)) from error


def require_runs(graph: ForeignGraph, sizes: Sequence[Size], *, threads: int) -> None:
    """Raise unless a file does what its card says on pictures of these sizes, in a process of its
    own.

    `FileError` where it crashes, takes too much or gives what is none; `UsageError` for a card that
    says otherwise.
    """
    trial = _Trial(
        digest=graph.digest,
        job=graph.job,
        sizes=tuple((size.height, size.width) for size in sizes),
        threads=threads,
        file_bytes=len(graph.data),
        file=str(graph.file.absolute()),
    )
    fault = _tried(trial)
    if fault is not None:
        raise _fault(graph, fault)


@dataclass(frozen=True, slots=True)
class _Trial:
    digest: str
    job: ForeignJob
    sizes: tuple[tuple[int, int], ...]
    threads: int
    file_bytes: int
    file: str = field(compare=False)

    @property
    def seconds(self) -> float:
        """So long: some ten times what the slowest published networks take for its pictures."""
        return round(30 + self.file_bytes / 10e6 + sum(map(_area, self.sizes)) / 5e3, 1)

    @property
    def memory_bytes(self) -> int:
        """So much beside the runtime's own, which attention over whole pictures can need."""
        most = max(map(_area, self.sizes))
        return min(1_000_000_000 + 6 * self.file_bytes + 8000 * most, MOST_MEMORY)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


@cache
def _tried(trial: _Trial) -> dict[str, str] | None:
    """What is wrong with a file, as its child told; None where nothing is."""
    outcome = run_limited(
        "fasterseg.teaching.tried_foreign:try_teacher",
        [trial.file, trial.digest, trial.sizes, asdict(trial.job), trial.threads],
        seconds=trial.seconds,
        memory_bytes=trial.memory_bytes,
    )
    if isinstance(outcome, Ended):
        return {"ended": outcome.reason}
    return outcome.value or None


def _fault(graph: ForeignGraph, fault: dict[str, str]) -> FastersegError:
    if "ended" in fault:
        return FileError(
            "the file cannot be opened safely",
            where=str(graph.file),
            why=f"it was tried in a process of its own: {fault['ended']}",
            next_step="show it smaller pictures, with size in its card, or take another teacher",
        )
    if form := fault.get("form"):
        line = f"output: {form}, if that is what the model's last layer gives"
        return Misfit(fault["why"], line).as_error(graph.file, card_beside(graph.file))
    if size := fault.get("size"):
        return UsageError(
            f"the teacher does not run on pictures of {size}",
            where=str(graph.file),
            why=fault["why"],
            next_step="say in its card which size it takes, as in  size: 512x1024  (many take "
            "multiples of 32 alone)",
        )
    return Misfit(fault["why"]).as_error(graph.file, card_beside(graph.file))


class ForeignSession:
    """A foreign file that was tried, ready to run here."""

    def __init__(self, graph: ForeignGraph, *, threads: int) -> None:
        self._graph = graph
        opened = OnnxRuntimeBackend(threads=threads).open_graph(graph.data)
        self._session: onnxruntime.InferenceSession = opened.session

    def given(self, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Numbers:
        """(classes, height, width) of a picture; raises `DataError` where that cannot be had."""
        job = self._graph.job
        try:
            fed = {job.image_name: job.fed(image)}
            found = np.asarray(self._session.run([job.output_name], fed)[0])
            return job.given(found, (image.shape[0], image.shape[1]))
        except Exception as error:  # a runtime raises what it likes
            raise DataError(
                "the teacher does not answer for a picture",
                where=str(self._graph.file),
                why=f"the picture is {image.shape[0]}x{image.shape[1]}: {reason_of(error)}",
                next_step="say in its card which size it takes, as in  size: 512x1024",
            ) from error


def texts_in(file: Path) -> dict[str, str]:
    """What an ONNX file says of itself, by key; raises `FileError` for what is none."""
    _, model = _parsed(file)
    try:
        return texts_of(model)
    except NotPlain as error:
        raise _not_run(file, str(error)) from error


def without_a_card(file: Path) -> UsageError:
    """The error of an ONNX file that nothing describes, with the card to write, as far as the file
    itself tells."""
    return UsageError(
        "nothing says what this ONNX file is fed, and what its channels mean",
        where=str(file),
        why=f"it was not exported by fasterseg, and no {card_beside(file).name} lies beside it",
        next_step=f"write {card_beside(file)}, such as" + lines(*_sketch(file)),
    )


def _sketch(file: Path) -> list[str]:
    """The lines of a card, with what the graph tells in them."""
    _, model = _parsed(file)
    try:
        name = model.graph.output[0].name if model.graph.output else ""
        graph = plain_graph(model, output=name)
    except NotPlain as error:
        raise _not_run(file, str(error)) from error
    last = graph.image.dims[-1:] == (3,)
    sizes = size_in(graph.image, "nhwc" if last else "nchw") if len(graph.image.dims) == 4 else ()
    found = ["classes: [road, car]  # all of its classes, in the order of its channels"]
    found += ["mapping: {person: pedestrian, sky: none}  # where they have other names"]
    found += ["mean: [0.485, 0.456, 0.406]", "std: [0.229, 0.224, 0.225]"]
    found += ["layout: nhwc"] if last else []
    found += [f"size: {sizes[0]}x{sizes[1]}"] if sizes and None not in sizes else []
    found += [written("output_name", name)] if len(model.graph.output) > 1 else []
    return [*found, "output: logits  # or probabilities"]


def _not_run(file: Path, why: str) -> FileError:
    return FileError("this ONNX file is not run", where=str(file), why=why, next_step=OTHER_TEACHER)
