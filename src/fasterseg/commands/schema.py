"""``fasterseg schema``: the JSON Schema of recipes, data files and teachers' cards, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack

from fasterseg.console.options import Common, JsonOption

if TYPE_CHECKING:
    from fasterseg.pipeline.explaining import SchemaResult


def schema(
    file: Literal["recipe", "data", "teacher"],
    **options: Unpack[JsonOption],
) -> SchemaResult:
    """Print the JSON Schema of recipes, data.yaml files or teachers' cards, every key described.

    Editors complete and check by it a file that begins with the line "# yaml-language-server:
    $schema=recipe.schema.json".  What `fasterseg init` writes has the line, and the schema beside
    it.  Nothing is written.

    Parameters
    ----------
    file
        Which file's: a recipe's, a data.yaml's, or that of the card beside a foreign teacher.

    Returns
    -------
    SchemaResult
        The schema, as JSON.

    Examples
    --------
    fasterseg schema recipe > recipe.schema.json
    """
    from fasterseg.pipeline.explaining import SchemaResult

    Common.of(options)
    return SchemaResult.of(file)
