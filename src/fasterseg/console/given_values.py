"""The values that words of the command line gave, looked at before they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts import UNSET

from fasterseg.errors import UsageError

if TYPE_CHECKING:
    from cyclopts import App, ArgumentCollection


def require_values(_app: App, _commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Raise `UsageError` for an option, or what has its place, that was given no letter at all.

    Read on, it would stand for the current folder, or for what counts when it is left out.
    """
    for argument in arguments:
        for token in argument.tokens:
            if token.value or token.implicit_value is not UNSET:
                continue
            name = token.keyword or argument.name
            way = f"give {name} a value"
            raise UsageError(
                f"{name} is empty",
                why="as of a variable that is not set; nothing is taken for the current folder, "
                "or for what counts where it is left out",
                next_step=way if argument.required else f"{way}, or leave it out",
            )
