"""A function of the user's own: found by name, given a sample, held to its form."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.datasets.transforming.own_function import OwnFunction
from fasterseg.errors import UsageError

IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
LABELS = np.zeros((4, 6), dtype=np.uint8)


def mirrored(image: Pixels, labels: LabelMap) -> tuple[Pixels, LabelMap]:
    return image[:, ::-1], labels[:, ::-1]


def drawn(image: Pixels, labels: LabelMap, *, generator: np.random.Generator) -> Any:
    return np.full_like(image, generator.integers(256)), labels


def drawn_by_globals(image: Pixels, labels: LabelMap) -> Any:
    value = (random.randrange(16) << 4) + np.random.randint(16)  # noqa: NPY002
    return np.full_like(image, value), labels


def called(function: Any, seed: int = 0) -> tuple[Pixels, LabelMap]:
    own = OwnFunction("here:it", function)
    return own(IMAGE, LABELS, generator=np.random.default_rng(seed))


def test_it_is_found_by_module_and_name() -> None:
    own = OwnFunction.named(f"{__name__}:mirrored")
    assert own.function is mirrored
    image, _ = own(IMAGE, LABELS, generator=np.random.default_rng(0))
    assert np.array_equal(image, IMAGE[:, ::-1])


@pytest.mark.parametrize("function", [drawn, drawn_by_globals])
def test_what_it_draws_is_a_function_of_the_sample(function: Any) -> None:
    assert np.array_equal(called(function, 1)[0], called(function, 1)[0])
    assert len({int(called(function, seed)[0].max()) for seed in range(20)}) > 10


def test_global_generators_are_as_they_were_afterwards() -> None:
    random.seed(5)
    wanted = random.random()
    random.seed(5)
    called(drawn_by_globals)
    assert random.random() == wanted


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda image, labels: (image[:2], labels[:2]), "it made one of uint8"),
        (lambda image, labels: (image / 255, labels), "float64"),
        (lambda image, labels: (image, labels - 0.5), "no class ids"),
        (lambda image, labels: image, "too many values"),
        (lambda image, labels: 1 / 0, "ZeroDivisionError"),
        (lambda image: image, "TypeError"),
    ],
)
def test_what_gives_no_sample_back_is_told(function: Any, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        called(function)
    assert caught.value.what == "the function here:it failed on a sample"
    assert why in str(caught.value.why)


@pytest.mark.parametrize(
    "name", ["no_such_module:f", f"{__name__}:nothing", f"{__name__}:POINT", "numpy"]
)
def test_a_name_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="to augment with"):
        OwnFunction.named(name)
