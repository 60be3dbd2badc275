"""An exported file is opened with what lies beside it, and with nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.deploy.runtimes.models import require_runs_on
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.errors import EnvironmentFault, FileError, UsageError


@pytest.mark.parametrize(("name", "beside"), [("x.xml", "x.bin"), ("x.engine", "x.json")])
def test_what_lies_beside_an_exported_file_and_is_a_link_is_not_read(
    name: str, beside: str, tmp_path: Path
) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (tmp_path / "elsewhere").write_bytes(b"secret")
    (folder / name).write_text("<net/>")
    (folder / beside).symlink_to("../elsewhere")
    with pytest.raises(FileError, match="its own files only") as refused:
        open_export(folder / name)
    assert refused.value.where == str(folder / beside)


def test_a_file_of_a_run_whose_parts_lead_elsewhere_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.onnx").write_bytes(b"graph")
    (tmp_path / "run" / "export").symlink_to("../elsewhere")
    with pytest.raises(FileError, match="its own files only"):
        open_export(tmp_path / "run" / "export" / "x.onnx")


def test_a_file_that_is_not_there_is_answered_with_one_nearly_called_so(tmp_path: Path) -> None:
    (tmp_path / "netz.onnx").touch()
    with pytest.raises(FileError, match="there is no such file") as refused:
        open_export(tmp_path / "net.onnx")
    assert refused.value.next_step.startswith(f"did you mean '{tmp_path}/netz.onnx'?")


@pytest.mark.parametrize(
    ("name", "runtime", "step"),
    [
        ("x.onnx", "pytorch", "--backend onnxruntime, or name a file that pytorch loads"),
        ("x.txt", "pytorch", "name a file that ends in .onnx"),
        ("x", "", "name a file that ends in .onnx"),
    ],
)
def test_a_runtime_that_loads_no_such_file_is_answered_with_one_that_does(
    name: str, runtime: str, step: str, tmp_path: Path
) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UsageError, match="cannot be run") as refused:
        open_export(tmp_path / name, Running(runtime or None))
    assert refused.value.next_step.startswith(step)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".pt2"])
def test_a_file_for_processors_is_not_said_to_run_on_a_gpu(
    suffix: str, device: str, tmp_path: Path
) -> None:
    path = tmp_path / f"student{suffix}"
    path.write_bytes(b"a file")
    with pytest.raises(EnvironmentFault, match=f"was asked for on {device}"):
        require_runs_on(path, device)
    with pytest.raises(EnvironmentFault, match=f"was asked for on {device}"):
        open_export(path, Running(device=device))
    require_runs_on(path, "auto")
    require_runs_on(path, None)


def test_an_engine_is_not_said_to_run_on_a_processor(tmp_path: Path) -> None:
    path = tmp_path / "student.engine"
    path.write_bytes(b"an engine")
    with pytest.raises(EnvironmentFault, match="tensorrt was asked for on cpu"):
        require_runs_on(path, "cpu")
    require_runs_on(path, "cuda:1")
