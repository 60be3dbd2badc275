"""What is in the way of measuring is told in one sentence, as early as it can be known."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from runnable_kits import RunnableKit, a_convolution, loaded_runner


@pytest.fixture
def runner() -> ModuleType:
    return loaded_runner()


@pytest.fixture
def kit(tmp_path: Path) -> RunnableKit:
    return RunnableKit(tmp_path / "kit", images=1)


@pytest.fixture
def refused(
    kit: RunnableKit, runner: ModuleType, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Start it, and return the sentence that it ends with."""

    def start(*words: str, code: int) -> str:
        capsys.readouterr()
        assert runner.main([*words] or [str(kit.folder)]) == code
        told = capsys.readouterr().err
        what = told[: told.index("  where:")].rstrip("\n").rpartition("\n")[2]
        parts = [line.split(":")[0].strip() for line in told.splitlines() if line[:2] == "  "]
        assert parts == ["where", "why", "next"], told
        assert "Traceback" not in told
        assert what
        return told

    return start


def test_no_kit(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "there is no kit here" in refused(str(tmp_path), code=3)
    assert "there is no kit here" in refused(str(tmp_path / "absent.zip"), code=3)
    other = tmp_path / "other.zip"
    other.write_bytes(b"PK\x05\x06" + bytes(18))
    assert "the zip holds no manifest.json" in refused(str(other), code=3)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"schema": "fasterseg/kit/1", "digest": "", "content": {}}', "KeyError"),
    ],
)
def test_a_manifest_that_is_none(
    text: str, why: str, kit: RunnableKit, refused: Callable[..., str]
) -> None:
    (kit.folder / "manifest.json").write_text(text)
    assert why in refused(code=3)


def test_a_manifest_of_another_time_or_that_was_changed(
    kit: RunnableKit, refused: Callable[..., str]
) -> None:
    path = kit.folder / "manifest.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "schema": "fasterseg/kit/9"}))
    assert "it is a fasterseg/kit/9" in refused(code=3)
    document["content"]["name"] = "another"
    path.write_text(json.dumps(document))
    assert "its content does not have the digest that it carries" in refused(code=3)


@pytest.mark.parametrize("change", ["flipped", "longer", "gone"])
def test_a_graph_that_was_damaged(
    change: str, kit: RunnableKit, refused: Callable[..., str]
) -> None:
    path = kit.folder / kit.items[2]["file"]
    data = path.read_bytes()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(data + b"." if change == "longer" else data[:-1] + b"!")
    told = refused(code=3)
    assert "a file of the kit was damaged" in told
    assert str(path) in told


def test_a_graph_that_does_not_load_is_told_before_anything_is_measured(
    tmp_path: Path, runner: ModuleType, refused: Callable[..., str]
) -> None:
    kit = RunnableKit(tmp_path / "other", graphs={"net 1": a_convolution()})
    file = next(item["file"] for item in kit.items if item["key"] == "net 1")
    kit.files[file] = b"no graph"
    kit.write()
    told = refused(str(kit.folder), code=4)
    assert "a graph of this kit does not run here" in told
    assert "(net 1)" in told
    assert [one["is"] for one in kit.journal] == ["conditions"]


def test_a_runtime_that_is_not_here(
    kit: RunnableKit, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    told = refused(code=4)
    assert "onnxruntime is needed, and cannot be imported here" in told
    assert f"{sys.executable} -m pip install onnxruntime" in told


def test_a_provider_that_is_not_here(kit: RunnableKit, refused: Callable[..., str]) -> None:
    told = refused(str(kit.folder), "--provider", "MadeUpProvider", code=4)
    assert "this ONNX Runtime has no MadeUpProvider" in told
    assert "CPUExecutionProvider" in told


@pytest.mark.parametrize(
    ("backend", "told"),
    [("onnxruntime-web", "open index.html in a browser"), ("pytorch", "it is for pytorch")],
)
def test_a_kit_that_is_for_another_runner(
    backend: str, told: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    kit = RunnableKit(tmp_path / "other", target={"backend": backend})
    assert told in refused(str(kit.folder), code=4)


def test_a_precision_that_is_not_computed_in(tmp_path: Path, refused: Callable[..., str]) -> None:
    kit = RunnableKit(tmp_path / "other", target={"precision": "float16"})
    told = refused(str(kit.folder), code=4)
    assert "this device does not compute in float16" in told
    assert "its convolutions compute in float32" in told


def test_a_folder_that_may_not_be_written_to(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    told = refused(code=4)
    assert "nothing can be written here" in told
    assert "copy the kit into a folder of your own" in told


@pytest.mark.parametrize("line", [1, 5, 11])
def test_a_disk_that_is_full_keeps_what_there_is_and_resumes_with_room(
    line: int,
    kit: RunnableKit,
    runner: ModuleType,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    syncs = iter(range(1, 1000))
    sync = os.fsync

    def full(descriptor: int) -> None:
        if next(syncs) >= line:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        told = refused(code=4)
        assert "No space left on device" in told
        assert "free some space and start again: it resumes" in told
    assert runner.main([str(kit.folder)]) == 0
    assert kit.measured["labels"].keys() == {"student"}


def test_a_second_runner_on_the_same_kit(
    kit: RunnableKit, runner: ModuleType, refused: Callable[..., str]
) -> None:
    lock = runner.Lock(kit.folder / "run.lock")
    assert lock.taken()
    told = refused(code=4)
    lock.close()
    assert "another runner is measuring with this kit" in told
    assert f"process {os.getpid()} on {socket.gethostname()}" in told
    assert "--wait" in told and "--stop" in told
    assert not (kit.folder / "journal.jsonl").exists()


def test_stopping_where_nobody_measures_says_so(
    kit: RunnableKit, runner: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main([str(kit.folder), "--stop"]) == 0
    assert "nobody measures with this kit" in capsys.readouterr().err


def test_what_was_measured_under_other_conditions(
    kit: RunnableKit, runner: ModuleType, refused: Callable[..., str], monkeypatch: Any
) -> None:
    assert runner.main([str(kit.folder)]) == 0
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "__version__", "0.9")
    told = refused(code=4)
    assert "what was measured here before was measured otherwise" in told
    assert "and is 0.9" in told


def test_a_journal_that_was_damaged_before_its_end(
    kit: RunnableKit, runner: ModuleType, refused: Callable[..., str]
) -> None:
    assert runner.main([str(kit.folder)]) == 0
    path = kit.folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b"1000", b"1001", 1)
    path.write_bytes(b"".join(lines))
    told = refused(code=3)
    assert "journal.jsonl, line 5" in told


def test_texts_of_a_kit_cannot_disturb_a_terminal(
    tmp_path: Path, runner: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    kit = RunnableKit(tmp_path / "other", changes={"name": "kit\x1b]0;\nwritten: all"})
    assert runner.main([str(kit.folder)]) == 0
    assert "kit kit\\x1b]0;\\nwritten: all: 9 graphs\n" in capsys.readouterr().err


def test_whoever_does_not_look_any_more_does_not_stop_it(
    kit: RunnableKit, runner: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def write(self, _text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Broken())
    assert runner.main([str(kit.folder)]) == 0
    assert kit.measured["kit"] == kit.manifest.digest()
