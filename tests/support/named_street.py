"""Street scenes whose classes may have other names."""

from __future__ import annotations

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.street import StreetScenes


class NamedStreet(StreetScenes):
    """Street scenes whose classes have other names."""

    def __init__(self, names: tuple[str, ...] | None, size: tuple[int, int]) -> None:
        super().__init__(size=size, counts={"train": 6, "val": 3, "test": 9})
        if names is not None:
            self.label_space = LabelSpace(names=names, colours=self.label_space.colours)
