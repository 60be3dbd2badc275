"""The runner needs Python 3.8, NumPy and one runtime, and nothing of this package."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packed_kits import packed_kit
from runnable_kits import RUN

from fasterseg.config import ProfileSettings
from fasterseg.kit.measured import read_measured
from fasterseg.kit.writing import PackedKit

FOREIGN = {"numpy", "onnxruntime", "openvino", "tensorrt"}
NEWER = {"tomllib", "zoneinfo", "graphlib"}
"""What the standard library has only since Python 3.9 and later."""


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_its_syntax_is_that_of_python_3_8() -> None:
    ast.parse(RUN.read_text(), feature_version=(3, 8))


def test_it_imports_the_standard_library_numpy_and_runtimes_only() -> None:
    found = {*imported(ast.parse(RUN.read_text()))} - {"__future__"}
    assert found - sys.stdlib_module_names == FOREIGN
    assert found & NEWER == set()


def test_the_options_that_it_tells_to_type_are_its_own() -> None:
    text = RUN.read_text()
    told = set(re.findall(r"(?<![\w-])--[a-z]+", text))
    assert told == {*re.findall(r'"(--[a-z]+)"', text)} == {"--provider", "--stop", "--wait"}


def test_without_numpy_it_says_what_to_type(tmp_path: Path) -> None:
    shutil.copy(RUN, tmp_path / "run.py")
    (tmp_path / "numpy.py").write_text("raise ImportError")
    ended = subprocess.run(
        [sys.executable, "-S", str(tmp_path / "run.py")],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath},
    )
    assert ended.returncode == 4
    assert "this kit needs NumPy" in ended.stderr
    assert f"{sys.executable} -m pip install numpy" in ended.stderr


def a_tiny_space(into: Path) -> PackedKit:
    """The kit of a small space, timed as quickly as may be."""
    settings = ProfileSettings(
        warmup_runs=1, runs=3, seconds_per_block=0.001, calibration_networks=4
    )
    return packed_kit(into, name="tiny", settings=settings)


def oldest() -> list[str]:
    """A Python with ONNX Runtime 1.16 in it, named by FASTERSEG_OLD_PYTHON; skips without."""
    named = os.environ.get("FASTERSEG_OLD_PYTHON")
    if not named:
        pytest.skip(
            "needs FASTERSEG_OLD_PYTHON: a Python of an environment with NumPy and "
            "onnxruntime==1.16.3 alone (tests/kit/old_runtime.sh makes one)"
        )
    return [named]


def emulated() -> list[str]:
    """An emulated aarch64's Python, named by FASTERSEG_ARM64; skips without."""
    folder = Path(os.environ.get("FASTERSEG_ARM64") or "/nowhere").resolve()
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if emulator is None or not (folder / "usr/bin/python3").exists():
        pytest.skip(
            "needs qemu-user and FASTERSEG_ARM64: a folder with Debian's Python for arm64, NumPy "
            "and ONNX Runtime (tests/kit/arm64.sh makes one)"
        )
    python = os.path.realpath(folder / "usr/bin/python3")
    return [emulator, "-L", str(folder), "-E", f"PYTHONPATH={folder / 'site'}", python]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("python", [oldest, emulated])
def test_the_kit_of_a_tiny_space_runs_through_there(
    python: Callable[[], list[str]], tmp_path: Path
) -> None:
    command = python()
    kit = a_tiny_space(tmp_path / "kit")
    ended = subprocess.run(
        [*command, str(kit.folder / "run.py")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found = read_measured(kit.folder / "measured.json", kit.manifest)
    assert len(found.timed) > 30
    assert found.runtime.version.startswith("1.16.")
    if python is emulated:
        assert "aarch64" in found.device.system
