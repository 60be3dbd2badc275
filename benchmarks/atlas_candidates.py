"""Which blocks the atlas times, place by place, and the graph in which each is timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from atlas_modules import (
    CELLS,
    Adding,
    Blocks,
    Concatenating,
    ImagePooling,
    PyramidPooling,
    Resized,
    Summing,
    conv,
    head,
    pair,
    separable,
    unit,
)
from fasterseg.deploy.exporting.bordering import bare, made_up
from fasterseg.deploy.exporting.borders import IMAGE_CHANNELS, Border, Numbers, bare_input
from fasterseg.space.blocks import Size

WIDTHS = {8: (32, 48, 64), 16: (64, 96, 128), 32: (96, 128, 192)}
DOWN = {8: (64, 96), 16: (96, 160)}
"""Channels read and written by the cells that halve the map, by the stride that they read."""
LONGEST, MACS_IN_A_CHAIN = 6, 150e6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A block at its place: `read` has the channels of each input, `stride` is what they have.

    A block that is chained reads what it writes, and further inputs stay the same along a chain.
    """

    place: str
    kind: str
    stride: int
    read: tuple[int, ...]
    written: int
    build: Callable[[], nn.Module]
    change: float = 1.0
    chained: bool = True

    @property
    def key(self) -> str:
        """The candidate as one string."""
        read = "+".join(map(str, self.read))
        return f"{self.place}, {self.kind}, 1/{self.stride}, {read} to {self.written}"

    @property
    def group(self) -> tuple[str, int, tuple[int, ...], int]:
        """Those candidates that take turns."""
        return self.place, self.stride, self.read, self.written


def map_at(image: Size, stride: float) -> Size:
    """A map's size at an output stride."""
    return Size(*(-(-length // int(stride)) for length in image))


def candidates_at(image: Size, classes: int) -> Iterator[Candidate]:
    """All candidates for images of a size."""
    yield from _cells()
    yield from _stem()
    yield from _decoder(image)
    yield from _heads(classes)
    yield from _contexts()


def _cells() -> Iterator[Candidate]:
    for stride, widths in WIDTHS.items():
        for width in widths:
            for kind, make in CELLS.items():
                build = partial(make, width, width)
                yield Candidate("cells", kind, stride, (width,), width, build)
    for stride, (read, written) in DOWN.items():
        for kind, make in CELLS.items():
            if not kind.startswith("zoomed"):
                build = partial(make, read, written, 2)
                yield Candidate("cells.down", kind, stride, (read,), written, build, 2.0, False)


def _stem() -> Iterator[Candidate]:
    for written in (16, 32):
        build = partial(conv, IMAGE_CHANNELS, written, 2)
        yield Candidate("stem.0", "conv", 1, (IMAGE_CHANNELS,), written, build, 2.0, False)
    kinds: dict[str, Blocks] = {
        "conv": conv,
        "conv_x2": partial(pair, residual=False),
        "separable 3x3": separable,
        "separable 5x5": partial(separable, kernel=5),
    }
    widths = {("stem.1", 2): ((16, 32), (32, 48)), ("stem.2", 4): ((32, 64), (48, 64))}
    for (place, stride), pairs in widths.items():
        for read, written in pairs:
            for kind, make in kinds.items():
                build = partial(make, read, written, 2)
                yield Candidate(place, kind, stride, (read,), written, build, 2.0, False)


def _decoder(image: Size) -> Iterator[Candidate]:
    for stride, read, out in ((32, 160, 64), (16, 64, 64), (32, 128, 128), (16, 128, 128)):
        height, width = map_at(image, stride // 2)
        bodies: dict[str, Callable[[], nn.Module]] = {
            "arm (1x1, ReLU, resize)": partial(unit, read, out),
            "lift (1x1, resize)": partial(unit, read, out, relu=False),
        }
        if read == out:
            bodies["lift (resize)"] = nn.Identity
        for kind, body in bodies.items():
            build = partial(_resized, body, (height, width))
            yield Candidate("arm", kind, stride, (read,), out, build, 0.5, False)
    for stride, lateral, out in ((16, 112, 64), (8, 64, 64), (16, 96, 128), (8, 64, 128)):
        joins: dict[str, Blocks] = {
            "concatenate, 3x3": partial(Concatenating, kernel=3),
            "concatenate, 1x1": partial(Concatenating, kernel=1),
            "add": Adding,
        }
        for kind, make in joins.items():
            build = partial(make, out, lateral)
            yield Candidate("join", kind, stride, (out, lateral), out, build)
    refines: dict[str, Blocks] = {
        "separable 3x3": separable,
        "separable 5x5": CELLS["separable 5x5"],
        "conv": conv,
    }
    for stride in (16, 8):
        for width in (64, 128):
            for kind, make in refines.items():
                build = partial(make, width, width)
                yield Candidate("refine", kind, stride, (width,), width, build)
    for width in (64, 128):
        fuse = partial(Concatenating, width, width, kernel=1)
        yield Candidate("fuse", "fuse (concatenate, 1x1)", 8, (width, width), width, fuse)
        yield Candidate("fuse", "sum", 8, (width, width), width, Summing)


def _resized(body: Callable[[], nn.Module], size: tuple[int, int]) -> nn.Module:
    return Resized(body(), size)


def _heads(classes: int) -> Iterator[Candidate]:
    for width in (64, 128):
        for middle in ("dense", "separable twice", "separable", "none"):
            kind = {"dense": "3x3, 1x1", "none": "1x1"}.get(middle, f"{middle}, 1x1")
            build = partial(head, width, classes, middle=middle)
            yield Candidate("head", kind, 8, (width,), classes, build, chained=False)


def _contexts() -> Iterator[Candidate]:
    for width in (128, 160):
        image_pooling = partial(ImagePooling, width)
        yield Candidate("context", "image_pooling", 32, (width,), width, image_pooling)
        pyramid = partial(PyramidPooling, width)
        yield Candidate("context", "pyramid_pooling", 32, (width,), width, pyramid)


@dataclass(frozen=True, slots=True)
class Timed:
    """A candidate at a size: its chain between convolutions, and what is taken off that time."""

    module: nn.Module
    inputs: Sequence[Numbers]
    blocks: int
    macs: int
    off: tuple[tuple[Border, float], ...]


class Chain(nn.Module):
    """Blocks one after the other, between a producer for each input and a consumer."""

    def __init__(self, blocks: Sequence[nn.Module], read: Sequence[Border], out: Border) -> None:
        super().__init__()
        self.producers = nn.ModuleList(bare(border)[0] for border in read)  # type: ignore[index]
        self.blocks = nn.ModuleList(blocks)
        self.consumer = bare(out)[1]  # type: ignore[index]

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the consumer writes."""
        pairs = zip(self.producers, inputs, strict=True)
        features, *further = (producer(x) for producer, x in pairs)
        for block in self.blocks:
            features = block(features, *further)
        consumed: Tensor = self.consumer(features)
        return consumed


def timed(candidate: Candidate, image: Size) -> Timed:
    """The graph of a candidate, and the bare borders that its time has in it besides."""
    read, out = _borders(candidate, image)
    examples = [torch.zeros(1, border.channels, *border.size) for border in read]
    macs = macs_of(made_up(candidate.build), examples)
    fitting = int(MACS_IN_A_CHAIN / max(macs, 1))
    count = max(1, min(LONGEST, fitting)) if candidate.chained else 1
    build = partial(_chain, candidate, count, read, out)
    shares = [*((border, border.producer_share) for border in read), (out, out.consumer_share)]
    off = tuple((border, share) for border, share in shares if share > 0)
    return Timed(made_up(build), [bare_input(border) for border in read], count, macs, off)


def _chain(candidate: Candidate, count: int, read: Sequence[Border], out: Border) -> nn.Module:
    return Chain([candidate.build() for _ in range(count)], read, out)


def _borders(candidate: Candidate, image: Size) -> tuple[list[Border], Border]:
    content = "image" if candidate.read == (IMAGE_CHANNELS,) else "features"
    size = map_at(image, candidate.stride)
    read = [Border(channels, size, content) for channels in candidate.read]  # type: ignore[arg-type]
    written = "logits" if candidate.place == "head" else "features"
    out = map_at(image, candidate.stride * candidate.change)
    return read, Border(candidate.written, out, written)  # type: ignore[arg-type]


def macs_of(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    """Multiply-adds of a module's convolutions."""
    counts: list[int] = []

    def count(conv: nn.Module, _inputs: object, output: Tensor) -> None:
        assert isinstance(conv.weight, Tensor)
        counts.append(output[0, 0].numel() * conv.weight.numel())

    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(count)
    with torch.no_grad():
        module.eval()(*inputs)
    return sum(counts)
