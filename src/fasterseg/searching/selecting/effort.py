"""How much a selection is: in scores, and how many candidates fit into its share of the hours."""

from __future__ import annotations

from fasterseg.config import SelectionSettings
from fasterseg.searching.landing.scores import FINAL_TIMES

SHARE_OF_HOURS = 0.1
"""What of a search's hours its selection takes, all students together."""
MOST_CANDIDATES = 512
"""More than so many a student does not take of them; what is left goes to the steps."""
LEAST_CANDIDATES = 8
"""Where fewer fit in, nothing is selected."""
STEPS_OF_A_SCORE = 2
"""So many steps of a finalist's training take about as long as the score of a candidate: of CamVid,
in the space `mobile` on one thread, 0.35 s each and 0.85 s."""


def scores_in(settings: SelectionSettings) -> int:
    """How many scores a student's selection is worth, as its progress counts them."""
    trained = settings.networks_trained * scores_worth(settings.trained_steps)
    return effort(settings) + trained if settings.count > 1 else 0


def scores_worth(steps: int) -> int:
    """As how many scores so many steps of a finalist's training count, for the time left."""
    return -(-steps // STEPS_OF_A_SCORE)


def effort(settings: SelectionSettings) -> int:
    """What a student's selection costs, in candidates' scores: a finalist's is several.

    The training of finalists is on top of that.
    """
    finals = FINAL_TIMES * (settings.finalists + settings.always_final)
    return settings.count + finals if settings.count > 1 else 0


def within(settings: SelectionSettings, *, seconds: float, each: float) -> SelectionSettings:
    """The settings with as many candidates as a student's share of the hours holds.

    `seconds` are those of the whole search for each student, and `each` those of a candidate.  A
    number of the recipe's own stays.
    """
    if settings.candidates is not None:
        return settings
    finals = effort(settings) - settings.count
    count = int(SHARE_OF_HOURS * seconds / max(each, 1e-9)) - finals
    count = min(MOST_CANDIDATES, count) if count >= LEAST_CANDIDATES else 1
    return settings.model_copy(update={"candidates": count})
