"""The run folder survives what machines do: power cuts, kills, and two runs at once."""

from __future__ import annotations

import ast
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from power_cuts import PowerCuts

from fasterseg import runs
from fasterseg.artifacts import read_json
from fasterseg.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from fasterseg.durable import durable_write, make_folder
from fasterseg.errors import FileError, UsageError
from fasterseg.output_folders import is_output_folder
from fasterseg.runs import RunFolder
from fasterseg.stage_folders import BundleFolder, StageFolder, TrainingFolder


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {"weight": torch.full((40,), float(step))}, {"step": step})


def test_crash_at_every_io_leaves_the_old_or_the_new_checkpoint(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    root.mkdir()
    folder = Path("runs") / "mine" / "training" / "student" / "checkpoints"
    with PowerCuts(root) as disk:
        for step in (4, 8, 12):
            save_checkpoint(root / folder, checkpoint(step))
            disk.report(str(step))
    assert len(disk.moments) > 50
    for moment in disk.moments:
        for dice in (None, *map(random.Random, range(2))):
            found = load_checkpoint(moment.rebuild(tmp_path / "after", dice) / folder)
            step = 0 if found is None else found.step
            assert step >= max(map(int, moment.reported), default=0), moment.after
            if found is not None:
                assert found.values == checkpoint(step).values
                assert torch.equal(found.tensors["weight"], checkpoint(step).tensors["weight"])


def test_crash_at_every_io_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    root.mkdir()
    path = Path("runs") / "mine" / "recipe.json"
    with PowerCuts(root) as disk:
        for content in ("old", "new"):
            durable_write(root / path, content.encode())
            disk.report(content)
    for moment in disk.moments:
        for dice in (None, *map(random.Random, range(8))):
            after = moment.rebuild(tmp_path / "after", dice) / path
            found = after.read_text() if after.exists() else ""
            allowed = {"": ("", "old"), "old": ("old", "new"), "new": ("new",)}
            assert found in allowed[moment.reported[-1] if moment.reported else ""], moment.after


def test_what_killed_processes_left_half_written_is_removed_by_the_next_start(
    tmp_path: Path,
) -> None:
    run = RunFolder(tmp_path / "run")
    checkpoints = run.training("student").checkpoints
    for step in (4, 8, 12):
        save_checkpoint(checkpoints, checkpoint(step))
    gone = 2**22 + 1  # no system numbers its processes as high
    left = [run.root / f".recipe.json.{gone}.tmp", run.search / f".began.json.{gone}.tmp"]
    others = run.root / f".report.json.{os.getppid()}.tmp"  # of a process that is at work
    for path in (*left, others):
        make_folder(path.parent)
        path.write_bytes(b"{")
    with run.locked():
        assert [path for path in left if path.exists()] == []
        assert others.exists()


# Forks its argument's number of starts, which wait for each other; each says what became of it,
# and the one that got the folder keeps it until all have spoken.
RACE = """
import os, sys
from pathlib import Path
from fasterseg.errors import FileError, UsageError
from fasterseg.output_folders import is_output_folder
from fasterseg.runs import RunFolder

start, over, said = os.pipe(), os.pipe(), os.pipe()
for _ in range(int(sys.argv[2])):
    if os.fork():
        continue
    os.close(start[1]), os.close(over[1])
    os.read(start[0], 1)
    try:
        with RunFolder(Path(sys.argv[1])).locked():
            os.write(said[1], f"won {os.getpid()}\\n".encode())
            os.read(over[0], 1)
    except UsageError as error:
        os.write(said[1], f"lost: {error.why}\\n".encode())
    os._exit(0)
os.close(start[1])
told = b""
while told.count(b"\\n") < int(sys.argv[2]):
    told += os.read(said[0], 4096)
print(told.decode())
"""


def in_python(program: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("rounds", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_two_runs_one_folder_of_twenty_racing_starts_one_wins_and_is_named(
    tmp_path: Path, rounds: int
) -> None:
    for round_ in range(rounds):
        said, _ = in_python(RACE, str(tmp_path / str(round_ // 2)), "20").communicate(timeout=60)
        lines = said.split("\n")[:20]
        winners = [line.removeprefix("won ") for line in lines if line.startswith("won ")]
        assert len(winners) == 1
        assert sum(f"lost: process {winners[0]} on " in line for line in lines) == 19


# Holds the folder, forks a child that lives on, says its number, and waits to be killed.
HOLD = """
import os, sys, time
from pathlib import Path
from fasterseg.output_folders import is_output_folder
from fasterseg.runs import RunFolder

with RunFolder(Path(sys.argv[1])).locked():
    child = os.fork()
    if child:
        print(child, flush=True)
    time.sleep(600)
"""


def test_two_runs_one_folder_is_free_at_once_when_its_holder_alone_was_killed(
    tmp_path: Path,
) -> None:
    holder = in_python(HOLD, str(tmp_path))
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(UsageError) as caught, RunFolder(tmp_path).locked():
            pass
        assert caught.value.why.startswith(f"process {holder.pid} on ")
        holder.kill()
        holder.wait()
        with RunFolder(tmp_path).locked():
            os.kill(child, 0)  # it lives, and holds nothing
    finally:
        os.kill(child, signal.SIGKILL)
        holder.stdout.close()


def test_a_device_is_no_artifact_and_is_not_read_to_an_end_that_it_has_not() -> None:
    with pytest.raises(FileError, match="a device"):
        read_json(Path("/dev/zero"))


def names_in(kept: object) -> set[str]:
    """The names of the files that a folder's class knows."""
    known = (getattr(kept, name) for name in dir(type(kept)) if not name.startswith("_"))
    return {one.name for one in known if isinstance(one, Path) and one.suffix}


def test_no_other_module_names_the_files_of_a_run() -> None:
    here = Path()
    kept = (RunFolder(here), StageFolder(here), TrainingFolder(here), BundleFolder(here))
    names = set().union(*map(names_in, kept))
    assert {"recipe.json", "entries.jsonl", "events.jsonl", "segments.json", "card.json"} <= names
    source = Path(runs.__file__).parent
    # Checkpoints, kits, pages, benchmarks and official imports have folders of their own.
    others = {
        "runs.py",
        "stage_folders.py",
        "checkpoints.py",
        "deploy/shipping/web_page.py",
        "pipeline/models/benchmarking.py",
        "pipeline/models/importing.py",
        "kit/manifest.py",
        "kit/measured.py",
        "kit/runners/run.py",
    }
    for path in source.rglob("*.py"):
        if path.relative_to(source).as_posix() not in others:
            texts = {
                node.value
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
            assert not texts & names, path


def test_what_an_earlier_version_began_with_is_found_under_its_name(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for folder in (run.search, run.training("student").root):
        folder.mkdir(parents=True)
    kept = (lambda: run.search_began, lambda: run.training("student").began)
    assert {path().name for path in kept} == {"began.json"}
    for path in kept:
        (path().parent / "plan.json").touch()
    assert {path().name for path in kept} == {"plan.json"}


def test_a_run_s_new_folder_is_marked_so_that_it_is_no_data(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "new").locked():
        assert is_output_folder(tmp_path / "new")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.png").touch()
    with RunFolder(tmp_path / "old").locked():
        assert not is_output_folder(tmp_path / "old")
