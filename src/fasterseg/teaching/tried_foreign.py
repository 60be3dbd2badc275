"""A foreign teacher's file in a process of its own, with limits: see `foreign_graph`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from fasterseg.deploy.runtimes.untrusted.trial_child import reason_of
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.teaching.foreign_job import MOST_BYTES, ForeignJob, Numbers, Unfit


def try_teacher(
    file: str, digest: str, sizes: Sequence[Sequence[int]], job: Mapping[str, Any], threads: int
) -> dict[str, str]:
    """Run a file on noise and on black of these sizes, as its card says that it is run.

    Returns nothing where it does what the card says; else ``why`` it does not, ``form`` what it
    gives in place of the card's, and ``size`` the picture's where it does not run at all.
    """
    data = bytes_of(Path(file), most_bytes=MOST_BYTES)
    if hashlib.sha256(data).hexdigest() != digest:
        return {"why": "it changed while it was read"}
    told, size = ForeignJob(**job), ""
    try:
        session = _session(data, threads)

        def run(image: Numbers) -> Numbers:
            return np.asarray(session.run([told.output_name], {told.image_name: image})[0])

        for height, width in sizes:
            size = f"{height}x{width}"
            noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
            for image in (noise, np.zeros_like(noise)):
                told.tried(run, image)
    except MemoryError:
        raise
    except Unfit as error:
        return {"why": str(error), "form": error.form}
    except Exception as error:  # a runtime raises what it likes
        return {"why": reason_of(error), "size": size}
    return {}


def _session(data: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
