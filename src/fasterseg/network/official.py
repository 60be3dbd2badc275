"""The authors' released networks, read as their own code reads them.

Their code finds an architecture in its logits by rules that are not this package's: the path of a
branch is not the most probable one, skips may be struck out in place while one branch is decoded
and so change the next, and branches are decoded from fine to coarse with path logits normalised
once more for each.  All of that is kept here and nowhere else, so that a released file gives the
network that was published.  (repository VITA-Group/FasterSeg; *deriving discrete architectures*)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.config import Operator
from fasterseg.errors import FileError, UsageError
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.space.search_space import Role

ROLES: tuple[Role, ...] = ("teacher", "student")
"""By the number that the authors' keys carry: 0 is the teacher."""

OPERATORS: tuple[Operator, ...] = ("skip", "conv", "zoomed_conv", "conv_x2", "zoomed_conv_x2")
"""In the order of the authors' logits."""

EXPANSIONS = (4, 6, 8, 10, 12)
SCALES = 3
KEPT_SCALES = (2, 1)
"""Of the branches that were kept, by the authors' numbers: 1/32 and 1/16."""

LAYERS = range(5, 65)
"""Where a branch can go down twice, with a cell before, between and behind; theirs have 16."""

OUTER_EXPANSION: Mapping[Role, int] = {"teacher": 12, "student": 8}


@dataclass(frozen=True, slots=True)
class Logits:
    """A role's logits by scale: operators (layers, 5), widths (layers, options), paths (n, 2)."""

    role: Role
    operators: tuple[Tensor, ...]
    widths: tuple[Tensor, ...]
    paths: Mapping[int, Tensor]

    @property
    def layers(self) -> int:
        """Cells on a path from the stem to an end."""
        return len(self.operators[0])


def roles_in(content: Mapping[str, object]) -> tuple[Role, ...]:
    """The roles whose logits a file holds."""
    return tuple(r for index, r in enumerate(ROLES) if f"alpha_{index}_0" in content)


def read_logits(content: Mapping[str, object], *, where: str, role: Role | None = None) -> Logits:
    """The logits of a role; of the file's only one where none is named.

    Raises `FileError` for a file without logits or with some of another shape, `UsageError` for a
    role that it does not hold.
    """
    held = roles_in(content)
    if not held:
        raise FileError(
            "this file holds no architecture of the authors' search",
            where=where,
            why="it has neither alpha_0_0 nor alpha_1_0",
            next_step="name their arch_0.pt (teacher) or arch_1.pt (student)",
        )
    wanted = role or held[0]
    if wanted not in held:
        raise UsageError(
            f"this file holds no {wanted}",
            where=where,
            why=f"its logits are a {held[0]}'s",
            next_step=f"--role {held[0]}, or leave --role out",
        )
    index = ROLES.index(wanted)
    layers = len(_matrix(content, f"alpha_{index}_0", where, columns=len(OPERATORS)))
    _require_layers(layers, where)
    scales = range(SCALES)
    options = 1 if wanted == "teacher" else len(EXPANSIONS)
    return Logits(
        wanted,
        tuple(
            _matrix(content, f"alpha_{index}_{s}", where, columns=len(OPERATORS), rows=layers - s)
            for s in scales
        ),
        tuple(
            _matrix(content, f"ratio_{index}_{s}", where, columns=options, rows=layers - max(s, 1))
            for s in scales
        ),
        {
            s: _matrix(content, f"beta_{index}_{s}", where, columns=2, rows=layers - 1 - s)
            for s in scales[1:]
        },
    )


def _require_layers(layers: int, where: str) -> None:
    if layers not in LAYERS:
        raise FileError(
            "these are not the logits of an architecture",
            where=where,
            why=f"they are of {layers} layers; {LAYERS[0]} to {LAYERS[-1]} can be decoded",
            next_step="name a file as the authors' search writes it",
        )


def _matrix(
    content: Mapping[str, object], name: str, where: str, *, columns: int, rows: int | None = None
) -> Tensor:
    found = content.get(name)
    if (
        not isinstance(found, Tensor)
        or found.ndim != 2
        or found.shape[1] != columns
        or found.shape[0] != (found.shape[0] if rows is None else rows)
        or found.shape[0] < 1
        or not found.is_floating_point()
        or not bool(torch.isfinite(found).all())
    ):
        size = f"({'layers' if rows is None else rows}, {columns})"
        shape = tuple(found.shape) if isinstance(found, Tensor) else "missing"
        raise FileError(
            "the authors' logits are not complete",
            where=where,
            why=f"{name} is {shape}, and finite logits of shape {size} are needed",
            next_step="name a file as the authors' search writes it",
        )
    return found.to(torch.float32)


def decode(logits: Logits) -> Architecture:
    """The architecture that the authors' code builds from these logits."""
    outer = OUTER_EXPANSION[logits.role]
    decoder = _Decoder(logits)
    decoded = {scale: decoder.branch(scale) for scale in range(SCALES)}
    return Architecture(
        widths={"stem": outer, "head": outer},
        branches=tuple(
            _branch(8 << scale, decoded[scale], last_expansion=outer) for scale in KEPT_SCALES
        ),
    )


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A branch's cells after skips were left out: operator, scale, and the width it writes."""

    operators: list[int]
    scales: list[int]
    expansions: list[int]


def _branch(stride: int, decoded: _Decoded, *, last_expansion: int) -> Branch:
    following = [*decoded.scales[1:], decoded.scales[-1]]
    expansions = [*decoded.expansions, last_expansion]
    cells = [
        CellChoice(kind=OPERATORS[operator], down=after > scale, expansion=expansion)
        for operator, scale, after, expansion in zip(
            decoded.operators, decoded.scales, following, expansions, strict=True
        )
    ]
    return Branch(stride=stride, cells=tuple(cells))


class _Decoder:
    """Decodes branch after branch; what is struck out for one stays so for the next."""

    def __init__(self, logits: Logits) -> None:
        self.logits = logits
        self.layers = logits.layers
        self.operators = [matrix.clone() for matrix in logits.operators]
        self.paths = {scale: matrix.clone() for scale, matrix in logits.paths.items()}

    def branch(self, last: int) -> _Decoded:
        """The branch that ends at a scale; to be asked for from fine to coarse."""
        # Normalised anew for every branch, the normalised values of the branch before.
        self.paths = {scale: matrix.softmax(dim=1) for scale, matrix in self.paths.items()}
        scales = self._scales(last)
        expansions = [self._expansion(scales, layer) for layer in range(1, self.layers)]
        dropped = self._dropped(scales)
        kept = [layer for layer in range(self.layers) if not self._drops(scales, layer, dropped)]
        return _Decoded(
            operators=[int(self._row(scales, layer).argmax()) for layer in kept],
            scales=[scales[layer] for layer in kept],
            expansions=[expansions[layer] for layer in kept[:-1]],
        )

    def _scales(self, last: int) -> list[int]:
        """The scale of every cell."""
        downs = set()
        if last == 1:
            inner = self.paths[1][1:-1, 0]
            # Row k describes the node behind cell k; the cell taken to go down is k all the same.
            downs = {int(inner.argmax()) + 1}
        elif last == 2:
            first, second = self._both_downs()
            downs = {first + 1, second + 2}
        scales = [0]
        for layer in range(self.layers - 1):
            scales.append(scales[-1] + (layer in downs))
        return scales

    def _both_downs(self) -> tuple[int, int]:
        """The rows whose two probabilities of going down have the largest product."""
        best, found = 0.0, (0, 1)
        for second in range(self.layers - 4):
            for first in range(1, second - 1):
                probability = float(self.paths[1][first, 0] * self.paths[2][second, 0])
                if probability > best:
                    best, found = probability, (first, second)
        return found

    def _expansion(self, scales: list[int], layer: int) -> int:
        """The expansion with which a layer is entered."""
        if self.logits.role == "teacher":
            return EXPANSIONS[-1]
        scale = scales[layer]
        row = self.logits.widths[scale][layer - max(scale, 1)]
        return EXPANSIONS[int(row.argmax())]

    def _dropped(self, scales: list[int]) -> set[int]:
        """The cells that may be left out: skips at one scale, the surest first, within limits."""
        if self.logits.role == "teacher":
            for layer in range(self.layers):
                self._forbid(scales, layer)
        skips = {layer: self._share_of_skip(scales, layer) for layer in self._skips(scales)}
        for between in _segments(scales):
            if between and all(layer in skips for layer in between):
                # One cell must stay; it is not taken from the skips that are counted below.
                least = min(reversed(between), key=lambda layer: self._share_of_skip(scales, layer))
                self._forbid(scales, least)
        most = self.layers - (round(self.layers / 3) + 2 * scales[-1])
        surest = sorted(skips, key=skips.__getitem__, reverse=True)
        return set(surest[: max(0, most)])

    def _drops(self, scales: list[int], layer: int, dropped: set[int]) -> bool:
        """Whether a cell is left out; one that chooses skip and stays is struck its skip."""
        if int(self._row(scales, layer).argmax()) != 0:
            return False
        if layer not in dropped:
            self._forbid(scales, layer)
        return layer in dropped

    def _skips(self, scales: list[int]) -> Iterator[int]:
        """Cells that choose skip and stay at their scale."""
        for layer in range(self.layers):
            stays = layer == self.layers - 1 or scales[layer] == scales[layer + 1]
            if stays and int(self._row(scales, layer).argmax()) == 0:
                yield layer

    def _row(self, scales: list[int], layer: int) -> Tensor:
        return self.operators[scales[layer]][layer - scales[layer]]

    def _forbid(self, scales: list[int], layer: int) -> None:
        self._row(scales, layer)[0] = -torch.inf

    def _share_of_skip(self, scales: list[int], layer: int) -> float:
        return float(self._row(scales, layer).softmax(dim=0)[0])


def _segments(scales: list[int]) -> Iterator[range]:
    """The cells between one cell that goes down and the next, and behind the last."""
    downs = [layer for layer in range(len(scales) - 1) if scales[layer] < scales[layer + 1]]
    for begin, end in zip(downs, [*downs[1:], len(scales)], strict=False):
        yield range(begin + 1, end)
