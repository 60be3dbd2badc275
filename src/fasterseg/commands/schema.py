"""``fasterseg schema``: the JSON Schema of recipes and data files, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack

from fasterseg.console.options import Common, JsonOption

if TYPE_CHECKING:
    from fasterseg.pipeline.explaining import SchemaResult


def schema(
    file: Literal["recipe", "data"],
    **options: Unpack[JsonOption],
) -> SchemaResult:
    """Print the JSON Schema of recipes, or of data.yaml files, with every key described.

    Editors complete and check by it a file that begins with the line "# yaml-language-server:
    $schema=recipe.schema.json".  What `fasterseg init` writes has the line, and the schema beside
    it.  Nothing is written.

    Parameters
    ----------
    file
        Which file's: a recipe's or a data.yaml's.

    Returns
    -------
    SchemaResult
        The schema, as JSON.

    Examples
    --------
    fasterseg schema recipe > recipe.schema.json
    """
    from fasterseg.pipeline.explaining import SchemaResult

    Common(**options)
    return SchemaResult.of(file)
