"""A command's help: its docstring whole, with examples, and options without empty defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from cyclopts import Parameter
from cyclopts.help import DefaultFormatter

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

_HEADING = re.compile(r"^(\w+)\n-+$", re.MULTILINE)


def for_the_command_line(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as a command: what has a place is named by its place alone.

    The type of its result is left out: it is imported when the command is called.
    """

    @wraps(function)
    def called(*words: Any, **options: Any) -> Any:
        return function(*words, **options)

    known = function.__annotations__
    called.__annotations__ = {name: one for name, one in known.items() if name != "return"}
    called.__doc__ = _with_parameters_in_lines(function)
    signature = inspect.signature(function)
    placed = (_placed(one) for one in signature.parameters.values())
    setattr(called, "__signature__", signature.replace(parameters=[*placed]))  # noqa: B010
    return called


def _placed(parameter: inspect.Parameter) -> inspect.Parameter:
    if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        return parameter.replace(kind=inspect.Parameter.POSITIONAL_ONLY)
    return parameter


def help_of(function: Callable[..., Any]) -> str:
    """What a command does, writes and exits with, and an example: its docstring, as help has it."""
    sections = docstring_sections(function)
    told = [" ".join(part.split()) for part in sections[""].split("\n\n")]
    examples = sections.get("Examples", "")
    if examples:
        told.append("\n".join(["For example:", *(f"  {line}" for line in examples.splitlines())]))
    return "\n\n".join(told)


def docstring_sections(function: Callable[..., Any]) -> dict[str, str]:
    """The parts of a docstring by their headings; what comes first has none."""
    first, *rest = _HEADING.split(inspect.getdoc(function) or "")
    named = zip(rest[::2], rest[1::2], strict=True)
    return {"": first.strip(), **{name: text.strip() for name, text in named}}


def _with_parameters_in_lines(function: Callable[..., Any]) -> str:
    """A docstring with each parameter told in one line, which the help breaks as it is wide."""
    told = docstring_sections(function).get("Parameters", "")
    _, *named = re.split(r"^(\w+)$", told, flags=re.MULTILINE)
    pairs = zip(named[::2], named[1::2], strict=True)
    lines = (f"{name}\n    {' '.join(text.split())}" for name, text in pairs)
    return "\n".join(["Parameters", "----------", *lines])


def default_parameter() -> Parameter:
    """How every parameter is shown: with its default where that says something."""
    return Parameter(show_default=_shown)


def _shown(default: Any) -> Any:
    """A default as help has it; nothing for what is empty, and stands for what the help says."""
    if isinstance(default, tuple):
        return ", ".join(map(str, default)) or None
    return default if default not in ("", 0) else None


class PlainTypes(DefaultFormatter):
    """Calls a path that may be text, in Python, a path."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print a panel of the help."""
        entries = [
            entry.copy(metavar="PATH") if entry.metavar == "PATH|STR" else entry
            for entry in panel.entries
        ]
        super().__call__(console, options, panel.copy(entries=entries))
