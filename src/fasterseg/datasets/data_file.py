"""``data.yaml``: the keys in which a data set of one's own says what it is.

Ultralytics' files for semantic segmentation load as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fasterseg.datasets import data_values as values
from fasterseg.datasets.data_values import Colours, Palette, WholeNumber
from fasterseg.datasets.limits import PixelCount
from fasterseg.datasets.reading import Range, Reading
from fasterseg.datasets.remedies import BLACK, IGNORE, Contradiction, palette_without

_NAMED = 8

Path = Annotated[str, BeforeValidator(values.possible_path)]
Paths = Annotated[tuple[str, ...], BeforeValidator(values.paths)]


class DataFile(BaseModel):
    """The keys of a ``data.yaml``.

    ``label_mapping`` maps integers in masks to class ids or ``ignore_label``; one that leads to
    every class is all that masks may hold.  ``background`` says what 0 is: a class, or ignored;
    where masks hold only 0 and 255, either makes 255 the object.  ``palette`` gives the colours of
    colour masks, one or several to a class, in the order of ``names`` or by name (``ignore`` for
    colours that never count); no key that speaks of integers goes with it.  ``groups`` is a regular
    expression: what it finds in an image's name (its first group, if it has one) names the
    recording that the image is from, and no recording may lie in two splits, or in both halves of a
    search.  ``class_weights`` weigh the classes in the loss; ``auto`` makes rare classes count
    more.  ``include`` names other data files of the same classes, whose splits are mixed in.
    ``range`` is what becomes 0..255 in images of more than 8 bits.  ``most_pixels`` says how many
    pixels an image or a mask may have.  ``passed_over`` are the keys of other tools that the file
    has too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    path: Path = ""
    train: Paths = ()
    val: Paths = ()
    test: Paths = ()
    masks_dir: Path | None = None
    names: Annotated[tuple[str, ...], BeforeValidator(values.class_names)] = ()
    nc: WholeNumber | None = None
    label_mapping: dict[WholeNumber, WholeNumber | Literal["ignore_label"]] = {}
    layout: str | None = None
    format: str | None = None
    ignore: Annotated[WholeNumber, Field(ge=0, le=65535)] | None = None
    mask_suffix: str = ""
    image_suffix: str = ""
    palette: Annotated[Palette | None, BeforeValidator(values.palette)] = None
    reduce_zero_label: bool = False
    background: Literal["class", "ignore", "auto"] = "auto"
    channels: Annotated[Literal[1, 3], BeforeValidator(values.channels)] = 3
    range: Range = None
    normalize: Annotated[Any, BeforeValidator(values.normalisation)] = None
    groups: Annotated[str, BeforeValidator(values.groups)] = ""
    class_weights: Annotated[
        Literal["auto"] | tuple[Annotated[float, Field(gt=0, lt=1e6)], ...] | None,
        BeforeValidator(values.class_weights),
    ] = None
    most_pixels: PixelCount | None = None
    include: Paths = ()
    terms: str = ""
    passed_over: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> DataFile:
        if self.nc is not None and self.names and self.nc != len(self.names):
            raise ValueError(f"nc is {self.nc}, but there are {len(self.names)} names")
        if self.layout and self.format and self.layout != self.format:
            raise ValueError("layout and format are one key; give one of them")
        if self.palette is not None:
            self._require_whole_palette()
            self._require_no_integers()
            return self
        if self.reduce_zero_label and self.label_mapping:
            raise ValueError("give reduce_zero_label or label_mapping, not both")
        targets = [id for id in self.label_mapping.values() if not self.never_counts(id)]
        # One name with a background beside it makes two classes.
        classes = 2 if len(self.names) == 1 and self.background == "class" else len(self.names)
        if any(target not in range(classes) for target in targets):
            raise ValueError(f"label_mapping leads to an id outside 0..{classes - 1}")
        self._require_one_word_on_each_integer()
        return self

    def _require_whole_palette(self) -> None:
        if isinstance(self.palette, tuple) and len(self.palette) != len(self.names):
            raise ValueError(
                f"palette must give colours to each of names: it has {len(self.palette)} entries, "
                f"and there are {len(self.names)} names"
            )
        given = self.colours_by_name
        missing = [name for name in self.names if name not in given]
        known = {*self.names, IGNORE}
        strange = [name for name in given if name not in known]
        if missing:
            raise ValueError(
                f"palette must give colours to each of names: it lacks {_some(missing)}"
            )
        if strange:
            raise Contradiction(
                f"palette gives colours to {_some(strange)}, which is none of names",
                "add it to names, or, where it never counts, write"
                f"{palette_without(given, strange)}",
            )
        colours = [colour for of_name in given.values() for colour in of_name]
        if len(set(colours)) < len(colours):
            raise ValueError("two entries of palette have the same colour")

    def _require_no_integers(self) -> None:
        """Raise where a key speaks of integers in masks, naming the lines that do what it means."""
        mapped = [raw for raw, label in self.label_mapping.items() if self.never_counts(label)]
        unmapped = [self.names[raw] for raw in mapped if raw in range(len(self.names))]
        # None where the key lets nothing pass that would count.
        ignored: dict[str, list[str] | None] = {
            "label_mapping": unmapped or None,
            "reduce_zero_label": self._black_class(),
            "ignore": self._black_class() if self.ignore == 0 else None,
            "background": self._black_class() if self.background == "ignore" else None,
        }
        wrong = [key for key in ignored if key in self.given]
        meant = [names for key in wrong if (names := ignored[key]) is not None]
        classes = [name for names in meant for name in names]
        if not wrong:
            return
        step = f"take {' and '.join(wrong)} out"
        if meant:
            lines = palette_without(self.colours_by_name, classes)
            step += f"; for colours that never count, write in place of names and palette{lines}"
        raise Contradiction(
            f"{' and '.join(wrong)}: integers in masks, where by the palette masks hold colours",
            step,
        )

    def _black_class(self) -> list[str]:
        """The class that is black, if one is: what is called 0 is black in masks of colours."""
        return [name for name, of_name in self.colours_by_name.items() if BLACK in of_name][:1]

    def _require_one_word_on_each_integer(self) -> None:
        ignored = {0: "background: ignore"} if self.background == "ignore" else {}
        ignored |= {0: "reduce_zero_label"} if self.reduce_zero_label else {}
        ignored |= {self.ignore: f"ignore: {self.ignore}"} if self.ignore is not None else {}
        counted = {0: "background: class"} if self.background == "class" else {}
        for raw, label in self.label_mapping.items():
            side = ignored if self.never_counts(label) else counted
            side[raw] = f"label_mapping: {{{raw}: {label}}}"
        for raw in ignored.keys() & counted.keys():
            raise Contradiction(
                f"by {ignored[raw]} {raw} never counts, and by {counted[raw]} it does",
                "leave one of the two out",
            )

    def never_counts(self, label: int | str) -> bool:
        """Whether what `label_mapping` leads to is what never counts."""
        return label in ("ignore_label", 255 if self.ignore is None else self.ignore)

    @property
    def given(self) -> tuple[str, ...]:
        """The keys that the file gives another value than the one that they have anyway."""
        fields = type(self).model_fields
        return tuple(key for key in fields if getattr(self, key) != fields[key].default)

    @property
    def colours_by_name(self) -> dict[str, Colours]:
        """The colours of each class, and of what never counts; empty without a palette."""
        if self.palette is None or isinstance(self.palette, dict):
            return dict(self.palette or {})
        return dict(zip(self.names, self.palette, strict=True))

    @property
    def reading(self) -> Reading:
        """How the file wants pictures to become pixels."""
        return Reading(channels=self.channels, range=self.range)

    @property
    def layout_name(self) -> str:
        """The layout that the file names; ``folder`` where it names none."""
        return self.layout or self.format or "folder"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
