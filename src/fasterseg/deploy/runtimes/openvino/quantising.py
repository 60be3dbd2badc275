"""From an OpenVINO model in float32 to one in int8, by NNCF: what its own kernels know best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fasterseg.deploy.exporting.float_nodes import Ends, Link, float_nodes
from fasterseg.deploy.exporting.quantisation import Calibration, Operators, Settings
from fasterseg.deploy.exporting.quantising import KEPT_AT_EACH_END, quietly
from fasterseg.deploy.runtimes.openvino.installed import imported_openvino
from fasterseg.errors import EnvironmentFault

CONVOLUTIONS = ("Convolution", "GroupConvolution")
OUTLIERS = 1e-4
"""The share of numbers at each end that a range by percentiles leaves out."""

TIMED = Settings(calibration="minmax")
"""How graphs are turned to int8 that are only timed."""

_LEFT_OUT: Mapping[Operators, tuple[str, ...]] = {
    "convolutions": ("Add", "AvgPool", "MaxPool", "ReduceMean", "Interpolate", "MatMul"),
    "joined": ("Add", "AvgPool", "MaxPool", "ReduceMean", "MatMul"),
    "all": (),
}
"""OpenVINO's operators that a set of ONNX's leaves out."""


def nncf_quantised(
    model: Any,
    examples: Sequence[Sequence[np.ndarray[Any, Any]]],
    settings: Settings,
    *,
    ends: Ends | None = None,
    only: str = "",
) -> Any:
    """A model in int8, its ranges from examples of its inputs; with `only`, that convolution alone.

    Raises `EnvironmentFault` where NNCF is not installed.
    """
    nncf = require_nncf()
    if ends is None:
        ends = KEPT_AT_EACH_END if settings.ends == "float" else Ends()
    links = links_of(model)
    stays = {*float_nodes(links, *_ends_of(model), ends), *settings.kept}
    if only:
        stays |= {link.name for link in links if link.is_convolution and link.name != only}
    with quietly():
        return nncf.quantize(
            model,
            nncf.Dataset([dict(enumerate(one)) for one in examples]),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(examples),
            ignored_scope=nncf.IgnoredScope(
                names=sorted(stays),
                types=list(_LEFT_OUT["convolutions" if only else settings.operators]),
                validate=False,
            ),
            advanced_parameters=_advanced(settings),
        )


def require_nncf() -> Any:
    """The library; `EnvironmentFault` naming the extra where it is not installed."""
    imported_openvino()
    try:
        with quietly():
            import nncf
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            "NNCF is not installed",
            why="OpenVINO's networks in int8 are made by it, and it belongs to the extra 'nncf'",
            next_step="pip install 'fasterseg[nncf]', or take ONNX Runtime's int8: export with "
            "--format onnx, run with --set target.backend=onnxruntime",
        ) from error
    return nncf


def links_of(model: Any) -> list[Link]:
    """The nodes of a model's graph, but for its parameters, constants and results."""
    return [
        Link(
            node.get_friendly_name(),
            node.get_type_name() in CONVOLUTIONS,
            tuple(_value(one.get_source_output()) for one in node.inputs()),
            tuple(_value(one) for one in node.outputs()),
        )
        for node in model.get_ordered_ops()
        if node.get_type_name() not in ("Parameter", "Constant", "Result")
    ]


def layers_of(model: Any) -> list[str]:
    """The convolutions of a model, in the order in which they run."""
    return [link.name for link in links_of(model) if link.is_convolution]


def _ends_of(model: Any) -> tuple[list[str], list[str]]:
    results = [_value(one.get_node().inputs()[0].get_source_output()) for one in model.outputs]
    return [_value(one) for one in model.inputs], results


def _value(output: Any) -> str:
    return f"{output.get_node().get_friendly_name()}:{output.get_index()}"


def _advanced(settings: Settings) -> Any:
    """What NNCF calls advanced: seven bits, scales for each channel, how ranges are found."""
    from nncf.quantization.advanced_parameters import (
        AdvancedQuantizationParameters,
        OverflowFix,
        QuantizationParameters,
    )

    return AdvancedQuantizationParameters(
        overflow_fix=OverflowFix.ENABLE if settings.reduce_range else OverflowFix.DISABLE,
        weights_quantization_params=QuantizationParameters(per_channel=settings.per_channel),
        activations_range_estimator_params=_estimator(settings.calibration),
    )


def _estimator(calibration: Calibration) -> Any:
    from nncf.quantization.range_estimator import (
        AggregatorType,
        RangeEstimatorParameters,
        StatisticsCollectorParameters,
        StatisticsType,
    )

    # Entropy is none of its ways: `openvino_quantiser` does not offer it.
    assert calibration != "entropy"
    if calibration == "minmax":
        low, high = StatisticsType.MIN, StatisticsType.MAX
    else:
        low = high = StatisticsType.QUANTILE
    return RangeEstimatorParameters(
        min=StatisticsCollectorParameters(
            statistics_type=low,
            aggregator_type=AggregatorType.MIN if calibration == "minmax" else AggregatorType.MEAN,
            quantile_outlier_prob=OUTLIERS,
        ),
        max=StatisticsCollectorParameters(
            statistics_type=high,
            aggregator_type=AggregatorType.MAX if calibration == "minmax" else AggregatorType.MEAN,
            quantile_outlier_prob=OUTLIERS,
        ),
    )
