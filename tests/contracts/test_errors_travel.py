"""Context is added to every error, and every error crosses a process border, whatever its class.

The classes are found by walking them, after every module of the package has been imported: one
that is written tomorrow, with any constructor, is tested too.
"""

from __future__ import annotations

import ast
import copy
import importlib
import json
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import fasterseg
from fasterseg import cli
from fasterseg.console.failures import EXTRAS, translate
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.errors import FastersegError, Interrupted, error_of_parts

SOURCE = Path(fasterseg.__file__).parent
PARTS = ("what", "where", "why", "next_step")


class Stubborn(FastersegError):
    """An error whose constructor takes nothing that another's takes, and does not know all."""

    exit_code = FastersegError.exit_code

    def __init__(self, *, height: int, width: int) -> None:
        super().__init__(f"{height} x {width} is too small", why="no room")
        self.size = (height, width)


MADE: dict[type[FastersegError], Callable[[], FastersegError]] = {
    FileFault: lambda: FileFault(Fault(FaultKind.TRUNCATED_IMAGE, "a.png", "3 bytes")),
    Stubborn: lambda: Stubborn(height=3, width=4),
}
"""How errors with a constructor of their own are made; the others are given a sentence."""


def optional_library_is_missing(error: ImportError) -> bool:
    """Whether a module cannot be imported here for want of an extra's library."""
    return (error.name or "").partition(".")[0] in {*EXTRAS, "tensorrt", "matplotlib"}


def every_error() -> list[type[FastersegError]]:
    """Every error of the package, and the stubborn one."""
    for found in pkgutil.walk_packages([str(SOURCE)], "fasterseg."):
        if not found.name.endswith("__main__"):
            try:
                importlib.import_module(found.name)
            except ImportError as error:
                assert optional_library_is_missing(error), found.name
    return [
        kind
        for kind in (FastersegError, *below(FastersegError))
        if kind.__module__.startswith("fasterseg.") or kind is Stubborn
    ]


def below(kind: type[FastersegError]) -> Iterator[type[FastersegError]]:
    """All subclasses, at any depth."""
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


ALL = every_error()


@pytest.fixture(params=ALL, ids=lambda kind: kind.__name__)
def error(request: pytest.FixtureRequest) -> FastersegError:
    """One error of each class."""
    kind: type[FastersegError] = request.param
    return MADE[kind]() if kind in MADE else kind("it broke")


def parts(error: FastersegError) -> dict[str, str]:
    """The four parts."""
    return {name: getattr(error, name) for name in PARTS}


def test_the_walk_finds_the_errors_that_other_rooms_define() -> None:
    assert FileFault in ALL
    assert len(ALL) >= 10


def test_every_error_says_where_when_it_is_told(error: FastersegError) -> None:
    before, kind = parts(error), type(error)
    told = error.fill_in(where="there", why="old", next_step="mend it")
    assert type(told) is kind
    added = {"where": "there", "why": "old", "next_step": "mend it"}
    assert parts(told) == {name: before[name] or added[name] for name in PARTS}


def test_every_error_is_told_by_the_command_line_with_its_own_code(
    error: FastersegError, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert cli.guarded(["train", "--json"], fail) == error.exit_code
    event = json.loads(capsys.readouterr().err)
    assert event["what"] == error.what
    assert event["where"] == error.where
    assert event["kind"] == error.kind
    assert translate(error, ["train"]) is error


def test_every_error_crosses_as_parts_with_its_kind_and_code(error: FastersegError) -> None:
    there = error_of_parts(json.loads(json.dumps(error.fill_in(where="there").as_parts())))
    assert parts(there) == parts(error)
    assert there.exit_code == error.exit_code
    assert isinstance(error, type(there))


@pytest.mark.parametrize("way", [lambda one: pickle.loads(pickle.dumps(one)), copy.copy])
def test_every_error_is_copied_whole(
    way: Callable[[FastersegError], FastersegError], error: FastersegError
) -> None:
    error.fill_in(where="there")
    error.why = "put in afterwards"
    again = way(error)
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def _fail_there() -> None:
    raise FileFault(Fault(FaultKind.UNKNOWN_LABEL, "a.png", "7: 3 pixels")).fill_in(why="unused")


def test_a_process_that_fails_hands_its_error_back() -> None:
    with ProcessPoolExecutor(1) as pool, pytest.raises(FileFault) as caught:
        pool.submit(_fail_there).result()
    assert caught.value.fault.kind is FaultKind.UNKNOWN_LABEL
    assert caught.value.where == "a.png"


def test_an_interruption_is_told_the_command_that_goes_on() -> None:
    told = translate(Interrupted("stopped", where="step 3"), ["train", "--run", "r"])
    assert (told.where, told.next_step) == ("step 3", "to resume: fasterseg train --run r")


def test_no_code_calls_the_class_of_an_error_that_it_was_given() -> None:
    """``type(x)(...)`` and ``getattr(errors, name)`` know a constructor that x may not have."""
    found = [
        f"{path.relative_to(SOURCE)}:{call.lineno}"
        for path in SOURCE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and calls_a_class_it_was_given(call)
    ]
    assert found == []


NO_FAULT_OF_USERS = {
    "console/failures.py",  # the bug itself
    "pipeline/planning/probing.py",  # a bug in a process of its own
    "learning/leading.py",  # what the other processes hear of a bug in one of them
    "learning/states.py",  # an optimiser's state of a kind that torch has not today
    "supernet/supernet.py",  # a rule for whoever writes code with it
}
"""Where the base class is raised, which ends with the exit code of a bug."""


def test_nothing_that_a_user_can_bring_about_is_raised_as_a_bug() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "FastersegError"
    }
    assert found - NO_FAULT_OF_USERS == set()


def calls_a_class_it_was_given(call: ast.Call) -> bool:
    """Whether a call is ``type(x)(...)``, ``x.__class__(...)`` or ``getattr(errors, ...)``."""
    called = call.func
    if isinstance(called, ast.Call):
        return isinstance(called.func, ast.Name) and called.func.id == "type"
    if isinstance(called, ast.Attribute):
        return called.attr == "__class__"
    first = call.args[0] if call.args else None
    named = isinstance(called, ast.Name) and called.id == "getattr"
    return named and isinstance(first, ast.Name) and first.id == "errors"
