"""A folder of masks to each image, which is called after it: of classes, or of single things."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasterseg.datasets.data_files.written_paths import composed
from fasterseg.datasets.layouts.folders.name_series import folders_of_pictures
from fasterseg.datasets.pictures.listing import printable

THING = "object"
"""The one class of masks that are called anyhow: each is of one thing."""
_LEAST_SHARE = 0.9
_MOST_CLASSES = 64


@dataclass(frozen=True, slots=True)
class MaskFolder:
    """An image, and the folder of its masks, each by the name of its class."""

    image: Path
    folder: Path
    masks: tuple[tuple[str, Path], ...]


def mask_folders_in(root: Path) -> list[MaskFolder]:
    """Return the images that have a folder of masks; none where some have and others have not."""
    folders = folders_of_pictures(root)
    named: defaultdict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        for part in folder.relative_to(root).parts:
            named[composed(part)].append(folder)
    found = list(_with_folders(folders, named))
    homes = {image.parent for image, _ in found}
    images = sum(len(folders[home]) for home in homes)
    if not found or len(found) < _LEAST_SHARE * images or any(of in homes for _, of in found):
        return []
    # What several folders have is a class; what each has for itself is a thing.
    counts = Counter(Path(name).stem for _, folder in found for name in folders[folder])
    are_classes = len(counts) <= _MOST_CLASSES and max(counts.values()) > 1
    return [
        MaskFolder(
            image,
            folder,
            tuple(
                (printable(Path(name).stem) if are_classes else THING, folder / name)
                for name in folders[folder]
            ),
        )
        for image, folder in found
    ]


def _with_folders(
    folders: Mapping[Path, Sequence[str]], named: Mapping[str, Sequence[Path]]
) -> Iterator[tuple[Path, Path]]:
    for home, names in folders.items():
        for name in names:
            others = [of for of in named.get(composed(Path(name).stem), ()) if of != home]
            if len(others) == 1:
                yield home / name, others[0]
