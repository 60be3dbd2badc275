"""Names that a file gives and that become names of files: they cannot leave their folder.

A recipe, a data set or a model may be a stranger's.  What it calls a run, a contender or a class
becomes part of a path, so such a name is one part of one, on every system, or is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

MOST_NAME_BYTES = 100
"""A file may be called after two such names, and has 255 bytes at most."""

_KEPT = "/\\:"
"""What some system's paths are made with."""
_UNSEEN = {"Cc": "a control character", "Cf": "an invisible character", "Cs": "half a character"}
_UNSEEN |= {"Zl": "a line break", "Zp": "a line break"}
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.I)


def as_file_name(name: str) -> str:
    """Return a name that can be a file's in any folder, and in no other; else ValueError."""
    if fault := _fault_of(name):
        raise ValueError(f"{_shown(name)} cannot be a file's name: {fault}")
    return name


_LOOKS_LIKE = r"^[^-.~ /\\:]([^/\\:]*[^. /\\:])?$"
FileName = Annotated[
    str,
    AfterValidator(as_file_name),
    WithJsonSchema({"type": "string", "pattern": _LOOKS_LIKE, "maxLength": MOST_NAME_BYTES}),
]
"""A name of a recipe or another file, one part of a path."""


def on_disk(name: str) -> str:
    """What two names have in common that some file systems take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def first_twice(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that some file system takes for one; None where there are none."""
    known: dict[str, str] = {}
    for name in names:
        if (key := on_disk(name)) in known:
            return known[key], name
        known[key] = name
    return None


def _fault_of(name: str) -> str:
    """Why a name cannot be a file's everywhere; nothing where it can."""
    if not name:
        return "it is empty"
    if len(name) > MOST_NAME_BYTES or len(name.encode("utf-8", "replace")) > MOST_NAME_BYTES:
        return f"it has more than {MOST_NAME_BYTES} bytes"
    if kept := next((sign for sign in name if sign in _KEPT), ""):
        return f"{kept} means something else in paths"
    if unseen := next((found for sign in name if (found := _unseen(sign))), ""):
        return f"there is {unseen} in it"
    if name[0] in ".-~" or name != name.strip() or name[-1] == ".":
        return "it begins with a dot, a dash, a tilde or a blank, or ends with a dot or a blank"
    return "it is a device's on some systems" if _DEVICE.fullmatch(name) else ""


def _unseen(sign: str) -> str:
    return _UNSEEN.get(unicodedata.category(sign), "")


def _shown(name: str) -> str:
    """A name as a message can show it, cut where it is long."""
    return repr(name if len(name) <= MOST_NAME_BYTES else f"{name[:20]}...")
