"""Until when each key of a recipe may change: until the first thing of a run is made by it.

One table for every key, whoever asks: the run that opens its recipe, and the stages that compare
the plan they began with.  What nothing was made by yet can be mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from fasterseg.config.contenders import BASELINE
from fasterseg.config.hosts import HERE
from fasterseg.config.recipe import Recipe
from fasterseg.config.roles import SHARED
from fasterseg.space.search_space import SearchSpace


class Use(StrEnum):
    """What of a run is made by the keys of its recipe."""

    BLOCKS = "the timing of blocks"
    TABLE = "the latency table"
    SUPERNET = "the supernet's training"
    SEARCH = "the search"
    SCORES = "the scores of candidates"
    LANDED = "the search's end"
    TEACHER = "a teacher's training"
    STUDENT = "a student's training"


_TRAINED = (Use.TEACHER, Use.STUDENT)
_LEARNT = (Use.SUPERNET, *_TRAINED)

FIRST_USES: tuple[tuple[str, tuple[Use, ...]], ...] = (
    # Nothing depends on these.
    ("name", ()),
    ("log", ()),
    ("*.checkpoint_every", ()),
    ("data.workers", ()),
    ("search.calibration_batches", ()),
    # How a batch is computed here: other machines, and another number of them, may go on.
    ("*.accumulate", ()),
    ("*.synchronise_norms", ()),
    ("*.distillation.most_disk", ()),
    # It learns from nobody.
    ("teacher.distillation.*", ()),
    # Where the data lies; what it is, its digests say.
    ("data.source", ()),
    ("data.layout", ()),
    ("data.outside", ()),
    ("data.street.*", ()),
    ("data.unlabelled*", ()),
    # Every score names its split.
    ("data.test_split", ()),
    ("data.val_split", (Use.LANDED, *_TRAINED)),
    ("data.training_split", _TRAINED),
    ("data.train_split", _LEARNT),
    ("data.normalize", _LEARNT),
    ("data.size", _LEARNT),
    ("seed", (Use.TABLE, *_LEARNT)),
    ("threads", _LEARNT),
    ("promise", (Use.LANDED,)),
    # What is handed over says what it may have lost.
    ("target.max_drop", ()),
    ("target.*", (Use.BLOCKS,)),
    ("profile.calibration_networks", (Use.TABLE,)),
    ("profile.latency_tolerance", (Use.TABLE,)),
    ("profile.*", (Use.BLOCKS,)),
    ("space.*", (Use.TABLE, Use.SUPERNET)),
    ("budget", (Use.SEARCH,)),
    ("contenders.*.budget", (Use.SEARCH,)),
    ("contenders.*.baseline", (Use.TEACHER,)),
    ("contenders.*", (Use.TABLE, Use.SUPERNET)),
    ("students", (Use.SUPERNET,)),
    ("search.selection.images", (Use.SCORES, Use.LANDED)),
    ("search.selection.calibration_images", (Use.SCORES, Use.LANDED)),
    ("search.selection.*", (Use.LANDED,)),
    ("search.validation_images", (Use.LANDED,)),
    ("search.steps", (Use.SEARCH,)),
    ("search.architecture_*", (Use.SEARCH,)),
    ("search.sampling.architecture_*", (Use.SEARCH,)),
    ("search.exact_widths", (Use.SEARCH,)),
    ("search.penalty*", (Use.SEARCH,)),
    ("search.temperature.*", (Use.SEARCH,)),
    ("search.control*", (Use.SEARCH,)),
    ("search.*", (Use.SUPERNET,)),
    ("teacher.*", (Use.TEACHER,)),
    ("student.*", (Use.STUDENT,)),
)
"""By the first pattern that a key matches; a section's last line is for the rest of it."""


def uses_of(key: str) -> tuple[Use, ...]:
    """What is made by a recipe's key; raises `KeyError` for a key that the table does not have."""
    for pattern, uses in FIRST_USES:
        if fnmatchcase(key, pattern):
            return uses
    raise KeyError(key)


def keyed(recipe: Recipe) -> dict[str, Any]:
    """A recipe as the table has it: contenders by name, and what follows from other keys.

    That are the settings that roles share, the students that budgets make, and the search's class
    weights.  A device elsewhere is held to what it says of itself, however it is reached.
    """
    content = recipe.model_dump(mode="json", by_alias=True)
    content["target"]["host"] = HERE if recipe.target.is_here else "elsewhere"
    del content[SHARED]
    content["contenders"] = contenders_by_name(content)
    if recipe.search.class_weights == "student":
        content["search"]["class_weights"] = content["student"]["class_weights"]
    return {**content, "students": [student.name for student in recipe.students()]}


def contenders_by_name(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The contenders of a recipe's or a plan's content; an operator that its space lacks is none.

    So an operator more in the table of kinds is no change of what was made before.  Of a baseline,
    which no search knows, its name is all.
    """
    offered = SearchSpace.model_validate(content["space"]).operators

    def taken(contender: Mapping[str, Any]) -> dict[str, Any]:
        own, architecture = contender["operators"], contender["architecture"]
        if architecture.startswith(BASELINE):
            return {"baseline": architecture}
        operators = [name for name in offered if own is None or name in own]
        return {**contender, "operators": operators}

    return {one["name"]: taken(one) for one in content["contenders"]}
