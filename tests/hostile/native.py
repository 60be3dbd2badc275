"""The smallest library in machine code: opened, it leaves a mark.  For Linux on x86-64.

It is made byte by byte, since a compiler need not be there: one page that holds the headers, a
dynamic section whose DT_INIT is the code, and the code, which opens a file and closes it.
"""

from __future__ import annotations

import struct
from pathlib import Path

_PAGE = 0x1000


def library_that_marks(mark: Path) -> bytes:
    """A shared library whose initialiser makes a file of this name."""
    headers = 64 + 2 * 56
    path = bytes(mark) + b"\0"
    dynamic_at = headers
    entries = [(12, None), (5, None), (6, None), (10, 1), (11, 24), (4, None), (0, 0)]
    after = dynamic_at + 16 * len(entries)
    strings_at, symbols_at = after, (after + 8) & ~7
    hash_at = symbols_at + 24
    code_at = hash_at + 16
    code = _code(len(path))
    places = {12: code_at, 5: strings_at, 6: symbols_at, 4: hash_at}
    dynamic = b"".join(
        struct.pack("<QQ", tag, places[tag] if value is None else value) for tag, value in entries
    )
    body = dynamic + b"\0" * (symbols_at - after) + bytes(24) + struct.pack("<IIII", 1, 1, 0, 0)
    whole = body + code + path
    size = headers + len(whole)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, size, size, _PAGE)
    table = struct.pack(
        "<IIQQQQQQ", 2, 6, dynamic_at, dynamic_at, dynamic_at, len(dynamic), len(dynamic), 8
    )
    return ident + head + load + table + whole


def _code(length: int) -> bytes:
    """open(path, O_CREAT | O_WRONLY, 0600), close; the path lies right behind the code."""
    body = (
        b"\xb8\x02\x00\x00\x00"  # mov eax, 2 (open)
        b"\xbe\x41\x00\x00\x00"  # mov esi, O_CREAT | O_WRONLY
        b"\xba\x80\x01\x00\x00"  # mov edx, 0600
        b"\x0f\x05"  # syscall
        b"\x89\xc7"  # mov edi, eax
        b"\xb8\x03\x00\x00\x00"  # mov eax, 3 (close)
        b"\x0f\x05"  # syscall
        b"\xc3"  # ret
    )
    return b"\x48\x8d\x3d" + struct.pack("<i", len(body)) + body  # lea rdi, [rip + body]
