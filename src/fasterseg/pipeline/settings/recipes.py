"""From the common options to the recipe and the folder that they mean, before torch is loaded."""

from __future__ import annotations

import json
from pathlib import Path

from fasterseg.config import Recipe, build_recipe, key_of, require_each_key_once
from fasterseg.config.named_recipes import recipe_file
from fasterseg.console.option_values import KeysAndValues
from fasterseg.console.options import Common
from fasterseg.paths import place_for_folder
from fasterseg.runs import RECIPE_FILE, RunFolder
from fasterseg.tracking.names import require_trackers

RUNS = Path("runs")
STREET = "street"


def load_recipe(recipe: Path | str, *, set: KeysAndValues = ()) -> Recipe:
    """The recipe of that name or in that file, with what `set` changes: keys and values, or texts.

    It is taken wherever a `recipe` is; to write it into a file, ``recipe.save("my-recipe.json")``.
    Raises `UsageError` where there is none of that name, and for what is wrong in it.
    """
    return resolve_recipe(Common.of({"recipe": recipe, "set": set}))


def not_held(common: Common) -> Common:
    """The options; raises `UsageError` where another process holds the folder that they mean.

    Raises `EnvironmentFault` where a tracker that is asked for is not installed.
    """
    recipe = stored_or_new_recipe(common)
    require_trackers(recipe.log)
    folder = folder_of(common, recipe)
    if folder.root.exists():
        with folder.locked():
            pass
    return common


def folder_of(common: Common, recipe: Recipe) -> RunFolder:
    """The run's folder; raises where there can be none."""
    place = RUNS / recipe.name if common.run is None else common.run
    return RunFolder(place_for_folder(place, "--run", names=(RECIPE_FILE,))).checked()


def stored_recipe(common: Common) -> Recipe | None:
    """The recipe of the run that the options name, if it has one."""
    if common.run is None:
        return None
    path = RunFolder(Path(common.run)).checked().recipe
    return Recipe.load(path) if path.exists() else None


def resolve_recipe(common: Common, stored: Recipe | None = None) -> Recipe:
    """The recipe that the options describe: the one they name, else the stored, else the default.

    ``--data``, ``--log``, ``--seed`` and a ``--device`` that is another host's go over it,
    ``--set`` over these.  Raises `UsageError`.
    """
    given = common.recipe
    path = None if given is None or isinstance(given, Recipe) else recipe_file(given)
    known = given if isinstance(given, Recipe) else stored
    base = known.content() if known is not None and path is None else None
    options = [] if common.seed is None else [f"seed={common.seed}"]
    options += [] if common.data is None else [f"data.source={_data_name(common.data)}"]
    options += [] if common.host is None else [f"target.host={json.dumps(common.host)}"]
    options += [] if common.log is None else [f"log={json.dumps(common.log)}"]
    require_each_key_once(common.set)
    set_keys = set(map(key_of, common.set))
    asked = [option for option in options if key_of(option) not in set_keys]
    return build_recipe(path, overrides=(*asked, *common.set), base=base)


def _data_name(data: Path | str) -> str:
    """The data set as the recipe holds it, in YAML: a folder so that any place finds it.

    What cannot be seen is spelled out: between YAML's quotes a line's end is a blank.
    """
    name = str(data) if str(data) == STREET else str(Path(data).absolute())
    if name.isprintable():
        return "'" + name.replace("'", "''") + "'"
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in name) + '"'


def stored_or_new_recipe(common: Common) -> Recipe:
    """The recipe that a command would resume with; nothing is written."""
    return resolve_recipe(common, stored_recipe(common))
