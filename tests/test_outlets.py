"""Whatever becomes of standard output and error, the work is done and its exit code kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fasterseg.space.architecture import Architecture, Branch, CellChoice

CELLS = (CellChoice(kind="conv", expansion=1),)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with an architecture to draw, and with data to check, which takes no torch."""
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind / "train").mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "data" / kind / "train" / "a.png")
    (tmp_path / "data" / "data.yaml").write_text("train: images/train\nnames: [road, car]\n")
    branches = (Branch(stride=8, cells=CELLS),)
    found = Architecture(widths={"stem": 1, "head": 1}, branches=branches)
    found.save(tmp_path / "net.json")
    return tmp_path


def shell(line: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """A line of shell in a folder, where `$DRAW` draws the network there, `$CHECK` checks data."""
    program = f"{sys.executable} -m fasterseg"
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={
            **os.environ,
            **variables,
            "PROGRAM": program,
            "DRAW": f"{program} draw net.json",
            "CHECK": f"{program} check-data",
        },
        capture_output=True,
        check=False,
    )


def test_a_closed_standard_output_is_told_and_the_work_is_done(here: Path) -> None:
    done = shell("$DRAW --out x.svg >&-", here)
    assert done.returncode == 0
    assert b"standard output is closed" in done.stderr
    assert (here / "x.svg").read_text().startswith("<svg")


def test_closed_outputs_get_no_file_under_their_numbers(here: Path) -> None:
    done = shell("$DRAW --out x.svg <&- >&- 2>&-", here)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (here / "x.svg").read_text().startswith("<svg")


def test_a_reader_who_has_seen_enough_changes_no_exit_code(here: Path) -> None:
    for data, code in (("data", b"0"), ("absent", b"3")):
        line = f"($CHECK {data} 2>&1; echo $? >code) | true"
        assert shell(line, here).stderr == b""
        assert (here / "code").read_bytes().strip() == code


def test_a_full_disk_behind_standard_output_is_told(here: Path) -> None:
    done = shell("$CHECK data > /dev/full", here)
    assert done.returncode == 4
    assert b"where: standard output" in done.stderr
    assert b"Traceback" not in done.stderr


def test_names_that_an_output_cannot_show_are_escaped(here: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = shell("$DRAW --out grün.svg", here, **ascii_only)
    assert done.returncode == 0
    assert rb"gr\xfcn.svg" in done.stdout
    done = shell("$DRAW --json --out $'\\xff.svg'", here)
    assert done.returncode == 0
    assert json.loads(done.stdout)["file"] == "\udcff.svg"


def test_help_that_nobody_reads_is_no_failure(here: Path) -> None:
    done = shell("($PROGRAM --help; echo $? >code) | true", here)
    assert done.stderr == b""
    assert (here / "code").read_bytes().strip() == b"0"


def least_handles(here: Path) -> int:
    """With so many file handles Python itself can start here; what it opens depends on where."""
    starts = (shell(f"ulimit -n {count}; {sys.executable} -c pass", here) for count in range(4, 16))
    return next(count for count, done in enumerate(starts, 4) if not done.stderr)


def test_few_file_handles_are_no_bug(here: Path) -> None:
    least = least_handles(here)
    for count in (least, least + 2):
        done = shell(f"ulimit -n {count}; $DRAW", here, TMPDIR=str(here))
        assert done.returncode in (0, 4), done.stderr
        assert b"Traceback" not in done.stderr
