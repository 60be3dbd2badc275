"""An exported file is opened with what lies beside it, and with nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.errors import FileError


def test_weights_beside_an_exported_file_that_are_a_link_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (tmp_path / "elsewhere.bin").write_bytes(b"weights")
    (folder / "x.xml").write_text("<net/>")
    (folder / "x.bin").symlink_to("../elsewhere.bin")
    with pytest.raises(FileError, match="its own files only") as refused:
        open_export(folder / "x.xml")
    assert refused.value.where == str(folder / "x.bin")


def test_a_file_of_a_run_whose_parts_lead_elsewhere_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.onnx").write_bytes(b"graph")
    (tmp_path / "run" / "export").symlink_to("../elsewhere")
    with pytest.raises(FileError, match="its own files only"):
        open_export(tmp_path / "run" / "export" / "x.onnx")
