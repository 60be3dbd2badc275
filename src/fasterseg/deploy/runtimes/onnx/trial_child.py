"""ONNX Runtime in a process of its own, for a model of unknown origin: see `trials`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime

from fasterseg.deploy.runtimes.untrusted.trial_child import Run, try_file


def try_model(
    files: Sequence[str],
    digests: Sequence[str],
    sizes: Sequence[Sequence[int]],
    output: str,
    classes: int,
    threads: int,
) -> None:
    """Try a model; raises as `tried.try_file` does."""

    def opened(model: bytes) -> Run:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda image: np.asarray(session.run(None, {name: image})[0])

    try_file(files, digests, opened, sizes=sizes, output=output, classes=classes)
