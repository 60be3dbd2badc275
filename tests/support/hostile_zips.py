"""Zips that no data set comes in: each is refused before anything of it is written."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from collections.abc import Callable, Mapping
from functools import cache


def _one(name: str, *, mode: int = 0, content: bytes = b"x", flags: int = 0) -> bytes:
    stream = io.BytesIO()
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.create_system = 3
    with zipfile.ZipFile(stream, "w") as out:
        out.writestr(info, content)
    data = bytearray(stream.getvalue())
    for at in (6, data.index(b"PK\x01\x02") + 8):
        data[at] |= flags
    return bytes(data)


def _of_names(*names: str, content: bytes = b"x") -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
        warnings.simplefilter("ignore")  # a name that is there twice
        for name in names:
            out.writestr(name, content)
    return stream.getvalue()


_MAKERS: dict[str, Callable[[], bytes]] = {
    "a step up": lambda: _one("../../escaped.png"),
    "a step up inside": lambda: _one("images/../../escaped.png"),
    "a name from the root": lambda: _one("/tmp/escaped.png"),
    "a backslash": lambda: _of_names("a").replace(b"a", b"\\"),
    "a drive": lambda: _one("c:/escaped.png"),
    "a link": lambda: _one("images", mode=stat.S_IFLNK | 0o777, content=b"/etc"),
    "a device": lambda: _one("images", mode=stat.S_IFCHR | 0o666),
    "a name twice": lambda: _of_names("a.png", "a.png"),
    "a name twice but for capitals": lambda: _of_names("a.png", "A.PNG"),
    "a file that is a folder too": lambda: _of_names("a", "a/b.png"),
    "encrypted": lambda: _one("a.png", flags=1),
    "a sign that nobody sees": lambda: _one("a\u202egnp.exe"),
    "an escape": lambda: _one("\x1b[2Ja.png"),
    "a name of 300 bytes": lambda: _one("a" * 300),
    "a folder 40 deep": lambda: _one("a/" * 40 + "b.png"),
    "a bomb": lambda: _of_names("a.png", content=bytes(80 << 20)),
    "many bombs": lambda: _bombs(20, 100_000),
    "bytes in front": lambda: b"PK\x03\x04 and more" + _one("a.png"),
    "cut short": lambda: _one("a.png")[:-5],
    "nothing": _of_names,
    "only what is hidden": lambda: _of_names("__MACOSX/._a.png", ".DS_Store"),
    "no zip but for its first bytes": lambda: b"PK\x03\x04" + bytes(1000),
}


def _bombs(count: int, size: int) -> bytes:
    stream, content = io.BytesIO(), bytes(size)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for index in range(count):
            out.writestr(f"{index}.png", content)
    return stream.getvalue()


@cache
def hostile_zips() -> Mapping[str, bytes]:
    """Return them by what is wrong with them."""
    return {name: make() for name, make in _MAKERS.items()}
