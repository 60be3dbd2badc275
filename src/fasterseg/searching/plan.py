"""What a search was begun with: stored first, so that it goes on with the very same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from fasterseg.artifacts import Artifact
from fasterseg.config import ClassWeights, ContenderSettings, Precision, SearchSettings, SearchSpace
from fasterseg.runs import refuse_changes

# A change of these leaves the outcome as it is.
_FREE = ("checkpoint_every", "validation_images", "calibration_batches")


class SearchPlan(Artifact):
    """All that a search's outcome depends on.

    `weight_images` and `architecture_images` are the two disjoint halves of the training images.
    `fastest_ms` and `slowest_ms` are the measured ends of the space, by student.  `class_weights`
    are the search's own or the student's; plans of before they had a say went by the data's.
    """

    schema_tag: ClassVar[str] = "fasterseg/search-plan/1"

    space: SearchSpace
    contenders: tuple[ContenderSettings, ...]
    settings: SearchSettings
    seed: int
    device: str
    threads: int
    precision: Precision = "float32"
    data: str
    data_digest: str
    class_weights: ClassWeights = "data"
    table_digest: str
    weight_images: tuple[str, ...]
    architecture_images: tuple[str, ...]
    budgets_ms: dict[str, float]
    fastest_ms: dict[str, float]
    slowest_ms: dict[str, float]

    def halves_of(self, names: Sequence[str]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The two halves as indices of the names; None where these are not the same images.

        A search keeps the halves that it began with, however they are divided today.
        """
        known = {name: index for index, name in enumerate(names)}
        if {*self.weight_images, *self.architecture_images} != known.keys():
            return None
        return (
            tuple(known[name] for name in self.weight_images),
            tuple(known[name] for name in self.architecture_images),
        )

    def agree(self, path: Path) -> None:
        """Raise `UsageError` with a diff when the stored plan differs in what matters."""
        stored = SearchPlan.load(path)
        wanted = self
        if "class_weights" not in stored.model_fields_set:
            wanted = self.model_copy(update={"class_weights": stored.class_weights})
        refuse_changes(
            "the search",
            stored=_what_matters(stored),
            wanted=_what_matters(wanted),
            where=path,
        )


def _what_matters(plan: SearchPlan) -> dict[str, Any]:
    content = plan.content()
    for name in _FREE:
        del content["settings"][name]
    return content
