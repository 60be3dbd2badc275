"""Changes of a recipe that make a run, or its networks, cost less: each as a new recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fasterseg.config import Recipe
from fasterseg.errors import UsageError

STEPS = ("search.pretrain_steps", "search.steps", "teacher.steps", "student.steps")
SECTIONS = ("search", "teacher", "student")
CROP_SHARE, SIZE_SHARE = 0.75, 0.75
CROP_UNIT, SIZE_UNIT = 32, 8


@dataclass(frozen=True, slots=True)
class Lever:
    """One change: in words, as values of keys, and the recipe that it makes."""

    words: str
    values: Mapping[str, Any]
    recipe: Recipe

    @property
    def options(self) -> str:
        """The change as the command line takes it."""
        return " ".join(f"--set {key}={_written(value)}" for key, value in self.values.items())


def lever(recipe: Recipe, words: str, values: Mapping[str, Any]) -> Lever | None:
    """The change of these keys; None where it changes nothing or makes no valid recipe."""
    content = recipe.content()
    for key, value in values.items():
        *parents, last = key.split(".")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    try:
        changed = Recipe.model_validate(content)
    except (ValueError, UsageError):
        return None
    return None if changed == recipe else Lever(words, values, changed)


def fewer_steps(recipe: Recipe, share: float) -> Lever | None:
    """Every number of steps times a share; where hours stand for them, these."""
    values: dict[str, Any] = {}
    for key in STEPS:
        section = key.partition(".")[0]
        hours, steps = _value(recipe, f"{section}.hours"), int(_value(recipe, key))
        if hours is not None:
            values[f"{section}.hours"] = round(share * hours, 4)
        elif steps > 1:
            values[key] = max(1, int(share * steps))
    return lever(recipe, f"{100 * share:.0f} % of the steps", values)


def cheaper_runs(recipe: Recipe) -> Iterator[Lever]:
    """Changes that make steps cheaper, the gentlest first."""
    makers: tuple[Callable[[Recipe], Lever | None], ...] = (
        _smaller_batches,
        _smaller_crops,
        _fewer_layers,
        _without_widest,
        _smaller_images,
        _fewer_calibrations,
    )
    return (found for make in makers if (found := make(recipe)) is not None)


def faster_networks(recipe: Recipe) -> Iterator[Lever]:
    """Changes after which the space reaches networks that take less time on the target."""
    makers: tuple[Callable[[Recipe], Lever | None], ...] = (
        lambda r: _narrower_part(r, "stem"),
        lambda r: _narrower_part(r, "fusion"),
        lambda r: _narrower_part(r, "head"),
        _narrower_cells,
        _fewer_layers,
        _smaller_images,
    )
    return (found for make in makers if (found := make(recipe)) is not None)


def slower_networks(recipe: Recipe) -> Iterator[Lever]:
    """Changes after which the space holds slower networks."""
    makers: tuple[Callable[[Recipe], Lever | None], ...] = (_wider_cells, _more_layers)
    return (found for make in makers if (found := make(recipe)) is not None)


def _smaller_batches(recipe: Recipe) -> Lever | None:
    values = {f"{name}.batch_size": getattr(recipe, name).batch_size // 2 for name in SECTIONS}
    return lever(recipe, "batches half as large", {k: v for k, v in values.items() if v})


def _smaller_crops(recipe: Recipe) -> Lever | None:
    values: dict[str, Any] = {}
    for name in SECTIONS:
        crop = getattr(recipe, name).augmentation.crop
        for side, pixels in zip(("crop_height", "crop_width"), crop, strict=True):
            smaller = int(CROP_SHARE * pixels) // CROP_UNIT * CROP_UNIT
            values[f"{name}.augmentation.{side}"] = smaller or pixels
    return lever(recipe, "crops of three quarters the side", values)


def _fewer_layers(recipe: Recipe) -> Lever | None:
    return lever(recipe, "two layers fewer", {"space.layers": recipe.space.layers - 2})


def _more_layers(recipe: Recipe) -> Lever | None:
    return lever(recipe, "two layers more", {"space.layers": recipe.space.layers + 2})


def _without_widest(recipe: Recipe) -> Lever | None:
    kept = list(recipe.space.expansions[:-1])
    return lever(recipe, "without the widest expansion", {"space.expansions": kept})


def _narrower_cells(recipe: Recipe) -> Lever | None:
    first = recipe.space.expansions[0]
    wider = [first // 2, *recipe.space.expansions]
    words = f"cells of expansion {first // 2} too"
    return lever(recipe, words, {"space.expansions": wider}) if first > 1 else None


def _wider_cells(recipe: Recipe) -> Lever | None:
    widths = list(recipe.space.expansions)
    step = widths[-1] - widths[-2] if len(widths) > 1 else widths[-1]
    wider = [*widths, widths[-1] + step]
    return lever(recipe, f"cells of expansion {wider[-1]} too", {"space.expansions": wider})


def _smaller_images(recipe: Recipe) -> Lever | None:
    sides = dict(zip(("height", "width"), recipe.target.size, strict=True))
    smaller = {
        k: max(SIZE_UNIT, int(SIZE_SHARE * v) // SIZE_UNIT * SIZE_UNIT) for k, v in sides.items()
    }
    values = {f"target.{key}": value for key, value in smaller.items()}
    if recipe.data.source == "street":
        values |= {f"data.street.{key}": value for key, value in smaller.items()}
    return lever(recipe, f"images of {smaller['height']}x{smaller['width']}", values)


def _fewer_calibrations(recipe: Recipe) -> Lever | None:
    profile = recipe.profile
    values = {
        "profile.seconds_per_block": profile.seconds_per_block / 2,
        "profile.calibration_networks": max(8, profile.calibration_networks // 2),
    }
    return lever(recipe, "a profile half as long", values)


def _narrower_part(recipe: Recipe, part: str) -> Lever | None:
    """The narrowest stem, fusion or head of the students halved."""
    key, offered = f"{part}_expansion", f"{part}_expansions"
    students = [i for i, one in enumerate(recipe.contenders) if one.role == "student"]
    widths: tuple[int, ...] = getattr(recipe.space, offered, ())
    fixed = [getattr(recipe.contenders[index], key, None) for index in students]
    known = [width for width in fixed if width] or list(widths[:1])
    if not known or min(known) < 2:
        return None
    narrow = min(known) // 2
    values: dict[str, Any] = {f"space.{offered}": sorted({narrow, *widths})}
    if any(fixed):
        content = [one.model_dump(mode="json") for one in recipe.contenders]
        for index in students:
            content[index][key] = narrow
        values["contenders"] = content
    return lever(recipe, f"{part} of expansion {narrow}", values)


def _value(recipe: Recipe, key: str) -> Any:
    place: Any = recipe
    for name in key.split("."):
        place = getattr(place, name)
    return place


def _written(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "...  (in the recipe: " + _contender_change(value) + ")"
    if isinstance(value, list):
        return "'[" + ", ".join(str(item) for item in value) + "]'"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _contender_change(contenders: list[dict[str, Any]]) -> str:
    students = [one for one in contenders if one["role"] == "student"]
    parts = ("stem_expansion", "fusion_expansion", "head_expansion")
    found = {part: students[0][part] for part in parts if students[0].get(part)}
    return ", ".join(f"{part}: {width} for students" for part, width in found.items())
