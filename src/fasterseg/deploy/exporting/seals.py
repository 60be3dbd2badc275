"""The seal of a file: its own SHA-256, written into it, so that whatever changes in it is noticed.

It finds damage, and no forger: whoever alters a file can seal it anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fasterseg.errors import FileError

MARK = b"fasterseg-seal:sha256:"
DIGITS = 64
BLANK_SEAL = (MARK + b"0" * DIGITS).decode()
"""What a writer puts where the seal shall stand: anywhere that no other checksum covers."""

CHANGED = "the file was changed after it was written"
COPY_AGAIN = "copy it again from where it was written, or export the model again"


def sealed(data: bytes, *, companions: Sequence[bytes] = ()) -> bytes:
    """The file with its seal in the one place of `BLANK_SEAL`.

    The seal is the SHA-256 of the file, its own digits counted as zeros, followed by those of its
    companions: files beside it, which the seal covers too.
    """
    begin = data.index(MARK) + len(MARK)
    digits = _digest(data, begin, companions)
    return data[:begin] + digits + data[begin + DIGITS :]


def check_seal(data: bytes, where: str, *, companions: Sequence[bytes] = ()) -> bool:
    """Whether the file has a seal; raises `FileError` where it has one, and is not what was sealed.

    That a file without a seal may be one is for its card to say (`ExportedCard.from_text`).
    """
    places = data.count(MARK)
    if places == 0:
        return False
    begin = data.index(MARK) + len(MARK)
    digits = data[begin : begin + DIGITS]
    if places > 1 or digits != _digest(data, begin, companions):
        why = "its content does not have the digest that it carries"
        raise FileError(CHANGED, where=where, why=why, next_step=COPY_AGAIN)
    return True


def _digest(data: bytes, begin: int, companions: Sequence[bytes]) -> bytes:
    view = memoryview(data)
    digest = hashlib.sha256(view[:begin])
    digest.update(b"0" * DIGITS)
    digest.update(view[begin + DIGITS :])
    for companion in companions:
        digest.update(hashlib.sha256(companion).digest())
    return digest.hexdigest().encode()
