"""What a mask's pixels are, by the head of its file: grey ids, a palette, or colours."""

from __future__ import annotations

import re
from pathlib import Path

from fasterseg.foreign.opened_files import head_of

_PNG = re.compile(rb"\x89PNG\r\n\x1a\n.{4}IHDR.{8}.(?P<kind>.)", re.DOTALL)
_GREY, _COLOURS = 0, (2, 6)


def is_grey(mask: Path) -> bool:
    """Whether a file is a PNG of grey pixels, which are ids."""
    return _kind_of(mask) == _GREY


def is_coloured(mask: Path) -> bool:
    """Whether a file is a PNG of colours, without a palette."""
    return _kind_of(mask) in _COLOURS


def _kind_of(mask: Path) -> int | None:
    found = _PNG.match(head_of(mask, 26))
    return found["kind"][0] if found else None
