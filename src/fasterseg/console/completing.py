"""Completion in shells: a script of all commands and options, where a shell looks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.completion.detect import ShellDetectionError, detect_shell

from fasterseg.durable import writing
from fasterseg.errors import UsageError

Shell = Literal["bash", "zsh", "fish"]
_READ_BY = {
    "bash": "~/.bashrc reads it: open a new shell",
    "zsh": "~/.zshrc has its folder in fpath, where compinit finds it: open a new shell",
    "fish": "fish finds it by itself: open a new shell",
}


@dataclass(frozen=True, slots=True)
class Installed:
    """A script of completions, and the shell that reads it."""

    shell: str
    file: str

    def describe(self) -> str:
        """Return where it lies, and what makes the shell read it."""
        return f"completion for {self.shell}: {self.file}\n{_READ_BY[self.shell]}"


def install_completion(app: App, words: Sequence[str]) -> Installed:
    """Install what completes an application's commands and options; the first of the words asks so.

    Raises `UsageError` for a shell that is not known, `EnvironmentFault` when the disk refuses.
    """

    def install(
        *,
        shell: Annotated[Shell | None, Parameter(help="The shell; found when left out.")] = None,
        output: Annotated[
            Path | None, Parameter(help="Write the script there, and tell no shell of it.")
        ] = None,
    ) -> Installed:
        """Install completion of commands and options for bash, zsh or fish."""
        chosen = shell or _own_shell(words[0])
        with writing(output or Path.home()):
            place = app.install_completion(
                shell=chosen, output=output, add_to_startup=output is None
            )
        return Installed(chosen, str(place))

    app.command(install, name=words[0])
    installed: Installed = app(words)
    return installed


def _own_shell(option: str) -> Shell:
    try:
        found = detect_shell()
    except ShellDetectionError:
        found = "powershell"
    if found == "powershell":
        raise UsageError(
            "which shell is it for?",
            where=option,
            why="this one is none of bash, zsh and fish, as far as can be told",
            next_step=f"name it: fasterseg {option} --shell bash",
        )
    return found
