"""Times and sizes as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence


def duration(seconds: float = 0.0, *, hours: float = 0.0) -> str:
    """Return a time: ``4.2 s``, ``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    seconds += 3600 * hours
    whole = round(seconds)
    if whole < 10:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: float) -> str:
    """Return a number of bytes: ``12.0 MB``, ``3.4 GB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def number_of(number: int, thing: str) -> str:
    """Return a number of things in words: ``1 image``, ``1,200 images``."""
    return f"1 {thing}" if number == 1 else f"{number:,} {thing}s"


def first_few(names: Sequence[str], most: int) -> str:
    """Return the first names of many in words: ``a, b and 1,200 more``."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


_UNITS = {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}


def byte_count(text: str) -> int:
    """Return the bytes that ``500MB``, ``4 GB`` or ``1.5TB`` mean; raises `ValueError` for none."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?(kb|mb|gb|tb)", text.strip().lower())
    if found is None or not float(found[1]):
        raise ValueError(f"{text!r} is no amount of bytes; write it as 500MB, 4GB or 1.5TB")
    return round(float(found[1]) * _UNITS[found[2]])


def parse_size(text: str) -> tuple[int, int] | None:
    """Return the height and width that ``360x480`` means; None for what means none."""
    found = re.fullmatch("([0-9]{1,5})x([0-9]{1,5})", text.lower())
    return (int(found[1]), int(found[2])) if found else None
