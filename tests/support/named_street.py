"""Street scenes whose classes may have other names."""

from __future__ import annotations

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import Sample
from fasterseg.datasets.street import StreetScenes


class NamedStreet:
    """Street scenes whose classes have other names."""

    def __init__(self, names: tuple[str, ...] | None, size: tuple[int, int]) -> None:
        self._scenes = StreetScenes(size=size, counts={"train": 6, "val": 3, "test": 9})
        own = self._scenes.label_space
        self.name = "street"
        self.label_space = own if names is None else LabelSpace(names=names, colours=own.colours)
        self.terms = self._scenes.terms

    def splits(self) -> tuple[str, ...]:
        return self._scenes.splits()

    def length(self, split: str) -> int:
        return self._scenes.length(split)

    def names(self, split: str) -> tuple[str, ...]:
        return self._scenes.names(split)

    def sample(self, split: str, index: int) -> Sample:
        return self._scenes.sample(split, index)

    def digest(self, split: str) -> str:
        return self._scenes.digest(split)
