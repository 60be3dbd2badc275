"""The options of a run so small that each of its stages takes a second."""

from __future__ import annotations

SMALL = {
    "data.street": "{height: 32, width: 64, train: 4, val: 1, test: 1}",
    "target": "{backend: pytorch, threads: 1, height: 32, width: 64}",
    "threads": "1",
    "space": "{layers: 2, operators: [skip, conv], expansions: [1], stem_expansions: [1], "
    "head_expansions: [1], branches: [8]}",
    "contenders": "[{name: student, role: student, stem_expansion: 1, head_expansion: 1}]",
    "profile": "{warmup_runs: 1, runs: 3, seconds_per_block: 0.001, calibration_networks: 4}",
    "student": "{steps: 6, batch_size: 2, checkpoint_every: 2, evaluate_every: 6, "
    "precision: float32, augmentation: {crop_height: 32, crop_width: 32}}",
}


def settings(**changes: str) -> list[str]:
    """The options of a small run; keywords change a key, dots written as two underscores."""
    changed = {**SMALL, **{key.replace("__", "."): value for key, value in changes.items()}}
    return [word for key, value in changed.items() for word in ("--set", f"{key}={value}")]
