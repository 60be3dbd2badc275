"""OpenVINO on the CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fasterseg.artifacts import digest_of_bytes
from fasterseg.config import Precision
from fasterseg.deploy.exporting.borders import Border, Numbers
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.float_nodes import Ends
from fasterseg.deploy.exporting.timed_graphs import (
    block_graph,
    block_inputs,
    border_graph,
    border_inputs,
    ends_of_block,
    ends_of_border,
)
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.onnx.backend import SMALL, OnnxBackend
from fasterseg.deploy.runtimes.openvino import files as openvino_files
from fasterseg.deploy.runtimes.openvino.files import require_openvino, telling_refusals, the_core
from fasterseg.deploy.runtimes.openvino.installed import antialiased
from fasterseg.deploy.runtimes.openvino.quantising import TIMED, nncf_quantised, require_nncf
from fasterseg.deploy.runtimes.sessions import Image, Running
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.latency.timing import Call, Stopwatch
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import BlockSpec, Size

HINTS: Mapping[Precision, str] = {
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "int8": "f32",  # what is not in int8 is not in fewer bits than a float has either
}
_NAMES: Mapping[str, Precision] = {
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "u8": "int8",
    "i8": "int8",
}


@dataclass(frozen=True)
class OpenvinoGraph:
    """A model compiled by OpenVINO."""

    digest: str
    compiled: Any
    request: Any

    def run(self, images: Image) -> np.ndarray[Any, Any]:
        """The model's one output, in memory of its own."""
        output = self.request.infer({0: images}, share_inputs=True, share_outputs=False)[0]
        return np.asarray(output)

    def timed(
        self, images: Image, stopwatch: Stopwatch
    ) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
        """The output, and the milliseconds without and of copying it."""
        found: list[Any] = []
        inputs = {0: images}
        shared = stopwatch(
            lambda: found.append(self.request.infer(inputs, share_inputs=True, share_outputs=True))
        )
        copied: list[np.ndarray[Any, Any]] = []
        copy_ms = stopwatch(lambda: copied.append(np.array(found[0][0])))
        return copied[0], {"network": shared, "copy out": copy_ms}

    def resident(self, images: Image) -> Call:
        """The same call: on a processor nothing is copied."""
        return partial(self.run, images)

    def facts(self) -> dict[str, str]:
        """Threads, and the type that the convolutions really compute in, as the plugin says.

        OpenVINO chooses bfloat16 by itself on processors that have it, and float32 on those that
        do not, whatever was asked for.
        """
        return {
            "runtime": "openvino",
            "precision": effective_precision(self.compiled),
            "threads": str(self.compiled.get_property("INFERENCE_NUM_THREADS")),
        }


def effective_precision(compiled: Any) -> str:
    """The types of a compiled model's convolutions, by its execution graph."""
    found = {
        str(node.get_rt_info()["runtimePrecision"].astype(str))
        for node in compiled.get_runtime_model().get_ordered_ops()
        if "onvolution" in str(node.get_rt_info()["layerType"].astype(str))
    }
    names = sorted({_NAMES.get(name, name) for name in found})
    if names:
        return "+".join(names)
    hint = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
    return _NAMES.get(hint, hint)


class OpenvinoBackend(OnnxBackend):
    """OpenVINO on the CPU, with a fixed number of threads and one stream.

    Other floating-point types than float32 it turns a graph to by itself.  In int8, graphs that are
    only timed are quantised by NNCF, with ranges from one made-up input.
    """

    def __init__(
        self, *, threads: int, tail: Tail | None = None, precision: Precision = "float32"
    ) -> None:
        super().__init__(threads=threads, tail=tail)
        openvino = require_openvino()
        self.precision: Precision = precision
        if precision == "int8":
            require_nncf()
        self._core = the_core()
        self._version = str(openvino.__version__).split("-", maxsplit=1)[0]

    def open_graph(self, model: bytes) -> OpenvinoGraph:
        """An ONNX model, ready to run."""
        with telling_refusals():
            read = antialiased(self._core.read_model(model))
        return self.open_model(read, digest_of_bytes(model))

    def open_model(self, model: Any, digest: str) -> OpenvinoGraph:
        """An OpenVINO model, ready to run."""
        with telling_refusals():
            compiled = self._compiled(model)
        return OpenvinoGraph(digest, compiled, compiled.create_infer_request())

    def block_call(self, spec: BlockSpec) -> Call:
        """The graph that is timed of a block, open."""
        model, inputs = block_graph(spec, "float32"), block_inputs(spec, "float32")
        return self._timed(model, inputs, ends_of_block(spec))

    def border_call(self, border: Border) -> Call:
        """The graph that is timed of a bare border, open."""
        model, inputs = border_graph(border, "float32"), border_inputs(border, "float32")
        return self._timed(model, inputs, ends_of_border(border))

    def computed_in(self) -> str:
        """What a small block, opened as what is timed, is compiled to compute in."""
        model = self._core.read_model(block_graph(SMALL, "float32"))
        if self.precision == "int8":
            model = nncf_quantised(model, [block_inputs(SMALL, "float32")], TIMED)
        return effective_precision(self._compiled(model))

    def graph_of(self, job: WholeJob, size: Size) -> OpenvinoGraph:
        """Export the job, and open it; in int8 with ranges from noise, good for timing."""
        return self._job(export_network(job, size), size)

    def timed_graph(self, model: bytes, size: Size) -> OpenvinoGraph:
        """A whole job that is only timed, open; in int8 as `graph_of` has it."""
        return self._job(model, size)

    def versions(self) -> dict[str, str]:
        """The runtime's version, and how what is timed is turned to int8."""
        if self.precision != "int8":
            return {"openvino": self._version}
        made = {"nncf": str(require_nncf().__version__), "int8": TIMED.describe()}
        return {"openvino": self._version, **made}

    def _job(self, model: bytes, size: Size) -> OpenvinoGraph:
        if self.precision != "int8":
            return self.open_graph(model)
        noise = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
        with telling_refusals():
            read = antialiased(self._core.read_model(model))
        return self.open_model(nncf_quantised(read, [[noise]], TIMED), digest_of_bytes(model))

    def _timed(self, model: bytes, inputs: Sequence[Numbers], ends: Ends) -> Call:
        if self.precision != "int8":
            return self.bound(model, inputs)
        read = self._core.read_model(model)
        return self._bound(nncf_quantised(read, [inputs], TIMED, ends=ends), inputs)

    def _compiled(self, model: Any) -> Any:
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(self.threads),
            "INFERENCE_PRECISION_HINT": HINTS[self.precision],
        }
        return self._core.compile_model(model, "CPU", settings)

    def bound(self, model: bytes, inputs: Sequence[np.ndarray[Any, Any]]) -> Call:
        """A call on inputs and an output that stay where they are."""
        return self._bound(self._core.read_model(model), inputs)

    def _bound(self, model: Any, inputs: Sequence[np.ndarray[Any, Any]]) -> Call:
        compiled = self._compiled(model)
        request = compiled.create_infer_request()
        values = {f"in{index}": array for index, array in enumerate(inputs)}
        # Inputs are set once; each further run reads the same memory.
        request.infer(values, share_inputs=True, share_outputs=True)
        kept = list(values.values())

        def run() -> object:
            assert kept
            return request.infer(share_outputs=True)

        return run


def open_backend(running: Running, tail: Tail | None) -> OpenvinoBackend:
    """The backend for these conditions."""
    return OpenvinoBackend(threads=running.threads, tail=tail, precision=running.precision)


def open_file(path: Path, running: Running) -> tuple[OpenvinoGraph, ExportedCard]:
    """A model in OpenVINO's own files or in ONNX, ready to run, and its card.

    It computes in what its card says, unless another type was asked for.
    """
    if path.suffix == ".xml":
        model, card, digest = openvino_files.read(path, running)
        return _as_its_card_says(running, card).open_model(model, digest), card
    data, card = onnx_files.read(path, running, runtime="openvino")
    return _as_its_card_says(running, card).open_graph(data), card


def _as_its_card_says(running: Running, card: ExportedCard) -> OpenvinoBackend:
    asked = running.precision if running.precision != "float32" else card.computes_in
    # What a file has in int8 was made so: nothing is quantised when it is opened.
    precision: Precision = "float32" if asked in (None, "int8") else asked
    return OpenvinoBackend(threads=running.threads, precision=precision)
