"""Networks in int8 for ONNX Runtime, by its own quantiser."""

from __future__ import annotations

from collections.abc import Sequence

from fasterseg.deploy.exporting.quantisation import Calibration, Settings
from fasterseg.deploy.exporting.quantising import (
    TIMED,
    Ranges,
    layers_of,
    quantised,
    ranges_from,
    require_quantiser,
)
from fasterseg.deploy.runtimes.onnx.cpu import OnnxGraph, OnnxRuntimeBackend
from fasterseg.deploy.runtimes.quantisers import Choices, Opened, choices_of, fitting


class OnnxQuantiser:
    """Implements `Quantiser`: Q/DQ models; ranges of each kind are found once."""

    def __init__(self, given: Opened) -> None:
        self._float = given.model
        self._images = given.images
        self._backend = OnnxRuntimeBackend(threads=given.running.threads)
        self._ranges: dict[Calibration, Ranges] = {}

    @property
    def name(self) -> str:
        """ONNX Runtime and its version."""
        return f"onnxruntime {self._backend.versions()['onnxruntime']}"

    @property
    def start(self) -> Settings:
        """As what is timed; seven bits where products of eight would not fit the processor."""
        return fitting(TIMED)

    @property
    def choices(self) -> Choices:
        """Everything, the other way round."""
        return choices_of("percentile", "minmax", "entropy")

    def layers(self) -> Sequence[str]:
        """The convolutions, by their weights."""
        return tuple(layers_of(self._float))

    def model(self, settings: Settings, *, only: str = "") -> bytes:
        """The ONNX model in int8."""
        kind = settings.calibration
        if kind not in self._ranges:
            self._ranges[kind] = ranges_from(self._float, self._images, kind)
        return quantised(self._float, self._ranges[kind], settings, only=only)

    def graph(self, model: bytes | None) -> OnnxGraph:
        """A model, ready to run."""
        return self._backend.open_graph(model or self._float)


def open_quantiser(given: Opened) -> OnnxQuantiser:
    """The quantiser of a network."""
    return OnnxQuantiser(given)


def require_installed() -> None:
    """Raise `EnvironmentFault` where ONNX Runtime's quantiser is missing."""
    require_quantiser()
