"""What is no ordinary file, or too large, is refused before it is read, in one sentence."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fasterseg.errors import DataError, FastersegError, FileError
from fasterseg.foreign.opened_files import bytes_of, opened, require_file, what_it_is


@pytest.fixture
def special(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """One of each that is no file, and a link to one."""
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    return {
        "a named pipe": Path("pipe"),
        "a folder": Path("folder"),
        "a socket": Path("socket"),
        "a device": Path("/dev/zero"),
    }


def test_an_ordinary_file_is_read_and_a_link_to_one_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert bytes_of(tmp_path / "file", most_bytes=7) == b"content"
    assert bytes_of(tmp_path / "link") == b"content"
    with opened(tmp_path / "file") as stream:
        assert stream.read(3) == b"con"
    assert what_it_is(tmp_path / "file") == what_it_is(tmp_path / "absent") == ""


def test_what_is_no_file_is_refused_by_what_it_is(special: dict[str, Path]) -> None:
    for what, path in special.items():
        assert what_it_is(path) == what
        for read in (bytes_of, require_file):
            with pytest.raises(FileError, match=f"this is {what}, and no file"):
                read(path)
    with pytest.raises(DataError, match="this is a named pipe"):
        bytes_of(Path("link"), fault=DataError)


def test_what_took_the_place_of_a_file_is_refused_when_it_is_open(
    special: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").touch()
    as_a_file = Path("file").stat()
    with monkeypatch.context() as looked_at:
        looked_at.setattr(Path, "stat", lambda _path: as_a_file)
        with pytest.raises(FileError, match="this is a device, and no file"):
            bytes_of(special["a device"])


def test_a_large_file_is_refused_before_it_is_read_and_one_that_grows_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(FileError, match="too large") as refused:
        bytes_of(sparse)
    assert "1,099,511,627,776 bytes" in refused.value.why
    endless = tmp_path / "grows"
    endless.write_bytes(b"x" * 11)
    small = (tmp_path / "small", endless.stat())
    small[0].touch()
    monkeypatch.setattr("os.fstat", lambda _number: small[0].stat())
    with monkeypatch.context() as looked_at:
        looked_at.setattr(Path, "stat", lambda _path: small[1])
        with pytest.raises(FileError, match="too large"):
            bytes_of(endless, most_bytes=10)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "a\ud800b"])
def test_a_name_that_no_file_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FastersegError, match="no file can have this name") as refused:
        bytes_of(tmp_path / name)
    str(refused.value).encode()


def test_a_link_to_itself_is_refused_and_nothing_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileError, match="no file can have this name"):
        bytes_of(tmp_path / "loop")
    with pytest.raises(FileNotFoundError):
        bytes_of(tmp_path / "absent")
