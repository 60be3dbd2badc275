"""Broken pictures and masks, and small ones of large cost."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from case import HostileFile, Place
from odd_data import DATA_SET, predicting_with
from PIL import Image
from stock import Stock
from ways import of_data
from zoo_animals import Animal
from zoo_encoders import chunk, png, saved, scene


def zoo(stock: Stock) -> Iterator[HostileFile]:
    """The image zoo's broken animals by every verb that reads pictures."""
    from image_zoo import zoo as animals

    for animal in animals():
        if animal.holds is not None:
            continue
        kind = "picture" if animal.role == "image" else "mask"
        verbs = ("check-data", "train", "evaluate")
        ways = of_data(stock, DATA_SET, verbs)
        if kind == "picture":
            ways["predict"] = predicting_with(stock)(
                lambda p, file=animal.file: p.brought / "data" / "images" / "val" / file
            )
        yield HostileFile(
            name=f"{kind}: {animal.name}",
            kind=kind,
            write=lambda place, animal=animal: _with_animal(stock, place, animal),
            ways=ways,
            expect="either" if animal.codes else "refused",
        )


def _with_animal(stock: Stock, place: Place, animal: Animal) -> None:
    """The stock's data with the animal in place of the one picture, or mask, of its splits."""
    root = stock.copy(stock.data, place.brought / "data")
    own, other = ("images", "masks") if animal.role == "image" else ("masks", "images")
    for split in ("train", "val"):
        for path in (root / own / split).iterdir():
            path.unlink()
        keep = root / other / split / "0.png"
        stem = animal.file.rpartition(".")[0]
        for path in (root / other / split).iterdir():
            if path != keep:
                path.unlink()
        keep.rename(keep.with_name(f"{stem}.png"))
        animal.put(root / own / split / animal.file)
    file = root / "data.yaml"
    if animal.lines:
        text = file.read_text().splitlines()
        kept = [line for line in text if not (line.startswith("names") and "palette" in line)]
        file.write_text("\n".join([*kept, animal.lines]))


def costly_pictures(stock: Stock) -> Iterator[HostileFile]:
    """Small files of large cost: bombs, many scans, endless tables."""
    for name, (file, make) in _COSTLY.items():
        for role in ("images", "masks"):
            if role == "masks" and file.endswith(".jpg"):
                continue
            ways = of_data(stock, DATA_SET, ("check-data", "train", "evaluate"))
            if role == "images":
                ways["predict"] = predicting_with(stock)(
                    lambda p, file=file: p.brought / "data" / "images" / "val" / file
                )
            yield HostileFile(
                name=f"{role[:-1]} of {name}",
                kind="costly picture",
                write=lambda place, role=role, file=file, make=make: _with_animal(
                    stock,
                    place,
                    Animal(
                        "",
                        file,
                        lambda path: path.write_bytes(make()) and None,
                        None,
                        "image" if role == "images" else "mask",
                    ),
                ),
                ways=ways,
                expect="either",
            )


def bomb(height: int, width: int, *, colour: int = 2, bits: int = 8, interlace: int = 0) -> bytes:
    """A whole PNG of one value: every row of it is there."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = 1 + (width * channels * bits + 7) // 8
    packer = zlib.compressobj(9)
    block = bytes(row * max(1, min(height, (1 << 22) // row)))
    left, parts = row * height, []
    while left > 0:
        parts.append(packer.compress(block[: min(left, len(block))]))
        left -= len(block)
    data = b"".join([*parts, packer.flush()])
    header = struct.pack(">IIBBBBB", height and width, height, bits, colour, 0, 0, interlace)
    chunks = [chunk(b"IHDR", header)]
    if colour == 3:
        chunks.append(chunk(b"PLTE", bytes(6)))
    return b"\x89PNG\r\n\x1a\n" + b"".join([*chunks, chunk(b"IDAT", data), chunk(b"IEND", b"")])


def _scans(count: int) -> bytes:
    """A progressive JPEG whose scans are repeated."""
    data = saved(scene(1_000, 1_000), "JPEG", progressive=True, quality=30)
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * count + b"\xff\xd9"


def _first_scans(count: int) -> bytes:
    data = saved(scene(2_000, 2_000), "JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xc4", first) if b"\xff\xc4" in data[first:] else len(data) - 2
    return data[:first] + data[first:second] * count + data[second:]


def _text_bomb(kind: bytes, count: int = 1) -> bytes:
    packed = zlib.compress(bytes(200_000_000), 9)
    heads = {
        b"zTXt": b"Comment\0\0",
        b"iTXt": b"Comment\0\1\0\0\0",
        b"iCCP": b"profile\0\0",
    }
    return png(scene(), before=tuple((kind, heads[kind] + packed) for _ in range(count)))


def _tiff(
    entries: list[tuple[int, int, int, int]], *, more: bytes = b"", next_at: int = 0
) -> bytes:
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return head + body + struct.pack("<I", next_at) + more


_BASE = [(256, 4, 1, 40), (257, 4, 1, 24), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]


def _tiff_bomb() -> bytes:
    return saved(np.zeros((8_000, 7_900), np.uint8), "TIFF", compression="tiff_adobe_deflate")


def _bmp(height: int, width: int, *, rle: bool = False) -> bytes:
    body = b"\x00\x01" if rle else bytes(64)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, int(rle), len(body), 0, 0, 2, 0)
    start = 14 + 40 + 8
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + bytes(8) + body


_COSTLY: dict[str, tuple[str, Callable[[], bytes]]] = {
    "62 megapixels": ("a.png", lambda: bomb(7_900, 7_900)),
    "62 grey megapixels": ("a.png", lambda: bomb(7_900, 7_900, colour=0)),
    "62 megapixels of 16 bits": ("a.png", lambda: bomb(7_900, 7_900, bits=16)),
    "62 megapixels of one bit": ("a.png", lambda: bomb(7_900, 7_900, colour=0, bits=1)),
    "62 megapixels of a palette": ("a.png", lambda: bomb(7_900, 7_900, colour=3)),
    "62 megapixels with alpha": ("a.png", lambda: bomb(7_900, 7_900, colour=6)),
    "30 megapixels": ("a.png", lambda: bomb(5_500, 5_500)),
    "one row of 60 million": ("a.png", lambda: bomb(1, 60_000_000, colour=0)),
    "60,000 rows of a thousand": ("a.png", lambda: bomb(60_000, 1_000)),
    "400 megapixels": ("a.png", lambda: bomb(20_000, 20_000, colour=0, bits=1)),
    "a zTXt of 200 MB": ("a.png", lambda: _text_bomb(b"zTXt")),
    "an iTXt of 200 MB": ("a.png", lambda: _text_bomb(b"iTXt")),
    "a profile of 200 MB": ("a.png", lambda: _text_bomb(b"iCCP")),
    "ten zTXt of 200 MB": ("a.png", lambda: _text_bomb(b"zTXt", 10)),
    "100,000 chunks": (
        "a.png",
        lambda: png(scene(), before=tuple([(b"tEXt", b"a\0b")] * 100_000)),
    ),
    "a chunk of 2 GB": (
        "a.png",
        lambda: b"\x89PNG\r\n\x1a\n" + struct.pack(">I", (1 << 31) - 1) + b"tEXt" + bytes(100),
    ),
    "1,000 scans": ("a.jpg", lambda: _scans(1_000)),
    "1,000 first scans": ("a.jpg", lambda: _first_scans(1_000)),
    "65,500 rows of JPEG": ("a.jpg", lambda: saved(Image.new("RGB", (900, 65_500)), "JPEG")),
    "62 megapixels of JPEG": ("a.jpg", lambda: saved(Image.new("RGB", (7_900, 7_900)), "JPEG")),
    "a JPEG of 65,535 by 65,535": (
        "a.jpg",
        lambda: saved(scene(), "JPEG").replace(
            struct.pack(">HH", 24, 40), struct.pack(">HH", 65_535, 65_535), 1
        ),
    ),
    "60 MB of JPEG comments": (
        "a.jpg",
        lambda: (
            b"\xff\xd8" + (b"\xff\xfe\xff\xff" + bytes(65_533)) * 900 + saved(scene(), "JPEG")[2:]
        ),
    ),
    "a WebP of 16,383 by 16,383": (
        "a.webp",
        lambda: b"RIFF\x1e\0\0\0WEBPVP8L\x11\0\0\0/" + struct.pack("<I", 0xFFFFFFF) + bytes(13),
    ),
    "62 megapixels of WebP": ("a.webp", lambda: saved(Image.new("RGB", (7_900, 7_900)), "WEBP")),
    "62 megapixels of lossless WebP": (
        "a.webp",
        lambda: saved(Image.new("RGB", (7_900, 7_900)), "WEBP", lossless=True, method=0),
    ),
    "62 megapixels of TIFF": ("a.tif", _tiff_bomb),
    "a TIFF whose pages go round": ("a.tif", lambda: _tiff(_BASE, next_at=8)),
    "a TIFF of 10^9 strips": ("a.tif", lambda: _tiff([*_BASE, (273, 4, 10**9, 8)])),
    "a TIFF of 4 billion letters": ("a.tif", lambda: _tiff([*_BASE, (270, 2, 0xFFFFFFFF, 8)])),
    "a TIFF of 65,535 tags": (
        "a.tif",
        lambda: _tiff([*_BASE, *[(40_000 + n % 20_000, 4, 1, 0) for n in range(65_000)]]),
    ),
    "a TIFF of 2^31 rows": ("a.tif", lambda: _tiff([(256, 4, 1, 40), (257, 4, 1, 2**31)])),
    "a TIFF of 10^6 samples": ("a.tif", lambda: _tiff([*_BASE, (277, 4, 1, 10**6)])),
    "a BMP of 60,000 by 1,000": ("a.bmp", lambda: _bmp(60_000, 1_000)),
    "a BMP of 2^31 rows": ("a.bmp", lambda: _bmp(2**31 - 1, 40)),
    "a packed BMP of 7,900 by 7,900": ("a.bmp", lambda: _bmp(7_900, 7_900, rle=True)),
    "a BMP upside down": ("a.bmp", lambda: _bmp(-24, 40)),
}
