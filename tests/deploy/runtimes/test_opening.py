"""An exported file is opened with what lies beside it, and with nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.errors import FileError


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
