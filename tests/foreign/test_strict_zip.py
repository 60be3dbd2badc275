"""Archives are read where no two readers can differ, and refused in one line everywhere else."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable

import pytest
import torch

from fasterseg.foreign.strict_zip import CutShort, NotAStrictZip, ZipLimits, read_zip

CONTENT = {"a/x.txt": b"some text\n" * 40, "a/y.bin": bytes(range(256)), "empty": b""}


def archive(
    content: dict[str, bytes] | None = None,
    method: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, data in (CONTENT if content is None else content).items():
            made.writestr(zipfile.ZipInfo(name), data, method)
        made.comment = comment
    return stream.getvalue()


def streamed() -> bytes:
    """An archive whose sizes are said behind the contents."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

        def seek(self, *_: object) -> int:
            raise io.UnsupportedOperation

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in CONTENT.items():
            made.writestr(name, data)
        with made.open("large form", "w", force_zip64=True) as member:
            member.write(b"12")
    return pipe.getvalue()


def of_torch() -> bytes:
    stream = io.BytesIO()
    torch.save({"a": torch.arange(5)}, stream)
    return stream.getvalue()


def all_of(data: bytes, **limits: int) -> dict[str, bytes]:
    found = read_zip(data, limits=ZipLimits(**limits))
    return {name: found.read(name) for name in found.members}


@pytest.mark.parametrize(
    "made",
    [
        archive,
        lambda: archive(method=zipfile.ZIP_STORED),
        lambda: archive(comment=b"of a commit"),
        lambda: archive({"ä/é.png": b"1", "plain folder/": b""}),
        lambda: archive({}),
        streamed,
        of_torch,
    ],
)
def test_what_usual_writers_write_is_read_as_the_usual_reader_reads_it(
    made: Callable[[], bytes],
) -> None:
    data = made()
    with zipfile.ZipFile(io.BytesIO(data)) as usual:
        files = {one.filename: usual.read(one) for one in usual.infolist() if not one.is_dir()}
    assert all_of(data) == files


def test_the_comment_is_handed_back() -> None:
    assert read_zip(archive(comment=b"of a commit")).comment == b"of a commit"
    assert read_zip(archive()).comment == b""


@pytest.mark.parametrize(
    "made", [archive, lambda: archive(method=zipfile.ZIP_STORED), streamed, of_torch]
)
def test_a_flipped_bit_is_noticed_or_changes_no_content(made: Callable[[], bytes]) -> None:
    data = made()
    whole = all_of(data)
    for at in range(0, 8 * len(data), 13):
        flipped = bytearray(data)
        flipped[at // 8] ^= 1 << at % 8
        try:
            assert all_of(bytes(flipped)) == whole
        except NotAStrictZip as error:
            assert "\n" not in str(error)


def test_every_cut_and_every_byte_too_many_is_noticed() -> None:
    data = archive()
    for length in range(len(data)):
        with pytest.raises(NotAStrictZip):
            read_zip(data[:length])
    for more in (b"x" + data, data + b"x", data + data, archive(comment=b"PK\x05\x06")):
        with pytest.raises(NotAStrictZip):
            read_zip(more)


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/x",
        "C:/x",
        "a//x",
        "./x",
        "a\\x",
        "..",
        "a\nb",
        "a\x1b[2Jb",
        "a\u202eb",
        "x" * 256,
        "a/" * 40 + "x",
    ],
)
def test_a_name_that_leads_elsewhere_or_hides_a_sign_is_refused(name: str) -> None:
    with pytest.raises(NotAStrictZip):
        read_zip(archive({name: b""}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "a"], "twice"),
        (["a", "A"], "twice"),
        (["\u00e9", "e\u0301"], "twice"),
        (["a", "a/"], "twice"),
        (["a", "a/b/c"], "file and a folder"),
    ],
)
def test_two_names_for_one_place_are_refused(names: list[str], said: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name in names:
            made.writestr(name, b"")
    with pytest.raises(NotAStrictZip, match=said):
        read_zip(stream.getvalue())


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_devices_are_refused(kind: int) -> None:
    stream, info = io.BytesIO(), zipfile.ZipInfo("a")
    info.external_attr, info.create_system = (kind | 0o777) << 16, 3
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr(info, b"/etc/passwd")
    with pytest.raises(NotAStrictZip, match="link or a device"):
        read_zip(stream.getvalue())


def test_encrypted_and_strangely_packed_members_are_refused() -> None:
    with pytest.raises(NotAStrictZip, match="method 14"):
        read_zip(archive({"a": b"1"}, zipfile.ZIP_LZMA))
    data = archive({"a": b"1"}).replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    )
    with pytest.raises(NotAStrictZip, match="encrypted"):
        read_zip(data)


def test_members_that_share_their_bytes_are_refused() -> None:
    data = archive({"a": b"12345", "b": b"12345"}, zipfile.ZIP_STORED)
    second = data.index(b"PK\x03\x04", 4)
    at = data.rindex(b"PK\x01\x02") + 42
    assert struct.unpack("<I", data[at : at + 4]) == (second,)
    with pytest.raises(NotAStrictZip, match="overlap"):
        read_zip(data[:at] + struct.pack("<I", 0) + data[at + 4 :])


def test_limits_are_kept_before_anything_is_unpacked() -> None:
    bomb = archive({"zeros": bytes(8 << 20)})
    with pytest.raises(NotAStrictZip, match="200 times"):
        read_zip(bomb)
    assert len(all_of(bomb, ratio=2000)["zeros"]) == 8 << 20
    for limits in ({"members": 2}, {"member_bytes": 200}, {"total_bytes": 600}, {"name_bytes": 5}):
        with pytest.raises(NotAStrictZip):
            all_of(archive(), **limits)


def test_a_member_that_unpacks_to_more_than_it_claims_stops_at_that() -> None:
    data = archive({"zeros": bytes(1 << 20)})
    lying = data.replace(struct.pack("<I", 1 << 20), struct.pack("<I", 100))
    found = read_zip(lying)
    with pytest.raises(NotAStrictZip, match="more than the 100 bytes"):
        found.read("zeros")


def with_backslashes(*names: str) -> bytes:
    """An archive with names as Windows writes paths; zipfile would write slashes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name in names:
            info = zipfile.ZipInfo()
            info.filename = name
            made.writestr(info, b"" if name.endswith("\\") else name.encode())
    return stream.getvalue()


def test_backslashes_of_windows_are_folders_where_that_is_said() -> None:
    data = with_backslashes("a\\", "a\\b\\x.png", "y.png")

    found = read_zip(data, from_windows=True)

    assert [*found.members] == ["a/b/x.png", "y.png"]
    assert found.read("a/b/x.png") == b"a\\b\\x.png"
    with pytest.raises(NotAStrictZip, match="backslashes"):
        read_zip(data)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("a\\x", "b/y"), "backslashes"),
        (("..\\x",), "lead out"),
        (("C:\\x",), "lead out"),
        (("\\x",), "lead out"),
        (("a\\x", "A\\X"), "twice"),
    ],
)
def test_names_of_windows_lead_nowhere_else(names: tuple[str, ...], why: str) -> None:
    with pytest.raises(NotAStrictZip, match=why):
        read_zip(with_backslashes(*names), from_windows=True)


def test_an_archive_that_was_not_copied_whole_is_cut_short() -> None:
    for length in (40, len(archive()) - 5):
        with pytest.raises(CutShort, match="no directory"):
            read_zip(archive()[:length])
