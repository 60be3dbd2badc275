"""Which recording an image is from, by a data file's regular expression and the image's name.

The expression may be a stranger's.  RE2 finds it in time linear in the name, whatever it is; in
return it knows no look-around and no back references.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

LONGEST, MOST_BRACKETS = 1000, 100
_MOST_BYTES = 1 << 20
"""What RE2 may use for one expression."""

_LETTERS = r"\p{L}\p{N}_"
# Python's meaning, of all alphabets, which RE2 has under other names.
_MEANT = {r"\d": r"\p{Nd}", r"\D": r"\P{Nd}", r"\w": f"[{_LETTERS}]", r"\W": f"[^{_LETTERS}]"}
_MEANT_IN_BRACKETS = {**_MEANT, r"\w": _LETTERS, r"\W": r"\W"}
_TOKEN = re.compile(r"\\.|\[\^?\]?|\]", re.DOTALL)


def require_pattern(pattern: str) -> None:
    """Raise ValueError for what is no regular expression, or none that is read here."""
    if len(pattern) > LONGEST:
        raise ValueError(f"a regular expression has {LONGEST:,} characters at most")
    if pattern.count("(") > MOST_BRACKETS:
        raise ValueError(f"a regular expression has {MOST_BRACKETS} brackets at most")
    try:
        _compiled(pattern)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(
            f"it is no regular expression of RE2, which has no look-around and no back "
            f"references: {reason}"
        ) from error


def found_in(pattern: str, name: str) -> str:
    """Return what a pattern finds in a name (its first group, if it has one), else the name."""
    expression = _compiled(pattern) if pattern else None
    found = expression.search(name) if expression else None
    if expression is None or found is None:
        return name
    return found.group(1 if expression.groups else 0) or name


def is_found_in(pattern: str, name: str) -> bool:
    """Return whether a pattern is found in a name at all."""
    return _compiled(pattern).search(name) is not None


@lru_cache(maxsize=16)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = _MOST_BYTES
    options.log_errors = False
    return re2.compile(_of_all_alphabets(pattern), options)


def _of_all_alphabets(pattern: str) -> str:
    r"""The pattern with ``\w`` and ``\d`` as Python means them."""
    in_brackets = False

    def meant(token: re.Match[str]) -> str:
        nonlocal in_brackets
        text = token[0]
        if text.startswith("\\"):
            return (_MEANT_IN_BRACKETS if in_brackets else _MEANT).get(text, text)
        in_brackets = not text.endswith("]") if in_brackets else text.startswith("[")
        return text

    return _TOKEN.sub(meant, pattern)
