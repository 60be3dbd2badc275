"""A current folder in which a page's commands are typed, and find what they name."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from laid_ready import BESIDE, LAID_READY, UNDIVIDED
from told_commands import Command, Told, commands_of

from fasterseg import cli
from fasterseg.config import build_recipe
from fasterseg.config.named_recipes import named_recipes, recipe_file

OUTPUTS = ("--out", "--work")
QUOTED = re.compile(r"[\"']([^\"'\n]+)[\"']")
RUN_IN_PYTHON = re.compile(r"fasterseg\.run\([^)]*run=\"([^\"]+)\"")


@dataclass(slots=True)
class Sandbox:
    """The folder `here` in which commands are typed; `store` keeps what was made once.

    The folder above it is the sandbox's too: predictions are written beside a folder of images.
    `modules` is a folder that PYTHONPATH names.
    """

    here: Path
    store: Path
    modules: Path
    finished: dict[str, Path] = field(default_factory=dict)

    def begin(self, told: Sequence[Told]) -> None:
        """Empty the folder, and lay ready what these commands name before they make it."""
        for place in (*self.here.parent.iterdir(), *self.here.iterdir()):
            if place == self.here:
                continue
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        wanted = needed_by(told)
        divides = any(re.search(r"(init|split) photos/?( |$)", one.text) for one in told)
        for name in wanted:
            self._lay(name, divided=not divides)

    def _lay(self, name: str, *, divided: bool = True) -> None:
        if name in BESIDE and not (self.here / BESIDE[name]).exists():
            self._lay(BESIDE[name])
        make = LAID_READY[name] if divided else UNDIVIDED.get(name, LAID_READY[name])
        kept, place = self.store / str(divided) / name, self.here / name
        if not kept.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            make(place, self.type)
            kept.parent.mkdir(parents=True, exist_ok=True)
            _copy(place, kept)
        elif not place.exists():
            _copy(kept, place)

    def write(self, name: str, text: str) -> None:
        """A file that a page shows: Python where it is imported from."""
        place = (self.modules if name.endswith(".py") else self.here) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def type(self, line: str) -> None:
        """Type a command of ours that must succeed."""
        (command,) = commands_of(line)
        assert self.call(command) == 0, line

    def call(self, command: Command) -> int:
        """The exit code of a command of fasterseg.

        A run that the same words brought to its end on another page is found finished.
        """
        words = command.words[1:]
        run = self.here / value_of(words, "--run")
        key = self._key(words) if words[:1] == ("run",) and run != self.here else ""
        if key in self.finished and not (run / "recipe.json").exists():
            shutil.copytree(self.finished[key], run, dirs_exist_ok=True)
        code = cli.main(words)
        if key and code == 0 and key not in self.finished:
            self.finished[key] = self.store / f"run-{len(self.finished)}"
            shutil.copytree(run, self.finished[key])
        return code

    def _key(self, words: Sequence[str]) -> str:
        """What a run depends on: its command, and what a recipe of one's own says."""
        named = Path(value_of(words, "--recipe"))
        own = yaml.safe_load(named.read_text("utf-8")) if named.is_file() else None
        return json.dumps([words, own])


def needed_by(told: Sequence[Told]) -> list[str]:
    """What is to lie there before commands are typed: what they name and have not made."""
    made, needed = set[str](), dict[str, None]()
    for one in told:
        outputs = set(_made_by(one))
        for word in _named_by(one):
            name = next((n for n in LAID_READY if word == n or word.startswith(f"{n}/")), "")
            if name and name not in made | outputs:
                needed[name] = None
        made |= outputs
    return list(needed)


def _named_by(one: Told) -> Iterator[str]:
    """The words that may name a file or folder."""
    if one.kind == "python":
        yield from QUOTED.findall(one.text)
    if one.kind != "command":
        return
    for command in commands_of(one.text):
        for word in command.words:
            yield from (word.rstrip("/"), word.rpartition(":")[2], word.rpartition("=")[2])
        yield from _data_of(command)


def _data_of(command: Command) -> Iterator[str]:
    """The data that a recipe names, where the command names none."""
    named = value_of(command.words, "--recipe")
    if named in named_recipes() and not value_of(command.words, "--data"):
        yield build_recipe(recipe_file(named)).data.source


def _made_by(one: Told) -> Iterator[str]:
    """The files and folders that come into being."""
    if one.kind == "python":
        yield from RUN_IN_PYTHON.findall(one.text)
    if one.kind == "file":
        yield one.name
    for command in commands_of(one.text) if one.kind == "command" else ():
        words = command.words
        yield command.into
        yield from (value_of(words, option).rstrip("/") for option in OUTPUTS)
        if any(value_of(words, option) for option in ("--recipe", "--data")):
            yield value_of(words, "--run")
        if words[:2] == ("fasterseg", "init") and words[2].endswith(".zip"):
            yield Path(words[2]).stem


def value_of(words: Sequence[str], option: str) -> str:
    """The value of an option, or nothing."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == option:
            return after
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""


def _copy(place: Path, to: Path) -> None:
    shutil.copytree(place, to) if place.is_dir() else shutil.copy(place, to)
