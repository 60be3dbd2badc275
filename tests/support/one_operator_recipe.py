"""A recipe whose space has one operator at one width: for runs that choose and learn nothing."""

from __future__ import annotations

from typing import Any


def one_operator_recipe(**target: Any) -> dict[str, Any]:
    """The recipe's content, for a target of that description and of 32x64 pixels."""
    scenes = {"height": 32, "width": 64, "train": 4, "val": 2, "test": 2}
    return {
        "space": {
            "layers": 3,
            "operators": ["conv"],
            "expansions": [1],
            "stem_expansions": [1],
            "fusion_expansions": [1],
            "head_expansions": [1],
        },
        "contenders": [{"name": "student", "role": "student", "operators": ["conv"]}],
        "target": {**target, "height": 32, "width": 64},
        "profile": {"runs": 3, "seconds_per_block": 1e-4, "calibration_networks": 4},
        "data": {"street": scenes},
    }
