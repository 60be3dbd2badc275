"""What is told of a file that is refused: in four lines, shortly, by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fasterseg.errors import FileError


def told_of(path: Path, looked_at: Callable[[Path], object]) -> str:
    """The error that looking at such a file ends in, which is short and names the file."""
    with pytest.raises(FileError) as caught:
        looked_at(path)
    told = str(caught.value)
    assert len(told.splitlines()) == 4
    assert len(told) < 1000
    assert caught.value.where == str(path)
    return told
