"""What a target computes in: as its runtime can, and what files may lose."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fasterseg.config import RUNTIMES, Recipe, TargetSettings, build_recipe
from fasterseg.errors import UsageError
from fasterseg.latency.table import Target


@pytest.mark.parametrize(
    ("backend", "precision"),
    [
        ("onnxruntime", "int8"),
        ("openvino", "int8"),
        ("openvino", "bfloat16"),
        ("openvino", "float16"),
        ("onnxruntime-cuda", "float16"),
    ],
)
def test_a_target_computes_in_what_its_runtime_can(backend: str, precision: str) -> None:
    settings = TargetSettings.model_validate({"backend": backend, "precision": precision})
    assert settings.precision == precision


@pytest.mark.parametrize(
    ("backend", "precision", "able"),
    [
        ("pytorch", "int8", "onnxruntime or openvino"),
        ("onnxruntime", "bfloat16", "openvino"),
        ("onnxruntime", "float16", "openvino or onnxruntime-cuda or tensorrt"),
        ("tensorrt", "int8", "onnxruntime or openvino"),
    ],
)
def test_what_it_cannot_is_refused_with_those_that_can(
    backend: str, precision: str, able: str
) -> None:
    with pytest.raises(ValidationError, match=f"for {precision} take the backend {able}"):
        TargetSettings.model_validate({"backend": backend, "precision": precision})


def test_what_a_network_is_written_in_and_made_of_follows_from_the_runtime() -> None:
    assert RUNTIMES["openvino"].written_in("bfloat16") == "float32"
    assert RUNTIMES["openvino"].written_in("int8") == "int8"
    assert RUNTIMES["openvino"].module_type("float16") == "float32"
    assert RUNTIMES["onnxruntime"].module_type("int8") == "float32"
    assert RUNTIMES["tensorrt"].module_type("float16") == "float16"


def test_points_that_may_be_lost_are_no_part_of_a_latency_and_mean_something_in_int8_only() -> None:
    settings = TargetSettings(precision="int8", max_drop=1.0, height=64, width=128)
    assert "max_drop" not in Target.of(settings, 11).model_dump()
    with pytest.raises(UsageError, match=r"'target.max_drop' would do nothing"):
        build_recipe(overrides=("target.max_drop=1",))
    recipe = build_recipe(overrides=("target.max_drop=1", "target.precision=int8"))
    assert recipe.target.max_drop == 1


def test_a_recipe_that_says_nothing_of_it_is_as_it_was() -> None:
    assert "max_drop" not in Recipe().content()["target"]
