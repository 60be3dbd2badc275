"""A tracker that keeps what it is told, and one that fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasterseg.tracking.tracker import Opening


class KeptTracker:
    """Keeps all lines, as a tracker that cannot forget."""

    def __init__(self, *, fails_at: int = -1) -> None:
        self.lines: list[tuple[str, int, Mapping[str, float], int]] = []
        self.told: list[tuple[str, Mapping[str, float]]] = []
        self.shown: list[tuple[str, list[str]]] = []
        self.ends: list[bool] = []
        self.openings: list[Opening] = []
        self.fails_at = fails_at

    def open(self, opening: Opening) -> KeptTracker:
        self.openings.append(opening)
        return self

    @property
    def identity(self) -> str:
        return "run-7"

    def numbers(self, group: str, step: int, values: Mapping[str, float], *, line: int) -> None:
        if len(self.lines) == self.fails_at:
            raise ConnectionError("the server\nsaid no")
        self.lines.append((group, step, values, line))

    def results(self, group: str, values: Mapping[str, float]) -> None:
        self.told.append((group, values))

    def pictures(self, group: str, pictures: Mapping[str, Any], *, line: int) -> None:
        self.shown.append((group, sorted(pictures)))

    def flush(self) -> None:
        pass

    def close(self, *, finished: bool) -> None:
        self.ends.append(finished)
