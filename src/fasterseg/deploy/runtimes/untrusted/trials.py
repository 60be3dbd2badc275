"""A file of unknown origin runs in a process of its own, with limits, before it runs in this one.

What its bytes say was looked at before (`onnx.graphs`, `openvino.graphs`): here it shows whether a
runtime crashes on it, needs more time or memory than such a network does, or gives something else
than its card says.  Once per content and process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from fasterseg.children.running import Ended, run_limited
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.errors import FileError

SIZES = ((64, 128), (384, 256))
"""What a graph of any size is tried at: the second shows whether memory grows with its square."""

MOST_MEMORY = 4 << 30

_TRIED_BY = {
    "onnxruntime": "fasterseg.deploy.runtimes.onnx.trial_child:try_model",
    "openvino": "fasterseg.deploy.runtimes.openvino.trial_child:try_model",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: files of these digests, on a runtime, at these sizes, for such an output."""

    digests: tuple[str, ...]
    runtime: str
    sizes: tuple[tuple[int, int], ...]
    output: str
    classes: int
    threads: int
    file_bytes: int
    resized_pixels: int
    files: tuple[str, ...] = field(compare=False)

    @property
    def seconds(self) -> float:
        """How long it may take: some ten times as long as networks of that size do."""
        return round(2.0 + self.file_bytes / 20e6 + self._pixels / 200e3, 1)

    @property
    def memory_bytes(self) -> int:
        """How much it may take beside the runtime's own."""
        return min(400_000_000 + 4 * self.file_bytes + 1000 * self._pixels, MOST_MEMORY)

    @property
    def _pixels(self) -> int:
        return max(self.resized_pixels, *(height * width for height, width in self.sizes))


def require_runs(
    files: Sequence[Path],
    contents: Sequence[bytes],
    card: ExportedCard,
    *,
    runtime: str,
    threads: int,
) -> None:
    """Raise `FileError` unless a runtime runs what these files hold as the card says it does."""
    _try(
        Trial(
            digests=tuple(hashlib.sha256(content).hexdigest() for content in contents),
            runtime=runtime,
            sizes=SIZES if card.size is None else ((card.size.height, card.size.width),),
            output=card.output,
            classes=card.label_space.classes,
            threads=threads,
            file_bytes=sum(map(len, contents)),
            resized_pixels=card.working_size.area if card.resizes and card.working_size else 0,
            files=tuple(str(file.absolute()) for file in files),
        )
    )


@cache
def _try(trial: Trial) -> None:
    outcome = run_limited(
        _TRIED_BY[trial.runtime],
        [
            trial.files,
            trial.digests,
            trial.sizes,
            trial.output,
            trial.classes,
            trial.threads,
        ],
        seconds=trial.seconds,
        memory_bytes=trial.memory_bytes,
    )
    if isinstance(outcome, Ended):
        raise FileError(
            "the file cannot be opened safely",
            where=trial.files[0],
            why=f"it was tried in a process of its own: {outcome.reason}",
            next_step="export the model again, or use a smaller one",
        )
