"""The network that an architecture describes: its wiring, run step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor, nn

from fasterseg.config import OutputForm
from fasterseg.layers.building import InputBlock, TailBlock, build_block
from fasterseg.layers.resampling import Resampling
from fasterseg.layers.resizing import MapSize, map_size, resize
from fasterseg.space.architecture import Architecture, Geometry, Step, wire
from fasterseg.space.blocks import Size
from fasterseg.space.input_scale import RESCALE
from fasterseg.space.placements import IMAGE

# Only channels matter to the modules, so any size will do for wiring them.
ANY_SIZE = Size(64, 64)


class Network(nn.Module):
    """An architecture as a module; takes images of any size.

    `auxiliary_heads` adds the heads that only training uses.
    """

    def __init__(
        self, architecture: Architecture, classes: int, *, auxiliary_heads: bool = True
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.scale = architecture.scale
        self.classes = classes
        wiring = wire(architecture, Geometry(ANY_SIZE, classes))
        self.steps = wiring.steps
        self.auxiliary_steps = wiring.auxiliary if auxiliary_heads else ()
        steps = (*self.steps, *self.auxiliary_steps)
        self.blocks = nn.ModuleDict(
            {module_name(step.name): build_block(step.spec) for step in steps}
        )

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, height, width) normalised images to class logits at the same size."""
        return resize(self.low_resolution(images), map_size(images))

    def low_resolution(self, images: Tensor) -> Tensor:
        """Class logits at output stride 8 of the image at its input scale."""
        return self._features(images)["head"]

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """The main logits and those of the auxiliary heads by output stride, all at input size."""
        main, auxiliary = self.heads(images)
        size = map_size(images)
        return resize(main, size), {s: resize(logits, size) for s, logits in auxiliary.items()}

    def heads(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """As `with_auxiliary`, each head's logits at its own output stride of the scaled image."""
        features = self._features(images)
        auxiliary = {
            step.placement.slot.out_stride: self._run(step, features)
            for step in self.auxiliary_steps
        }
        return features["head"], auxiliary

    def _features(self, images: Tensor) -> dict[str, Tensor]:
        features = {IMAGE: images}
        for step in self.steps:
            features[step.name] = self._run(step, features)
        return features

    def _run(self, step: Step, features: Mapping[str, Tensor]) -> Tensor:
        block = self.blocks[module_name(step.name)]
        inputs = [features[name] for name in step.inputs]
        if step.spec.row.needs_size:
            return block(inputs[0], size=self._size(step, features))  # type: ignore[no-any-return]
        return block(*inputs)  # type: ignore[no-any-return]

    def _size(self, step: Step, features: Mapping[str, Tensor]) -> MapSize:
        """The image's size at the input scale; that of the feature that joins an arm's output."""
        if step.name == RESCALE:
            height, width = map_size(features[IMAGE])
            return self.scale.of(height), self.scale.of(width)
        slot = step.placement.slot
        if slot.in_stride == slot.out_stride:
            return map_size(features[step.inputs[0]])
        for other in self.steps:
            if step.name in other.inputs:
                return map_size(features[other.inputs[1]])
        raise KeyError(step.name)


def module_name(step: str) -> str:
    """A step's name as a module's: dots would nest."""
    return step.replace(".", "_")


class WholeJob(nn.Module):
    """From the uint8 image in memory to the uint8 labels in memory: what is timed and shipped.

    With another `output` it stops at the logits, at image size or as the network has them.  In
    ``float16`` the network computes in that type; normalisation and tail stay in float32.  With
    `grey` the colour is taken out of the images first.  With a `resampling` they are then brought
    to its size, and labels back to the images' own.
    """

    def __init__(
        self,
        network: nn.Module,
        mean: Sequence[float],
        deviation: Sequence[float],
        *,
        output: OutputForm = "labels",
        precision: Literal["float32", "float16"] = "float32",
        grey: bool = False,
        resampling: Resampling | None = None,
    ) -> None:
        super().__init__()
        self.input = InputBlock(mean, deviation, grey=grey, resampling=resampling)
        self.dtype = torch.float16 if precision == "float16" else torch.float32
        self.network = network if precision == "float32" else deepcopy(network).to(self.dtype)
        self.output: OutputForm = output
        self.tail = TailBlock()
        self.seen_at = None if resampling is None else resampling.size

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (batch, height, width, 3) images to labels or logits.

        Labels are (batch, height, width) class ids, logits float32 (batch, classes, height, width).
        """
        normalised = self.input(images).to(self.dtype)
        logits: Tensor = self.network.low_resolution(normalised).to(torch.float32)  # type: ignore[operator]
        size = (images.shape[1], images.shape[2])
        if self.output == "labels":
            own = None if self.seen_at is None else size
            labels: Tensor = self.tail(logits, size=self.seen_at or size, own=own)
            return labels
        return resize(logits, size) if self.output == "logits" else logits
