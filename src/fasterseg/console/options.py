"""The options that every command understands, told once.

A command takes them as ``**options: Unpack[CommonOptions]`` and reads them with
``Common.of(options)``: the command line gets a flag for each, Python callers keyword arguments.
"""

from __future__ import annotations

import json as json_text
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, TypedDict

from cyclopts import Group, Parameter

from fasterseg.callbacks import Callback, require_callbacks
from fasterseg.config.budgets import AsFastAs, split_budgets
from fasterseg.config.hosts import host_named, is_elsewhere
from fasterseg.console.option_values import (
    KeysAndValues,
    SizeOrText,
    changes_of,
    no_such_option,
    require_processes,
    working_size,
)
from fasterseg.errors import UsageError
from fasterseg.paths import user_path
from fasterseg.processes import Place
from fasterseg.tracking.names import TrackerName, tracker_names

if TYPE_CHECKING:
    from fasterseg.config import Recipe

    RecipeOrFile: TypeAlias = Path | str | Recipe
else:
    RecipeOrFile = Path | str  # on the command line it is a file

COMMON = Group("Common", sort_key=9)
"""Options that mean the same in every command that has them; they stand behind a command's own."""

Data = Annotated[
    Path | str,
    Parameter(group=COMMON, help="A folder, a data.yaml, or 'street', the built-in scenes."),
]
RunFolder = Annotated[
    Path | str, Parameter(group=COMMON, help="The run's folder; an existing one is resumed.")
]
RecipeFile = Annotated[
    RecipeOrFile,
    Parameter(
        group=COMMON, help="A YAML file that describes a run, or a recipe of the package: demo."
    ),
]
Changes = Annotated[
    KeysAndValues,
    Parameter(
        group=COMMON,
        name="--set",
        negative="",
        help="Change one value of the recipe: --set search.steps=200. May be repeated. "
        "'fasterseg recipe' shows all keys.",
    ),
]
Device = Annotated[
    str,
    Parameter(
        group=COMMON,
        help="auto, cpu, cuda or cuda:N. Never changed silently. Where networks are timed also kit "
        "or ssh://user@host:port, another device: the recipe's target.host.",
    ),
]
Json = Annotated[
    bool,
    Parameter(
        group=COMMON,
        negative="",
        help="Machine-readable: result on stdout, events and errors on stderr.",
    ),
]
Seed = Annotated[int, Parameter(group=COMMON, help="The seed of everything random.")]

RunSize = Annotated[
    SizeOrText,
    Parameter(
        help="Bring images and labels to HxW (360x640), once, for training and search; networks "
        "run at it. The recipe's data.size, or their own sizes, when left out."
    ),
]

IN_PYTHON: Mapping[str, Any] = {
    "size": str | tuple[int, int],
    **dict.fromkeys(("set", "log", "callbacks"), Any),
}
"""What Python's callers may give for options that are text on the command line."""

Layout = Annotated[str, Parameter(help="Name the layout instead of finding it.")]
Outside = Annotated[
    bool, Parameter(negative="", help="Read files that lie outside of the data's folder, too.")
]

Budgets = Annotated[
    Sequence[str],
    Parameter(
        name="--budget",
        negative="",
        help="Milliseconds (8ms), images a second (80fps), a share (50%), halfway, or a model to "
        "be as fast as on the target: baseline:fast-scnn, file.onnx, a bundle; 2x:MODEL is twice "
        "its time. Several, repeated or joined by commas: a student for each.",
    ),
]


class CommonOptions(TypedDict, total=False):
    """The common options as keyword arguments; one that is left out is decided by the recipe."""

    data: Data
    run: RunFolder
    recipe: RecipeFile
    set: Changes
    device: Device
    json: Json
    seed: Seed


class SharedOptions(CommonOptions, total=False):
    """The common options of a command whose work several processes may share.

    `callbacks` are functions of Python that are told what happens (`fasterseg.callbacks`).
    """

    processes: Annotated[
        int,
        Parameter(
            group=COMMON,
            help="Number of processes on this machine that share the work; for several machines, "
            "use torchrun.",
        ),
    ]
    restarts: Annotated[
        int,
        Parameter(
            group=COMMON,
            help="How often to restart them from the last checkpoint if one dies.",
        ),
    ]
    log: Annotated[
        Sequence[TrackerName],
        Parameter(
            group=COMMON,
            name="--log",
            negative="",
            help="A tracker that is told of steps, scores, latencies, pictures. May be repeated. "
            "It keeps them in the run's folder, unless its own settings name a server.",
        ),
    ]
    callbacks: Annotated[Sequence[Callback], Parameter(parse=False)]


class JsonOption(TypedDict, total=False):
    """The one option of a command that needs neither a run nor data."""

    json: Json


class OptionsOfADevice(TypedDict, total=False):
    """The common options of a command that runs models and reads no recipe."""

    device: Device
    json: Json


class OptionsOfARun(TypedDict, total=False):
    """The common options of a command that reads what lies in a run's folder."""

    run: RunFolder
    json: Json


class OptionsOfARecipe(TypedDict, total=False):
    """The common options of a command that reads a recipe alone."""

    run: RunFolder
    recipe: RecipeFile
    set: Changes
    json: Json


class OptionsOfData(TypedDict, total=False):
    """The common options of a command that reads data as a recipe says."""

    data: Data
    recipe: RecipeFile
    set: Changes
    json: Json


class OptionsOfDataAndARun(TypedDict, total=False):
    """The common options of a command that reads data as a recipe, or a run's own, says."""

    data: Data
    run: RunFolder
    recipe: RecipeFile
    set: Changes
    json: Json


def _found_anywhere(budget: str) -> str:
    """A budget whose model, where it lies here, is named so that any folder finds it."""
    model = AsFastAs.of(budget)
    if model is None:
        return budget
    path = user_path(model.model, "--budget")
    return model.renamed(str(path.absolute())) if path.exists() else budget


ImageSize = Annotated[
    SizeOrText, Parameter(help="Image size HxW; the run's or model's own by default.")
]
Classes = Annotated[int, Parameter(help="Classes; the run's or model's own by default.")]

IMAGES = 16
"""So many images a file and its network are compared on, label by label, if none are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The common options of one call; None where the recipe decides."""

    data: Path | str | None = None
    run: Path | str | None = None
    recipe: Path | str | Recipe | None = None
    set: tuple[str, ...] = ()
    device: str | None = None
    json: bool = False
    seed: int | None = None
    processes: int | None = None
    restarts: int | None = None
    log: Sequence[str] | str | None = None
    callbacks: Sequence[Callback] = ()
    host: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The options of a call; raises `UsageError` for one that there is none of."""
        known = {field.name for field in fields(cls)} - {"host"}
        if strange := [name for name in options if name not in known]:
            raise no_such_option(strange[0], options[strange[0]])
        return cls(**options)

    @classmethod
    def reaching(cls, **options: Any) -> Self:
        """The options of a command that times networks: a device may be the recipe's `target.host`.

        What is computed here is then computed where it is without the option.  Raises `UsageError`.
        """
        device = options.get("device")
        if not is_elsewhere(device):
            return cls.of(options)
        return replace(cls.of({**options, "device": None}), host=host_named(str(device)))

    def __post_init__(self) -> None:
        """Read the paths as they are meant; raises `UsageError` for what no path can be.

        Processes were started before this: a call from Python starts none.
        """
        require_processes(self.processes, self.restarts)
        require_callbacks(self.callbacks)
        object.__setattr__(self, "set", changes_of(self.set))
        if self.log is not None:
            object.__setattr__(self, "log", tracker_names(self.log))
        if (self.processes or 1) > 1 and Place.here().count == 1:
            raise UsageError(
                "several processes are started by the command line",
                where=f"processes={self.processes}",
                why="a function of Python computes in the process that calls it",
                next_step="start the command in a shell, with --processes or by torchrun",
            )
        for option in ("data", "run", "recipe"):
            path = getattr(self, option)
            if isinstance(path, str | Path):
                object.__setattr__(self, option, user_path(path, f"--{option}"))

    def with_size(self, size: SizeOrText) -> Common:
        """The same options with a working size over the recipe's; none leaves it be.

        Raises `UsageError` for one that no network can take.
        """
        if not size:
            return self
        height, width = working_size(size)
        target = (f"target.height={height}", f"target.width={width}")
        return replace(self, set=(*self.set, f"data.size=[{height}, {width}]", *target))

    def with_budget(self, budget: Sequence[str]) -> Common:
        """The same options with a budget, or several, over the recipe's; none leaves it be."""
        if not budget:
            return self
        asked = [budget] if isinstance(budget, str) else budget
        several = [_found_anywhere(one) for text in asked for one in split_budgets(text)]
        wanted = several[0] if isinstance(budget, str) and len(several) == 1 else several
        # What is JSON is YAML too: a budget is text, whatever it looks like.
        return replace(self, set=(*self.set, f"budget={json_text.dumps(wanted)}"))
