"""Files that others may have made are read by the one reader that looks at them first."""

from __future__ import annotations

import re
from pathlib import Path

import fasterseg

SOURCE = Path(fasterseg.__file__).parent
READS = re.compile(
    r"\.read_bytes\(|\.read_text\(|\.open\(\"r|(?<![\w.])(?<!def )open\(|Image\.open\("
)
OWN = {
    "foreign/opened_files.py": "the reader itself",
    # What the system keeps, and what came with the package.
    "children/running.py": "/proc",
    "deploy/benchmark/machine_state.py": "/proc and /sys",
    "deploy/benchmark/pinning.py": "/sys",
    "learning/precision.py": "/proc",
    "machine.py": "/proc and /sys",
    "processes.py": "/proc",
    "resources.py": "/proc and /sys",
    "runtime.py": "/proc",
    "reporting/contest.py": "the package's style sheet",
    "reporting/model_page.py": "the package's style sheet",
    "reporting/page.py": "the package's style sheet",
    "deploy/runtimes/tensorrt/runtime.py": "the package's script",
    "deploy/shipping/web_page.py": "the package's scripts and style sheets",
    "deploy/tail/beside.py": "the package's own sources",
    "kit/writing.py": "the package's runners, and the files of a kit that it has written",
    # What this very process, or the one that started it, wrote a moment ago.
    "children/start.py": "what the parent asks",
    "deploy/runtimes/executorch/child.py": "what the parent asks",
    "console/launching.py": "how a rank that it started ended",
    "deploy/benchmark/parts.py": "a profile",
    "deploy/runtimes/onnx/cpu.py": "an optimised graph",
    "deploy/runtimes/openvino/files.py": "a graph that the library wrote",
    "deploy/shipping/verified_export.py": "an export that is made durable",
    "learning/stepping.py": "a log that is made durable",
    # An ordinary file, as large as what would be written, that is compared with it.
    "durable.py": "what would be written again",
    # These look at their files themselves, and say which picture of which data it is.
    "datasets/decoding.py": "pictures",
    "datasets/pictures/picture_opening.py": "pictures, of bytes that were read",
    "datasets/pictures/tiff_forms.py": "bands of a picture, of bytes that were read",
    "datasets/pairing/file_digests.py": "pictures",
    # A command that is shown, and run by whoever reads it.
    "datasets/data_files/other_files.py": "annotations in UTF-16",
    # A program of its own, which is copied beside a graph and runs where fasterseg is not.
    "deploy/runtimes/tensorrt/build_engine.py": "a graph",
    "kit/runners/run.py": "a kit",
    "kit/ssh.py": "a kit, by the Python there",
}


def test_nothing_else_opens_a_file_to_read_it() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if READS.search(path.read_text(encoding="utf-8"))
    }
    assert found - set(OWN) == set()
