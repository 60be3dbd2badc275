"""CamVid as it was published: images of 720x960, masks of 32 colours, 11 classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from fasterseg.amounts import number_of
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.labels import Colour
from fasterseg.datasets.layouts.published.camvid import LABELS, RECORDINGS, TERMS
from fasterseg.datasets.masks.labelling import Labelling
from fasterseg.datasets.masks.mask_reading import pack
from fasterseg.datasets.pairing.finding import Form, Place
from fasterseg.datasets.pairing.pairs import Pairing, Tree, keyed, pair_files
from fasterseg.datasets.pictures.listing import is_file
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError
from fasterseg.foreign.opened_files import bytes_of

FORM = Form("701_StillsRaw_full", "LabeledApproved_full")

_SPLITS = ("train", "val", "test")
_COLOURS_FILE = "label_colors.txt"
_MASK_END = "_L"
_VOID = "Void"
_MOST_BYTES = 1 << 20
_LINE = re.compile(r"(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+(\S+)")
_FRAME = re.compile(r"f?(\d{1,9})")

# The 32 classes of label_colors.txt under the 11 that SegNet (Badrinarayanan et al. 2017) counts
# them as, in the order of `LABELS`.
_COUNTED_AS: Mapping[str, Mapping[str, Colour]] = {
    "Sky": {"Sky": (128, 128, 128)},
    "Building": {
        "Archway": (192, 0, 128),
        "Bridge": (0, 128, 64),
        "Building": (128, 0, 0),
        "Tunnel": (64, 0, 64),
        "Wall": (64, 192, 0),
    },
    "Pole": {"Column_Pole": (192, 192, 128), "TrafficCone": (0, 0, 64)},
    "Road": {
        "LaneMkgsDriv": (128, 0, 192),
        "LaneMkgsNonDriv": (192, 0, 64),
        "Road": (128, 64, 128),
    },
    "Pavement": {
        "ParkingBlock": (64, 192, 128),
        "RoadShoulder": (128, 128, 192),
        "Sidewalk": (0, 0, 192),
    },
    "Tree": {"Tree": (128, 128, 0), "VegetationMisc": (192, 192, 0)},
    "SignSymbol": {
        "Misc_Text": (128, 128, 64),
        "SignSymbol": (192, 128, 128),
        "TrafficLight": (0, 64, 64),
    },
    "Fence": {"Fence": (64, 64, 128)},
    "Car": {
        "Car": (64, 0, 128),
        "OtherMoving": (128, 64, 64),
        "SUVPickupTruck": (64, 128, 192),
        "Train": (192, 64, 128),
        "Truck_Bus": (192, 128, 192),
    },
    "Pedestrian": {
        "Animal": (64, 128, 64),
        "CartLuggagePram": (64, 0, 192),
        "Child": (192, 128, 64),
        "Pedestrian": (64, 64, 0),
    },
    "Bicyclist": {"Bicyclist": (0, 128, 192), "MotorcycleScooter": (192, 0, 192)},
}

COLOURS: Mapping[str, Colour] = {
    name: colour for of_class in _COUNTED_AS.values() for name, colour in of_class.items()
} | {_VOID: (0, 0, 0)}
"""The colour of each of the 32 classes in the masks."""


def open_camvid_full(tree: Tree, place: Place) -> FileSource:
    """Return train, val and test: by SegNet's lists where they lie beside, else by recordings."""
    images = keyed(tree.pictures(place.images), lambda path: path.stem)
    masks = keyed(tree.pictures(place.masks), _own_name)
    lists = _lists(tree, place)
    splits = _listed(tree, lists, images) if lists else _by_recordings(images, tree)
    layout = Layout(
        name="camvid-full",
        root=tree.root,
        label_space=LABELS,
        labelling=Labelling(meaning_of(_colours(tree, place)), LABELS),
        terms=TERMS,
        masks_in_colour=True,
        recordings=RECORDINGS,
        notes=_notes(lists, images, splits),
    )
    return FileSource(layout, _pairings(tree, splits, images, masks))


def _pairings(
    tree: Tree,
    splits: Mapping[str, Sequence[str]],
    images: Mapping[str, list[Path]],
    masks: Mapping[str, list[Path]],
) -> dict[str, Pairing]:
    """The pairs of each split; masks of no image at all are faults of the first."""
    found: dict[str, Pairing] = {}
    for split, names in splits.items():
        own = set(names) if found else {*names, *(masks.keys() - images.keys())}
        found[split] = pair_files(
            tree,
            {name: images[name] for name in names},
            {name: masks[name] for name in sorted(own & masks.keys())},
        )
    return found


def meaning_of(colours: Mapping[str, Colour]) -> dict[int, int]:
    """Return the class id, or the ignore value, of each of the 32 classes' colours, packed."""
    ids = {name: label for label, names in enumerate(_COUNTED_AS.values()) for name in names} | {
        _VOID: LABELS.ignore
    }
    return {pack(colour): ids[name] for name, colour in colours.items()}


def _own_name(mask: Path) -> str | None:
    """The name of a mask's image; None for what is no mask."""
    return mask.stem.removesuffix(_MASK_END) if mask.stem.endswith(_MASK_END) else None


def _beside(tree: Tree, place: Place, name: str) -> Path | None:
    """A file of that name beside one of the folders, or in the one that was named."""
    homes = dict.fromkeys((place.images.parent, place.masks.parent, tree.root))
    found = [home / name for home in homes if is_file(home / name)]
    return found[0] if found and tree.is_inside(found[0]) else None


def _lists(tree: Tree, place: Place) -> dict[str, Path]:
    found = {split: _beside(tree, place, f"{split}.txt") for split in _SPLITS}
    return {split: path for split, path in found.items() if path is not None}


def _listed(
    tree: Tree, lists: Mapping[str, Path], images: Mapping[str, list[Path]]
) -> dict[str, list[str]]:
    """The names of each list: a line begins with an image's path as it lay with its writer."""
    splits: dict[str, list[str]] = {}
    for split, path in lists.items():
        names: dict[str, None] = {}
        for number, line in enumerate(_text(path).splitlines(), start=1):
            entry = line.split()[0] if line.split() else ""
            name = PurePosixPath(entry).stem
            if name in images:
                names[name] = None
            elif entry:
                where = f"{tree.shown(path)}:{number}"
                tree.faults.append(Fault(FaultKind.BAD_LIST, where, entry))
        splits[split] = list(names)
    return splits


def _by_recordings(images: Mapping[str, list[Path]], tree: Tree) -> dict[str, list[str]]:
    """The split of SegNet's lists, which goes by recordings and by the time in two of them."""
    splits: dict[str, list[str]] = {split: [] for split in _SPLITS}
    strange = [name for name in images if split_of(name) is None]
    if strange:
        some = ", ".join(tree.shown(images[name][0]) for name in strange[:3])
        raise DataError(
            f"{len(strange):,} images belong to no split of CamVid",
            where=some,
            why="without train.txt, val.txt and test.txt beside them, images are divided by their "
            "names, such as 0016E5_00390, and these are of none of its recordings",
            next_step="put SegNet's three lists beside the folders, or move these images away",
        )
    for name in sorted(images):
        splits[split_of(name) or ""].append(name)
    return splits


def split_of(name: str) -> str | None:
    """Return the split that an image is in by its name; None for one of no known recording."""
    recording, _, frame = name.partition("_")
    found = _FRAME.fullmatch(frame)
    if found is None:
        return None
    time = int(found[1])
    if recording == "0001TP":
        return "train" if time <= 8520 else "test"
    if recording == "0016E5":
        # Recorded at 15 frames a second; the rest of it is at one.
        return "val" if 7959 <= time <= 8159 else "train"
    return {"0006R0": "train", "Seq05VD": "test"}.get(recording)


def _colours(tree: Tree, place: Place) -> Mapping[str, Colour]:
    """The masks' colours: those that label_colors.txt has, else the published ones."""
    path = _beside(tree, place, _COLOURS_FILE)
    if path is None:
        return COLOURS
    found: dict[str, Colour] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        told = _LINE.fullmatch(line.strip())
        red, green, blue = (int(told[place]) for place in (1, 2, 3)) if told else (256, 0, 0)
        if line.strip() and (told is None or told[4] not in COLOURS or max(red, green, blue) > 255):
            raise _no_colour(tree, path, number, line)
        if told:
            found[told[4]] = (red, green, blue)
    colours = {**COLOURS, **found}
    _require_different(colours, path)
    return colours


def _require_different(colours: Mapping[str, Colour], path: Path) -> None:
    if len(set(colours.values())) < len(colours):
        raise DataError(
            "two classes have one colour",
            where=str(path),
            why="each of CamVid's 32 classes has a colour of its own",
            next_step="restore the file as it is published, or delete it",
        )


def _no_colour(tree: Tree, path: Path, number: int, line: str) -> DataError:
    return DataError(
        "a line is no colour of a class of CamVid",
        where=f"{tree.shown(path)}:{number}",
        why=f"{line.strip()[:60]!r} is not red, green, blue and one of its 32 classes",
        next_step="restore the file as it is published, or delete it: the published colours hold",
    )


def _text(path: Path) -> str:
    return bytes_of(path, most_bytes=_MOST_BYTES, fault=DataError).decode("utf-8-sig", "replace")


def _notes(
    lists: Mapping[str, Path],
    images: Mapping[str, list[Path]],
    splits: Mapping[str, list[str]],
) -> tuple[str, ...]:
    files = ", ".join(path.name for path in lists.values())
    notes = [f"splits are those of {files}" if lists else "splits go by recordings, as SegNet's do"]
    left = len(images) - len({name for names in splits.values() for name in names})
    notes += [f"{number_of(left, 'image')} in none of {files}: not used"] if left else []
    return ("masks hold 32 colours, which count as 11 classes", *notes)
