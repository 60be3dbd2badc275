"""What a file is that is no picture of a format that is read: by its first bytes."""

from __future__ import annotations

import re

from fasterseg.foreign.failed_downloads import is_lfs_pointer, is_web_page

_CONVERT = "convert them: images to JPEG or PNG, masks to PNG"
_KINDS: tuple[tuple[re.Pattern[bytes], str, str], ...] = tuple(
    (re.compile(start, re.DOTALL), words, step)
    for start, words, step in (
        (rb".{4}ftyp(heic|heix|heif|hevc|hevx|mif1|msf1)", "HEIC", _CONVERT),
        (rb".{4}ftyp(avif|avis)", "AVIF", _CONVERT),
        (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL", _CONVERT),
        (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000", _CONVERT),
        (rb"GIF8[79]a", "GIF", _CONVERT),
        (rb"8BPS", "Photoshop", _CONVERT),
        (rb"\x76\x2f\x31\x01", "OpenEXR", _CONVERT),
        (rb"P[1-7]\s", "PNM", _CONVERT),
        (rb"\x93NUMPY", "a NumPy array", _CONVERT),
        (rb"\0{64}", "zeros", "restore the files from their source: these were never written"),
    )
)


def told_by_start(data: bytes) -> tuple[str, str]:
    """Return what a file is, and what to do then; nothing where its first bytes do not tell."""
    if is_lfs_pointer(data):
        step = "fetch the files themselves: git lfs pull"
        return "a pointer of Git LFS in place of the file", step
    if is_web_page(data):
        step = "download the files anew: a server answered with a page in their place"
        return "a web page", step
    known = ((words, step) for pattern, words, step in _KINDS if pattern.match(data))
    return next(known, ("", ""))
