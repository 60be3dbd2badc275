"""The recipe's selection of students, after the search, at their exact budget."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from fasterseg.config.sections import Section
from fasterseg.foreign.bounds import MOST_COUNTED

MOST_KNOWN = 16
"""More networks than so many are not taken for candidates by name."""


class SelectionSettings(Section):
    """Selection at the exact budget, after the search: networks fitted to it, told apart by score.

    A score is the mean IoU of a subnet on the half that the weights were not trained on.
    """

    usual_candidates: ClassVar[int] = 64

    candidates: int | None = Field(None, ge=1, le=MOST_COUNTED)
    """Networks that are scored for each student; 1 is the paper's, the most probable network.
    Without a number a tenth of the search's hours decides, or 64 where its steps are given."""
    probable: float = Field(0.25, ge=0, le=1)
    """Share of the candidates that are sampled by the contender's probabilities; what `probable`
    and `even` leave are children of the best so far."""
    even: float = Field(0.25, ge=0, le=1)
    """Share of the candidates that are drawn evenly, whatever the search found: the arm to compare
    it with."""
    population: int = Field(16, ge=1, le=MOST_COUNTED)
    """The best networks so far that children are bred from."""
    crossover: float = Field(0.5, ge=0, le=1)
    """Share of the children that have two parents; the others are one parent, changed."""
    finalists: int = Field(8, ge=1, le=MOST_COUNTED)
    """The best candidates that are scored again, on other images and four times as many."""
    trained: int = Field(0, ge=0, le=MOST_COUNTED)
    """How many finalists are trained for a while before the final choice, from the weights that
    the student begins with: the best of each set of branches and input scale first, since subnets'
    scores say how well their weights are trained as much as how good they are.  0: the scores of
    subnets decide.  This time comes on top of the search's hours."""
    trained_steps: int = Field(1600, ge=1, le=MOST_COUNTED)
    """Steps of that training, as students are trained, on the half that weights learn from; fewer
    prefer what learns fastest."""
    known: tuple[str, ...] = Field((), max_length=MOST_KNOWN)
    """Networks that are candidates from the first, beside what the search found: names of those
    that people have made and that come with the package (`mixed`, `fast-scnn-wiring`), or files of
    architectures.  Each is brought to the budget by as few changes as it needs, is a finalist
    whatever it scores, and is trained beside those of `trained`.  What the space does not hold, or
    few changes do not bring there, is left out, and that is said."""
    images: int = Field(32, ge=1, le=MOST_COUNTED)
    """Images that each candidate is scored on: with 32, ranks agree with those of 100 images at a
    correlation of 0.87, with 8 at 0.69."""
    calibration_images: int = Field(32, ge=1, le=MOST_COUNTED)
    """Images, of the half that weights learn from, on which a candidate's batch-norm statistics are
    measured before it is scored."""

    @model_validator(mode="after")
    def _has_parts_of_one_whole(self) -> Self:
        if self.probable + self.even > 1:
            raise ValueError("probable and even are shares of the candidates: 1 together at most")
        if self.candidates is not None and self.trained > self.candidates:
            raise ValueError(f"trained: {self.trained} of {self.candidates} candidates")
        if len(self.known_by_name) < len(self.known):
            raise ValueError("two of known have one name")
        return self

    @property
    def always_final(self) -> int:
        """Finalists whatever they score: the most probable, the best even draw, what is known."""
        return 2 + len(self.known)

    @property
    def networks_trained(self) -> int:
        """How many finalists are trained for a while: those of `known` on top of `trained`."""
        return self.trained + len(self.known) if self.trained else 0

    @property
    def known_by_name(self) -> dict[str, str]:
        """What `known` says, by what it is called: a name, or a file's without its ending."""
        return {Path(one).stem: one for one in self.known}

    @property
    def count(self) -> int:
        """How many networks are scored for each student, where no hours decide."""
        return self.usual_candidates if self.candidates is None else self.candidates


DRAWS = "draws"
"""A key of the search in earlier recipes."""


def with_earlier_draws(given: Mapping[str, Any]) -> dict[str, Any]:
    """A search's settings with the `draws` of earlier recipes: a selection without evolution."""
    rest = {key: value for key, value in given.items() if key != DRAWS}
    if DRAWS not in given:
        return rest
    selection = rest.get("selection", {})
    known = selection.model_dump() if isinstance(selection, SelectionSettings) else selection
    if not isinstance(known, Mapping):
        return rest  # told where the selection is read
    drawn = {} if given[DRAWS] == 1 else {"probable": 1.0, "even": 0.0}
    return {**rest, "selection": {**known, "candidates": given[DRAWS], **drawn}}
