from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasterseg.datasets.sample import LabelMap
from fasterseg.datasets.transforming import crops
from fasterseg.datasets.transforming.crops import Crop, ScaledCrop
from fasterseg.datasets.transforming.disturbances import Blur, ColourJitter, CutOut, Noise
from fasterseg.datasets.transforming.transforms import (
    Flip,
    JointTransform,
    Rotation,
    Scale,
    seen_through,
)
from fasterseg.datasets.transforming.views import AS_IT_LIES, Place, View

IGNORE = 65535
HEIGHT, WIDTH = 37, 46

MOVING: dict[str, tuple[JointTransform, ...]] = {
    "scale": (Scale(0.5, 2.0),),
    "flip": (Flip(0.5),),
    "crop": (Crop((20, 24), IGNORE),),
    "crop with padding": (Crop((40, 60), IGNORE),),
    "crop of a class": (Crop((20, 24), IGNORE, rare=1.0),),
    "rotation": (Rotation(180.0, IGNORE),),
    "scaled crop": (ScaledCrop(Scale(0.5, 2.0), Crop((32, 36), IGNORE)),),
    "all": (
        Scale(0.5, 2.0),
        Rotation(30.0, IGNORE),
        Crop((32, 36), IGNORE),
        Flip(0.5),
        CutOut(0.3, IGNORE),
    ),
}


def numbered() -> View:
    """An image in which each pixel's label is its number."""
    labels = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    return View(np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8), labels)


def seen(transforms: tuple[JointTransform, ...], seed: int) -> View:
    view, generator = numbered(), np.random.default_rng(seed)
    for transform in transforms:
        view = seen_through(transform, view, generator=generator)
    return view


def largest_distance(view: View) -> float:
    """How far the places that labels came from lie from where the view says, at most."""
    rows, columns = np.nonzero(view.labels != IGNORE)
    true_rows, true_columns = np.divmod(view.labels[rows, columns].astype(np.int64), WIDTH)
    said_rows, said_columns = view.place.of(rows.astype(float), columns.astype(float))
    apart = np.maximum(abs(said_rows - true_rows), abs(said_columns - true_columns))
    return float(apart.max())


@pytest.mark.parametrize("name", [*MOVING])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_place_says_where_each_pixel_came_from(name: str, seed: int) -> None:
    # Labels are the nearest pixel's, to about a thousandth, in each step that lies between pixels.
    apart = {"scale": 0.501, "rotation": 0.501, "scaled crop": 0.501, "all": 1.6}

    assert largest_distance(seen(MOVING[name], seed)) <= apart.get(name, 0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_window_of_a_large_image_has_the_place_of_the_whole_ones(seed: int) -> None:
    transforms = MOVING["scaled crop"]
    whole = seen(transforms, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crops, "LARGE_PIXELS", 0)
        window = seen(transforms, seed)

    assert np.array_equal(window.labels, whole.labels)
    assert window.place.row == pytest.approx(whole.place.row)
    assert window.place.column == pytest.approx(whole.place.column)


def test_what_is_padded_lies_beyond_the_image() -> None:
    view = seen(MOVING["crop with padding"], 0)

    rows, columns = view.place.of(*np.mgrid[:40, :60].astype(float))

    beyond = (rows > HEIGHT - 0.5) | (columns > WIDTH - 0.5)
    assert np.array_equal(beyond, view.labels == IGNORE)


@pytest.mark.parametrize("transform", [ColourJitter(0.5), Blur(2.0), Noise(0.2), CutOut(0.3)])
def test_what_changes_colours_leaves_the_place(transform: JointTransform) -> None:
    view = seen((Crop((20, 24), IGNORE), transform), 3)

    assert view.place == seen((Crop((20, 24), IGNORE),), 3).place


def test_a_function_of_two_arguments_is_no_moving_transform() -> None:
    def darker(
        image: np.ndarray, labels: LabelMap, *, generator: np.random.Generator
    ) -> tuple[np.ndarray, LabelMap]:
        return image // 2, labels

    assert seen_through(darker, numbered(), generator=np.random.default_rng(0)).place == AS_IT_LIES


def test_two_arguments_give_what_a_view_gives() -> None:
    plain = numbered()
    for transforms in MOVING.values():
        view, generator = plain, np.random.default_rng(5)
        pair, other = plain.pair, np.random.default_rng(5)
        for transform in transforms:
            view = seen_through(transform, view, generator=generator)
            pair = transform(*pair, generator=other)
        assert np.array_equal(view.labels, pair[1])
        assert np.array_equal(view.image, pair[0])


def test_places_follow_one_another() -> None:
    first, then = Place.resized((30, 40), (15, 80)), Place.turned(20.0, (15, 80))
    rows, columns = np.mgrid[:3, :4].astype(float)

    together = first.after(then).of(rows, columns)
    one_by_one = first.of(*then.of(rows, columns))

    assert np.allclose(together, one_by_one)
