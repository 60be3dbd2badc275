"""What is handed in as an architecture is looked at beside the recipe's space."""

from __future__ import annotations

from fasterseg.config import Recipe
from fasterseg.pipeline.trainings.architectures import widths_outside
from fasterseg.space.architecture import Architecture


def test_the_widths_that_the_space_does_not_have_are_named() -> None:
    recipe = Recipe()
    student = next(one for one in recipe.contenders if one.role == "student")

    def found(width: int, fusion: str) -> Architecture:
        cell = {"kind": "conv", "down": True, "expansion": width}
        return Architecture.model_validate(
            {
                "branches": [{"stride": 16, "cells": [cell]}],
                "widths": {"stem": "16 channels", "fusion": fusion, "head": fusion},
            }
        )

    assert widths_outside(found(4, "64 channels"), recipe, student) == []
    assert widths_outside(found(12, "63 channels"), recipe, student) == ["63 channels", 12]
