"""What the card of a program says, held against its graph and its weights before it is believed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.programs.graph import Slot, Step, Unreadable
from fasterseg.deploy.runtimes.programs.program import Program
from fasterseg.deploy.runtimes.untrusted.claims import MOST_PIXELS

_MUL, _ADD = "torch.ops.aten.mul.Tensor", "torch.ops.aten.add.Tensor"
_FLOOR = "torch.ops.aten.floor.default"
_ROUNDED = 2
_A_CHANNEL_EACH = (1, 3, 1, 1)


def require_true(program: Program, card: ExportedCard) -> None:
    """Raise `Unreadable` where size, type, colours or normalisation are not what the card says.

    That classes and output are is seen when it runs on shapes (`shapes`).
    """
    for said, found in _differences(program, card):
        raise Unreadable(f"its card says {said}, and its graph {found}")


def _differences(program: Program, card: ExportedCard) -> Iterator[tuple[str, str]]:
    if program.size != card.size:
        yield f"images of {card.size or 'any size'}", f"takes {program.size or 'any size'}"
    if card.size is not None and not 0 < card.size.height * card.size.width <= MOST_PIXELS:
        yield f"images of {card.size}", f"would have to: no image has more than {MOST_PIXELS:,}"
    halves = {one.dtype for one in program.tensors.values()} & {torch.float16, torch.bfloat16}
    if halves or card.precision != "float32":
        yield card.precision, "is float32 alone" if not halves else "holds numbers of 16 bits"
    yield from _of_normalisation(program, card)


def _of_normalisation(program: Program, card: ExportedCard) -> Iterator[tuple[str, str]]:
    scaling = next((s for s in program.steps if _weight(program, s, _MUL) is not None), None)
    shifting = next((s for s in program.steps if _follows(s, scaling, _ADD)), None)
    scale = None if scaling is None else _weight(program, scaling, _MUL)
    shift = None if shifting is None else _weight(program, shifting, _ADD)
    if scaling is None or scale is None or shift is None:
        yield "that images are normalised", "does not begin so"
        return
    mean, std = torch.tensor(card.mean), torch.tensor(card.std)
    if not (_close(scale, 1 / (255 * std)) and _close(shift, -mean / std)):
        yield f"mean {card.mean}, deviation {card.std}", "normalises in another way"
    floors = [step for step in program.steps if _is(step, _FLOOR)]
    is_grey = any(_follows(scaling, step, _MUL) for step in floors)
    if card.resizes:  # which rounds twice before, beside what takes colour out
        is_grey = len(floors) > _ROUNDED
    if is_grey != card.reading.is_grey:
        yield card.reading.describe(), "takes colour out" if is_grey else "leaves colour in"


def _weight(program: Program, step: Step, name: str) -> Tensor | None:
    """The tensor of one number for each channel by which a step multiplies, or that it adds."""
    if not _is(step, name) or not isinstance(step.arguments[1], Slot):
        return None
    tensor = program.tensors.get(step.arguments[1].number)
    return tensor if tensor is not None and tensor.shape == _A_CHANNEL_EACH else None


def _follows(step: Step, before: Step | None, name: str) -> bool:
    """Whether a step of an operator reads first what another gave."""
    return before is not None and _is(step, name) and step.arguments[0] == Slot(before.gives[0])


def _is(step: Step, name: str) -> bool:
    return step.operator.name == name


def _close(found: Tensor, wanted: Tensor) -> bool:
    return torch.allclose(found.flatten().float(), wanted, rtol=1e-4, atol=1e-5)
