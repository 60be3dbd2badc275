"""Who shares the work of a stage, and whether all of them have the same data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fasterseg.config import Recipe
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError
from fasterseg.learning.ranks import ALONE, Ranks


@dataclass(frozen=True, slots=True)
class Sharing:
    """The ranks that share the work, and the recipe that says where followers find the data."""

    ranks: Ranks = ALONE
    recipe: Recipe | None = None

    def words(self) -> dict[str, Any]:
        """The recipe as an order has it; nothing where there is nobody to order."""
        if self.ranks.alone or self.recipe is None:
            return {}
        return {"recipe": self.recipe.model_dump(mode="json", by_alias=True)}


BY_ITSELF = Sharing()
"""The work of one process."""


def require_same_data(source: DataSource, split: str, digest: str) -> None:
    """Raise `DataError` where a follower's split is not what the leader has under that name."""
    if source.digest(split) != digest:
        raise DataError(
            "the data here are not those of the process that leads",
            where=f"{split} of {source.name}",
            why="names, sizes or sampled contents of its files differ",
            next_step="give all processes the same data: copy them again, or name a folder that "
            "all of them see",
        )
