"""Masks in their images' own folder: told by affixes of their names, or by their type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fasterseg.datasets.data_files.affixes import Affixes
from fasterseg.datasets.data_files.written_paths import composed
from fasterseg.datasets.decoding import LOSSY_SUFFIXES


def told_apart(
    files: Sequence[Path], folder: Path, of_masks: Affixes
) -> tuple[list[Path], list[Path]]:
    """Return images and masks.

    A mask is called as an image with its own affixes; without any, as an image of a lossy type:
    photo.png beside photo.jpg.
    """
    stems = {_below(path, folder) for path in files}
    lossy = {_below(path, folder) for path in files if is_lossy(path)}

    def is_mask(path: Path) -> bool:
        stem = _below(path, folder)
        inside = of_masks.inside(stem)
        if is_lossy(path) or inside is None:
            return False
        if not of_masks:
            return stem in lossy
        # An image may be called as masks are, and has a mask of its own then.
        return inside in stems or composed(of_masks.around(stem)) not in stems

    masks = [path for path in files if is_mask(path)]
    known = set(masks)
    return [path for path in files if path not in known], masks


def is_lossy(path: Path) -> bool:
    """Return whether a file's format loses what labels need."""
    return path.suffix.lower() in LOSSY_SUFFIXES


def _below(path: Path, folder: Path) -> str:
    return composed(path.relative_to(folder).with_suffix("").as_posix())
