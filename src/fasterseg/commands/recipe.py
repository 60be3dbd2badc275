"""``fasterseg recipe``: every key of a recipe, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from fasterseg.console.options import Common, OptionsOfARecipe

if TYPE_CHECKING:
    from fasterseg.pipeline.explaining import RecipeResult


def recipe(key: str = "", **options: Unpack[OptionsOfARecipe]) -> RecipeResult:
    """Show a recipe as YAML with a comment above every key, or explain one key or section.

    Of a key it tells what it means, what may be written, the default, and which part of a run is
    made by it, so that it may not change from then on.  With --recipe, --run or --set the values
    are those of that recipe.  The text is a recipe itself: written to a file, it is one to begin
    with.  Nothing is written.  Exit code 2 for a key that there is not, with the nearest one.

    Parameters
    ----------
    key
        A key by its full name (search.lr) or its last one (lr), or a section (search.selection).

    Returns
    -------
    RecipeResult
        The recipe's text, or the keys.

    Examples
    --------
    fasterseg recipe search.selection
    """
    from fasterseg.pipeline.explaining import explain_recipe

    return explain_recipe(key, Common.of(options))
