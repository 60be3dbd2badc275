"""How the values of a ``data.yaml`` are read: what may be written, and what it becomes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from fasterseg.datasets.data_files.groups import require_pattern
from fasterseg.datasets.data_files.remedies import IN_QUOTES, Contradiction, lines, written
from fasterseg.datasets.data_files.written_paths import slashed
from fasterseg.datasets.labels import Colour, class_name
from fasterseg.datasets.transforming.transforms import IMAGENET_NORMALISATION, Normalisation
from fasterseg.errors import UsageError
from fasterseg.foreign.booleans import require_no_boolean_as_number
from fasterseg.foreign.bounds import MOST_CLASSES, MOST_NAMED
from fasterseg.foreign.strict_json import shortened
from fasterseg.foreign.strict_yaml import told_of_no_text

USUAL_DISTANCE = 10
"""Neighbours in a video show nearly the same: one frame in so many is taken."""

_LONGEST_NAME = 255
_LONGEST_PATH = 4096
_NAMED = 8

Numbers = tuple[float, float, float]
Colours = tuple[Colour, ...]
Palette = tuple[Colours, ...] | dict[str, Colours]


# What may be written where a value is read by a function of this file, for the schema.
_Id = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
_ClassName = Annotated[str, Field(max_length=_LONGEST_NAME)] | int | float
NamesAsWritten = Annotated[list[_ClassName], Field(max_length=MOST_CLASSES)] | dict[_Id, _ClassName]
PathsAsWritten = str | Annotated[list[str], Field(max_length=MOST_NAMED)] | None
MasksDirAsWritten = str | dict[Literal["train", "val", "test"], str] | None
_Byte = Annotated[int, Field(ge=0, le=255)]
_ColourAsWritten = Annotated[list[_Byte], Field(min_length=3, max_length=3)]
_ColoursAsWritten = _ColourAsWritten | list[_ColourAsWritten]
PaletteAsWritten = list[_ColoursAsWritten] | dict[str, _ColoursAsWritten] | None
_ThreeAsWritten = Annotated[list[float], Field(min_length=3, max_length=3)]
NormalisationAsWritten = (
    Literal["auto", "imagenet"]
    | Annotated[list[_ThreeAsWritten], Field(min_length=2, max_length=2)]
    | Annotated[dict[Literal["mean", "std"], _ThreeAsWritten], Field(min_length=2)]
    | None
)
ClassWeightsAsWritten = Literal["auto", "none"] | list[Annotated[float, Field(gt=0, lt=1e6)]] | None

# No mask holds more than 32 bits to a pixel.
WholeNumber = Annotated[int, Field(ge=-(2**31), lt=2**31)]


def class_names(value: Any) -> Any:
    """Return names in the order of their ids; raises ValueError."""
    if isinstance(value, dict):
        value = _names_by_id(value)
    if not isinstance(value, list | tuple):
        raise ValueError("write a list of names, [road, car], or ids with names, {0: road, 1: car}")
    if len(value) > MOST_CLASSES:
        raise ValueError(f"there are {len(value):,} names, and {MOST_CLASSES:,} is the most")
    _require_no_word_of_yaml(value)
    return [_name(name) for name in value]


def _require_no_word_of_yaml(names: Iterable[Any]) -> None:
    if any(isinstance(name, bool) or name is None for name in names):
        raise ValueError("a name was read as true, false or nothing: put it in quotes")


def _names_by_id(value: Mapping[Any, Any]) -> list[Any]:
    # JSON, which is YAML too, has no keys but text.
    ids_of = [_number(key) for key in value]
    value = dict(zip(ids_of, value.values(), strict=True))
    if len(value) < len(ids_of):
        raise ValueError("an id stands before two names")
    if any(isinstance(key, bool) or not isinstance(key, int) for key in value):
        raise ValueError("names must be a list, or lead from 0, 1, 2 ... to names")
    ids = sorted(value)
    names = [value[key] for key in ids]
    if ids == list(range(len(ids))):
        return names
    shown = ", ".join(map(str, ids[:_NAMED])) + (" ..." if len(ids) > _NAMED else "")
    mapping = {raw: label for label, raw in enumerate(ids)}
    raise Contradiction(
        f"the ids of classes are 0, 1, 2 ..., and here they are {shown}",
        "write, in its place," + lines(written("names", names), written("label_mapping", mapping)),
    )


def _number(key: Any) -> Any:
    return int(key) if isinstance(key, str) and key.isdecimal() and len(key) < 10 else key


def _name(name: Any) -> Any:
    said = class_name(str(name) if isinstance(name, float) else name)
    if isinstance(said, str) and len(said) > _LONGEST_NAME:
        raise ValueError(f"{shortened(said)!r} has more than {_LONGEST_NAME} characters")
    return said


def paths(value: Any) -> Any:
    """Return a list of paths for one or several; raises ValueError for what none can be."""
    if value is None or value == "":
        return []
    several = [value] if isinstance(value, str) else value
    wanted = "write the path of a folder or of a list of images, or several: [a, b]"
    entries = several if isinstance(several, list | tuple) else [several]
    if read := next(filter(None, map(told_of_no_text, entries)), ""):
        raise Contradiction(f"{wanted}; {read}", IN_QUOTES)
    if entries is not several or not all(isinstance(one, str) for one in several):
        raise ValueError(wanted)
    if len(several) > MOST_NAMED:
        raise ValueError(f"these are {len(several):,} paths, and {MOST_NAMED} are the most")
    for one in several:
        possible_path(one)
    return [slashed(one) for one in several]


def possible_path(value: Any) -> Any:
    """Return the value; raises ValueError where no file can have this path."""
    if not isinstance(value, str):
        return value
    longest = max((len(part.encode()) for part in value.split("/")), default=0)
    if longest > _LONGEST_NAME or len(value) > _LONGEST_PATH:
        raise ValueError(f"a name has at most {_LONGEST_NAME} bytes, and a path {_LONGEST_PATH:,}")
    return slashed(value)


def masks_dir(value: Any) -> Any:
    """Return a folder, or the folder of each split; raises ValueError for what none can be."""
    if not isinstance(value, dict):
        return possible_path(value)
    if not all(split in ("train", "val", "test") for split in value):
        raise ValueError("write a folder, or one for each split: {train: gt/a, val: gt/b}")
    return {split: possible_path(folder) for split, folder in value.items()}


def normalisation(value: Any) -> Any:
    """Return a `Normalisation`, or None for ``auto``; raises ValueError."""
    if value in (None, "auto"):
        return None
    if value == "imagenet":
        return IMAGENET_NORMALISATION
    if isinstance(value, dict) and set(value) == {"mean", "std"}:
        value = [value["mean"], value["std"]]
    if isinstance(value, list) and len(value) == 2:
        mean, std = (_three_numbers(part) for part in value)
        _require_shares(mean, std)
        try:
            return Normalisation(mean, std)
        except UsageError as error:
            raise ValueError(error.what) from error
    raise ValueError("write auto, imagenet, or the means and the deviations: [[..], [..]]")


def _require_shares(mean: Numbers, std: Numbers) -> None:
    """Raise where means are those of values up to 255, as other tools write them."""
    if max(mean) <= 1 or not all(map(math.isfinite, (*mean, *std))):
        return
    lines = ", ".join(str([round(number / 255, 4) for number in part]) for part in (mean, std))
    raise Contradiction(
        "means and deviations are those of values between 0 and 1, and a mean is above",
        f"where they are of values up to 255, write normalize: [{lines}]",
    )


def _three_numbers(value: Any) -> Numbers:
    require_no_boolean_as_number(value, (tuple[float, ...],))
    try:
        red, green, blue = (float(number) for number in value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("three numbers are needed, of 0..1, for red, green and blue") from error
    return red, green, blue


def class_weights(value: Any) -> Any:
    """Return None, ``auto`` or a list; raises ValueError."""
    if value in (None, "none"):
        return None
    if value != "auto" and not isinstance(value, list):
        raise ValueError("write auto, none, or a list with one positive number for each class")
    return value


def groups(value: Any) -> Any:
    """Return a regular expression; raises ValueError for what is none."""
    if isinstance(value, str):
        require_pattern(value)
    return value


def channels(value: Any) -> Any:
    """Return 1 or 3; raises ValueError for what networks are not given."""
    if value in (1, 3) and not isinstance(value, bool):
        return value
    raise Contradiction(
        f"networks see colour (3) or brightness (1), and {value!r} is neither",
        "write channels: 3, which leaves further channels aside, or channels: 1",
    )


def palette(value: Any) -> Any:
    """Return the colours of each class, one or several; raises ValueError."""
    if isinstance(value, list):
        return tuple(_colours(entry) for entry in value)
    if isinstance(value, dict):
        _require_no_word_of_yaml(value)
        return {str(_name(name)): _colours(entry) for name, entry in value.items()}
    if value is None:
        return None
    raise ValueError("write a colour for each class: a list, or names with their colours")


def _colours(entry: Any) -> Colours:
    several = entry if isinstance(entry, list) and entry and _is_list(entry[0]) else [entry]
    if not all(_is_colour(colour) for colour in several):
        raise ValueError(
            f"{str(entry)[:60]} is no colour: write [red, green, blue], each of 0..255, "
            "or a list of such colours"
        )
    return tuple((colour[0], colour[1], colour[2]) for colour in several)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_colour(value: Any) -> bool:
    return (
        _is_list(value)
        and len(value) == 3
        and all(isinstance(channel, int) and not isinstance(channel, bool) for channel in value)
        and all(0 <= channel <= 255 for channel in value)
    )
