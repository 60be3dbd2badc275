"""Exported programs of strangers: nothing in them runs, and they are right or refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from altered_programs import REFUSED, UNREAD, Draft
from tiny_export import FORM, SIZE, evidence, origin

from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.errors import FileError

_STARTS = (
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "subprocess.",
    "socket.",
    "ctypes.",
)
_WRITES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.")
_LISTENING: list[list[str]] = []
"""Where what is heard is written down, as long as anybody wants it."""


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    for found in _LISTENING:
        if event.startswith((*_STARTS, *_WRITES, "pickle.", "marshal.")):
            found.append(event)
        if event == "exec" and arguments[0].co_filename == "<string>":
            found.append(event)
        if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            found.append(f"open {arguments[0]} {arguments[1]}")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The good program, which was read once, so that all modules that this takes are there."""
    path = tmp_path_factory.mktemp("program") / "student.pt2"
    ship(origin(), replace(FORM, format="torch"), path, evidence())
    sys.addaudithook(_listen)
    return path.read_bytes()


@contextmanager
def heard() -> Iterator[list[str]]:
    """What of the forbidden was done in this block."""
    _LISTENING.append([])
    try:
        yield _LISTENING[-1]
    finally:
        _LISTENING.clear()


def image() -> np.ndarray[Any, Any]:
    """Any image of the program's size."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (*SIZE, 3), generator=generator).byte().numpy()


def altered(program: bytes, change: Any, folder: Path) -> Path:
    """The file that a stranger made of a program."""
    draft = Draft(program, folder / "it-ran")
    data = change(draft)
    file = folder / "student.pt2"
    file.write_bytes(draft.data() if data is None else data)
    return file


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_sentence(
    name: str, program: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = altered(program, REFUSED[name], tmp_path)
    with heard() as found, pytest.raises(FileError) as caught:
        open_export(file)
    assert found == []
    assert not (tmp_path / "it-ran").exists()
    lines = str(caught.value).splitlines()
    assert len(lines) == 4, lines
    assert len(max(lines, key=len)) < 320
    assert str(file) in lines[1]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_read_changes_nothing(name: str, program: bytes, tmp_path: Path) -> None:
    whole = tmp_path / "whole.pt2"
    whole.write_bytes(program)
    file = altered(program, UNREAD[name], tmp_path)
    with heard() as found:
        session, _ = open_export(file)
        labels = session.run(image())
    assert found == []
    assert not (tmp_path / "it-ran").exists()
    assert (labels == open_export(whole)[0].run(image())).all()


def test_the_alterations_are_as_many_as_are_promised() -> None:
    assert len(REFUSED) + len(UNREAD) >= 90
