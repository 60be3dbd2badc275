"""The formats that a network is exported to, in one table.

A new format is a row here and the function that writes it; runtimes say which of them they load
(`config.runtimes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fasterseg.config import Precision


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file, known by its suffix.

    `writer` is the function that writes one from a job, its card and a form; `precisions` are
    what it may hold, `companions` the suffixes of what is written beside it.  One `of_one_size`
    takes images of no other.
    """

    name: str
    suffix: str
    writer: str
    precisions: tuple[Precision, ...] = ("float32",)
    companions: tuple[str, ...] = ()
    of_one_size: bool = False


_ROWS = (
    Format(
        "onnx",
        ".onnx",
        writer="fasterseg.deploy.runtimes.onnx.files:write",
        precisions=("float32", "float16", "int8"),
    ),
    Format(
        "openvino",
        ".xml",
        writer="fasterseg.deploy.runtimes.openvino.files:write",
        precisions=("float32", "int8"),
        companions=(".bin",),
    ),
    Format(
        "tensorrt",
        ".engine",
        writer="fasterseg.deploy.runtimes.tensorrt.runtime:write",
        precisions=("float32", "float16"),
    ),
    Format("torch", ".pt2", writer="fasterseg.deploy.runtimes.programs.torch_program:write"),
    Format(
        "executorch",
        ".pte",
        writer="fasterseg.deploy.runtimes.executorch.files:write",
        of_one_size=True,
    ),
)
FORMATS: Mapping[str, Format] = {row.name: row for row in _ROWS}

WEB = "web"
"""Another kind of export: a page, whose network is an ONNX file (`shipping.web_page`)."""
