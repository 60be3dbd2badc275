"""``data.yaml``: what a data set of one's own says about itself.

Ultralytics' files for semantic segmentation load as they are.  Nothing in such a file is ever
run: a ``download:`` entry is passed over and said so.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from fasterseg.datasets.transforms import IMAGENET_NORMALISATION, Normalisation
from fasterseg.errors import DataError, UsageError

MOST_BYTES = 1_000_000

Colour = tuple[
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
]


class StrictLoader(yaml.SafeLoader):
    """Safe YAML without aliases (they can blow up) and without keys written twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return a node; raises YAMLError for an alias."""
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping; raises YAMLError for a key written twice."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or key in seen:
                problem = f"the key {key!r} is written twice or is no plain value"
                mark = key_node.start_mark
                raise yaml.constructor.ConstructorError(None, None, problem, mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _whole_number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("yes, no, on and off are no numbers in YAML")
    return value


WholeNumber = Annotated[int, BeforeValidator(_whole_number)]


def _class_names(value: Any) -> Any:
    if isinstance(value, dict):
        if sorted(value, key=str) != sorted(range(len(value)), key=str):
            raise ValueError("the ids must be 0, 1, 2 ...; map other ids under label_mapping")
        value = [value[index] for index in range(len(value))]
    if isinstance(value, list):
        if any(isinstance(name, bool) or name is None for name in value):
            raise ValueError("a name was read as true, false or nothing: put it in quotes")
        return [str(name) if isinstance(name, int | float) else name for name in value]
    return value


def _paths(value: Any) -> Any:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else value


def _normalisation(value: Any) -> Any:
    if value == "auto":
        return None
    if value == "imagenet":
        return IMAGENET_NORMALISATION
    if isinstance(value, dict) and set(value) == {"mean", "std"}:
        value = [value["mean"], value["std"]]
    if isinstance(value, list) and len(value) == 2:
        try:
            return Normalisation(*(_three_numbers(part) for part in value))
        except UsageError as error:
            raise ValueError(error.what) from error
    raise ValueError("write auto, imagenet, or the means and the deviations: [[..], [..]]")


def _three_numbers(value: Any) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("three numbers are needed, of 0..1, for red, green and blue")
    red, green, blue = (float(number) for number in value)
    return red, green, blue


def _class_weights(value: Any) -> Any:
    if value in (None, "none"):
        return None
    if value != "auto" and not isinstance(value, list):
        raise ValueError("write auto, none, or a list with one positive number for each class")
    return value


def _groups(value: Any) -> Any:
    try:
        re.compile(value if isinstance(value, str) else "")
    except re.error as error:
        raise ValueError(f"it is no regular expression: {error}") from error
    return value


class DataFile(BaseModel):
    """The keys of a ``data.yaml``.

    ``label_mapping`` maps integers in masks to class ids or ``ignore_label``.  ``background``
    says what 0 is: a class, or ignored; where masks hold only 0 and 255, either makes 255 the
    object.  ``palette`` gives the colours of colour masks, in the order of ``names`` or by name
    (``ignore`` for colours that never count).  ``groups`` is a regular expression: what it finds
    in an image's name (its first group, if it has one) names the recording that the image is from,
    and no recording may lie in two splits, or in both halves of a search.  ``class_weights`` weigh
    the classes in the loss; ``auto`` makes rare classes count more.  ``include`` names other data
    files of the same classes, whose splits are mixed in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    path: str = ""
    train: Annotated[tuple[str, ...], BeforeValidator(_paths)] = ()
    val: Annotated[tuple[str, ...], BeforeValidator(_paths)] = ()
    test: Annotated[tuple[str, ...], BeforeValidator(_paths)] = ()
    masks_dir: str | None = None
    names: Annotated[tuple[str, ...], BeforeValidator(_class_names)] = ()
    nc: WholeNumber | None = None
    label_mapping: dict[WholeNumber, WholeNumber | Literal["ignore_label"]] = {}
    layout: str | None = None
    format: str | None = None
    ignore: Annotated[WholeNumber, Field(ge=0, le=65535)] | None = None
    mask_suffix: str = ""
    image_suffix: str = ""
    palette: list[Colour] | dict[str, Colour] | None = None
    reduce_zero_label: bool = False
    background: Literal["class", "ignore", "auto"] = "auto"
    channels: Literal[1, 3] = 3
    normalize: Annotated[Any, BeforeValidator(_normalisation)] = None
    groups: Annotated[str, BeforeValidator(_groups)] = ""
    class_weights: Annotated[
        Literal["auto"] | tuple[Annotated[float, Field(gt=0, lt=1e6)], ...] | None,
        BeforeValidator(_class_weights),
    ] = None
    include: Annotated[tuple[str, ...], BeforeValidator(_paths)] = ()
    terms: str = ""
    download: Any = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> DataFile:
        if self.nc is not None and self.names and self.nc != len(self.names):
            raise ValueError(f"nc is {self.nc}, but there are {len(self.names)} names")
        if self.reduce_zero_label and self.label_mapping:
            raise ValueError("give reduce_zero_label or label_mapping, not both")
        if self.layout and self.format and self.layout != self.format:
            raise ValueError("layout and format are one key; give one of them")
        ignored = ("ignore_label", 255 if self.ignore is None else self.ignore)
        targets = [target for target in self.label_mapping.values() if target not in ignored]
        if any(target not in range(len(self.names)) for target in targets):
            raise ValueError(f"label_mapping leads to an id outside 0..{len(self.names) - 1}")
        self._require_whole_palette()
        return self

    def _require_whole_palette(self) -> None:
        if self.palette is None:
            return
        if isinstance(self.palette, list):
            missing = len(self.palette) != len(self.names)
        else:
            missing = set(self.palette) - {"ignore"} != set(self.names) - {"ignore"}
        if missing:
            raise ValueError("palette must give one colour to each of names")
        colours = list(self.palette if isinstance(self.palette, list) else self.palette.values())
        if len(set(colours)) < len(colours):
            raise ValueError("two entries of palette have the same colour")

    @property
    def layout_name(self) -> str:
        """The layout that the file names; ``folder`` where it names none."""
        return self.layout or self.format or "folder"


def read_data_file(path: Path) -> DataFile:
    """Return a ``data.yaml``; raises DataError, naming line or key, for anything unexpected."""
    content = _mapping(path)
    strange = [key for key in content if key not in DataFile.model_fields]
    if strange:
        raise _unknown_key(strange[0], path)
    try:
        return DataFile.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in fault["loc"][:2])
        raise DataError(
            f"the key {key!r} is wrong" if key else "the keys do not fit together",
            where=str(path),
            why=str(fault["msg"]).removeprefix("Value error, "),
            next_step="correct data.yaml and run check-data again",
        ) from error


def _mapping(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError("cannot read the data file", where=str(path), why=str(error)) from error
    if len(data) > MOST_BYTES:
        raise DataError(
            f"the data file has {len(data):,} bytes", where=str(path), why="1 MB is the limit"
        )
    try:
        content = yaml.load(data, Loader=StrictLoader)  # noqa: S506 (it is a safe loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise DataError("the data file is not plain YAML", where=str(path), why=reason) from error
    if not isinstance(content, dict) or any(not isinstance(key, str) for key in content):
        raise DataError("the data file is not a list of keys and values", where=str(path))
    return content


def _unknown_key(key: str, path: Path) -> DataError:
    near = get_close_matches(key, list(DataFile.model_fields), n=1, cutoff=0.0)
    return DataError(
        f"there is no key {key!r}", where=str(path), next_step=f"did you mean {near[0]!r}?"
    )
