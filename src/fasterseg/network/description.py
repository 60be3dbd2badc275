"""What a bundle's network is: an architecture of the space, or a baseline with a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import nn

from fasterseg.artifacts import Artifact
from fasterseg.errors import FileError
from fasterseg.foreign.bounds import MOST_CLASSES
from fasterseg.layers.units import drawn_by_inputs
from fasterseg.network.network import Network
from fasterseg.space.architecture import Architecture

BaselineBuilder = Callable[[int], nn.Module]
"""From a number of classes to a hand-made network."""


class NetworkDescription(Artifact):
    """All that is needed to build a network without its weights."""

    schema_tag: ClassVar[str] = "fasterseg/network/1"

    classes: int = Field(ge=1, le=MOST_CLASSES)
    architecture: Architecture | None = None
    baseline: str = ""

    def content(self) -> dict[str, Any]:
        """The description as a JSON value, its architecture in the oldest form that can say it.

        So a bundle's weights name the description that they name, however forms come and go.
        """
        content = super().content()
        if self.architecture is not None:
            content["architecture"] = self.architecture.oldest_form()
        return content

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.architecture is None) == (not self.baseline):
            raise ValueError("a network is an architecture or a named baseline")
        return self

    def build(self, *, baselines: Mapping[str, BaselineBuilder] | None = None) -> nn.Module:
        """The network with its auxiliary heads and fresh weights from torch's generator.

        Raises `FileError` for a baseline that is not among `baselines`.
        """
        if self.architecture is not None:
            return Network(self.architecture, self.classes)
        known = baselines or {}
        if self.baseline not in known:
            raise FileError(
                f"this version of fasterseg has no baseline {self.baseline!r}",
                why=f"it has {', '.join(known) or 'none'}",
            )
        return known[self.baseline](self.classes)

    def build_seeded(
        self,
        seed: int,
        *,
        baselines: Mapping[str, BaselineBuilder] | None = None,
        fan_in: bool = False,
    ) -> nn.Module:
        """The network with fresh weights that are a function of the seed alone.

        With `fan_in` an architecture's are drawn as the authors do; a baseline has its own paper's.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self.build(baselines=baselines)
            if fan_in:
                drawn_by_inputs(network)
            return network
