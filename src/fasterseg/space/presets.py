"""Named search spaces, each with every key of a space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasterseg.space.kinds import Kind

PAPER_OPERATORS: tuple[Kind, ...] = ("skip", "conv", "conv_x2", "zoomed_conv", "zoomed_conv_x2")
_MOBILE_FINE = ("skip", "separable_conv", "inverted_r3", "inverted_r6")
_MOBILE_COARSE = (*_MOBILE_FINE, "conv_x2_residual")

PAPER: Mapping[str, Any] = {
    "layers": 16,
    "kinds": {
        "cells": PAPER_OPERATORS,
        "stem": ("conv_x2",),
        "context": ("none",),
        "fusion.arm": ("arm",),
        "fusion.join": ("concatenate",),
        "fusion.refine": ("none",),
        "fusion.fuse": ("fuse",),
        "head": ("head",),
        "auxiliary": ("auxiliary",),
    },
    "widths": {
        "tied": "none",
        "ends": "fusion",
        "cells": (4, 6, 8, 10, 12),
        "stem": (8, 12),
        "fusion": (),
        "head": (8, 12),
    },
    "branches": (32, 16),
}

MOBILE: Mapping[str, Any] = {
    "layers": 10,
    "kinds": {
        "cells": {8: _MOBILE_FINE, 16: _MOBILE_COARSE, 32: _MOBILE_COARSE},
        "stem": ("conv", "separable_conv"),
        "context": ("none", "image_pooling", "pyramid_pooling"),
        "fusion.arm": ("lift",),
        "fusion.join": ("add", "pass"),
        "fusion.refine": ("none", "separable_conv"),
        "fusion.fuse": ("sum",),
        "head": ("separable_head", "point_head"),
        "auxiliary": ("narrow_auxiliary",),
    },
    "widths": {
        "tied": "stage",
        "ends": "own",
        "cells": {8: (4, 6, 8), 16: (3, 4, 5, 6, 7), 32: (3, 4, 5, 6)},
        "stem": {0: ("16 channels", "32 channels"), 1: ("32 channels", "48 channels")},
        "fusion": ("48 channels", "64 channels", "96 channels", "128 channels"),
        "head": (),
    },
    "branches": (32,),
}

SMALL: Mapping[str, Any] = {
    **MOBILE,
    "layers": 6,
    "widths": {
        **MOBILE["widths"],
        "cells": {8: (2, 4), 16: (2, 4), 32: (2, 4)},
        "stem": {0: ("8 channels", "16 channels"), 1: ("16 channels", "32 channels")},
        "fusion": ("32 channels", "64 channels"),
    },
}

PRESETS: Mapping[str, Mapping[str, Any]] = {"paper": PAPER, "mobile": MOBILE, "small": SMALL}
