"""Hostile videos: what begins like one, leads elsewhere, never ends or says that it is enormous."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator

from case import HostileFile, Place
from odd_data import predicting_with
from stock import Stock

_FTYP = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"


def videos(stock: Stock) -> Iterator[HostileFile]:
    """Each as it is named to ``predict``."""
    written: dict[str, tuple[str, Callable[[Place], bytes]]] = {
        "nothing": ("clip.mp4", lambda _place: b""),
        "text": ("clip.avi", lambda _place: b"no video at all"),
        "zeros behind a beginning": ("clip.mp4", lambda _place: _FTYP + bytes(1 << 16)),
        "a box of 2^63 bytes": ("clip.mp4", lambda _place: _FTYP + _box(1, b"moov", 1 << 63)),
        "500 boxes in each other": ("clip.mp4", lambda _place: _FTYP + _nested(500)),
        "an AVI of 65,535 x 65,535": ("clip.avi", lambda _place: _avi(65_535, 65_535)),
        "an AVI of no side": ("clip.avi", lambda _place: _avi(0, 0)),
        "Matroska of nothing": ("clip.mkv", lambda _place: b"\x1a\x45\xdf\xa3" + bytes(99)),
        "a playlist": ("clip.mp4", _playlist),
        "a list of files": ("clip.mp4", _list_of_files),
    }
    for name, (file, make) in written.items():
        yield _video(
            stock,
            name,
            file,
            lambda place, file=file, make=make: (place.brought / file).write_bytes(make(place)),
        )
    clip = "clip.mp4"
    yield _video(stock, "a named pipe", clip, lambda place: os.mkfifo(place.brought / clip))
    yield _video(
        stock,
        "a link to a device",
        clip,
        lambda place: (place.brought / clip).symlink_to("/dev/zero"),
    )


def _video(stock: Stock, name: str, file: str, write: Callable[[Place], object]) -> HostileFile:
    return HostileFile(
        name=f"video of {name}",
        kind="video",
        write=write,
        ways={"predict": predicting_with(stock)(lambda place: place.brought / file)},
        expect="refused",
        codes=(2, 3, 4),  # the last where OpenCV is not installed
    )


def _playlist(place: Place) -> bytes:
    """What players of streams would open, outside and on the network."""
    secret = place.outside / "secret.txt"
    return f"#EXTM3U\n#EXTINF:5,\nfile://{secret}\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n".encode()


def _list_of_files(place: Place) -> bytes:
    return f"ffconcat version 1.0\nfile {place.outside / 'secret.txt'}\n".encode()


def _box(size: int, name: bytes, long_size: int) -> bytes:
    return struct.pack(">I4sQ", size, name, long_size)


def _nested(depth: int) -> bytes:
    return b"".join(
        struct.pack(">I4s", 8 * (depth - place), b"moov" if place == 0 else b"trak")
        for place in range(depth)
    )


def _avi(width: int, height: int) -> bytes:
    """The head of an AVI of one stream of Motion JPEG, and one frame of rubbish."""
    main = struct.pack("<14I", 40_000, 0, 0, 16, 1, 0, 1, 0, width, height, 0, 0, 0, 0)
    head = b"vidsMJPG" + struct.pack("<10I", 0, 0, 0, 1, 25, 0, 1, 0, 0xFFFFFFFF, 0)
    form = struct.pack("<IiiHH4s5I", 40, width, height, 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    stream = _list(b"strl", _chunk(b"strh", head + bytes(8)) + _chunk(b"strf", form))
    lists = _list(b"hdrl", _chunk(b"avih", main) + stream)
    lists += _list(b"movi", _chunk(b"00dc", b"\xff\xd8\xff" + bytes(64)))
    return b"RIFF" + struct.pack("<I", 4 + len(lists)) + b"AVI " + lists


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return b"LIST" + struct.pack("<I", 4 + len(data)) + name + data
