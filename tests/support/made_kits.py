"""A small kit without graphs, and what a device could have measured with it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from fasterseg.kit.manifest import KitManifest
from fasterseg.kit.measured import KitMeasured

TARGET = {
    "device": "cpu",
    "backend": "onnxruntime",
    "precision": "float32",
    "threads": 2,
    "height": 4,
    "width": 6,
    "classes": 3,
    "output": "labels",
    "tail": "graph",
}
TIMER = {"warmup_runs": 3, "runs": 15, "nanoseconds": 150_000_000, "visits": 5}
PROMISE = {"windows": 4, "queries": 256, "warmup_runs": 10, "needed": 4, "most": 12}
ROLES = {
    "canary": "canary",
    "floor": "floor",
    "block a": "block",
    "block b": "block",
    "border": "border",
    "net": "network",
    "student": "file",
}


def sha256(key: str) -> str:
    """The digest of a file of the kit: all hold their item's key."""
    return hashlib.sha256(key.encode()).hexdigest()


def item(key: str, role: str) -> dict[str, Any]:
    """An item of the manifest."""
    reads = {"name": "in0", "shape": [1, 4, 6, 3], "type": "uint8", "fill": "bytes"}
    return {
        "key": key,
        "role": role,
        "file": f"graphs/{role}-{sha256(key)[:4]}.onnx",
        "inputs": [reads],
    }


def manifest() -> KitManifest:
    """Two blocks, a border, a calibration network, and a file whose labels come back."""
    items = [item(key, role) for key, role in ROLES.items()]
    files = {one["file"]: {"sha256": sha256(one["key"]), "bytes": len(one["key"])} for one in items}
    return KitManifest.model_validate(
        {
            "name": "made",
            "purpose": "space",
            "target": TARGET,
            "space": "sha256:" + "0" * 64,
            "blocks_timer": TIMER,
            "networks_timer": TIMER,
            "promise": PROMISE,
            "canary": "canary",
            "floor": "floor",
            "items": items,
            "groups": [["block a", "block b", "border"]],
            "network_groups": [["net"]],
            "promised": ["student"],
            "images": [{"file": "images/0.bin", "height": 4, "width": 6}],
            "files": {**files, "images/0.bin": {"sha256": sha256("0"), "bytes": 72}},
        }
    )


def packed_labels(*labels: int) -> str:
    """Labels as a runner writes them."""
    return base64.b64encode(zlib.compress(bytes(labels))).decode()


def measured_content() -> dict[str, Any]:
    """What a device could have measured with `manifest`, as a JSON value."""
    timed = {"median_ns": 900, "p95_ns": 950, "spread_ns": 10, "runs": 15, "canary_ns": 500}
    promised = {
        "median_ns": 4000,
        "p95_ns": 4400,
        "windows": 5,
        "queries": 256,
        "steady_windows": 4,
        "spread_ppm": 40_000,
        "pace_ppm": 1_010_000,
        "sha256": sha256("student"),
    }
    return {
        "kit": manifest().digest(),
        "runner": "run.py",
        "device": {
            "name": "board",
            "processor": "Cortex-A76",
            "cores": 4,
            "memory_bytes": 8 << 30,
            "system": "Linux 6.1",
            "language": "Python 3.8.10",
            "governor": "performance",
            "temperature_mc": [41_000, 55_000],
            "frequency_khz": [2_400_000, 2_400_000],
        },
        "runtime": {
            "name": "onnxruntime",
            "version": "1.16.3",
            "provider": "CPUExecutionProvider",
            "threads": 2,
            "precision": "float32",
        },
        "floor_ns": 90,
        "canary_ns": 495,
        "clock_ns": 1,
        "timed": {
            "block a": timed,
            "block b": {**timed, "median_ns": 940},
            "border": {**timed, "median_ns": 300, "p95_ns": 310},
            "net": {**timed, "median_ns": 5000, "p95_ns": 5100},
        },
        "promised": {"student": promised},
        "labels": {"student": [packed_labels(*np.arange(24).astype(np.uint8) % 3)]},
        "unquiet": 0,
    }


def measured() -> KitMeasured:
    """The same, read."""
    return KitMeasured.model_validate(measured_content())


def device_says(manifest: KitManifest, **changes: object) -> KitMeasured:
    """What a device measured on which a block takes 400 microseconds, and one for each channel out.

    A border takes 200 of them, a network ten milliseconds and one nanosecond more than the last.
    """
    roles, timed = {item.key: item.role for item in manifest.items}, {}
    for number, key in enumerate(manifest.timed_keys()):
        found = re.search(r"->(\d+)", key)
        ns = {
            "block": 400_000 + (1000 * int(found[1]) if found else 0),
            "border": 200_000,
            "network": 10_000_000 + number,
        }[roles[key]]
        timed[key] = {
            "median_ns": ns,
            "p95_ns": ns,
            "spread_ns": 1000,
            "runs": 15,
            "canary_ns": 500,
        }
    made = measured_content()
    runtime = {**made["runtime"], "threads": manifest.target.threads}
    told = {"kit": manifest.digest(), "runtime": runtime, "timed": timed}
    return KitMeasured.model_validate({**made, **told, "promised": {}, "labels": {}, **changes})


def as_written(measured: KitMeasured, path: Path) -> Path:
    """A file of what was measured, as a runner writes it."""
    content = measured.content()
    document = {
        "schema": KitMeasured.schema_tag,
        "digest": measured.digest(),
        "content": content,
    }
    path.write_text(json.dumps(document))
    return path
