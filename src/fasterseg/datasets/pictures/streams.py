"""What a picture's bytes are, and where they end: looked at before a decoder sees them.

Every look takes time in proportion to the bytes.  What is left of them for the decoder is what
makes pixels: notes, profiles and previews are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.datasets.pictures import gif_blocks
from fasterseg.datasets.pictures.jpeg_segments import segments_of
from fasterseg.datasets.pictures.limits import PixelLimit, TooLarge, require_few_scans
from fasterseg.datasets.pictures.png_chunks import SIGNATURE, chunks_of
from fasterseg.datasets.pictures.tiff_directories import require_sound_tiff

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")
_BMP_HEAD = 54
_RUNS = (1, 2)
MOST_RUN_BYTES, MOST_RUN_SIDE = 1 << 20, 8192
"""Pillow unpacks a BMP of runs in Python, a run at a time."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A picture's bytes without what no pixel needs.

    ``kind`` is Pillow's word for the format, ``whole`` whether they reach their end, ``several``
    whether more pictures follow in the file, ``scans`` how often a JPEG goes over its pixels.
    """

    data: bytes
    kind: str
    whole: bool = True
    several: bool = False
    scans: int = 1

    def require_few_scans(self, pixels: int) -> None:
        """Raise `TooLarge` for more scans than a picture of so many pixels has."""
        require_few_scans(self.scans, pixels)


def kind_of(data: bytes) -> str:
    """Return Pillow's word for the format of a file; empty for one that is not read."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(SIGNATURE):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(_TIFF_STARTS):
        return "TIFF"
    if data.startswith(gif_blocks.SIGNATURES):
        return "GIF"
    return "BMP" if data.startswith(b"BM") else ""


def stream_of(data: bytes, limit: PixelLimit) -> Stream:
    """Return what a decoder may see of a file; raises `TooLarge` for what it had better not see.

    Pillow itself fills in what a file lacks when only its last bytes are missing.
    """
    kind = kind_of(data)
    if kind == "JPEG":
        found = segments_of(data)
        scans = data[found.pixels : found.end or len(data)] if found.pixels else b""
        return Stream(found.head + scans, kind, bool(found.end), scans=found.scans)
    if kind == "PNG":
        chunks = chunks_of(data)
        return Stream(chunks.read, kind, 0 < chunks.end <= len(data), chunks.several)
    if kind == "TIFF":
        return Stream(data, kind, several=require_sound_tiff(data))
    if kind == "WEBP":
        # Its decoder takes memory for all pixels when it is opened.
        if size := _webp_size(data):
            limit.require(*size, kind=kind)
        return Stream(data, kind, int.from_bytes(data[4:8], "little") + 8 <= len(data))
    if kind == "GIF":
        pictures, whole = gif_blocks.pictures_of(data)
        return Stream(data, kind, whole, several=pictures > 1)
    if kind == "BMP":
        _require_few_runs(data)
        return Stream(data, kind, 0 < _end_of_bmp(data) <= len(data))
    return Stream(data, kind)


def head_of(data: bytes) -> bytes | None:
    """Return what tells a picture's size, of the beginning of its file; None where that is all.

    Raises as `stream_of` does.
    """
    kind = kind_of(data)
    if kind == "JPEG":
        found = segments_of(data, head_only=True)
        return found.head + data[found.pixels :] if found.pixels else None
    if kind == "PNG":
        head = chunks_of(data, head_only=True).read
        # What turns a picture may stand behind what was read, before its pixels.
        return head if head.endswith(b"IDAT") else None
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    chunk, head = data[12:16], data[:30].ljust(30, b"\0")
    if chunk == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    if chunk == b"VP8 ":
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28))
        return width, height
    if chunk == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _bmp_size(data: bytes) -> tuple[int, int]:
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    return width, abs(height)


def _has_plain_head(data: bytes) -> bool:
    return len(data) >= _BMP_HEAD and int.from_bytes(data[14:18], "little") >= 40


def _require_few_runs(data: bytes) -> None:
    if not _has_plain_head(data) or int.from_bytes(data[30:34], "little") not in _RUNS:
        return
    if len(data) > MOST_RUN_BYTES or max(_bmp_size(data)) > MOST_RUN_SIDE:
        raise TooLarge(
            f"it is packed in runs, which is read up to {MOST_RUN_BYTES:,} bytes and "
            f"{MOST_RUN_SIDE:,} pixels a side",
        )


def _end_of_bmp(data: bytes) -> int:
    """Of rows that are not packed, where the last one ends; writers leave the size itself out."""
    if not _has_plain_head(data):
        return int.from_bytes(data[2:6], "little")
    width, height = _bmp_size(data)
    bits, packing = data[28], int.from_bytes(data[30:34], "little")
    if packing in _RUNS:
        return int.from_bytes(data[2:6], "little") or len(data)
    row = (width * bits + 31) // 32 * 4
    return int.from_bytes(data[10:14], "little") + row * height
