"""A teacher's answer to a whole image, as the answer to what training shows of it.

Small maps of logits lie corner on corner everywhere: the first of a side's n values on the first of
N pixels, the last on the last.  So do the kept answers on their images, and what is taken of them
on a view, on a grid twice as fine: the values of a crop lie between those of the whole image, and
on a grid as coarse what is between them is lost.  A whole image's values are among the finer ones,
and the others lie on the lines between them, so that at image size the two are the same.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sample import ImageSize
from fasterseg.datasets.transforming.views import Coordinates, Place
from fasterseg.errors import UsageError

Answer = npt.NDArray[np.float32]
"""(classes, small height, small width) logits."""

FINER = 2
"""So many times as fine as the kept maps are those of views, along each side."""

Between = tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]
"""Behind which value of a map's side places lie, and how far towards the next one."""

_STEPS = float(1 << 20)
"""Between two values of a map so many places are told apart: on a value, it is that value."""


class KnownAnswers(Protocol):
    """A teacher's answers to all images of a split.  Reading is pure, in any process and order."""

    @property
    def stride(self) -> int:
        """Pixels of an image, along each side, for one of its map."""
        ...

    def answer(self, index: int) -> Answer:
        """Return what is known of an image, by its index in the split."""
        ...


def small_size(size: ImageSize, stride: int) -> ImageSize:
    """Return the height and width of a map with one value for so many pixels of each side."""
    height, width = (-(-extent // stride) for extent in size)
    return height, width


def finer_size(size: ImageSize, stride: int) -> ImageSize:
    """Return the height and width of a map with a value between each two of `small_size`, too."""
    height, width = small_size(size, stride)
    return FINER * (height - 1) + 1, FINER * (width - 1) + 1


def sampled(
    answer: Answer, place: Place, *, image: ImageSize, view: ImageSize, stride: int
) -> Answer:
    """Return an image's answer to a view, of `finer_size`; bilinear between the kept values.

    `image` and `view` are their sizes.  Of a whole image every second value is a kept one, bit for
    bit, and of a mirrored one likewise.  What lies beyond the image has its edge's: it does not
    count.
    """
    wanted = finer_size(view, stride)
    rows, columns = (_corner_on_corner(view[axis], wanted[axis]) for axis in (0, 1))
    if place.is_upright:
        rows, columns = place.of(rows, rows)[0], place.of(columns, columns)[1]
        return _sampled_by_sides(
            answer,
            _between(rows, image[0], answer.shape[1]),
            _between(columns, image[1], answer.shape[2]),
        )
    rows, columns = place.of(rows[:, None], columns[None, :])
    top, down = _between(rows, image[0], answer.shape[1])
    left, along = _between(columns, image[1], answer.shape[2])
    flat = answer.reshape(len(answer), -1)
    corner, width = top * answer.shape[2] + left, answer.shape[2]
    below, beside = width * (answer.shape[1] > 1), int(width > 1)
    upper = _mixed(flat.take(corner, axis=1), flat.take(corner + beside, axis=1), along)
    corner += below
    lower = _mixed(flat.take(corner, axis=1), flat.take(corner + beside, axis=1), along)
    return _mixed(upper, lower, down)


def _sampled_by_sides(answer: Answer, rows: Between, columns: Between) -> Answer:
    """Return values at the crossings of rows and columns: first those of the columns are made.

    The same numbers as of places one by one, in a fifth of the time.
    """
    classes, height, width = answer.shape
    (top, down), (left, along) = rows, columns
    lines = np.ascontiguousarray(answer.transpose(2, 0, 1)).reshape(width, -1)
    lines = _mixed(
        lines.take(left, axis=0), lines.take(left + int(width > 1), axis=0), along[:, None]
    )
    upright = np.ascontiguousarray(lines.T).reshape(classes, height, -1)
    below = top + int(height > 1)
    return _mixed(upright.take(top, axis=1), upright.take(below, axis=1), down[:, None])


def _corner_on_corner(extent: int, wanted: int) -> Coordinates:
    """On which pixels of a side the values of a map lie."""
    return np.arange(wanted, dtype=np.float64) * ((extent - 1) / max(1, wanted - 1))


def _between(pixels: Coordinates, extent: int, length: int) -> Between:
    """Behind which value of a map's side each pixel lies, and how far towards the next one."""
    place = pixels * ((length - 1) / max(1, extent - 1))
    place = np.clip(np.rint(place * _STEPS) / _STEPS, 0, length - 1)
    before = np.minimum(place.astype(np.intp), max(0, length - 2))
    return before, (place - before).astype(np.float32)


def _mixed(first: Answer, second: Answer, share: npt.NDArray[np.float32]) -> Answer:
    """The first, less a share of it, and that share of the second; exact at both ends.

    In the memory of the two.
    """
    first *= 1 - share
    second *= share
    first += second
    return first


def refuse_own_function(name: str) -> None:
    """Raise `UsageError` for a function of the user's that kept answers cannot follow."""
    if name:
        raise UsageError(
            f"a teacher's kept answers cannot follow the function {name}",
            where="augmentation.function",
            why="it may move pixels, and nobody can tell where to",
            next_step="ask the teacher at every step, with --set student.distillation.answers=live,"
            " or leave the function out",
        )
