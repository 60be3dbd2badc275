"""The command line: what the words ask for, by the table of verbs.

Only the module of the chosen verb is imported, and no torch before that verb asks for it.
Exit codes are those of `fasterseg.errors`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from fasterseg.errors import UsageError
from fasterseg.outlets import beneath, open_outlets, shown_text
from fasterseg.verbs import VERBS, Verb
from fasterseg.version import __version__

if TYPE_CHECKING:
    from cyclopts import App


SUMMARY = "Search, train and score a segmentation network for a latency budget."


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command that `tokens` (default: the process's own) name; return the exit code."""
    words = list(sys.argv[1:] if tokens is None else tokens)
    if tokens is None:
        open_outlets()
    with shown_text():
        return guarded(words, lambda: _answer(words))


def _answer(words: Sequence[str]) -> int:
    """Print what the words ask for; return the exit code."""
    first = words[0] if words else "--help"
    if first in ("--help", "-h", "help"):
        print(overview())
        return 0
    if first == "--version":
        print(__version__)
        return 0
    return _call(verb_named(first), words)


def overview() -> str:
    """Return the help of the whole program: each verb with its line."""
    width = max(len(verb.name) for verb in VERBS)
    lines = [f"  {verb.name:<{width}}  {verb.line}" for verb in VERBS]
    return "\n".join(
        [
            "Usage: fasterseg COMMAND [OPTIONS]",
            "",
            SUMMARY,
            "",
            "Commands:",
            *lines,
            "",
            "fasterseg COMMAND --help tells a command's options; fasterseg --version, the version.",
        ]
    )


def verb_named(name: str) -> Verb:
    """Return the verb called `name`; UsageError with the nearest one when there is none."""
    names = [verb.name for verb in VERBS]
    if name in names:
        return VERBS[names.index(name)]
    nearest = get_close_matches(name, names, n=1)
    raise UsageError(
        f"There is no command '{name}'." + (f" Did you mean '{nearest[0]}'?" if nearest else ""),
        why="the commands are " + ", ".join(names),
        next_step=f"fasterseg {nearest[0] if nearest else ''} --help".replace("  ", " "),
    )


def build_app(verb: Verb) -> App:
    """Return the application that knows `verb` alone: no other command is read."""
    from cyclopts import App
    from rich.console import Console

    app = App(
        name="fasterseg",
        help=SUMMARY,
        version=__version__,
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        console=Console(file=beneath(sys.stdout)),  # help has colours, and no stranger's text
    )
    function = getattr(import_module(f"fasterseg.commands.{verb.function}"), verb.function)
    app.command(function, name=verb.name, help=verb.line)
    return app


def guarded(words: Sequence[str], call: Callable[[], int]) -> int:
    """Return the exit code of `call`; any failure is printed in four parts, never as a trace."""
    try:
        return call()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except (Exception, KeyboardInterrupt) as error:
        from fasterseg.console.failures import report_failure

        return report_failure(error, words)


def _call(verb: Verb, words: Sequence[str]) -> int:
    from fasterseg.console.results import asks_for_json, show

    result = build_app(verb)(words)
    return show(result, as_json=asks_for_json(words))


if __name__ == "__main__":
    sys.exit(main())
