"""Networks in int8 for OpenVINO, by NNCF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fasterseg.deploy.exporting.quantisation import Settings
from fasterseg.deploy.runtimes.openvino.files import the_core
from fasterseg.deploy.runtimes.openvino.installed import antialiased
from fasterseg.deploy.runtimes.openvino.quantising import (
    TIMED,
    layers_of,
    nncf_quantised,
    require_nncf,
)
from fasterseg.deploy.runtimes.openvino.runtime import OpenvinoBackend, OpenvinoGraph
from fasterseg.deploy.runtimes.quantisers import Choices, Opened, choices_of, fitting


class OpenvinoQuantiser:
    """Implements `Quantiser`: OpenVINO's models with FakeQuantize."""

    def __init__(self, given: Opened) -> None:
        self._nncf = require_nncf()
        self._float = antialiased(the_core().read_model(given.model))
        self._images = given.images
        self._backend = OpenvinoBackend(threads=given.running.threads)

    @property
    def name(self) -> str:
        """NNCF and its version."""
        return f"nncf {self._nncf.__version__}"

    @property
    def start(self) -> Settings:
        """As what is timed; seven bits where products of eight would not fit the processor."""
        return fitting(TIMED)

    @property
    def choices(self) -> Choices:
        """What NNCF knows of; it has no ranges by entropy."""
        return choices_of("minmax", "percentile")

    def layers(self) -> Sequence[str]:
        """The convolutions, by the names of their operators."""
        return tuple(layers_of(self._float))

    def model(self, settings: Settings, *, only: str = "") -> Any:
        """The OpenVINO model in int8."""
        examples = [[image] for image in self._images]
        return nncf_quantised(self._float.clone(), examples, settings, only=only)

    def graph(self, model: Any | None) -> OpenvinoGraph:
        """A model, ready to run."""
        return self._backend.open_model(model or self._float, "")


def open_quantiser(given: Opened) -> OpenvinoQuantiser:
    """The quantiser of a network; raises `EnvironmentFault` where NNCF is missing."""
    return OpenvinoQuantiser(given)


def require_installed() -> None:
    """Raise `EnvironmentFault` where NNCF is missing."""
    require_nncf()
