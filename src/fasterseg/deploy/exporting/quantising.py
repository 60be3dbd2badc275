"""From an ONNX model in float32 to one in int8, by ONNX Runtime's own quantiser: static Q/DQ.

Activations are unsigned bytes with a zero point, weights signed ones without: what its kernels for
processors are fastest with.  Ranges come from images (`ranges_from`); where a graph is only timed
they are made up (`made_up_ranges`), as its weights are.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from fasterseg.deploy.exporting.export import missing_extra, require_onnx
from fasterseg.deploy.exporting.float_nodes import Ends, Link, float_nodes
from fasterseg.deploy.exporting.quantisation import NODE_SETS, Calibration, Settings

if TYPE_CHECKING:
    from onnx import ModelProto

Images = Sequence[np.ndarray[Any, Any]]
Ranges = Mapping[str, tuple[float, float]]
"""The least and the largest number that each value of a graph takes."""

KEPT_AT_EACH_END = Ends(first=1, last=1)
PERCENTILE = 99.99
TIMED = Settings()
"""How graphs are turned to int8 that are only timed: nothing of it that costs time is missing."""


def quantised(
    model: bytes,
    ranges: Ranges,
    settings: Settings = TIMED,
    *,
    ends: Ends | None = None,
    only: str = "",
) -> bytes:
    """The model in int8; with `only`, nothing but that convolution and the ReLU behind it.

    Without `ends`, as the settings say.  Raises `EnvironmentFault` where the extra ``onnx`` is not
    installed.
    """
    library = require_quantiser()
    described = _described(model)
    if ends is None:
        ends = KEPT_AT_EACH_END if settings.ends == "float" else Ends()
    stays = {*float_nodes(links_of(described), *_ends_of(described), ends), *settings.kept}
    stays |= _labels_of_kept(described, settings.kept)
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    with quietly():
        quantiser = QDQQuantizer(
            described,
            settings.per_channel,
            settings.reduce_range,
            library.QuantType.QInt8,
            library.QuantType.QUInt8,
            _tensors_data(ranges),
            _with_activation(described, only) if only else [],
            sorted(stays),
            list(NODE_SETS[settings.operators]),
            {},
        )
        quantiser.quantize_model()
        quantiser.model.topological_sort()
    return _bare(quantiser.model.model)


def ranges_from(model: bytes, images: Images, calibration: Calibration) -> Ranges:
    """What values a model's graph takes on some images, (1, height, width, 3) each."""
    library = require_quantiser()
    from onnxruntime.quantization.calibrate import create_calibrator

    described = _described(model)
    (image,) = (value.name for value in described.graph.input)
    percentile = {"percentile": PERCENTILE} if calibration == "percentile" else {}
    with TemporaryDirectory() as folder, quietly():
        path = Path(folder) / "model.onnx"
        path.write_bytes(bytes(described.SerializeToString()))
        calibrator = create_calibrator(
            path,
            list(NODE_SETS["all"]),
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            calibrate_method=_method(library, calibration),
            extra_options={"symmetric": False, **percentile},
        )
        for one in images:  # one at a time: the values of all would need much memory
            calibrator.collect_data(_Reader(image, one))
        found = calibrator.compute_data()
    ranges = {
        name: (float(np.min(data.lowest)), float(np.max(data.highest)))
        for name, data in found.items()
    }
    return _rectified(described, ranges)


def made_up_ranges(model: bytes) -> Ranges:
    """Ranges for a graph that is only timed: no two alike, which would save a change of scale."""
    described = _described(model)
    names = [v.name for v in described.graph.input]
    names += [name for node in described.graph.node for name in node.output]
    ranges = {name: (-2.0, 3.0 + index % 17 / 16) for index, name in enumerate(names)}
    return _rectified(described, ranges)


def layers_of(model: bytes) -> Mapping[str, str]:
    """The convolutions of a model, by the layers that they come from."""
    described = _described(model)
    return {_layer(node): node.name for node in described.graph.node if node.op_type == "Conv"}


def require_quantiser() -> Any:
    """ONNX Runtime's quantiser; `EnvironmentFault` where the extra is not installed."""
    require_onnx()
    try:
        with quietly():
            import onnxruntime.quantization
    except ModuleNotFoundError as error:
        raise missing_extra(error.name or "onnxruntime") from error
    return onnxruntime.quantization


def links_of(model: ModelProto) -> list[Link]:
    """The nodes of a model's graph."""
    return [
        Link(node.name, node.op_type == "Conv", tuple(node.input), tuple(node.output))
        for node in model.graph.node
    ]


class _Reader:
    """What a calibrator reads: one image."""

    def __init__(self, name: str, image: np.ndarray[Any, Any]) -> None:
        self._waiting: Iterator[dict[str, Any]] = iter([{name: image}])

    def get_next(self) -> dict[str, Any] | None:
        """The image, and then None."""
        return next(self._waiting, None)


def _described(model: bytes) -> ModelProto:
    """The model with the shapes of all of its values, each node with a name."""
    import onnx

    proto = onnx.shape_inference.infer_shapes(onnx.ModelProto.FromString(model))
    for index, node in enumerate(proto.graph.node):
        node.name = node.name or f"{node.op_type}{index}"
    # What the quantiser looks for, before it infers shapes itself, in files of its own.
    del proto.metadata_props[:]
    proto.metadata_props.add(key="onnx.infer", value="onnxruntime.quant")
    return proto


def _bare(model: ModelProto) -> bytes:
    """The model without the quantiser's notes on itself."""
    del model.metadata_props[:]
    for node in model.graph.node:
        node.ClearField("doc_string")
    return bytes(model.SerializeToString())


def _ends_of(model: ModelProto) -> tuple[list[str], list[str]]:
    return [v.name for v in model.graph.input], [v.name for v in model.graph.output]


def _with_activation(model: ModelProto, only: str) -> list[str]:
    """A convolution and the ReLU that reads it, by the convolution's layer."""
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    convolution = next(node for node in convolutions if _layer(node) == only)
    readers = [n.name for n in model.graph.node if n.input[:1] == convolution.output[:1]]
    rectifiers = {n.name for n in model.graph.node if n.op_type == "Relu"}
    return [convolution.name, *(name for name in readers if name in rectifiers)]


def _labels_of_kept(model: ModelProto, kept: Sequence[str]) -> set[str]:
    """The nodes of the layers that stay in float32."""
    return {n.name for n in model.graph.node if n.op_type == "Conv" and _layer(n) in kept}


def _layer(node: Any) -> str:
    """The layer of a convolution, as the network calls it: by its weights' name."""
    name = str(node.input[1]).removesuffix(".weight").removesuffix(".weight_bias")
    return name.removeprefix("network.").removeprefix("blocks.").replace(".block.", ".")


def _rectified(model: ModelProto, ranges: Mapping[str, tuple[float, float]]) -> Ranges:
    """The ranges, with zero in each; behind a ReLU, which the quantiser takes out, none below."""
    rectified = {node.output[0] for node in model.graph.node if node.op_type == "Relu"}
    return {
        name: (0.0 if name in rectified else min(low, 0.0), max(high, 0.0, 1e-6))
        for name, (low, high) in ranges.items()
    }


def _tensors_data(ranges: Ranges) -> Any:
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData

    pairs = {name: tuple(np.array(x, np.float32) for x in pair) for name, pair in ranges.items()}
    return TensorsData(CalibrationMethod.MinMax, pairs)


def _method(library: Any, calibration: Calibration) -> Any:
    methods = library.CalibrationMethod
    known = {"minmax": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}
    return getattr(methods, known[calibration])


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep a quantiser's remarks on itself from the user: they are printed and logged."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(level)
