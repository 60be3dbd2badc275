"""A program run without numbers, on shapes alone, before it runs on an image.

What does not fit together, or asks for more memory or time than a network of this package could, is
refused then, and so is what does not come to what the file's card says.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.programs.graph import DTYPES, Step, Unreadable
from fasterseg.deploy.runtimes.programs.program import Program, call, filled, keep
from fasterseg.space.blocks import Size

BYTES_A_PIXEL, BYTES_A_CLASS, LEAST_BYTES = 2048, 16, 2**26
"""What a program may hold at once: for a pixel of its image, for each class there, and beside.

The largest network here, BiSeNet V2, may come to 700 bytes for a pixel.
"""
WORK_A_PIXEL, LEAST_WORK = 2**19, 2**30
"""The multiplications that it may ask for: ten times those of the largest network here."""
MOST_LENGTH = 2**24
"""No image is longer, and no size that is computed from one."""

_LARGEST = 4
"""The bytes of a number that a kernel computes with."""
_KNOWN = frozenset(DTYPES.values())


def require_fitting(program: Program, size: Size, card: ExportedCard) -> None:
    """Raise `Unreadable` where a program cannot run on an image of this size as its card says."""
    shapes = {number: tensor.to("meta") for number, tensor in program.tensors.items()}
    image = torch.empty(1, *size, 3, dtype=torch.uint8, device="meta")
    values, costs = program.values(shapes, image), _Costs(size, card)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in program.steps:
            _run(step, values, costs)
            if program.logits in step.gives:
                _require_classes(values[program.logits], card)
    _require_output(values[program.output], program, size, card)


def _run(step: Step, values: list[Any], costs: _Costs) -> None:
    try:
        read = filled(step.arguments, values)
        found = call(step, values)
        costs.add(step, read, found)
        keep(step, found, values)
    except Unreadable:
        raise
    except Exception as error:  # PyTorch raises whatever its operators raise
        said = str(error).strip().splitlines() or [type(error).__name__]
        reason = f"{step.operator.name} does not fit what it reads: {said[0][:200]}"
        raise Unreadable(reason) from error


class _Costs:
    """What a program has asked for so far, held against what it may."""

    def __init__(self, size: Size, card: ExportedCard) -> None:
        working = card.working_size if card.resizes and card.working_size else size
        pixels, classes = max(size.area, working.area), card.label_space.classes
        self._most_bytes = LEAST_BYTES + (BYTES_A_PIXEL + BYTES_A_CLASS * classes) * pixels
        self._most_work = LEAST_WORK + WORK_A_PIXEL * pixels
        self._bytes: dict[int, int] = {}
        self._held = self._work = 0

    def add(self, step: Step, read: Sequence[Any], found: Sequence[Any]) -> None:
        """Count a step; raises `Unreadable` where it is too much."""
        for number, one in zip(step.gives, found, strict=True):
            self._bytes[number] = _bytes(one)
            self._held += self._bytes[number]
        written = sum(map(_numbers, found))
        self._work += max([step.operator.window(read) * written, *map(_numbers, read)])
        held = self._held + _LARGEST * step.operator.aside(read, found[0])
        if held > self._most_bytes:
            raise Unreadable(f"it asks for {held:,} bytes, {self._most_bytes:,} are the limit")
        if self._work > self._most_work:
            raise Unreadable(
                f"it asks for more than {self._most_work:,} multiplications, which is the limit"
            )
        self._held -= sum(self._bytes.pop(number, 0) for number in step.last)


def _numbers(value: Any) -> int:
    return value.numel() if isinstance(value, Tensor) else 1


def _bytes(value: Any) -> int:
    if isinstance(value, Tensor) and value.dtype in _KNOWN:
        return value.numel() * value.dtype.itemsize
    if isinstance(value, int) and abs(value) < MOST_LENGTH:
        return 0
    raise Unreadable("it computes what is no size and no tensor of a known type")


def _require_classes(logits: Tensor, card: ExportedCard) -> None:
    if logits.ndim != 4 or logits.shape[1] != card.label_space.classes:
        raise Unreadable(
            f"it tells other classes apart than the {card.label_space.classes} of its card"
        )


def _require_output(output: Any, program: Program, size: Size, card: ExportedCard) -> None:
    classes = card.label_space.classes
    if card.output == "labels" and program.logits is None:
        raise Unreadable("its labels are not the classes of the largest logits")
    shape: tuple[int, ...] = (1, classes, *size)
    if card.output == "labels":
        shape = (1, *size)
    elif card.output == "low-resolution-logits":
        shape = (1, classes, *_maps(output, size))
    if (getattr(output, "dtype", None), tuple(getattr(output, "shape", ()))) != (
        _dtype(card),
        shape,
    ):
        raise Unreadable(f"what it gives are not the {card.output} of its card")


def _dtype(card: ExportedCard) -> torch.dtype:
    if card.output != "labels":
        return torch.float32
    return torch.uint8 if card.label_space.classes <= 256 else torch.int32


def _maps(output: Any, size: Size) -> tuple[int, ...]:
    """The size of low-resolution logits: any that is not larger than the image's."""
    own = tuple(getattr(output, "shape", ()))[2:]
    return tuple(min(length, most) for length, most in zip(own, size, strict=False))
