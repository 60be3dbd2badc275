"""What files' names have before and behind the name of their sample."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.datasets.data_files.written_paths import composed


@dataclass(frozen=True, slots=True)
class Affixes:
    """A beginning and an end of files' names without their type; both may be empty."""

    prefix: str = ""
    suffix: str = ""

    def __bool__(self) -> bool:
        return bool(self.prefix or self.suffix)

    def inside(self, name: str) -> str | None:
        """Return a sample's name, with its folders; None for a file that is not called so."""
        folder, slash, own = composed(name).rpartition("/")
        start, end = composed(self.prefix), composed(self.suffix)
        if len(own) < len(start) + len(end) or not (own.startswith(start) and own.endswith(end)):
            return None
        return f"{folder}{slash}{own[len(start) : len(own) - len(end)]}"

    def around(self, name: str) -> str:
        """Return what the file of a sample is called, without its type."""
        folder, slash, own = name.rpartition("/")
        return f"{folder}{slash}{self.prefix}{own}{self.suffix}"


NO_AFFIXES = Affixes()
OF_NAMES = frozenset({"image_prefix", "image_suffix", "mask_prefix", "mask_suffix"})
"""The keys of a data file that give the affixes of images and masks."""
