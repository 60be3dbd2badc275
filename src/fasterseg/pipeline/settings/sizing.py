"""The sizes of a run: the target's and the crops', from the images where the recipe names none.

A latency is that of one size: the working size of a recipe that has one (`data.size`).  Without it
it is the images' own, so that what is timed is what is scored; images of several sizes are asked
about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import sqrt
from typing import Any, TypeVar

from fasterseg.config import PretrainingSettings, Recipe, SearchSettings, TrainingSettings
from fasterseg.datasets.checking.sizes import image_sizes
from fasterseg.datasets.pictures.resampling import stretch
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.transforms import scaled_size
from fasterseg.errors import UsageError

SEARCH_CROP_PIXELS, TRAINING_CROP_PIXELS = 256 * 256, 512 * 512
STRIDE = 32
"""The coarsest map has a feature for so many pixels along a side."""
MOST_SIZES_NAMED = 5
WORTH_A_WORD = 1.02
"""So many times as wide, or as high, beside the other side: what is less is rounding."""

Size = tuple[int, int]
Sides = tuple[int | None, int | None]
Cropped = TypeVar("Cropped", SearchSettings, PretrainingSettings, TrainingSettings)


def with_sizes(recipe: Recipe, source: DataSource, *, known: Recipe | None = None) -> Recipe:
    """The recipe with all its sizes: what it does not name is `known`'s, else follows the images.

    With a working size, the images are of that one.  Raises `UsageError` where they have several
    sizes and nothing says which of them is the target's.
    """
    recipe = recipe if known is None else _with_known(recipe, known)
    if not _lacks_sizes(recipe):
        return recipe
    sizes = _seen_sizes(recipe, source)
    if not sizes:
        return recipe
    usual = sizes.most_common(1)[0][0]
    target = usual if recipe.target.height is not None else _only_size(sizes, source.name)
    scales = {**dict.fromkeys(_CROPPED, 1.0), "search": recipe.search.image_scale}
    crops = {
        name: crop_within(scaled_size(usual, scales[name]), pixels)
        for name, pixels in _CROPPED.items()
    }
    return _filled(recipe, target, crops)


def _with_known(recipe: Recipe, known: Recipe) -> Recipe:
    """The recipe with what a run's own has settled."""
    crops = {name: getattr(known, name).augmentation for name in _CROPPED}
    return _filled(
        recipe,
        (known.target.height, known.target.width),
        {name: (one.crop_height, one.crop_width) for name, one in crops.items()},
    )


def _filled(recipe: Recipe, target: Sides, crops: Mapping[str, Sides]) -> Recipe:
    """The recipe with these sizes wherever it names none."""
    update: dict[str, Any] = {"target": recipe.target}
    if recipe.target.height is None:
        sides = dict(zip(("height", "width"), target, strict=True))
        update["target"] = recipe.target.model_copy(update=sides)
    for name, crop in crops.items():
        update[name] = _cropped(getattr(recipe, name), crop)
    before = _cropped(recipe.search.pretraining, crops["search"])
    update["search"] = update["search"].model_copy(update={"pretraining": before})
    return recipe.model_copy(update=update)


_CROPPED = {
    "search": SEARCH_CROP_PIXELS,
    "teacher": TRAINING_CROP_PIXELS,
    "student": TRAINING_CROP_PIXELS,
}


def crop_within(size: Size, pixels: int) -> Size:
    """A crop of an image's proportions, of about so many pixels at most, in whole strides of 32."""
    height, width = size
    share = min(1.0, sqrt(pixels / (height * width)))
    return _whole_strides(share * height), _whole_strides(share * width)


def _whole_strides(side: float) -> int:
    return STRIDE * max(1, int(side / STRIDE + 0.5))


def note_on_sizes(recipe: Recipe, source: DataSource) -> str:
    """What to tell of images that do not have the target's size; empty where all have."""
    if recipe.data.size is not None:
        sizes = _used_sizes(recipe, source.as_it_lies)
        return brought_note(sizes, recipe.data.size)
    split = recipe.data.test_split
    sizes = image_sizes(source, [split])
    others = Counter({size: count for size, count in sizes.items() if size != recipe.target.size})
    if not others:
        return ""
    return (
        f"latencies and budgets hold for {_text(recipe.target.size)}, the target's size; "
        f"{others.total()} of the {sizes.total()} images of {split}, which are scored at their own "
        f"size, have another: {_listed(others)}"
    )


def note_on_crops(recipe: Recipe) -> str:
    """What to tell of crops that no image of the working size fills; empty without such.

    Those that follow from the size are whole strides, and may be larger by a part of one.
    """
    if recipe.data.size is None:
        return ""
    scales = {**dict.fromkeys(_CROPPED, 1.0), "search": recipe.search.image_scale}
    crops = {name: getattr(recipe, name).augmentation.crop for name in _CROPPED}
    before = recipe.search.pretraining.augmentation.crop
    if before != crops["search"]:
        crops["search.pretraining"], scales["search.pretraining"] = before, scales["search"]
    large: dict[Size, list[str]] = {}
    for name, crop in crops.items():
        fits = [-(-side // STRIDE) * STRIDE for side in scaled_size(recipe.data.size, scales[name])]
        if crop[0] > fits[0] or crop[1] > fits[1]:
            large.setdefault(crop, []).append(name)
    if not large:
        return ""
    told = " and ".join(f"{_text(crop)} ({', '.join(names)})" for crop, names in large.items())
    return (
        f"crops of {told} are larger than images of {_text(recipe.data.size)}, the working size: "
        "what an image does not fill is padded, and is learned from by nobody; without crop_height "
        "and crop_width in the recipe, crops follow the size"
    )


def brought_note(sizes: Mapping[Size, int], size: Size) -> str:
    """What to tell of images of these sizes that are brought to one; empty where all have it."""
    others = Counter({one: count for one, count in sizes.items() if tuple(one) != tuple(size)})
    if not others:
        return ""
    told = [
        f"{others.total()} of the {sum(sizes.values())} images are brought to {_text(size)} for "
        "training and search, once, and networks run at it; scores are at the labels' own size"
    ]
    told += [stretched] if (stretched := told_stretched(others, size)) else []
    enlarged = Counter({one: n for one, n in others.items() if one[0] * one[1] < size[0] * size[1]})
    told += (
        [f"enlarged, which shows a network nothing more: {_listed(enlarged)}"] if enlarged else []
    )
    return "; ".join(told)


def _stretched(sizes: Mapping[Size, int], size: Size) -> Counter[Size]:
    """Those of sizes whose proportions are not those of the size that they are brought to."""
    off = {one: max(stretch(one, size), 1 / stretch(one, size)) for one in sizes}
    return Counter({one: count for one, count in sizes.items() if off[one] >= WORTH_A_WORD})


def told_stretched(sizes: Mapping[Size, int], size: Size) -> str:
    """What to tell of images of other proportions than a size's; empty where there are none."""
    found = _stretched(sizes, size)
    if not found:
        return ""
    worst = max(found, key=lambda one: max(stretch(one, size), 1 / stretch(one, size)))
    factor = stretch(worst, size)
    how = f"{factor:.2f} times as wide" if factor > 1 else f"{1 / factor:.2f} times as high"
    return (
        f"{found.total()} have other proportions and are distorted, at most to {how} as they were "
        f"({_text(worst)}): {_listed(found)}"
    )


def _lacks_sizes(recipe: Recipe) -> bool:
    crops = [getattr(recipe, name).augmentation for name in _CROPPED]
    crops.append(recipe.search.pretraining.augmentation)
    sides = [side for one in crops for side in (one.crop_height, one.crop_width)]
    return None in (recipe.target.height, *sides)


def _seen_sizes(recipe: Recipe, source: DataSource) -> Counter[Size]:
    """How many images networks see at each size: all at the working size, where there is one."""
    working = recipe.data.size
    if working is not None:
        return Counter({(working.height, working.width): 1})
    return _used_sizes(recipe, source)


def _used_sizes(recipe: Recipe, source: DataSource) -> Counter[Size]:
    data = recipe.data
    return image_sizes(source, [data.train_split, data.trained_on, data.val_split, data.test_split])


def _only_size(sizes: Counter[Size], data: str) -> Size:
    (usual, _), *others = sizes.most_common()
    if others:
        raise UsageError(
            f"the images have {len(sizes)} sizes, and a budget holds for one",
            where=f"{data}: {_listed(sizes)}",
            why="the recipe does not say at which of them the network is to run",
            next_step=f"bring them all to one with --size {usual[0]}x{usual[1]} or another; or, to "
            f"score each as it is, for that of most images: --set target.height={usual[0]} "
            f"--set target.width={usual[1]}",
        )
    return usual


def _cropped(settings: Cropped, crop: Sides) -> Cropped:
    """Settings with the sides of a crop where they name none."""
    own = settings.augmentation
    sides = {"crop_height": own.crop_height or crop[0], "crop_width": own.crop_width or crop[1]}
    return settings.model_copy(update={"augmentation": own.model_copy(update=sides)})


def _listed(sizes: Counter[Size]) -> str:
    named = [f"{count} of {_text(size)}" for size, count in sizes.most_common(MOST_SIZES_NAMED)]
    rest = len(sizes) - len(named)
    return ", ".join(named) + (f" and {rest} sizes more" if rest else "")


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
