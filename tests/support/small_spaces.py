"""Small search spaces, contenders, made-up block costs and random choices for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import torch
from torch import Tensor

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.assignment import Assignment
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.choices import SECTIONS, section
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import random_architecture
from fasterseg.supernet.relaxation import Relaxation

GEOMETRY = Geometry(Size(64, 96), 3)

# Outer widths that differ in number and in value, so that no two can be mistaken for each other.
UNTIED = {
    "stem_expansions": (1, 2, 3),
    "fusion_expansions": (2, 5),
    "head_expansions": (1, 3, 4, 6),
}


def make_space(layers: int, **changes: Any) -> SearchSpace:
    """A space with two narrow expansions."""
    narrow = {"expansions": (2, 4), "stem_expansions": (2, 4), "head_expansions": (2, 4)}
    return SearchSpace(layers=layers, **{**narrow, **changes})


def tied_space(layers: int, **changes: Any) -> SearchSpace:
    """A space with widths tied by stage, few kinds and few widths."""
    few = {
        "preset": "mobile",
        "kinds": {
            "cells": ("skip", "separable_conv"),
            "stem": ("conv",),
            "fusion.refine": ("none",),
            "head": ("point_head",),
        },
        "widths": {
            "cells": {8: (2, 3), 16: (2,), 32: (1, 2)},
            "stem": ("8 channels",),
            "fusion": ("16 channels", "24 channels"),
        },
    }
    return SearchSpace(layers=layers, **{**few, **changes})


def make_student(**changes: Any) -> ContenderSettings:
    """A student for `make_space`."""
    known = {"name": "student", "role": "student", "stem_expansion": 2, "head_expansion": 2}
    return ContenderSettings(**{**known, **changes})


def open_student(**changes: Any) -> ContenderSettings:
    """A student that searches the widths of stem, fusion and head too."""
    return make_student(**{"stem_expansion": None, "head_expansion": None, **changes})


def make_teacher(**changes: Any) -> ContenderSettings:
    """A teacher for `make_space`, without skips."""
    known = {
        "name": "teacher",
        "role": "teacher",
        "stem_expansion": 4,
        "head_expansion": 4,
        "operators": ("conv", "conv_x2", "zoomed_conv", "zoomed_conv_x2"),
    }
    return ContenderSettings(**{**known, **changes})


def made_up_cost_ms(spec: BlockSpec) -> float:
    """A cost between 0.1 and 1.1 ms that tells any two blocks apart."""
    digest = hashlib.sha256(spec.key.encode()).digest()
    return 0.1 + int.from_bytes(digest[:4], "little") / 2**32


PRICING = Pricing(GEOMETRY, made_up_cost_ms)


def estimate_ms(architecture: Architecture) -> float:
    """The sum of the made-up costs of an architecture's whole job."""
    return sum(made_up_cost_ms(spec) for spec in wire(architecture, GEOMETRY).timed_specs())


def ends_ms(options: Options) -> tuple[float, float]:
    """What the cheapest and the dearest network of a space cost."""
    ends = (end(options, GEOMETRY, made_up_cost_ms) for end in (cheapest, dearest))
    lowest, highest = map(estimate_ms, ends)
    return lowest, highest


def random_architectures(options: Options, count: int) -> list[Architecture]:
    """Members of a space, the same every time."""
    return [random_architecture(options, Random(seed)) for seed in range(count)]


def every_assignment(options: Options) -> Iterator[Assignment]:
    """Every combination of options, also of choices that have no effect in it."""
    names = [*options.choices]
    for taken in product(*options.choices.values()):
        yield dict(zip(names, taken, strict=True))


class Logits(dict[str, Tensor]):
    """Free logits for every choice of a space by its name, as leaves of the graph."""

    @classmethod
    def random(cls, options: Options, seed: int, *, scale: float = 1.0) -> Logits:
        """Normally distributed logits."""
        generator = torch.Generator().manual_seed(seed)

        def leaf(count: int) -> Tensor:
            sampled = scale * torch.randn(count, generator=generator, dtype=torch.float64)
            return sampled.requires_grad_()

        offered, settled = options.lattice.choices, options.lattice.settled
        names = [n for part in SECTIONS for n in offered if section(n) == part and n not in settled]
        return cls({name: leaf(len(offered[name])) for name in names})

    def relaxation(self) -> Relaxation:
        """Each choice's probabilities."""
        return Relaxation({name: logits.softmax(0) for name, logits in self.items()})

    def all(self) -> list[Tensor]:
        """Every leaf, in a fixed order."""
        return [*self.values()]


def lattice_of(layers: int, **changes: Any) -> Lattice:
    """The lattice of `make_space`."""
    return Lattice(make_space(layers, **changes))
