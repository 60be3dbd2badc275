"""Images that are none: cut, foreign, impossible, or no files at all."""

from __future__ import annotations

import os
import socket
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from zoo_animals import Animal, Put, content, image
from zoo_encoders import HEIGHT, WIDTH, chunk, grey, png, saved, scene


def animals() -> Iterator[Animal]:
    """All of them."""
    yield from cut()
    yield from foreign()
    yield from impossible()
    yield from no_files()


def whole_files() -> dict[str, tuple[bytes, str]]:
    """Files of each format, to be cut."""
    return {
        "png": (png(scene()), "a.png"),
        "interlaced png": (png(scene(), interlaced=True), "a.png"),
        "jpeg": (saved(scene(), "JPEG"), "a.jpg"),
        "progressive jpeg": (saved(scene(), "JPEG", progressive=True), "a.jpg"),
        "bmp": (saved(scene(), "BMP"), "a.bmp"),
        "tiff": (saved(scene(), "TIFF"), "a.tif"),
        "lzw tiff": (saved(scene(), "TIFF", compression="tiff_lzw"), "a.tif"),
        "webp": (saved(scene(), "WEBP"), "a.webp"),
        "lossless webp": (saved(scene(), "WEBP", lossless=True), "a.webp"),
    }


def cut() -> Iterator[Animal]:
    """Each format cut at eight places, the last a byte before its end."""
    for name, (data, file) in whole_files().items():
        for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
            yield image(f"{name} cut at {share:.0%}", data[: int(len(data) * share)], None, file)
        yield image(f"{name} without its last byte", data[:-1], None, file)


def foreign() -> Iterator[Animal]:
    """What is called a picture and is none, or is of a format that is not read."""
    first, other = Image.fromarray(scene()), Image.fromarray(255 - scene())
    contents = {
        "nothing": b"",
        "one byte": b"\x89",
        "zeros": bytes(5000),
        "text": b"this is no picture\n" * 20,
        "a web page": b"<!DOCTYPE html><html><body>404</body></html>",
        "json": b'{"error": "not found"}',
        "an svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "a git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
        "a script": b"#!/bin/sh\ntouch canary\n",
        "a zip": b"PK\x03\x04" + bytes(200),
        "a pdf": b"%PDF-1.7\n" + bytes(200),
        "a gif": saved(first, "GIF"),
        "an animated gif": saved(first, "GIF", save_all=True, append_images=[other]),
        "a ppm": saved(first, "PPM"),
        "a tga": saved(first, "TGA"),
        "an icon": saved(first.resize((16, 16)), "ICO"),
        "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
        "a png's signature": b"\x89PNG\r\n\x1a\n",
        "a jpeg's signature": b"\xff\xd8\xff\xe0",
        "an eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    }
    for name, data in contents.items():
        yield image(f"{name} called png", data, None)
    for file in ("a.gif", "a.ppm", "a.tga"):
        data = saved(first, {"gif": "GIF", "ppm": "PPM", "tga": "TGA"}[file[2:]])
        yield image(f"{file[2:]} under its own name", data, None, file)


def impossible() -> Iterator[Animal]:
    """Pictures that say what cannot be, or what nobody wants to wait for."""
    good = png(scene())
    broken_sum = bytearray(good)
    broken_sum[good.index(b"IDAT") + 12] ^= 255
    yield image("png with a flipped byte", bytes(broken_sum), None)
    for height, width in ((30_000, 30_000), (8_001, 8_000), (1, 2_000_000_000)):
        data = png(scene(), size=(height, width))
        yield image(f"png that says {height} x {width}", data, None)
    for height, width in ((0, WIDTH), (HEIGHT, 0)):
        yield image(f"png of {height} x {width}", png(scene(), size=(height, width)), None)
    for interlaced in (False, True):
        data = png(scene(), size=(HEIGHT * 9, WIDTH), interlaced=interlaced)
        way = "interlaced " if interlaced else ""
        yield image(f"{way}png of more rows than it has", data, None)
    wide = saved(Image.fromarray(grey().astype(np.int32) * 999), "TIFF")
    yield image("tiff of integers beyond 16 bits", wide, None, "a.tif")
    huge = saved(Image.fromarray(grey().astype(np.float32) * 999), "TIFF")
    yield image("tiff of floats above 1", huge, None, "a.tif")
    none = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    yield image("tiff of no numbers", saved(Image.fromarray(none), "TIFF"), None, "a.tif")
    for place in (2, 2**31):
        lost = bytearray(saved(scene(), "TIFF"))
        lost[4:8] = struct.pack("<I", place)
        yield image(f"tiff whose first page is said to be at {place}", bytes(lost), None, "a.tif")
    bomb = zlib.compress(bytes(50_000_000), 9)
    header = struct.pack(">IIBBBBB", 9_000, 9_000, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", bomb), chunk(b"IEND", b"")]
    yield image("png of much in little", b"\x89PNG\r\n\x1a\n" + b"".join(parts), None)


def no_files() -> Iterator[Animal]:
    """Names of pictures that stand for something else."""
    not_there = {"predict": 2}

    def folder(path: Path) -> None:
        path.mkdir()

    def listener(path: Path) -> None:
        # A socket's own path may be no longer than 107 bytes: it is made by its short name.
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(path.name)
        finally:
            os.chdir(here)

    puts: dict[str, tuple[Put, dict[str, int]]] = {
        "a folder": (folder, {}),
        "a named pipe": (os.mkfifo, {}),
        "a socket": (listener, {}),
        "a device": (lambda path: path.symlink_to("/dev/zero"), {}),
        "a link to nothing": (lambda path: path.symlink_to(path.parent / "nothing.png"), not_there),
        "a link to itself": (lambda path: path.symlink_to(path), not_there),
    }
    for name, (put, codes) in puts.items():
        yield Animal(f"{name} called png", "a.png", put, None, codes=codes)
    # As text it has no letters that a data set's names could be compared by; predict needs none.
    odd = os.fsdecode(b"caf\xe9.png")
    yield Animal("a name of no text", odd, content(png(scene())), None, codes={"predict": 0})
