"""Names and sizes of an archive's members: what they may be."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from fasterseg.foreign.strict_zip.bounds import STORED, Member, NotAStrictZip, ZipLimits

_DEEPEST = 32
_LONGEST_PART = 255
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""The categories of signs that a terminal does not show, or obeys."""


def check_names(members: list[Member]) -> None:
    """Each once, also where capitals do not count; none leads out of a folder or hides a sign."""
    seen: dict[str, bool] = {}
    for member in members:
        _check_name(member.name)
        folded = _folded(member.name)
        if folded in seen:
            raise NotAStrictZip(f"{member.name!r} is there twice")
        seen[folded] = member.name.endswith("/")
    for folded in seen:
        above, separator, _ = folded.rpartition("/")
        while separator:
            if seen.get(above) is False:
                raise NotAStrictZip(f"{above!r} is a file and a folder")
            above, separator, _ = above.rpartition("/")


def with_slashes(members: list[Member]) -> list[Member]:
    """Members of an archive from Windows with slashes between their folders, like others.

    Where no name has a slash, a backslash can be nothing else; where some have, all stay as they
    are, and are refused.
    """
    if any("/" in one.name for one in members):
        return members
    return [replace(one, name=one.name.replace("\\", "/")) for one in members]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).rstrip("/")


def _check_name(name: str) -> None:
    parts = name.removesuffix("/").split("/")
    if "\\" in name:
        raise NotAStrictZip(
            f"the name {name!r} has backslashes, which are folders on Windows alone"
        )
    if any(part in ("", ".", "..") for part in parts) or ":" in parts[0][1:2]:
        raise NotAStrictZip(f"the name {name!r} could lead out of a folder")
    if len(parts) > _DEEPEST or any(len(part.encode()) > _LONGEST_PART for part in parts):
        raise NotAStrictZip(f"the name {name[:60]!r}… is too long or too deep")
    if any(unicodedata.category(sign) in _HIDDEN for sign in name):
        raise NotAStrictZip(f"the name {name!r} has signs that cannot be seen")


def check_sizes(members: list[Member], limits: ZipLimits) -> None:
    """None may be larger than it says, than it can be, or than the limits let it be."""
    for one in members:
        if one.name.endswith("/") and one.size:
            raise NotAStrictZip(f"the folder {one.name!r} has a content")
        if one.method == STORED and one.size != one.packed:
            raise NotAStrictZip(f"the sizes of {one.name!r} are not said in one way")
        if one.size > limits.member_bytes:
            raise NotAStrictZip(
                f"{one.name!r} has {one.size} bytes; {limits.member_bytes} are the most"
            )
        if one.size > limits.free_bytes and one.size > limits.ratio * one.packed:
            raise NotAStrictZip(f"{one.name!r} would unpack to {limits.ratio} times its size")
    total = sum(one.size for one in members)
    if total > limits.total_bytes:
        raise NotAStrictZip(f"it would unpack to {total} bytes; {limits.total_bytes} are the most")
