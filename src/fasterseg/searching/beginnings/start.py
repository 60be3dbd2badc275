"""What a search was begun with: stored first, so that it is resumed with the very same."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from fasterseg.artifacts import Artifact
from fasterseg.changes import changes_between, refuse_changes
from fasterseg.config import (
    ClassWeights,
    ContenderSettings,
    FloatPrecision,
    SearchSettings,
    SearchSpace,
)
from fasterseg.config.uses import Use, contenders_by_name, uses_of


class SearchStart(Artifact):
    """All that a search's outcome depends on.

    `weight_images` and `architecture_images` are the two disjoint halves of the training images.
    `fastest_ms` and `slowest_ms` are the measured ends of the space, by student; `matched` says of
    a student whose budget is a model which one, with its digest.  `class_weights`
    are the search's own or the student's; starts of before they had a say went by the data's.
    `ranks` began it together, with so many threads each; any number may resume it.
    """

    schema_tag: ClassVar[str] = "fasterseg/search-plan/1"

    space: SearchSpace
    contenders: tuple[ContenderSettings, ...]
    settings: SearchSettings
    seed: int
    device: str
    threads: int
    ranks: int = 1
    precision: FloatPrecision = "float32"
    data: str
    data_digest: str
    class_weights: ClassWeights = "data"
    table_digest: str
    weight_images: tuple[str, ...]
    architecture_images: tuple[str, ...]
    budgets_ms: dict[str, float]
    fastest_ms: dict[str, float]
    slowest_ms: dict[str, float]
    matched: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _tells_what_there_was_one_way_for(cls, given: Any) -> Any:
        """Starts of before do not say how weights sample kinds, nor how inner widths learn."""
        if not isinstance(given, Mapping) or not isinstance(given.get("settings"), Mapping):
            return given
        settings = {"exact_widths": "straight-through", **given["settings"]}
        sampling = {"weight_kinds": "probable", **settings.get("sampling", {})}
        return {**given, "settings": {**settings, "sampling": sampling}}

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

    def agrees(self, stored: SearchStart) -> bool:
        """Whether both stand for the same search."""
        return not any(changes_between(*_what_matters(stored, self)))

    def agree(self, path: Path, *, made: Container[Use]) -> SearchStart:
        """The stored start, or this one in its place where nothing was made by what is changed.

        `made` is what the run has made so far.  Raises `UsageError` with a diff for the rest.
        """
        stored = SearchStart.load(path)
        wanted = self
        if "class_weights" not in stored.model_fields_set:
            wanted = self.model_copy(update={"class_weights": stored.class_weights})
        before, now = _what_matters(stored, wanted)
        changes = refuse_changes(
            "the search",
            stored=before,
            wanted=now,
            where=path,
            used_by=lambda key: next((use for use in _uses_of(key) if use in made), ""),
            next_step="undo the change, or resume on the machine that it began with, or start a "
            "new run with another --run",
        )
        if not any(_uses_of(change.key) for change in changes):
            return stored
        wanted.save(path)
        return wanted


def _what_matters(
    stored: SearchStart, wanted: SearchStart
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two starts as far as they have to agree.

    Another number of ranks adds up in another order, as another number of threads does: who asks
    for the one gets the other with it.
    """
    left_out = {"ranks"} if stored.ranks == wanted.ranks else {"ranks", "threads"}
    before, now = (
        {key: value for key, value in _by_key(one).items() if key not in left_out}
        for one in (stored, wanted)
    )
    return before, now


def _by_key(start: SearchStart) -> dict[str, Any]:
    """The start by the recipe's keys, without the data's name, which is where it lies."""
    content = start.content()
    del content["data"]
    content["search"] = content.pop("settings")
    content["search"]["class_weights"] = content.pop("class_weights")  # as they were meant
    content["contenders"] = contenders_by_name(content)
    return content


def _uses_of(key: str) -> tuple[Use, ...]:
    """What a key of the start went into; those that are no recipe's key into the supernet.

    Pre-training asks no latency: a table that is measured anew leaves its weights what they are.
    """
    if key.startswith(("budgets_ms", "matched", "table_digest", "fastest_ms", "slowest_ms")):
        return uses_of("budget")
    try:
        return uses_of(key)
    except KeyError:
        return (Use.SUPERNET,)
