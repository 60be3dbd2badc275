"""The command line: what the words ask for, by the table of verbs.

Only the module of the chosen verb is imported, and no torch before that verb asks for it.
Exit codes are those of `fasterseg.errors`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from itertools import takewhile
from typing import TYPE_CHECKING

from fasterseg.errors import FastersegError, UsageError
from fasterseg.outlets import beneath, escaped_output, open_outlets
from fasterseg.processes import Place
from fasterseg.verbs import ABOVE, VERBS, Verb
from fasterseg.version import __version__

if TYPE_CHECKING:
    from cyclopts import App
    from rich.console import Console


COMPLETION = "--install-completion"
LEAST_COLUMNS, USUAL_COLUMNS = 20, 80
"""A terminal that says it has fewer than the first has help laid out for the second."""
SUMMARY = "Search, train and score a segmentation network for a latency budget."


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command that `tokens` (default: the process's own) name; return the exit code."""
    words = list(sys.argv[1:] if tokens is None else tokens)
    if tokens is None:
        open_outlets()
    with escaped_output():
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
    if first == COMPLETION:
        return _install_completion(words)
    if words[1:] in ([], ["--help"], ["-h"]) and _beginning_with(first):
        print(overview(first))
        return 0
    return _call(verb_of(words), words)


def overview(first: str = "") -> str:
    """Return the help of the whole program, or of all verbs of a first word: each with its line."""
    verbs = _beginning_with(first) if first else [*VERBS]
    width = max(len(verb.name) for verb in verbs)
    lines = [f"  {verb.name:<{width}}  {verb.line}" for verb in verbs]
    return "\n".join(
        [
            f"Usage: fasterseg {f'{first} ' if first else ''}COMMAND [OPTIONS]",
            "",
            ABOVE.get(first, SUMMARY),
            "",
            "Commands:",
            *lines,
            "",
            "fasterseg COMMAND --help tells a command's options; fasterseg --version, the version.",
            f"fasterseg {COMPLETION} lets your shell complete commands and options.",
        ]
    )


def _beginning_with(first: str) -> list[Verb]:
    """Return the verbs of two words whose first one this is."""
    return [verb for verb in VERBS if verb.words[:-1] == (first,)]


def verb_of(words: Sequence[str]) -> Verb:
    """Return the verb that words begin with; raises as `verb_named` does."""
    return verb_named(" ".join(words[:2] if _beginning_with(words[0]) else words[:1]))


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


def build_app(*verbs: Verb) -> App:
    """Return the application that knows these verbs: the module of no other is read."""
    from cyclopts import App

    from fasterseg.console.given_values import require_values
    from fasterseg.console.help_text import (
        PlainTypes,
        default_parameter,
        for_the_command_line,
        help_of,
    )

    app = App(
        name="fasterseg",
        help=SUMMARY,
        help_format="plaintext",
        help_formatter=PlainTypes(),
        default_parameter=default_parameter(),
        version=__version__,
        config=require_values,
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        console=_console_of_help(),
    )
    for verb in verbs:
        function = getattr(import_module(f"fasterseg.commands.{verb.function}"), verb.function)
        *above, name = verb.words
        within = _above(app, *above)
        within.command(for_the_command_line(function), name=name, help=help_of(function))
    return app


def _console_of_help() -> Console:
    """Help has colours, and no stranger's text; in too few columns nothing could be laid out."""
    from rich.console import Console

    found = Console(file=beneath(sys.stdout))
    wide = found.width >= LEAST_COLUMNS
    return found if wide else Console(file=beneath(sys.stdout), width=USUAL_COLUMNS)


def _above(app: App, *above: str) -> App:
    """Return what holds the commands below a word: the application where there is no such word."""
    from cyclopts import App

    for word in above:
        if word not in app:
            app.command(App(name=word, help=ABOVE[word]))
        app = app[word]
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
    """Run a command here, as one of torchrun's processes, or in as many as the words ask for."""
    if _asks_for_help(words):
        return _run(verb, words)
    place = Place.here()
    if place.count > 1:
        return _run_as_rank(verb, words, place)
    if verb.foresees or not _names(words, "--processes"):
        return _run(verb, words)
    if not verb.shared:
        raise _not_shared(verb)
    options = build_app(verb).parse_args(words, print_error=False, exit_on_error=False)[1].kwargs
    processes, restarts = options.get("processes", 1), options.get("restarts")
    from fasterseg.console.option_values import require_processes

    require_processes(processes, restarts)
    if processes == 1:
        return _run(verb, words)
    from fasterseg.console.launching import launch

    return launch(words, processes=processes, restarts=restarts or 0)


def _install_completion(words: Sequence[str]) -> int:
    from fasterseg.console.completing import install_completion
    from fasterseg.console.results import asks_for_json, show

    app = build_app(*VERBS)
    return show(install_completion(app, words), as_json=asks_for_json(words))


def _run(verb: Verb, words: Sequence[str]) -> int:
    result = build_app(verb)(_with_questions(verb, words))
    if result is None:  # help was shown, which needs no more
        return 0
    from fasterseg.console.results import asks_for_json, show

    return show(result, as_json=asks_for_json(words))


def _with_questions(verb: Verb, words: Sequence[str]) -> Sequence[str]:
    """The words, and the one that asks for questions where somebody sits before the command."""
    if not verb.asks:
        return words
    from fasterseg.console.asking import may_ask

    return [words[0], "--ask", *words[1:]] if may_ask(words) else words


def _run_as_rank(verb: Verb, words: Sequence[str], place: Place) -> int:
    """The first rank runs the command, the others follow it; there is nothing to follow in most."""
    if not verb.shared:
        return 0 if place.rank else _run(verb, words)
    from fasterseg.console.failures import ENDING, report_failure, translate

    if _names(words, "--processes") and ENDING not in os.environ:
        if place.rank:
            return UsageError.exit_code
        raise UsageError(
            "torchrun has started the processes already",
            where="--processes",
            next_step="leave --processes out, or start the command without torchrun",
        )
    from fasterseg.pipeline.stages.following import follow_leader, leading

    report = partial(report_failure, words=words, stream=sys.stderr)
    device = _value_of(words, "--device") or "auto"
    if place.rank:
        try:
            # Another machine than the leader's may have the data at another place.
            data = _value_of(words, "--data") if place.rank != place.local_rank else ""
            return follow_leader(device, report, partial(translate, words=words), data=data)
        except FastersegError as error:
            if place.local_rank:  # the first process of this machine says the same
                return error.exit_code
            raise
    with leading(device, report):
        return _run(verb, words)


def _not_shared(verb: Verb) -> UsageError:
    shared = ", ".join(one.name for one in VERBS if one.shared)
    return UsageError(
        f"{verb.name} is done by one process",
        where="--processes",
        why=f"the commands whose work several processes share are {shared}",
        next_step="leave --processes out",
    )


def _asks_for_help(words: Sequence[str]) -> bool:
    return any(word in ("--help", "-h") for word in words)


def _names(words: Sequence[str], option: str) -> bool:
    """Whether an option is among the words."""
    given = [*takewhile(lambda word: word != "--", words)]
    return any(word == option or word.startswith(f"{option}=") for word in given)


def _value_of(words: Sequence[str], option: str) -> str:
    """The value that the words give an option, the last one; empty for none."""
    pairs = zip(words, [*words[1:], ""], strict=True)
    found = [
        after if word == option else word.removeprefix(f"{option}=")
        for word, after in pairs
        if word == option or word.startswith(f"{option}=")
    ]
    return found[-1] if found else ""


if __name__ == "__main__":
    sys.exit(main())
