"""OpenVINO itself, which tells nobody that it was imported."""

from __future__ import annotations

import sys
from typing import Any


def imported_openvino() -> Any:
    """Return the library; raises `ModuleNotFoundError` where it is not installed.

    It would begin a thread that sends an event to a server when it is imported.  Without the module
    that sends, which is looked for and may be missing, it has a stub in its place.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def antialiased(model: Any) -> Any:
    """The model, its resizes antialiased where it says that they are.

    OpenVINO reads that of an ONNX model and resizes without; another mode of its own does it.
    """
    operators = imported_openvino().opset11
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Interpolate" or not node.get_attributes()["antialias"]:
            continue
        image, size, *axes = (one.get_source_output() for one in node.inputs())
        resized = operators.interpolate(
            image,
            size,
            "bilinear_pillow",
            "sizes",
            axes=axes[0] if axes else None,
            coordinate_transformation_mode="half_pixel",
        )
        node.output(0).replace(resized.output(0))
    return model
