"""How a kind of fault is called in a message, whether there is one of it or several."""

from __future__ import annotations

import re

from fasterseg.datasets.faults import FaultKind


def told(kind: FaultKind) -> str:
    """A regular expression for a kind of fault: of several, or of one."""
    return "|".join(re.escape(words) for words in (str(kind), kind.single().partition(" ")[2]))
