"""What turns one network to int8 for a runtime, in whichever of the ways that it offers.

A runtime's row names the function that opens one (`config.runtimes`): from the network's ONNX model
in float32, images as the file takes them, and how it is to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import resolve_name
from typing import Any, Protocol, cast

import numpy as np

from fasterseg.config import runtime_named
from fasterseg.deploy.exporting.quantisation import Calibration, Settings
from fasterseg.deploy.runtimes.sessions import Graph, Running
from fasterseg.errors import UsageError
from fasterseg.machine import processor

Images = Sequence[np.ndarray[Any, Any]]
Choices = Mapping[str, Sequence[Any]]
"""The settings that may be chosen, each with its values, in the order in which they are tried."""


def choices_of(*calibrations: Calibration) -> Choices:
    """All that there is to try, with these ways to find ranges, in the order of trying."""
    return {
        "operators": ("all", "joined", "convolutions"),
        "calibration": calibrations,
        "per_channel": (False, True),
        "reduce_range": (False, True),
        "ends": ("float", "int8"),
    }


def fitting(timed: Settings) -> Settings:
    """The settings of what is timed; with seven bits where products of eight would not fit."""
    return timed.model_copy(update={"reduce_range": saturates()})


def saturates() -> bool:
    """Whether sums of two products of bytes may not fit what this processor adds them in.

    So it is on x86 without VNNI; where the system does not tell, it is taken for such a one.
    """
    features = processor().features
    return features is None or not (features["vnni"] or features["neon"])


class Quantiser(Protocol):
    """Makes models of one network in int8, each of its runtime's own kind."""

    @property
    def name(self) -> str:
        """The library and its version."""

    @property
    def start(self) -> Settings:
        """The settings that are tried first: those of the graphs that are only timed."""

    @property
    def choices(self) -> Choices:
        """What else there is to try."""

    def layers(self) -> Sequence[str]:
        """The convolutions of the network, as `kept` and `only` name them."""

    def model(self, settings: Settings, *, only: str = "") -> Any:
        """The network in int8; with `only`, that convolution alone."""

    def graph(self, model: Any | None) -> Graph:
        """A model, ready to run; without one, the network in float32."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a quantiser is opened with."""

    model: bytes
    images: Images
    running: Running


def require_quantiser(runtime: str) -> None:
    """Raise `EnvironmentFault` where what turns a runtime's networks to int8 is not installed."""
    if quantiser := runtime_named(runtime).quantiser:
        module = import_module(quantiser.partition(":")[0])
        getattr(module, "require_installed", lambda: None)()


def open_quantiser(runtime: str, model: bytes, images: Images, running: Running) -> Quantiser:
    """The quantiser of a runtime; raises `UsageError` where it computes in no int8."""
    row = runtime_named(runtime)
    if not row.quantiser:
        raise UsageError(
            f"{runtime} does not compute in int8 here",
            where="--precision int8",
            why="nothing turns a network to int8 for it, and float32 would not be what was asked",
            next_step="--set target.backend=onnxruntime or openvino; or leave int8 out",
        )
    return cast(Quantiser, resolve_name(row.quantiser)(Opened(model, images, running)))
