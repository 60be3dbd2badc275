from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fasterseg.datasets.transforming.answers_at import (
    Answer,
    finer_size,
    refuse_own_function,
    sampled,
    small_size,
)
from fasterseg.datasets.transforming.views import AS_IT_LIES, Place
from fasterseg.errors import UsageError

STRIDE = 8


def noise(size: tuple[int, int], classes: int = 3) -> Answer:
    generator = np.random.default_rng(0)
    return generator.standard_normal((classes, *small_size(size, STRIDE)), dtype=np.float32)


def smooth(size: tuple[int, int]) -> Answer:
    """Three waves, of 96 pixels or more."""
    height, width = small_size(size, STRIDE)
    rows = np.linspace(0, size[0] - 1, height)[:, None]
    columns = np.linspace(0, size[1] - 1, width)[None, :]
    waves = [rows + 0 * columns, 0 * rows + columns, rows + columns]
    return np.stack([np.sin(2 * np.pi * wave / 96) for wave in waves]).astype(np.float32)


def enlarged(answer: Answer, size: tuple[int, int]) -> Answer:
    whole = torch.from_numpy(answer)[None]
    return F.interpolate(whole, size=size, mode="bilinear", align_corners=True)[0].numpy()


def taken(answer: Answer, place: Place, image: tuple[int, int], view: tuple[int, int]) -> Answer:
    return sampled(answer, place, image=image, view=view, stride=STRIDE)


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (3, 200), (8, 8)])
def test_a_whole_image_has_the_kept_answer_bit_for_bit(size: tuple[int, int]) -> None:
    answer = noise(size)

    whole = taken(answer, AS_IT_LIES, size, size)
    assert np.array_equal(whole[:, ::2, ::2], answer)
    assert np.allclose(enlarged(whole, size), enlarged(answer, size), atol=1e-5)
    # Composed of steps that undo one another, it is no identity by its numbers.
    again = Place.mirrored(size[1]).after(Place.mirrored(size[1]))
    through = Place.resized(size, (2 * size[0], 3 * size[1]))
    back = through.after(Place.resized((2 * size[0], 3 * size[1]), size))
    assert np.array_equal(taken(answer, again, size, size), whole)
    assert np.array_equal(taken(answer, back, size, size), whole)


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (3, 200)])
def test_a_mirrored_image_has_the_mirrored_answer_bit_for_bit(size: tuple[int, int]) -> None:
    answer = noise(size)

    mirrored = taken(answer, Place.mirrored(size[1]), size, size)
    assert np.array_equal(mirrored[:, ::2, ::2], answer[..., ::-1])
    assert np.allclose(enlarged(mirrored, size), enlarged(answer, size)[..., ::-1], atol=1e-5)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 5), (40, 33), (64, 96)])
def test_a_crop_has_what_the_enlarged_answer_has_there(top: int, left: int) -> None:
    image, view = (128, 192), (64, 96)
    answer = smooth(image)
    whole = enlarged(answer, image)[:, top : top + 64, left : left + 96]

    found = enlarged(taken(answer, Place.cut(top, left), image, view), view)

    # The most by theory: on both sides a kink of the one midway between values of the other.
    kink, between = STRIDE * (2 * np.pi / 96) ** 2, 95 / (finer_size(view, STRIDE)[1] - 1)
    assert np.abs(found - whole).max() < 2 * kink * between / 4
    assert np.abs(found - whole).mean() < 0.01


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.0, 1.5, 2.0])
def test_a_scaled_image_has_the_answer_at_its_scale(factor: float) -> None:
    image = (128, 192)
    size = round(128 * factor), round(192 * factor)
    answer = smooth(image)
    found = taken(answer, Place.resized(image, size), image, size)
    rows = np.linspace(0, size[0] - 1, found.shape[1])
    where = np.clip((rows + 0.5) / factor - 0.5, 0, 127)

    assert found.shape[1:] == finer_size(size, STRIDE)
    assert np.abs(found[0, :, 0] - np.sin(2 * np.pi * where / 96)).max() < 0.05


@pytest.mark.parametrize("size", [(64, 96), (3, 200), (120, 5)])
def test_side_by_side_the_same_is_taken_as_place_by_place(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = noise(size)
    place = Place.resized(size, (90, 120)).after(Place.cut(7, 31)).after(Place.mirrored(40))
    assert place.is_upright
    found = taken(answer, place, size, (50, 40))
    monkeypatch.setattr(Place, "is_upright", False)
    assert np.array_equal(found, taken(answer, place, size, (50, 40)))


def test_beyond_the_image_lies_its_edge() -> None:
    answer = noise((32, 32))

    found = taken(answer, AS_IT_LIES, (32, 32), (64, 64))

    assert found.shape == (3, 15, 15)
    assert np.array_equal(found[:, -1, -1], answer[:, -1, -1])
    assert np.isfinite(found).all()


def test_a_turned_image_has_the_turned_answer() -> None:
    answer = noise((64, 64))

    found = taken(answer, Place.turned(90.0, (64, 64)), (64, 64), (64, 64))

    assert np.allclose(found[:, ::2, ::2], np.rot90(answer, axes=(1, 2)), atol=1e-5)


def test_a_function_that_may_move_pixels_is_refused() -> None:
    refuse_own_function("")

    with pytest.raises(UsageError, match="cannot follow the function mine:fog") as refused:
        refuse_own_function("mine:fog")

    assert "distillation.answers=live" in str(refused.value.next_step)
