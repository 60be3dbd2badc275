"""The programs that the pages tell to type: what each takes, and what of it is done in a test.

What a program is not here for, is here as a reason.  A program that has no row is unknown, and so
is a page that tells to type it.
"""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from told_commands import Command
from told_sandbox import Sandbox, value_of

from fasterseg import cli
from fasterseg.caches import cache_folder
from fasterseg.config import build_recipe
from fasterseg.config.hosts import is_elsewhere
from fasterseg.config.named_recipes import named_recipes, recipe_file

ROOT = Path(__file__).parents[2]
Understood = Callable[[Command], object]
Done = Callable[[Command, Sandbox], int]


@dataclass(frozen=True, slots=True)
class Program:
    """What a command must be by its words alone, and what is done of it; else why it is not."""

    understood: Understood
    done: Done | None = None
    why_not: str = ""


# ---------------------------------------------------------------------------- fasterseg itself


def known_verb(command: Command) -> None:
    """The verb has these options, and the recipe that is named is sound with what is set in it."""
    words = list(command.words[1:])
    if words in (["--help"], ["--version"], ["--install-completion"]):
        return
    verb = cli.verb_of(words)
    cli.build_app(verb).parse_args(words, exit_on_error=False, print_error=False)
    named, changes, budgets, devices = (
        [value for option, value in pairwise(words) if option == wanted]
        for wanted in ("--recipe", "--set", "--budget", "--device")
    )
    if named and named[0] not in named_recipes():
        assert Path(named[0]).name in ("fasterseg.yaml", "recipe.yaml"), f"no recipe: {named[0]}"
        named = []
    budgets = [one for one in budgets if verb.name != "init"]
    hosts = [f"target.host={json.dumps(one)}" for one in devices if is_elsewhere(one)]
    overrides = (*changes, *(f"budget={budget}" for budget in budgets), *hosts)
    build_recipe(recipe_file(named[0]) if named else None, overrides=overrides)


def called(command: Command, sandbox: Sandbox) -> int:
    """The command's exit code, in one process: what several do has tests of its own."""
    words = _without(command.words, "--processes")
    if not command.into:
        return sandbox.call(Command(words))
    with Path(command.into).open("w", encoding="utf-8") as out, redirect_stdout(out):
        return sandbox.call(Command(words))


def _without(words: tuple[str, ...], option: str) -> tuple[str, ...]:
    """The words but an option and its value."""
    at = words.index(option) if option in words else len(words)
    return (*words[:at], *words[at + 2 :])


# ------------------------------------------------------------------------------------- others


@cache
def _described() -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said of the two packages; of the second its name alone, where it is not there."""
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    models = ROOT / "packages" / "fasterseg-models" / "pyproject.toml"
    if not models.is_file():  # as in an sdist
        return ours, {"name": "fasterseg-models"}
    return ours, tomllib.loads(models.read_text("utf-8"))["project"]


def installable(command: Command) -> None:
    """Each package is one of ours with extras that it has, or what stands in an extra's place."""
    assert command.words[1] == "install"
    ours, models = _described()
    for wanted in command.words[2:]:
        name, _, extras = wanted.removesuffix("]").partition("[")
        assert name in (ours["name"], models["name"], ".", "mlflow"), f"pip does not know {name}"
        known = models if name == "." else ours
        offered = known["optional-dependencies"]
        assert {one for one in extras.split(",") if one} <= {*offered}, f"no such extra: {wanted}"


def made_target(command: Command) -> None:
    """Make has the targets."""
    rules = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    unknown = {word for word in command.words[1:] if "=" not in word} - {*rules}
    assert not unknown, f"make has no {unknown}"


class Understands(Exception):
    """Arguments were read, and nothing more is to be done."""


def script_of_ours(command: Command) -> None:
    """A benchmark takes these arguments; a module is there."""
    if command.words[1] == "-m":
        assert find_spec(command.words[2]) is not None
        return
    script = ROOT / command.words[1]
    assert script.is_file() and script.parent.name == "benchmarks", script
    parse = ArgumentParser.parse_args

    def only_parse(parser: ArgumentParser, *args: Any, **kwargs: Any) -> Any:
        parse(parser, *args, **kwargs)
        raise Understands

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", list(command.words[1:]))
        patch.syspath_prepend(str(script.parent))
        patch.setattr(ArgumentParser, "parse_args", only_parse)
        with pytest.raises(Understands):
            runpy.run_path(str(script), run_name="__main__")


def within_torchrun(command: Command) -> Command:
    """What torchrun is to start, by torchrun's own reader of its options."""
    from torch.distributed.run import get_args_parser

    options = get_args_parser().parse_args(command.words[1:])
    assert options.no_python
    return Command((options.training_script, *options.training_script_args))


def removed(command: Command, _: Sandbox) -> int:
    """What is told to be removed is what is kept of checks, and nothing else."""
    option, place = command.words[1:]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FASTERSEG_CACHE", raising=False)
        patch.delenv("XDG_CACHE_HOME", raising=False)
        folder = Path(place).expanduser()
        assert (option, folder) == ("-r", cache_folder() / "checked")
    folder.mkdir(parents=True)
    shutil.rmtree(folder)
    return 0


def has_events(command: Command, sandbox: Sandbox) -> int:
    """There is what TensorBoard shows."""
    folder = sandbox.here / value_of(command.words, "--logdir")
    return 0 if [*folder.rglob("events.out.tfevents*")] else 1


def is_there(command: Command, sandbox: Sandbox) -> int:
    """The files that are to be shown are there."""
    names = [word for word in command.words[1:] if not word.startswith("-")]
    return 0 if all([*sandbox.here.glob(name)] for name in names) else 1


def really(command: Command, sandbox: Sandbox) -> int:
    """The program itself."""
    return subprocess.run(command.words, cwd=sandbox.here, check=False).returncode


def any_words(_: Command) -> None:
    """Whatever it is told."""


def understood_by_torchrun(command: Command) -> None:
    """Torchrun knows the options, and the command within is sound."""
    known_verb(within_torchrun(command))


PROGRAMS: Mapping[str, Program] = {
    "fasterseg": Program(known_verb, called),
    "pip": Program(installable, why_not="nothing is downloaded in tests"),
    "make": Program(made_target, why_not="its targets are what CI runs"),
    "python": Program(script_of_ours, why_not="benchmarks take minutes to days"),
    "pytest": Program(any_words, why_not="tests of a GPU"),
    "torchrun": Program(understood_by_torchrun, lambda one, at: called(within_torchrun(one), at)),
    "tensorboard": Program(any_words, has_events),
    "mlflow": Program(any_words, why_not="a server, of a package that is larger than ours"),
    "rm": Program(any_words, removed),
    "ls": Program(any_words, is_there),
    "cat": Program(any_words, is_there),
    "head": Program(any_words, is_there),
    "mkdir": Program(any_words, really),
    "unzip": Program(any_words, really),
}


def understood(command: Command) -> None:
    """Judge a command by its words."""
    assert command.program in PROGRAMS, f"what is {command.program}? typed_programs has no row"
    PROGRAMS[command.program].understood(command)
