"""Honest files that hostile ones are made from, each made when it is first asked for."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from own_data import own_data

PARITY = Path(__file__).parents[1] / "parity" / "data"

SMALL = (
    "data.street={height: 32, width: 64, train: 4, val: 1, test: 1}",
    "target={backend: pytorch, threads: 1, height: 32, width: 64}",
    "threads=1",
    "space={layers: 2, operators: [skip, conv], expansions: [1], stem_expansions: [1], "
    "head_expansions: [1], branches: [8]}",
    "contenders=[{name: student, role: student, stem_expansion: 1, head_expansion: 1}]",
    "profile={warmup_runs: 1, runs: 3, seconds_per_block: 0.001, calibration_networks: 4}",
    "student={steps: 1, batch_size: 1, checkpoint_every: 1, evaluate_every: 1, "
    "precision: float32, distillation_weight: 0, "
    "augmentation: {crop_height: 32, crop_width: 32}}",
)
"""Changes of the recipe with which a training takes a second."""


def small() -> list[str]:
    """These changes as options."""
    return [word for one in SMALL for word in ("--set", one)]


class Stock:
    """A folder of honest files; nothing in it is ever changed by a case."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def bundle(self) -> Path:
        """A tiny network's bundle."""
        from tiny_export import origin

        path = self.root / "bundle"
        return path if path.exists() else origin().bundle.save(path)

    @cached_property
    def data(self) -> Path:
        """A data set of the bundle's classes."""
        from tiny_export import SOURCE

        root = own_data(self.root / "data", {"train": 2, "val": 1, "test": 1})
        names = json.dumps(list(SOURCE.label_space.names))
        file = root / "data.yaml"
        file.write_text(file.read_text().replace("[a, b, c]", names))
        return root

    @cached_property
    def picture(self) -> Path:
        """One picture of it."""
        return self.data / "images" / "val" / "0.png"

    @cached_property
    def architecture(self) -> Path:
        """An architecture's file."""
        from tiny_training import tiny_architecture

        return tiny_architecture().save(self.root / "architecture.json")

    @cached_property
    def run(self) -> Path:
        """A whole run's folder."""
        from fake_run import FakeRun

        path = self.root / "run"
        return path if path.exists() else FakeRun().write(path).root

    @cached_property
    def onnx(self) -> Path:
        """An exported ONNX file."""
        return self._exported("onnx", "student.onnx")

    @cached_property
    def program(self) -> Path:
        """An exported program of PyTorch's."""
        return self._exported("torch", "student.pt2")

    @cached_property
    def openvino(self) -> Path:
        """An OpenVINO model, its weights beside it."""
        return self._exported("openvino", "student.xml")

    def _exported(self, form: str, name: str) -> Path:
        from tiny_export import FORM, evidence

        from fasterseg.deploy.shipping.origin import origin_of
        from fasterseg.deploy.shipping.verified_export import ship

        path = self.root / "exported" / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            ship(origin_of(str(self.bundle)), replace(FORM, format=form), path, evidence())
        return path

    @cached_property
    def recipe(self) -> Path:
        """A tiny recipe's file."""
        import yaml

        content: dict[str, Any] = {"name": "tiny", "budget": "1000ms"}
        for change in SMALL:
            key, _, value = change.partition("=")
            inner = content
            *parents, last = key.split(".")
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[last] = yaml.safe_load(value)
        path = self.root / "recipe.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    def copy(self, path: Path, to: Path) -> Path:
        """A copy of an honest file or folder, to be changed."""
        to.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copytree(path, to) if path.is_dir() else shutil.copy(path, to))
