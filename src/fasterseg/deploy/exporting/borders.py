"""The borders at which blocks meet, and the convolutions around a block that is timed.

Runtimes keep features in layouts of their own.  A block that is timed alone pays for changes of
layout at its ends which a network does not make, and hides those which it does.  So blocks are
timed *bordered*: a producer convolution writes each input, a consumer convolution reads the
output.  A *bare* border is a producer and a consumer with nothing between them; half of it, for
each of the block's borders, is taken off the bordered block's time.

Where in and out are alike this is exact.  Elsewhere a producer may take longer than its consumer,
by d: then a block is wrong by half the d of its inputs less half that of its output, which along
a chain of blocks cancels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.kinds import Content

OUTSIDE_CHANNELS = 16
"""Channels outside of the convolutions: few, and a whole block of every runtime's layout."""

PROTOCOL = f"between 1x1 convolutions of {OUTSIDE_CHANNELS} channels"

IMAGE_CHANNELS, BYTES_PER_NUMBER = 3, 4

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Border:
    """A value that one block writes and another reads.

    Features are written by a producer with a ReLU, logits by one without.  Some blocks end in no
    ReLU; what they write has the same border, since the ReLU that is timed and taken off is the
    producer's: along a chain nothing of it is left.  The image is the normalised one, which no
    convolution writes: its bare border is a consumer alone, with stride 2 as in a stem.
    """

    channels: int
    size: Size
    content: Content = "features"

    @property
    def key(self) -> str:
        """The border as one string; no block spec has the same."""
        return f"border {self.content} {self.channels} {self.size}"

    @property
    def has_producer(self) -> bool:
        """Whether a convolution writes what crosses this border."""
        return self.content != "image"

    @property
    def is_rectified(self) -> bool:
        """Whether a ReLU stands behind the producer."""
        return self.content == "features"

    @property
    def consumer_stride(self) -> int:
        """The stride of the convolution that reads it."""
        return 1 if self.has_producer else 2

    @property
    def producer_share(self) -> float:
        """The part of the bare border that the producer counts for."""
        return 0.5 if self.has_producer else 0.0

    @property
    def consumer_share(self) -> float:
        """The part of the bare border that the consumer counts for."""
        return 1.0 - self.producer_share

    @property
    def bytes(self) -> int:
        """Bytes of float32 in the bare border: outside of it and across it."""
        outside = 2 if self.has_producer else 1
        return BYTES_PER_NUMBER * self.size.area * (self.channels + outside * OUTSIDE_CHANNELS)


def input_borders(spec: BlockSpec) -> tuple[Border, ...]:
    """The border at each input; none before the input block, which reads bytes."""
    content: Content = spec.row.reads
    if content == "bytes":
        return ()
    if content == "features" and spec.in_channels == (IMAGE_CHANNELS,):
        content = "image"
    return tuple(Border(count, spec.in_size, content) for count in spec.in_channels)


def output_border(spec: BlockSpec) -> Border | None:
    """The border behind the block; None behind a tail, which writes labels."""
    content = spec.row.writes
    return None if content == "labels" else Border(spec.out_channels, spec.out_size, content)


def border_shares(spec: BlockSpec) -> Mapping[Border, float]:
    """How much of which bare border is in the time of a bordered block."""
    shares: Counter[Border] = Counter()
    for border in input_borders(spec):
        shares[border] += border.producer_share  # type: ignore[assignment]
    if (behind := output_border(spec)) is not None:
        shares[behind] += behind.consumer_share  # type: ignore[assignment]
    return {border: share for border, share in shares.items() if share > 0}


def bordered_inputs(spec: BlockSpec) -> list[Numbers]:
    """What a bordered block reads: bytes, the image, or for each producer an input."""
    if spec.row.reads == "bytes":
        generator = np.random.default_rng(0)
        return [generator.integers(0, 256, (1, *spec.in_size, 3), dtype=np.uint8)]
    return [bare_input(border) for border in input_borders(spec)]


def as_half(numbers: Numbers) -> Numbers:
    """What a network in float16 reads: bytes as they are, numbers in that type."""
    return numbers if numbers.dtype == np.uint8 else numbers.astype(np.float16)


def bare_input(border: Border) -> Numbers:
    """What a producer reads within a network, and what the consumer of an image does.

    Features are rectified normal numbers: half of them are zero, as behind a ReLU, and none is
    denormal, which would slow some processors down.
    """
    pattern = np.random.default_rng(0).standard_normal(1 << 18, dtype=np.float32)
    if border.has_producer:
        pattern = np.where(pattern > 1e-6, pattern, 0.0).astype(np.float32)
    channels = OUTSIDE_CHANNELS if border.has_producer else border.channels
    return np.resize(pattern, (1, channels, *border.size))
