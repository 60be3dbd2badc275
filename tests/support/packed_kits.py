"""The kit of a space of three layers and two operators, really packed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from small_spaces import make_space

from fasterseg.config import ContenderSettings, ProfileSettings
from fasterseg.kit.packing import pack_space
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.table import Target
from fasterseg.space.options import Options
from fasterseg.space.widest import options_of

TARGET = Target(
    device="cpu",
    backend="onnxruntime",
    precision="float32",
    threads=1,
    height=32,
    width=64,
    classes=3,
)


def whole(**changes: Any) -> Options:
    """All that a student may take of a space of three layers."""
    return options_of(make_space(3, **changes), ContenderSettings(name="student", role="student"))


OPTIONS = [whole(operators=("skip", "conv"))]


def packed_kit(into: Path, *, name: str, settings: ProfileSettings) -> PackedKit:
    """Pack it into a folder."""
    return pack_space(OPTIONS, TARGET, settings, seed=0, name=name, into=into)
