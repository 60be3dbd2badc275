"""Text of strangers as a terminal may show it: what would act, hide or turn around is spelled out.

An escape sequence moves the cursor, names a window or makes a link; a bidirectional override turns
what follows around; a line's end begins what looks like a line of ours.  Each such character is
shown as Python writes it: ``\\x1b``, ``\\u202e``.
"""

from __future__ import annotations

import json
import re

# Control and format characters, line and paragraph separators, half characters, and what has no
# ink although it is a letter or a mark: what Unicode calls Cc, Cf, Zl, Zp, Cs and ignorable.
_UNSEEN = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2"
    "\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f"
    "\\u3164\\ud800-\\udfff\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\U000110bd\\U000110cd"
    "\\U00013430-\\U0001343f\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
)
_IN_A_LINE = re.compile(f"[{_UNSEEN}]")
_IN_LINES = re.compile(rf"(?!\n)[{_UNSEEN}]")


def as_shown(text: str) -> str:
    """Return a text of any origin as a part of a line, which it can neither end nor disturb."""
    return _IN_A_LINE.sub(_spelled, text)


def lines_as_shown(text: str) -> str:
    """Return a text of several lines with its line breaks, and all else as `as_shown`."""
    return _IN_LINES.sub(_spelled, text)


def json_as_shown(text: str) -> str:
    """Return a text in JSON with what `as_shown` spells out escaped: it means what it meant."""
    return _IN_A_LINE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _spelled(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
