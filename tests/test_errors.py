"""Failures have four parts, and an exit code each."""

from __future__ import annotations

import inspect
from copy import copy

import pytest

from fasterseg import errors
from fasterseg.errors import DataError, FastersegError, error_of_parts

EXIT_CODES = {
    "FastersegError": 1,
    "UsageError": 2,
    "Diverged": 2,
    "DataError": 3,
    "FileError": 3,
    "EnvironmentFault": 4,
    "RankEnded": 4,
    "BudgetError": 5,
    "VerificationError": 6,
    "Interrupted": 7,
}


def test_every_error_has_the_exit_code_that_is_documented() -> None:
    classes = {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    }
    assert {name: kind.exit_code for name, kind in classes.items()} == EXIT_CODES


@pytest.mark.parametrize("name", EXIT_CODES)
def test_every_error_is_drawn_with_its_code_in_the_tree(name: str) -> None:
    line = next(line for line in (errors.__doc__ or "").splitlines() if name in line)
    assert str(EXIT_CODES[name]) in line.split()


def test_every_error_is_a_fasterseg_error() -> None:
    assert all(issubclass(getattr(errors, name), FastersegError) for name in EXIT_CODES)


def test_a_message_has_four_parts_a_line_each() -> None:
    error = DataError("a mask is broken", where="a.png", why="it is cut short", next_step="copy it")
    assert str(error).splitlines() == [
        "a mask is broken",
        "  where: a.png",
        "  why:   it is cut short",
        "  next:  copy it",
    ]


def test_parts_that_are_not_known_are_left_out() -> None:
    assert str(DataError("a mask is broken", why="it is empty")).splitlines() == [
        "a mask is broken",
        "  why:   it is empty",
    ]


def test_what_a_file_brought_is_shown_by_its_beginning() -> None:
    error = DataError("x" * 10**6, where="p" * 10**6, why="y\n" * 10**5, next_step="z" * 10**6)
    error = copy(error_of_parts(error.as_parts()))
    assert len(str(error)) < 10_000
    assert all(part.endswith("...") for part in error.as_parts().values() if part != "DataError")


def test_a_cut_message_is_not_cut_again() -> None:
    error = DataError("x" * 10**4)
    assert error_of_parts(error.as_parts()).what == error.what
