"""An exported file where a bundle is wanted, and the other way round: each is told what it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import fasterseg
from fasterseg.deploy.runtimes.models import load_network, open_bundle
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.errors import EnvironmentFault, UsageError


@pytest.mark.parametrize(
    "take",
    [
        open_bundle,
        load_network,
        fasterseg.export,
        fasterseg.report,
        partial(fasterseg.export, format="web"),
    ],
    ids=["open_bundle", "load_network", "export", "report", "export a page"],
)
def test_an_exported_file_is_told_as_one_where_a_bundle_is_wanted(
    take: Callable[[str], object], tmp_path: Path
) -> None:
    file = tmp_path / "student.onnx"
    file.touch()
    with pytest.raises(UsageError, match="this is an exported file") as caught:
        take(str(file))
    assert caught.value.where == str(file)
    assert "verify FILE --against BUNDLE" in caught.value.next_step
    assert [*tmp_path.iterdir()] == [file]


def test_a_folder_is_told_as_one_where_an_exported_file_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "a net").mkdir()
    with pytest.raises(UsageError, match="this is a folder") as caught:
        open_export(tmp_path / "a net")
    assert f"fasterseg export '{tmp_path / 'a net'}' --out" in caught.value.next_step


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "gpu"])
def test_a_device_that_is_not_there_is_told_and_no_other_taken(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(EnvironmentFault) as caught:
        fasterseg.load_model("camvid-8ms", device=device)
    assert caught.value.where == f"--device {device}"


def test_a_file_for_processors_is_not_run_there_in_silence_where_a_gpu_is_asked_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "student.onnx").touch()
    with pytest.raises(EnvironmentFault, match="onnxruntime was asked for on cuda"):
        fasterseg.load_model(tmp_path / "student.onnx", device="cuda")
