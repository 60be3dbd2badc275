"""Each pixel's cross-entropy, and its divergence from a teacher, straight from small logits.

Heads give their logits at an eighth of the image's size or less; losses are taken at the labels'
size.  On a CPU, upsampling a batch's logits and keeping its log-probabilities for the backward
pass costs more in memory traffic than in arithmetic.  Here a few rows of one image are upsampled,
used and forgotten, and made again in the backward pass: nothing is kept but what was given, and the
upsampling, corner on corner, is two matrix products, whose backward pass is two more.  Values and
gradients are the plain form's, up to rounding, for logits of any size: what normalises them is not
kept either, as one number would be lost beside a logit of a million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from fasterseg.layers.resizing import MapSize, map_size, resize

SmallLogits = Float[Tensor, "batch classes small_height small_width"]
TeacherLogits = Float[Tensor, "batch classes their_height their_width"]
Labels = Int64[Tensor, "batch height width"]
Mask = Bool[Tensor, "batch height width"]
PerPixel = Float[Tensor, "batch height width"]

# Numbers in the rows that are worked on at a time, two megabytes: a quarter of that stays in a
# core's cache and is 2 % faster, but has threads wait for each other four times as often.
_BAND = 1 << 19


@dataclass(frozen=True, slots=True)
class Truth:
    """What a batch's losses are held against: class ids, 0 where a pixel is not labelled."""

    classes: Labels
    labelled: Mask

    @classmethod
    def of(cls, labels: Labels, ignore: int) -> Truth:
        """The truth in labels of which one value is to be ignored."""
        labelled = labels != ignore
        return cls(labels.masked_fill(~labelled, 0), labelled)

    @property
    def size(self) -> MapSize:
        """The labels' height and width."""
        return map_size(self.classes)


def cross_entropies(logits: SmallLogits, truth: Truth) -> PerPixel:
    """Each pixel's cross-entropy, of logits brought to the labels' size; 0 where not labelled."""
    if logits.device.type != "cpu":
        whole = resize(_wide(logits), truth.size)
        return F.cross_entropy(whole, truth.classes, reduction="none") * truth.labelled
    return _pixel_losses(logits, None, truth.classes, truth.labelled)[0]


def taught_losses(
    student: SmallLogits, teacher: TeacherLogits, truth: Truth
) -> tuple[PerPixel, PerPixel]:
    """`cross_entropies`, and each pixel's KL divergence of the student from the teacher.

    In one pass; the teacher gets no gradient.  Divergences are those of all pixels, labelled or
    not.
    """
    if student.device.type != "cpu":
        ours = F.log_softmax(resize(_wide(student), truth.size), dim=1)
        theirs = F.log_softmax(resize(_wide(teacher.detach()), truth.size), dim=1)
        apart = F.kl_div(ours, theirs, reduction="none", log_target=True).sum(dim=1)
        return F.nll_loss(ours, truth.classes, reduction="none") * truth.labelled, apart
    return _pixel_losses(student, teacher.detach(), truth.classes, truth.labelled)


class _PixelLosses(torch.autograd.Function):
    """(logits, teacher's logits or None, truth) to cross-entropies and divergences."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, teacher: Tensor | None, classes: Tensor, labelled: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        losses = torch.empty(classes.shape, dtype=_wide(logits).dtype)
        apart = None if teacher is None else torch.empty_like(losses)
        for here, ours, theirs in _bands(logits, teacher, map_size(classes)):
            log_ours = F.log_softmax(ours, dim=1)
            losses[here] = log_ours.gather(1, classes[here].unsqueeze(1)).squeeze(1).neg_()
            if theirs is not None and apart is not None:
                log_theirs = F.log_softmax(theirs, dim=1)
                gap = log_ours.neg_().add_(log_theirs).mul_(log_theirs.exp_())
                torch.sum(gap, dim=1, out=apart[here])
        ctx.save_for_backward(logits, teacher, classes, labelled)
        return losses.mul_(labelled), apart

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor, None, None, None]:
        """Softmax less what it should be, weighted, and brought down to the logits' size."""
        logits, teacher, classes, labelled = ctx.saved_tensors
        of_losses, of_apart = gradients
        if of_losses is None:
            of_losses = torch.zeros(classes.shape, dtype=_wide(logits).dtype)
        of_losses = of_losses * labelled
        together = of_losses if of_apart is None else of_losses + of_apart
        gathered = _Gathered(logits, map_size(classes))
        for here, ours, theirs in _bands(logits, teacher, map_size(classes)):
            slopes = F.softmax(ours, dim=1).mul_(together[here].unsqueeze(1))
            chosen, share = classes[here].unsqueeze(1), of_losses[here].unsqueeze(1)
            slopes.scatter_add_(1, chosen, share.neg())
            if theirs is not None and of_apart is not None:
                wanted = F.softmax(theirs, dim=1)
                slopes.addcmul_(wanted, of_apart[here].unsqueeze(1), value=-1)
            gathered.add(here, slopes)
        return gathered.small().to(logits.dtype), None, None, None


_pixel_losses: Callable[..., tuple[Tensor, Tensor]] = _PixelLosses.apply

Place = tuple[int, slice]
"""An image of a batch, and some of its rows."""


def _bands(
    logits: Tensor, teacher: Tensor | None, size: MapSize
) -> Iterator[tuple[Place, Tensor, Tensor | None]]:
    """Where, and the logits there, (rows, classes, width): the student's and the teacher's."""
    step = _rows_at_a_time(logits.shape[1], size[1])
    grid = _Grid(logits, size)
    their_grid = None if teacher is None else _Grid(teacher, size)
    for image in range(len(logits)):
        ours = _Enlarged(logits[image], grid)
        theirs = (
            _Enlarged(teacher[image], their_grid) if teacher is not None and their_grid else None
        )
        for start in range(0, size[0], step):
            rows = slice(start, min(start + step, size[0]))
            yield (image, rows), ours.rows(rows), None if theirs is None else theirs.rows(rows)


def _rows_at_a_time(classes: int, width: int) -> int:
    return max(1, _BAND // (classes * width))


class _Grid:
    """How small maps become large ones, rows and columns each by a matrix."""

    def __init__(self, logits: Tensor, size: MapSize) -> None:
        height, width = map_size(logits)
        self.dtype = _wide(logits).dtype
        self.down = linear_matrix(height, size[0], self.dtype)
        self.along = None if width == size[1] else linear_matrix(width, size[1], self.dtype)
        self.first = [row * (height - 1) // max(1, size[0] - 1) for row in range(size[0])]

    def of(self, rows: slice) -> tuple[slice, Tensor]:
        """The small rows that some large ones are made of, and the matrix that makes them."""
        used = slice(self.first[rows.start], self.first[rows.stop - 1] + 2)
        return used, self.down[rows, used]


class _Enlarged:
    """One image's logits, of which any rows can be had at full size."""

    def __init__(self, logits: Tensor, grid: _Grid) -> None:
        self.classes, self.grid = logits.shape[0], grid
        lines = _wide(logits).transpose(0, 1).contiguous()
        with _exactly():
            lines = lines if grid.along is None else lines @ grid.along.T
        self.lines = lines.flatten(1)

    def rows(self, rows: slice) -> Tensor:
        """(rows, classes, width) logits, new ones."""
        used, matrix = self.grid.of(rows)
        with _exactly():
            whole = matrix @ self.lines[used]
        return whole.view(len(whole), self.classes, -1)


class _Gathered:
    """The gradient of small logits, gathered from bands of the large ones'."""

    def __init__(self, logits: Tensor, size: MapSize) -> None:
        batch, classes, height, _ = logits.shape
        self.grid = _Grid(logits, size)
        self.shape = batch, height, classes, size[1]
        self.lines = torch.zeros(batch, height, classes * size[1], dtype=self.grid.dtype)

    def add(self, here: Place, slopes: Tensor) -> None:
        """Add the (rows, classes, width) gradient of some of an image's rows."""
        image, rows = here
        used, matrix = self.grid.of(rows)
        with _exactly():
            self.lines[image, used].addmm_(matrix.T, slopes.flatten(1))

    def small(self) -> Tensor:
        """The (batch, classes, height, width) gradient."""
        lines = self.lines.view(self.shape)
        with _exactly():
            lines = lines if self.grid.along is None else lines @ self.grid.along
        return lines.transpose(1, 2)


def linear_matrix(length: int, wanted: int, dtype: torch.dtype) -> Tensor:
    """The (wanted, length) matrix that resizes a line of pixels linearly, corner on corner."""
    place = torch.arange(wanted, dtype=torch.float64) * (length - 1) / max(1, wanted - 1)
    before = place.floor().clamp(max=max(0, length - 2))
    rest = (place - before).unsqueeze(1)
    pixel = torch.arange(length)
    first = (pixel == before.unsqueeze(1)) * (1 - rest)
    return (first + (pixel == before.unsqueeze(1) + 1) * rest).to(dtype)


def _wide(logits: Tensor) -> Tensor:
    """In float32, unless it is wider."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _exactly() -> torch.autocast:
    """Autocast, which would compute these products in bfloat16, switched off."""
    return torch.autocast("cpu", enabled=False)
