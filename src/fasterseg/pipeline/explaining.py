"""``fasterseg recipe``: a whole recipe with its sentences, or what is to be known of some keys."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, RootModel

from fasterseg.config import ContenderSettings, Recipe
from fasterseg.config.idle import leaves
from fasterseg.config.roles import SHARED
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.pipeline.settings.recipes import resolve_recipe, stored_recipe
from fasterseg.reference.commented import commented
from fasterseg.reference.explained import ExplainedKey, explained, keys_meant
from fasterseg.reference.schemas import FileKind, schema_of
from fasterseg.told import Told


class RecipeResult(Told, BaseModel):
    """A recipe as YAML with comments, or the keys that were asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    in_lines: ClassVar = ("text",)

    text: str = ""
    keys: tuple[ExplainedKey, ...] = ()

    def describe(self) -> str:
        """Return the recipe's text, or what there is to know of each key."""
        return self.text.rstrip() or "\n\n".join(key.describe() for key in self.keys)


class SchemaResult(Told, RootModel[dict[str, Any]]):
    """A JSON Schema."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, kind: FileKind) -> SchemaResult:
        """The schema of a kind of file."""
        return cls(schema_of(kind))

    def describe(self) -> str:
        """Return it as JSON, as an editor reads it."""
        return json.dumps(self.root, indent=1)


def explain_recipe(key: str, common: Common) -> RecipeResult:
    """The recipe that the options describe, or keys of it; `UsageError` where there is none."""
    named = common.recipe is not None or common.run is not None or bool(common.set)
    stored = stored_recipe(common)
    if common.run is not None and stored is None:
        raise UsageError(
            "there is no run whose recipe could be shown",
            where=str(common.run),
            why="a run's folder keeps the recipe that it was begun with, and here is none",
            next_step="name a run's folder, or leave --run out",
        )
    recipe = resolve_recipe(common, stored)
    if not key:
        text = commented("recipe", _without_defaults(recipe), head=_head(named=named))
        return RecipeResult(text=text)
    values = _values(recipe) if named else {}
    return RecipeResult(
        keys=tuple(explained(one, here=values.get(one.name)) for one in keys_meant(key))
    )


def _head(*, named: bool) -> str:
    which = "This recipe with every key" if named else "Every key of a recipe with its default"
    return f"{which}; fasterseg recipe KEY tells more of one.\nLeave out what is to stay as it is."


def _without_defaults(recipe: Recipe) -> dict[str, Any]:
    """A recipe's content, with of each contender what it says itself."""
    content = {**recipe.content(), SHARED: recipe.training.model_dump(mode="json")}
    fields = ContenderSettings.model_fields
    contenders = [
        {name: value for name, value in one.items() if value != fields[name].default}
        for one in content["contenders"]
    ]
    return {**content, "contenders": contenders}


def _values(recipe: Recipe) -> dict[str, str]:
    """A recipe's values by their dotted names, with what roles take from each other."""
    known = leaves(recipe.model_dump(mode="json", by_alias=True))
    return {name: json.dumps(value) for name, value in known.items()}
