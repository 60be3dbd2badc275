"""Pictures that want to be dear: few bytes that ask for much memory or much time.

Each is either read, to the pixel, or refused; neither may take long or much.  Files stay small by
what they repeat, so that all of them are made in less than a second or two.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image
from zoo_animals import Animal, image, mask
from zoo_encoders import Array, chunk, grey, ids, png, saved, scene

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HUGE = (7000, 9000)


def animals() -> Iterator[Animal]:
    """All of them."""
    yield from few_bytes_of_many_pixels()
    yield from padded_pngs()
    yield from padded_jpegs()
    yield from scanned_jpegs()
    yield from tags()
    yield from tiffs()
    yield from bitmaps()
    yield from webps()
    yield from masks()


@cache
def flat_png(height: int, width: int, bits: int = 1, kind: int = 0) -> bytes:
    """A PNG of zeros, row by row, however many they are."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    row = bytes(1 + -(-width * bits * channels // 8))
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", head)]
    parts += [chunk(b"PLTE", bytes(6))] if kind == 3 else []
    return SIGNATURE + b"".join((*parts, chunk(b"IDAT", rows), chunk(b"IEND", b"")))


def few_bytes_of_many_pixels() -> Iterator[Animal]:
    """Headers, and whole files, of more pixels than anyone has."""
    yield image("62 megapixels in 8 kB", flat_png(*HUGE), None)
    yield image("62 megapixels of a palette", flat_png(*HUGE, 1, 3), None)
    yield image("5 megapixels in a few bytes", flat_png(2000, 2500), None)
    yield image("a row of a million pixels", flat_png(1, 1_000_000), None)
    yield image("a column of a million pixels", flat_png(1_000_000, 1), None)
    for bits, kind in ((8, 0), (8, 2), (16, 2), (8, 4), (16, 6), (8, 6), (16, 0), (4, 3)):
        for size in ((46_000, 46_000), (2**31 - 1, 1), (9000, 7000)):
            head = struct.pack(">IIBBBBB", size[1], size[0], bits, kind, 0, 0, 0)
            palette = chunk(b"PLTE", bytes(6)) if kind == 3 else b""
            parts = (chunk(b"IHDR", head), palette, chunk(b"IDAT", zlib.compress(bytes(999))))
            data = SIGNATURE + b"".join((*parts, chunk(b"IEND", b"")))
            yield image(f"a head of {size[0]} x {size[1]}, {bits} bits, kind {kind}", data, None)
    jpeg = bytearray(saved(scene(), "JPEG"))
    start = jpeg.index(b"\xff\xc0") + 5
    jpeg[start : start + 4] = struct.pack(">HH", 65_000, 65_000)
    yield image("a jpeg of 65,000 x 65,000", bytes(jpeg), None, "a.jpg")
    jpeg[start : start + 4] = struct.pack(">HH", 5000, 5000)
    yield image("a jpeg of 25 megapixels without them", bytes(jpeg), None, "a.jpg")


def with_chunks(*extra: bytes, behind: bytes = b"") -> bytes:
    """The scene as a PNG with chunks before its pixels, and behind them."""
    whole = png(scene())
    pixels, end = whole.index(b"IDAT") - 4, whole.index(b"IEND") - 4
    return whole[:pixels] + b"".join(extra) + whole[pixels:end] + behind + whole[end:]


def padded_pngs() -> Iterator[Animal]:
    """PNG with texts, profiles, parts and frames that no pixel needs."""
    bomb = zlib.compress(bytes(30_000_000), 9)
    texts = {
        "an unpacked text of 30 MB": (b"zTXt", b"Comment\0\0" + bomb),
        "a profile of 30 MB": (b"iCCP", b"Profile\0\0" + bomb),
        "an international text of 30 MB": (b"iTXt", b"Comment\0\1\0\0\0" + bomb),
        "a plain text of 3 MB": (b"tEXt", b"Comment\0" + b"x" * 3_000_000),
        "a chunk that nobody knows": (b"prVt", bytes(3_000_000)),
    }
    for name, (kind, data) in texts.items():
        yield image(f"png with {name}", with_chunks(chunk(kind, data)), scene())
        behind = with_chunks(behind=chunk(kind, data))
        yield image(f"png with {name} behind its pixels", behind, scene())
    many = chunk(b"zTXt", b"C\0\0" + zlib.compress(bytes(900_000), 9)) * 90
    yield image("png with ninety texts of 900 kB", with_chunks(many), scene())
    yield image("png with 9,000 texts", with_chunks(chunk(b"tEXt", b"a\0b") * 9000), scene())
    yield image("png of 70,000 chunks", with_chunks(chunk(b"tEXt", b"a\0b") * 70_000), None)
    yield image("png of 70,000 empty parts", with_chunks(chunk(b"IDAT", b"") * 70_000), None)
    parts = png(scene())
    start = parts.index(b"IDAT")
    length = int.from_bytes(parts[start - 4 : start], "big")
    packed = parts[start + 4 : start + 4 + length]
    small = b"".join(chunk(b"IDAT", packed[i : i + 1]) for i in range(length))
    yield image(
        "png in parts of a byte", parts[: start - 4] + small + parts[start + 8 + length :], scene()
    )
    frames = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    yield image("png that says two milliard frames", with_chunks(frames), scene())
    control = struct.pack(">IIIIIHHBB", 0, 40, 24, 0, 0, 1, 1, 0, 0)
    later = b"".join(
        chunk(b"fcTL", struct.pack(">I", 2 * i + 1) + control[4:])
        + chunk(b"fdAT", struct.pack(">I", 2 * i + 2) + zlib.compress(bytes(24 * 121)))
        for i in range(2000)
    )
    first = chunk(b"acTL", struct.pack(">II", 2001, 0)) + chunk(b"fcTL", control)
    yield image("png of 2,001 frames", with_chunks(first, behind=later), scene())
    over = zlib.compress(bytes(40_000_000), 9)
    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    data = SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", over) + chunk(b"IEND", b"")
    yield image("png that packs 40 MB for 64 pixels", data, np.zeros((8, 8, 3), np.uint8))
    endless = SIGNATURE + chunk(b"IHDR", head) + struct.pack(">I", 2**31 - 1) + b"IDAT" + bytes(99)
    yield image("png whose chunk has 2 GB", endless, None)


def segment(marker: int, data: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def padded_jpegs() -> Iterator[Animal]:
    """JPEG with notes, filling and marks that no pixel needs."""
    whole = saved(scene(), "JPEG")
    pixels = np.asarray(Image.open(io.BytesIO(whole)).convert("RGB"))
    photoshop = b"Photoshop 3.0\0" + (b"8BIM\x04\x04\0\0\0\0\0\0" * 5000)
    before = {
        "2 MB of notes": segment(0xE3, bytes(65_000)) * 30,
        "2 MB of tags": segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 30,
        "2 MB of profiles": segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000)) * 30,
        "150,000 blocks of Photoshop": segment(0xED, photoshop) * 30,
        "2 MB of comments": segment(0xFE, bytes(65_000)) * 30,
        "2 MB of filling": b"\xff" * 2_000_000,
        "2 MB of junk": b"\0" * 2_000_000,
        "20,000 empty notes": segment(0xE4, b"") * 20_000,
    }
    for name, data in before.items():
        yield image(f"jpeg with {name}", whole[:20] + data + whole[20:], pixels, "a.jpg")
    marks = {"restart marks": b"\xff\xd0", "starts": b"\xff\xd8", "tables": segment(0xDB, b"")}
    for name, data in marks.items():
        many = whole[:2] + data * 100_000 + whole[2:]
        yield image(f"jpeg with 100,000 {name}", many, None, "a.jpg")
    yield image("jpeg of nothing but filling", whole[:2] + b"\xff" * 5_000_000, None, "a.jpg")


def scanned_jpegs() -> Iterator[Animal]:
    """Progressive JPEG whose scans go over all pixels again and again."""
    small = saved(scene(), "JPEG", progressive=True)
    large = saved(Image.new("RGB", (2400, 1600)), "JPEG", progressive=True)
    for name, whole, count in (("small", small, 1000), ("large", large, 190)):
        scan = whole.rindex(b"\xff\xda")
        data = whole[:scan] + whole[scan:-2] * count + whole[-2:]
        yield image(f"{name} jpeg of {count:,} scans", data, None, "a.jpg")


def directory(entries: list[tuple[int, int, int, int]], *, following: int = 0) -> bytes:
    """A TIFF's directory: (tag, type, count, value) each, right behind its head."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return struct.pack("<H", len(entries)) + body + struct.pack("<I", following)


def tiff(
    entries: list[tuple[int, int, int, int]], rest: bytes = b"", *, following: int = 0
) -> bytes:
    """A TIFF of one directory and what lies behind it."""
    return b"II*\0" + struct.pack("<I", 8) + directory(entries, following=following) + rest


def tags() -> Iterator[Animal]:
    """Exif tags that name the same bytes again and again, or lead in circles."""
    blocks = {
        "tags that name 60 kB each": tiff(
            [(1000 + i, 2, 60_000, 8) for i in range(4000)], bytes(12_000)
        ),
        "5,000 tags": tiff([(i, 3, 1, 1) for i in range(5000)]) + bytes(3000),
        "a circle of tags": tiff([(34665, 4, 1, 8), (34853, 4, 1, 8)], following=8),
        "tags that begin far away": b"II*\0" + struct.pack("<I", 2**32 - 9),
        "tags that are none": b"MM\0*" + bytes(90),
    }
    for name, block in blocks.items():
        holds = None if "0 kB" in name or "5,000" in name else scene()
        yield image(f"png with {name}", with_chunks(chunk(b"eXIf", block)), holds)
        lossless = saved(scene(), "WEBP", lossless=True, exif=b"Exif\0\0" + block)
        yield image(f"webp with {name}", lossless, holds, "a.webp")


def plain_tiff(pixels: Array, *others: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A grey TIFF in one strip, with other tags over its own."""
    height, width = pixels.shape
    own = {
        256: (256, 4, 1, width), 257: (257, 4, 1, height), 258: (258, 3, 1, 8),
        259: (259, 3, 1, 1), 262: (262, 3, 1, 1), 273: (273, 4, 1, 0), 277: (277, 3, 1, 1),
        278: (278, 4, 1, height), 279: (279, 4, 1, pixels.size),
    } | {entry[0]: entry for entry in others}  # fmt: skip
    start = 8 + 2 + 12 * len(own) + 4
    if not any(entry[0] == 273 for entry in others):
        own[273] = (273, 4, 1, start)
    return tiff(list(own.values()), pixels.tobytes(), following=following)


def tiffs() -> Iterator[Animal]:
    """TIFF of endless parts, tags and pages."""
    holds = np.repeat(grey()[..., None], 3, axis=-1)
    yield image("plain tiff", plain_tiff(grey()), holds, "a.tif")
    yield image("tiff whose next page is itself", plain_tiff(grey(), following=8), holds, "a.tif")
    yield image("tiff whose next page is far", plain_tiff(grey(), following=2**31), holds, "a.tif")
    strange = {
        "a million strips": [(273, 4, 1_000_000, 8), (279, 4, 1_000_000, 8)],
        "2 milliard strips": [(273, 4, 2**31, 8), (279, 4, 2**31, 8)],
        "a million numbers": [(50_000, 3, 1_000_000, 8)],
        "tiles of 60,000 x 60,000": [
            (322, 4, 1, 60_000), (323, 4, 1, 60_000), (324, 4, 1, 8), (325, 4, 1, 9),
        ],
        "65,535 channels": [(277, 3, 1, 65_535)],
        "77 bits": [(258, 3, 1, 77)],
        "a packing that nobody knows": [(259, 3, 1, 31_337)],
        "4 milliard rows": [(257, 4, 1, 2**32 - 1)],
        "no pixel": [(257, 4, 1, 0)],
        "a strip that begins behind the end": [(273, 4, 1, 2**31)],
        "tags that name the whole file": [(50_000 + i, 7, 900_000, 8) for i in range(2000)],
    }  # fmt: skip
    for name, others in strange.items():
        yield image(f"tiff with {name}", plain_tiff(grey(), *others), None, "a.tif")
    page = len(plain_tiff(grey()))
    pages = plain_tiff(grey(), following=page)
    for index in range(3000):
        pages += directory([(256, 4, 1, 9)], following=page + 18 * (index + 1))
    yield image("tiff of 3,001 pages", pages, holds, "a.tif")


def bitmap(height: int, width: int, bits: int, packing: int, data: bytes) -> bytes:
    """A BMP of such a head."""
    colours = b"".join(bytes([i, i, i, 0]) for i in range(1 << bits)) if bits <= 8 else b""
    start = 54 + len(colours)
    head = struct.pack(
        "<2sIHHIIiiHHIIiiII",
        b"BM", start + len(data), 0, 0, start, 40, width, height, 1, bits, packing, len(data),
        0, 0, 0, 0,
    )  # fmt: skip
    return head + colours + data


def bitmaps() -> Iterator[Animal]:
    """BMP whose heads lie, and of runs that lead far away."""
    whole = saved(scene(), "BMP")
    for name, place, value in (
        ("a width of 2 milliard", 18, 2**31 - 1),
        ("a height of 2 milliard", 22, 2**31 - 1),
        ("a head of 2 milliard bytes", 14, 2**31 - 1),
        ("pixels behind its end", 10, 2**31 - 1),
        ("77 bits", 28, 77),
    ):
        data = bytearray(whole)
        data[place : place + 4] = struct.pack("<I", value)
        yield image(f"bmp with {name}", bytes(data), None, "a.bmp")
    colours = bytearray(saved(grey(), "BMP"))
    colours[46:50] = struct.pack("<I", 2**32 - 1)
    yield image("bmp of 4 milliard colours", bytes(colours), None, "a.bmp")
    far = b"\0\2\xff\xff" * 9 + b"\0\1"
    yield image("bmp whose runs leap 255 rows", bitmap(2, 16_000_000, 8, 1, far), None, "a.bmp")
    yield image("bmp of 2 MB of runs", bitmap(900, 900, 8, 1, b"\1\7" * 10**6), None, "a.bmp")


def webps() -> Iterator[Animal]:
    """WebP of large canvases and of many frames."""
    first, other = Image.fromarray(scene()), Image.fromarray(255 - scene())
    later = [other, first] * 60
    film = saved(first, "WEBP", lossless=True, save_all=True, append_images=later)
    yield image("webp of 121 frames", film, scene(), "a.webp")
    large = bytearray(saved(Image.new("RGB", (9, 9)), "WEBP", lossless=True, exif=b"Exif\0\0"))
    large[24:30] = b"\xfe\x3f\0\xfe\x3f\0"
    yield image("webp of 16,383 x 16,383", bytes(large), None, "a.webp")
    flat = saved(Image.new("RGB", (3000, 2000)), "WEBP", lossless=True)
    yield image("webp of 6 megapixels in a few bytes", flat, None, "a.webp")


def masks() -> Iterator[Animal]:
    """Masks of many pixels, of many values, and of parts that no pixel needs."""
    yield mask("mask of 62 megapixels in 8 kB", flat_png(*HUGE), None)
    yield mask("palette mask of 62 megapixels", flat_png(*HUGE, 1, 3), None)
    yield mask("mask of 20 megapixels for a small image", flat_png(4000, 5000, 8), None)
    rows, columns = np.mgrid[:300, :300]
    every = (rows * 300 + columns).astype(np.int32)
    yield mask("mask of 90,000 different ids", saved(every, "TIFF"), None, "a.tif")
    colours = np.dstack([every >> 16, every >> 8 & 255, every & 255]).astype(np.uint8)
    yield mask("mask of 90,000 colours", saved(colours, "PNG"), None)
    yield mask(
        "mask of 90,000 colours and a palette",
        saved(colours, "PNG"),
        None,
        lines="palette: [[0, 0, 0], [255, 0, 0], [0, 255, 0]]\n",
    )
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(30_000_000), 9))
    whole = png(ids())
    start = whole.index(b"IDAT") - 4
    yield mask("mask with a text of 30 MB", whole[:start] + bomb + whole[start:], ids())
    yield mask("tiff mask of a million strips", next_tiff(), None, "a.tif")


def next_tiff() -> bytes:
    """A mask that lies in more strips than it has rows."""
    return plain_tiff(ids(), (273, 4, 1_000_000, 8), (279, 4, 1_000_000, 8))
