"""What downloads that failed leave under the name of the file that was wanted."""

from __future__ import annotations

import re

_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)", re.IGNORECASE)
_LOOKED_AT = 256
_LFS = b"version https://git-lfs.github.com/spec/"


def is_web_page(head: bytes) -> bool:
    """Whether a file begins as a page that a server answered with."""
    return _WEB_PAGE.match(head[:_LOOKED_AT]) is not None


def is_lfs_pointer(head: bytes) -> bool:
    """Whether a file is what Git LFS has in place of a large one that was not fetched."""
    return head.startswith(_LFS)
