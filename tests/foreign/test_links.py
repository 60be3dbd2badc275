"""A folder that was handed over leads nowhere else: nothing is read, written or deleted there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fasterseg.artifacts import digest_of_file, digest_of_value
from fasterseg.checkpoints import Checkpoint, checkpoints_in, load_checkpoint, save_checkpoint
from fasterseg.durable import durable_write, temporary_name
from fasterseg.errors import FastersegError, FileError
from fasterseg.foreign.links import leads_outside, require_within
from fasterseg.processes import held
from fasterseg.runs import RunFolder, clear_leftovers

INNER = (
    "lock",
    "recipe.json",
    "stages.json",
    "latency",
    "latency/entries.jsonl",
    "search",
    "search/summary.json",
    "search/cosearch/events.jsonl",
    "training",
    "training/student",
    "training/student/best",
    "training/student/.best.tmp",
    "training/student/checkpoints/step-000000001",
    "export",
    "evaluation",
    "report",
    "logs",
)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that nobody named, with something in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "kept").write_text("kept")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", INNER)
def test_a_run_folder_of_which_a_name_leads_elsewhere_is_refused_and_nothing_changes(
    name: str, tmp_path: Path, outside: Path
) -> None:
    link = tmp_path / "run" / name
    link.parent.mkdir(parents=True)
    for target in (outside, outside / "kept", Path("../" * 9 + "nowhere")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(FileError, match="its own files only") as refused:
            RunFolder(tmp_path / "run").checked()
        assert name in refused.value.where
        with pytest.raises(FastersegError), RunFolder(tmp_path / "run").locked():
            pass
    assert contents(outside) == {str(outside / "kept"): b"kept"}


def test_pipes_in_a_run_folder_are_refused_and_links_within_it_are_not(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "search").mkdir(parents=True)
    (run / "search" / "student.json").symlink_to("teacher.json")
    (tmp_path / "by-another-name").symlink_to(run)
    RunFolder(tmp_path / "by-another-name").checked()
    os.mkfifo(run / "search" / "events.jsonl")
    with pytest.raises(FileError, match="its own files only"):
        RunFolder(run).checked()


def test_what_lies_beside_a_runs_own_files_is_its_owners_affair(
    tmp_path: Path, outside: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "my-data").symlink_to(outside)
    (outside / ".x.99999999.tmp").touch()
    with RunFolder(run).locked():
        pass
    assert (outside / ".x.99999999.tmp").exists()


def test_a_lock_is_not_written_through_a_link_or_into_a_file_of_another_name(
    tmp_path: Path, outside: Path
) -> None:
    (tmp_path / "soft").symlink_to(outside / "kept")
    (tmp_path / "hard").hardlink_to(outside / "kept")
    for name in ("soft", "hard"):
        with pytest.raises(FastersegError), held(tmp_path / name):
            pass
    assert contents(outside) == {str(outside / "kept"): b"kept"}


def test_a_file_is_not_written_through_a_link_of_its_own_or_its_temporary_name(
    tmp_path: Path, outside: Path
) -> None:
    for name in ("file", temporary_name("file")):
        (tmp_path / name).symlink_to(outside / "kept")
    durable_write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert not (tmp_path / "file").is_symlink()
    assert contents(outside) == {str(outside / "kept"): b"kept"}


def test_leftovers_are_looked_for_in_no_folder_that_a_link_leads_to(
    tmp_path: Path, outside: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (outside / ".x.99999999.tmp").touch()
    (run / "link").symlink_to(outside)
    clear_leftovers(run)
    assert (outside / ".x.99999999.tmp").exists()


def test_a_checkpoint_names_its_own_files_and_no_others(tmp_path: Path, outside: Path) -> None:
    folder = save_checkpoint(tmp_path / "checkpoints", Checkpoint(1, {}, {}))
    files = {name: digest_of_file(folder / name) for name in ("tensors.safetensors", "values.json")}
    for name in (str(outside / "kept"), "../../outside/kept"):
        named = {**files, name: digest_of_file(folder / name)}
        content = {"schema": "fasterseg/checkpoint/1", "step": 1, "files": named}
        content["digest"] = digest_of_value({"step": 1, "files": named})
        durable_write(folder / "manifest.json", json.dumps(content).encode())
        with pytest.raises(FileError, match="no checkpoint here is whole"):
            load_checkpoint(tmp_path / "checkpoints")


def test_what_only_looks_like_a_checkpoint_is_none(tmp_path: Path, outside: Path) -> None:
    for name in ("step-x", "step-", "step-1-old"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-000000003").symlink_to(outside)
    assert checkpoints_in(tmp_path) == []


def test_a_link_leads_outside_by_where_it_ends(tmp_path: Path, outside: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "in").touch()
    (home / "link").symlink_to("in")
    (home / "out").symlink_to(outside)
    assert not leads_outside(home / "link", home)
    assert leads_outside(home / "out" / "kept", home)
    assert leads_outside(home / ".." / "outside", home)
    require_within(home, ["link", "absent"], what="folder")
