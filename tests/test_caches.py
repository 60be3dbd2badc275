"""A folder of caches that takes nothing: the message names the variable that names another."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from polygon_sets import labelme_set, scenes

from fasterseg.caches import cache_folder, keeping
from fasterseg.datasets.checking import check_data
from fasterseg.durable import disk_fault, make_folder
from fasterseg.errors import EnvironmentFault


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing can be made: it is a file."""
    for name in ("FASTERSEG_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("form", ["polygons", "zip"])
def test_data_that_need_it_say_so_where_the_home_takes_nothing(
    tmp_path: Path, home: Path, form: str
) -> None:
    data = labelme_set(tmp_path / "data", scenes(2))
    if form == "zip":
        data = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", data))
    with pytest.raises(EnvironmentFault, match="in the folder of caches") as caught:
        check_data(data)
    assert caught.value.where.startswith(str(home))
    assert "export FASTERSEG_CACHE=FOLDER" in caught.value.next_step


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_what_the_disk_refuses_is_told_with_the_variable(tmp_path: Path, number: int) -> None:
    refused = OSError(number, os.strerror(number))
    with pytest.raises(EnvironmentFault) as caught, keeping("masks", tmp_path):
        raise disk_fault(tmp_path, None, refused) from refused
    assert caught.value.what == "could not keep masks in the folder of caches"
    assert caught.value.why == os.strerror(number)
    assert "FASTERSEG_CACHE" in caught.value.next_step
    assert caught.value.next_step.startswith("free some space") == (number == errno.ENOSPC)


def test_a_fault_of_no_disk_stays_what_it_is(tmp_path: Path) -> None:
    fault = EnvironmentFault("OpenCV is missing")
    with pytest.raises(EnvironmentFault) as caught, keeping("frames", tmp_path):
        raise fault from ImportError("cv2")
    assert caught.value is fault


def test_a_home_that_nobody_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", "~nobody-of-this-name/kept")
    with pytest.raises(EnvironmentFault, match="home that is not known") as caught:
        cache_folder()
    assert "FASTERSEG_CACHE" in caught.value.where


def test_a_folder_that_may_not_be_looked_into_is_told_as_one_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "is_dir", closed)
    with pytest.raises(EnvironmentFault, match="could not make the folder") as caught:
        make_folder(tmp_path / "deep")
    assert caught.value.next_step.startswith("change its permissions")
