"""How far a student's word lies from a teacher's, at the pixels where that counts.

The Kullback-Leibler divergence of the student's classes from the teacher's (Hinton, Vinyals and
Dean, 2015), both softened by a temperature and the sum multiplied by its square, so that gradients
keep their size.  Both are taken at the image's size, to which small logits are brought as
everywhere, and unless it is said otherwise at every third pixel of every third row: values of the
maps lie eight pixels apart, and between them a ninth of the pixels moves a student where all of
them would (`docs/decisions`, 0090), in a sixth of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from fasterseg.layers.resizing import map_size, resize
from fasterseg.learning.upsampling import Enlarged, Gathered, Grid, Place, wide

StudentLogits = Float[Tensor, "batch classes small_height small_width"]
TeacherLogits = Float[Tensor, "batch classes their_height their_width"]
Taught = Bool[Tensor, "batch height width"]

EVERY = 3
"""Of so many pixels of a row, and of so many rows, one is looked at."""


def looked_at(taught: Taught, every: int = EVERY) -> Tensor:
    """The pixels that a divergence is taken at, of those where a teacher's word counts."""
    return taught[:, ::every, ::every]


def divergence(
    student: StudentLogits,
    teacher: TeacherLogits,
    taught: Taught,
    *,
    temperature: float = 1.0,
    every: int = EVERY,
) -> Float[Tensor, ""]:
    """The sum of the divergences at the pixels that are `looked_at`, times the temperature squared.

    The teacher gets no gradient.  The authors' scale is smaller by the number of classes, and they
    counted unlabelled pixels too.
    """
    if student.device.type == "cpu":
        return _divergence(student, teacher.detach(), taught, temperature, every)
    log_ours, log_theirs = (
        F.log_softmax(_looked_at(logits, taught, every) / temperature, dim=1)
        for logits in (student, teacher.detach())
    )
    apart = F.kl_div(log_ours, log_theirs, reduction="none", log_target=True).sum(dim=1)
    return temperature**2 * (apart * looked_at(taught, every)).sum()


def _looked_at(logits: Tensor, taught: Taught, every: int) -> Tensor:
    return resize(wide(logits), map_size(taught))[..., ::every, ::every]


class _Divergence(torch.autograd.Function):
    """As above; the gradient is found with the sum, so that nothing large is made twice."""

    @staticmethod
    def forward(
        ctx: Any, student: Tensor, teacher: Tensor, taught: Tensor, temperature: float, every: int
    ) -> Tensor:
        ours, theirs = _softened(student, temperature), _softened(teacher, temperature)
        grid, their_grid = (Grid(one, map_size(taught), every=every) for one in (ours, theirs))
        gathered, counting = Gathered(ours, grid), looked_at(taught, every).to(grid.dtype)
        total = torch.zeros((), dtype=torch.float64)
        for here, own, wanted in _bands(ours, grid, theirs, their_grid):
            log_own, log_wanted = F.log_softmax(own, dim=1), F.log_softmax(wanted, dim=1)
            probable = log_wanted.exp()
            apart = log_wanted.sub_(log_own).mul_(probable).sum(dim=1)
            total += apart.mul_(counting[here]).sum()
            slopes = log_own.exp_().sub_(probable).mul_(counting[here].unsqueeze(1))
            gathered.add(here, slopes)
        ctx.save_for_backward(temperature * gathered.small())
        ctx.dtype = student.dtype
        return (temperature**2 * total).to(grid.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor, None, None, None, None]:
        (slopes,) = ctx.saved_tensors
        return (slopes * weight).to(ctx.dtype), None, None, None, None


def _softened(logits: Tensor, temperature: float) -> Tensor:
    """The logits themselves at a temperature of 1."""
    return wide(logits) if temperature == 1 else wide(logits) / temperature


_divergence: Callable[..., Tensor] = _Divergence.apply


def _bands(
    student: Tensor, grid: Grid, teacher: Tensor, their_grid: Grid
) -> Iterator[tuple[Place, Tensor, Tensor]]:
    """Where, and both logits there, (rows, classes, width)."""
    for image in range(len(student)):
        ours, theirs = Enlarged(student[image], grid), Enlarged(teacher[image], their_grid)
        for rows in grid.bands():
            yield (image, rows), ours.rows(rows), theirs.rows(rows)
