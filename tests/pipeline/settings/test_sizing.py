"""The sizes of a run follow from its images, where its recipe names none."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from photos import photos
from PIL import Image

from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.errors import DataError, UsageError
from fasterseg.pipeline.opening import OpenedRun, open_run, open_settled
from fasterseg.pipeline.settings.recipes import resolve_recipe
from fasterseg.pipeline.settings.sizing import crop_within, note_on_crops, note_on_sizes


def all_of(folder: Path, size: tuple[int, int]) -> Path:
    """Photos of one size, one in each split."""
    return photos(folder, {split: [size] for split in ("train", "val", "test")})


def opened(folder: Path, *changes: str, run: str = "run", recipe: Path | None = None) -> OpenedRun:
    """A run on a folder of photos."""
    return open_run(Common(data=folder, run=folder / run, set=changes, recipe=recipe))


@pytest.mark.parametrize("size", [(48, 80), (80, 48), (37, 61), (64, 64)])
def test_without_a_size_the_photos_own_is_the_targets(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    found, folder, _ = opened(all_of(tmp_path, size))
    assert found.target.size == size
    assert Recipe.load(folder.recipe).target.size == size
    assert note_on_sizes(found, opened(tmp_path).source) == ""


def test_an_image_that_is_stored_on_its_side_counts_as_it_is_seen(tmp_path: Path) -> None:
    all_of(tmp_path, (64, 32))
    for stored in (tmp_path / "images").rglob("*.png"):
        with Image.open(stored) as image:
            turned = image.transpose(Image.Transpose.ROTATE_90)
        tags = turned.getexif()
        tags[0x0112] = 6
        turned.save(stored.with_suffix(".jpg"), exif=tags)
        stored.unlink()
    found, _, source = opened(tmp_path)
    assert source.sample("train", 0).image.shape[:2] == found.target.size == (64, 32)


def test_street_is_timed_at_the_size_of_its_scenes(tmp_path: Path) -> None:
    changes = ("data.street.height=40", "data.street.width=72")
    assert open_run(Common(run=tmp_path, set=changes)).recipe.target.size == (40, 72)
    assert open_run(Common(run=tmp_path / "other")).recipe.target.size == (128, 256)


def test_images_of_several_sizes_are_asked_about_and_the_answer_works_when_typed(
    tmp_path: Path,
) -> None:
    photos(tmp_path, {"train": [(48, 80), (48, 80)], "val": [(80, 48)], "test": [(32, 64)]})
    with pytest.raises(UsageError) as caught:
        opened(tmp_path)
    error = caught.value
    assert "3 sizes" in error.what
    assert "2 of 48x80, 1 of 32x64, 1 of 80x48" in error.where
    assert "budget" in error.what
    assert not (tmp_path / "run" / "recipe.json").exists()
    words = shlex.split(error.next_step.partition(": ")[2])
    answer = [value for option, value in zip(words[::2], words[1::2], strict=True)]
    found, _, source = opened(tmp_path, *answer)
    assert found.target.size == (48, 80)
    note = note_on_sizes(found, source)
    assert "hold for 48x80" in note
    assert "1 of the 1 images of test" in note
    assert "1 of 32x64" in note


def test_a_size_that_was_given_is_kept_and_told_where_the_scored_images_have_another(
    tmp_path: Path,
) -> None:
    all_of(tmp_path, (48, 80))
    found, _, source = opened(tmp_path, "target.height=32", "target.width=64")
    assert found.target.size == (32, 64)
    assert "hold for 32x64" in note_on_sizes(found, source)
    assert "1 of 48x80" in note_on_sizes(found, source)


def test_one_side_alone_is_no_size(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="target") as caught:
        opened(all_of(tmp_path, (48, 80)), "target.height=32")
    assert "a height and no width" in str(caught.value)


def test_a_run_keeps_the_size_that_it_began_with(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("search: {steps: 3}")
    first = opened(all_of(tmp_path, (48, 80)), recipe=recipe).recipe
    photos(tmp_path, {"train": [(48, 80)], "val": [(48, 80), (32, 64)], "test": [(48, 80)]})
    assert opened(tmp_path, recipe=recipe).recipe == first
    assert opened(tmp_path).recipe == first


def test_crops_have_the_photos_proportions_and_a_bounded_number_of_pixels(tmp_path: Path) -> None:
    assert crop_within((720, 1280), 512 * 512) == (384, 672)
    assert crop_within((720, 1280), 256 * 256) == (192, 352)
    assert crop_within((1280, 720), 256 * 256) == (352, 192)
    assert crop_within((128, 256), 256 * 256) == (128, 256)
    for size in [(37, 61), (33, 4000), (1024, 2048), (8, 8)]:
        height, width = crop_within(size, 256 * 256)
        assert height % 32 == width % 32 == 0
        assert height >= 32
        assert width >= 32
        assert height * width <= max(1.3 * 256 * 256, 32 * 4000)
    found = opened(all_of(tmp_path, (96, 160))).recipe
    assert {one.augmentation.crop for one in (found.search, found.teacher, found.student)} == {
        (96, 160)
    }


def test_crops_that_were_given_are_kept(tmp_path: Path) -> None:
    all_of(tmp_path, (96, 160))
    found = opened(tmp_path, "student.augmentation.crop_height=64").recipe
    assert found.student.augmentation.crop == (64, 160)


def test_an_image_that_cannot_be_opened_is_told_as_one(tmp_path: Path) -> None:
    all_of(tmp_path, (48, 80))
    next((tmp_path / "images" / "train").iterdir()).write_bytes(b"no image")
    with pytest.raises(DataError):
        opened(tmp_path)


def test_who_only_scores_is_asked_for_no_size(tmp_path: Path) -> None:
    photos(tmp_path, {"train": [(48, 80)], "val": [(48, 80)], "test": [(32, 64)]})
    recipe, _ = open_settled(resolve_recipe(Common(data=tmp_path)))
    assert recipe.data.test_split == "test"
    with pytest.raises(UsageError, match="size is not known"):
        _ = recipe.target.size


def test_a_search_s_crops_fit_its_smaller_images_and_pretraining_s_are_its_own(
    tmp_path: Path,
) -> None:
    all_of(tmp_path, (512, 1024))
    own = "search.pretraining.augmentation.crop_height=64"
    recipe, folder, _ = opened(tmp_path, "search.image_scale=0.25", own)
    assert recipe.search.augmentation.crop == crop_within((128, 256), 256 * 256) == (128, 256)
    assert recipe.search.pretraining.augmentation.crop == (64, 256)
    assert recipe.student.augmentation.crop == crop_within((512, 1024), 512 * 512)
    assert opened(tmp_path).recipe == recipe == Recipe.load(folder.recipe)


def test_crops_that_no_image_of_the_working_size_fills_are_told_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    all_of(tmp_path, (96, 128))
    followed, *_ = opened(tmp_path, "data.size=70x100")
    assert note_on_crops(followed) == "", "whole strides of crops may be a little larger"
    large = [f"student.augmentation.crop_{side}=128" for side in ("height", "width")]
    large += [f"search.augmentation.crop_{side}=64" for side in ("height", "width")]
    changes = ["data.size=70x100", *large, "search.image_scale=0.5"]
    common = Common(data=tmp_path, run=tmp_path / "other", set=tuple(changes))
    found, *_ = open_run(common, ("train",))
    note = note_on_crops(found)
    assert "128x128 (student)" in note
    assert "64x64" not in note, "35x50 pixels are two strides of 32"
    assert note in capsys.readouterr().err
