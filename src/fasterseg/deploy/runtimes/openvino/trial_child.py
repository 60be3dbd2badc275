"""OpenVINO in a process of its own, for a model of unknown origin: see `trials`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fasterseg.deploy.runtimes.openvino.graphs import written_anew
from fasterseg.deploy.runtimes.openvino.installed import antialiased, imported_openvino
from fasterseg.deploy.runtimes.untrusted.trial_child import Run, try_file

openvino = imported_openvino()  # before the limits hold, and the clock runs


def try_model(
    files: Sequence[str],
    digests: Sequence[str],
    sizes: Sequence[Sequence[int]],
    output: str,
    classes: int,
    threads: int,
) -> None:
    """Try an ONNX model, or a pair of OpenVINO's own files; raises as `tried.try_file` does."""

    def opened(model: bytes, *weights: bytes) -> Run:
        settings = {"INFERENCE_NUM_THREADS": str(threads), "NUM_STREAMS": "1"}
        core = openvino.Core()
        read = antialiased(core.read_model(written_anew(model) if weights else model, *weights))
        request = core.compile_model(read, "CPU", settings).create_infer_request()
        return lambda image: np.array(request.infer({0: image})[0])

    try_file(files, digests, opened, sizes=sizes, output=output, classes=classes)
