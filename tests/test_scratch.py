"""Folders for what has no name yet: one for each process, and none left behind for long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fasterseg.scratch import alone_in, scratch_folder

HOLD = """
import sys
from pathlib import Path
from fasterseg.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), ".x-") as folder:
    (folder / "half").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


def holder(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a scratch folder, until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_scratch_folder_is_gone_afterwards_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(KeyError), scratch_folder(tmp_path / "new", ".x-") as folder:
        (folder / "half").touch()
        raise KeyError
    assert not [*(tmp_path / "new").iterdir()]


def test_what_a_killed_process_left_goes_and_what_a_living_one_holds_stays(tmp_path: Path) -> None:
    (living, used), (killed, left) = holder(tmp_path), holder(tmp_path)
    foreign = tmp_path / "y-1"
    foreign.mkdir()
    killed.kill()
    killed.communicate()
    assert (left / "half").exists()
    with scratch_folder(tmp_path, ".x-") as own:
        assert {path.name for path in tmp_path.iterdir()} == {used.name, own.name, "y-1"}
        assert (used / "half").exists()
    living.communicate("")
    assert [*tmp_path.iterdir()] == [foreign]


def test_a_held_folder_can_be_held_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with alone_in(tmp_path):
            pass


def test_what_is_only_named_alike_stays(tmp_path: Path) -> None:
    kept = [tmp_path / name for name in (".x-my-notes", ".x-12345678-old", ".x-ABCDEFGH")]
    for folder in kept:
        folder.mkdir()
    (tmp_path / ".x-12345678").symlink_to(kept[0])
    with scratch_folder(tmp_path, ".x-"):
        pass
    assert all(folder.is_dir() for folder in kept)
