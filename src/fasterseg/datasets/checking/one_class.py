"""Training images of which all that counts is one class: of that a network has nothing to learn."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from fasterseg.datasets.checking.data_report import SplitReport
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.data_files.remedies import IGNORE, palette_line, written
from fasterseg.datasets.labels import BACKGROUNDS
from fasterseg.datasets.masks.mask_reading import unpacked
from fasterseg.datasets.sources.serving import TRAIN

_BACKGROUND = "background"
_LEAVING_OUT = ("ignore", "background", "reduce_zero_label")
"""The keys of a data file by which something never counts."""
_COUNTED = ("nc", "class_weights")
"""The keys that hang on how many classes there are."""

_LEFT_OUT = (
    "to let what never counts be a class, such as background, take out of data.yaml what leaves it "
    "out (background: ignore, ignore, reduce_zero_label, ignore_label in label_mapping, ignore in "
    "palette), and name it there"
)
_ALONE = "label what else the images show as a class of its own"
_OTHERS = f"put images that show other classes into {TRAIN} too, or correct its masks"


def notes_on_one_class(
    layout: Layout, splits: Mapping[str, SplitReport], held: Collection[int]
) -> Iterator[str]:
    """Yield a note where all that counts in the training images is one class.

    ``held`` are the integers, or packed colours, of all masks.
    """
    split = splits.get(TRAIN)
    counted = [name for name, pixels in split.class_pixels.items() if pixels] if split else []
    if split is not None and len(counted) == 1:
        step = _step(layout, held if split.ignored_pixels else ())
        yield (
            f"all that counts in {TRAIN} is {counted[0]}, and of one class no network is trained: "
            f"{step}"
        )


def _step(layout: Layout, held: Collection[int]) -> str:
    data, meaning = layout.described, layout.labelling.meaning
    ignored = [raw for raw in held if meaning.get(raw) == layout.label_space.ignore]
    if not ignored:
        if layout.label_space.classes > 1:
            return _OTHERS
        is_background = layout.label_space.names[0].casefold() in BACKGROUNDS
        return _ALONE if is_background else f"{_ALONE}, such as {_BACKGROUND}"
    is_own = data is not None and not layout.form and len(data.names) == 1
    return _lines_with_background(data, layout, ignored) if data and is_own else _LEFT_OUT


def _lines_with_background(data: DataFile, layout: Layout, ignored: Collection[int]) -> str:
    """The lines in which what never counted is a class; of several integers the lowest."""
    (name,) = data.names
    names = written("names", [_BACKGROUND, name])
    if data.palette is not None:
        rest = {_BACKGROUND: tuple(map(unpacked, ignored)), name: data.colours_by_name[name]}
        own = palette_line(rest)
    else:
        counted = [raw for raw, label in layout.labelling.meaning.items() if label == 0]
        never: dict[int, int | str] = dict.fromkeys(ignored, f"{IGNORE}_label")
        zero = {min(ignored): 0} | dict.fromkeys(counted, 1)
        own = written("label_mapping", dict(sorted((never | zero).items())))
    taken = [key for key in (*_LEAVING_OUT, *_COUNTED) if key in data.given]
    without = f", and take {' and '.join(taken)} out" if taken else ""
    return f"for what never counts to be a class, write into data.yaml  {names}  {own}{without}"
