"""What the ranks that follow can be ordered to do: a table of builders, a row for each order."""

from __future__ import annotations

from collections.abc import Mapping

from fasterseg.learning.leading import Builder
from fasterseg.pipeline.searching import follow_search
from fasterseg.searching import sharing as searching

BUILDERS: Mapping[str, Builder] = {searching.ORDER: follow_search}
"""By an order's name, what builds its part at a follower."""
