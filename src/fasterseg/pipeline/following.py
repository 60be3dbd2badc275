"""What the ranks that follow can be ordered to do: a table of builders, a row for each order."""

from __future__ import annotations

from collections.abc import Mapping

from fasterseg.learning import machines
from fasterseg.learning.leading import Builder
from fasterseg.pipeline import evaluating
from fasterseg.pipeline.searching import follow_search
from fasterseg.pipeline.trainer import follow_training
from fasterseg.searching import sharing as searching
from fasterseg.training import sharing as training

BUILDERS: Mapping[str, Builder] = {
    machines.ORDER: machines.follow_machine,
    searching.ORDER: follow_search,
    training.ORDER: follow_training,
    evaluating.ORDER: evaluating.follow_evaluation,
}
"""By an order's name, what builds its part at a follower."""
