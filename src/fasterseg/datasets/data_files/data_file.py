"""``data.yaml``: the keys in which a data set of one's own says what it is.

Ultralytics' files for semantic segmentation load as they are.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from fasterseg.amounts import first_few
from fasterseg.datasets.data_files import values
from fasterseg.datasets.data_files.affixes import Affixes
from fasterseg.datasets.data_files.remedies import (
    BLACK,
    IGNORE,
    Contradiction,
    lines,
    palette_without,
    written,
)
from fasterseg.datasets.data_files.values import USUAL_DISTANCE, Colours, Palette, WholeNumber
from fasterseg.datasets.labels import usual_ignore
from fasterseg.datasets.pictures.limits import PixelCount
from fasterseg.datasets.pictures.reading import Range, Reading
from fasterseg.foreign.booleans import TrueIsNoNumber
from fasterseg.foreign.bounds import MOST_COUNTED

_NAMED = 8

Path = Annotated[str, BeforeValidator(values.possible_path)]
Paths = Annotated[
    tuple[str, ...], BeforeValidator(values.paths, json_schema_input_type=values.PathsAsWritten)
]


class DataFile(TrueIsNoNumber):
    """The keys of a ``data.yaml``; what other tools write into it is passed over and named."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, use_attribute_docstrings=True
    )

    path: Path = ""
    """The folder that other paths begin at, from the file's own folder, which it is by default."""
    train: Paths = ()
    """Images to search and train on: a folder, a list of images in a text file, or several of
    these."""
    val: Paths = ()
    """Images by which networks are chosen, likewise."""
    test: Paths = ()
    """Images that are scored once, at the end, likewise; without them `val` is."""
    unlabelled: Paths = ()
    """Images without labels, from which a student learns by its teacher's answers alone: a folder,
    a list of images in a text file, a video, or several of these."""
    unlabelled_every: Annotated[int, Field(ge=1, le=MOST_COUNTED)] = USUAL_DISTANCE
    """Of a video under `unlabelled`, one frame in so many is taken: neighbours show nearly the
    same."""
    splits: Path = ""
    """A file that says which split each image is in, whatever the layout or `train`, `val` and
    `test` say: lines of split,image under a head of these two words."""
    images_dir: Path = ""
    """The folder of the images, where lists name them without it and several folders have such
    files."""
    masks_dir: Annotated[
        Path | dict[str, Path] | None,
        BeforeValidator(values.masks_dir, json_schema_input_type=values.MasksDirAsWritten),
    ] = None
    """The folder of the masks, laid out as the images are, by default `masks` in the place of
    `images` in their paths; or a folder for each split, {train: gt/a, val: gt/b}; or `.` where
    masks lie beside their images, told by `mask_suffix`."""
    names: Annotated[
        tuple[str, ...],
        BeforeValidator(values.class_names, json_schema_input_type=values.NamesAsWritten),
    ] = ()
    """The classes in the order of their ids: a list, or ids from 0 with names, {0: road, 1:
    car}."""
    nc: WholeNumber | None = None
    """How many classes there are, as other tools write it; it has to agree with `names`."""
    label_mapping: dict[WholeNumber, WholeNumber | Literal["ignore_label"]] = Field({})
    """Integers in masks with the class ids that they mean, or `ignore_label`; one that leads to
    every class is all that masks may hold."""
    layout: str | None = None
    """How the data lies in its folder: `folder`, or a published data set's or a tool's form by
    name."""
    format: str | None = None
    """Another word for `layout`."""
    ignore: Annotated[WholeNumber, Field(ge=0, le=65535)] | None = None
    """The integer in masks that never counts; 255 without it."""
    mask_suffix: str = ""
    """What the name of a mask has behind that of its image, before the ending: `_mask` for
    photo.jpg and photo_mask.png."""
    mask_prefix: str = ""
    """What the name of a mask begins with, before that of its image: `lbl_`."""
    image_suffix: str = ""
    """What the name of an image has at its end, before the ending, and its mask has not:
    `_leftImg8bit`."""
    image_prefix: str = ""
    """What the name of an image begins with, and its mask has not: `img_`."""
    palette: Annotated[
        Palette | None,
        BeforeValidator(values.palette, json_schema_input_type=values.PaletteAsWritten),
    ] = None
    """The colours of colour masks: for each class one [red, green, blue] or several, in the order
    of `names` or by name; `ignore` for colours that never count.  No key that speaks of integers
    goes with it."""
    smoothed: bool = False
    """Whether masks were smoothed, scaled or saved as JPEG: each pixel is then the nearest of the
    colours of `palette`, or of the integers of `label_mapping`, which lie 32 apart at least."""
    reduce_zero_label: bool = False
    """Whether 0 never counts and all other integers are one too high."""
    background: Literal["class", "ignore", "auto"] = "auto"
    """What 0 is: a `class`, or what is ignored; where masks hold only 0 and 255, either makes 255
    the object.  `auto` takes 0 for the first of `names`, and refuses such masks."""
    channels: Annotated[Literal[1, 3], BeforeValidator(values.channels)] = 3
    """What networks see: colour (3) or brightness (1); goes with the model."""
    range: Range = None
    """The lowest and the highest value of images of more than 8 bits, which become 0 and 255; by
    default all that 16 bits, or 0 to 1, hold."""
    normalize: Annotated[
        Any,
        BeforeValidator(values.normalisation, json_schema_input_type=values.NormalisationAsWritten),
    ] = None
    """What networks are fed, (image / 255 - mean) / std: `auto`, `imagenet`, or two lists of three,
    [[mean of r, g, b], [std of r, g, b]]."""
    groups: Annotated[str, BeforeValidator(values.groups)] = ""
    """A regular expression (RE2): what it finds in an image's name, its first group if it has one,
    names the recording that the image is from.  No recording may lie in two splits or in both
    halves of a search."""
    class_weights: Annotated[
        Literal["auto"] | tuple[Annotated[float, Field(gt=0, lt=1e6)], ...] | None,
        BeforeValidator(values.class_weights, json_schema_input_type=values.ClassWeightsAsWritten),
    ] = None
    """What each class counts in the loss: `none`, all the same; `auto`, rare ones more; or a number
    for each class in order."""
    most_pixels: PixelCount | None = None
    """The most pixels of an image or a mask that is read; 32 million by default, and 4 million
    where a file has less than a byte for 128 of them."""
    include: Paths = ()
    """Other data files of the same classes, whose splits are mixed in."""
    terms: str = ""
    """The terms under which the data may be used; every network trained on it carries them in its
    card."""
    passed_over: tuple[str, ...] = ()
    """The keys of other tools that the file has too: found by the reader, never written."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> DataFile:
        if self.nc is not None and self.names and self.nc != len(self.names):
            raise ValueError(f"nc is {self.nc}, but there are {len(self.names)} names")
        if self.layout and self.format and self.layout != self.format:
            raise ValueError("layout and format are one key; give one of them")
        if "unlabelled_every" in self.given and not self.unlabelled:
            raise ValueError("unlabelled_every is of videos that unlabelled names; it names none")
        if self.palette is not None:
            self._require_whole_palette()
            self._require_no_integers()
            return self
        if self.reduce_zero_label and self.label_mapping:
            raise ValueError("give reduce_zero_label or label_mapping, not both")
        targets = [id for id in self.label_mapping.values() if not self.never_counts(id)]
        # One name with a background beside it makes two classes.
        classes = 2 if len(self.names) == 1 and self.background == "class" else len(self.names)
        # Without names here, they stand in a list of the layout, beside which this is asked again.
        if self.names and any(target not in range(classes) for target in targets):
            raise ValueError(f"label_mapping leads to an id outside 0..{classes - 1}")
        self._require_no_class_that_never_counts()
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
                f"palette must give colours to each of names: it lacks {first_few(missing, _NAMED)}"
            )
        if strange:
            raise Contradiction(
                f"palette gives colours to {first_few(strange, _NAMED)}, which is none of names",
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
            kept = palette_without(self.colours_by_name, classes)
            step += f"; for colours that never count, write in place of names and palette{kept}"
        raise Contradiction(
            f"{' and '.join(wrong)}: integers in masks, where by the palette masks hold colours",
            step,
        )

    def _black_class(self) -> list[str]:
        """The class that is black, if one is: what is called 0 is black in masks of colours."""
        return [name for name, of_name in self.colours_by_name.items() if BLACK in of_name][:1]

    def _require_no_class_that_never_counts(self) -> None:
        """Raise where `label_mapping` leads to an id that is a class's, and `ignore` too."""
        ignored = self.ignore
        if ignored is None or ignored >= len(self.names):
            return
        if ignored not in self.label_mapping.values():
            return
        name = self.names[ignored]
        mapping = {ignored: "ignore_label"} | dict(self.label_mapping)
        raise Contradiction(
            f"label_mapping leads to {ignored}, which is {name} by names, and never counts by "
            f"ignore: {ignored}",
            f"take ignore out; write ignore_label in place of {ignored} where that never counts, "
            f"and where it is to be {name}, write"
            f"{lines(written('label_mapping', dict(sorted(mapping.items()))))}",
        )

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
        usual = usual_ignore(len(self.names))
        return label in ("ignore_label", usual if self.ignore is None else self.ignore)

    @property
    def given(self) -> tuple[str, ...]:
        """The keys that the file gives another value than the one that they have anyway."""
        fields = type(self).model_fields
        return tuple(key for key in fields if getattr(self, key) != fields[key].default)

    @property
    def names_splits(self) -> bool:
        """Whether it says where the images of any split lie."""
        return bool(self.train or self.val or self.test)

    @property
    def of_images(self) -> Affixes:
        """What images' names have before and behind those of their samples."""
        return Affixes(self.image_prefix, self.image_suffix)

    @property
    def of_masks(self) -> Affixes:
        """What masks' names have before and behind those of their samples."""
        return Affixes(self.mask_prefix, self.mask_suffix)

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
