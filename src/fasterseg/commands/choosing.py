"""Choosing among draws of what a search ended with: the one whose subnet scores best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fasterseg.artifacts import Artifact
from fasterseg.commands.options import ProgressCallback
from fasterseg.errors import BudgetError

if TYPE_CHECKING:
    from pathlib import Path

    from fasterseg.commands.assembling import SearchAssembly
    from fasterseg.commands.subnets import SubnetScore
    from fasterseg.searching.draws import FittedDraw
    from fasterseg.space.architecture import Architecture
    from fasterseg.supernet.relaxation import Relaxation


@dataclass(frozen=True, slots=True)
class Choice:
    """What a contender's architecture is derived from.

    `scores` are those of the draws' subnets, the most probable network's first; none where nothing
    was drawn.
    """

    probabilities: Relaxation
    scores: tuple[float, ...] = ()


class DrawScores(Artifact):
    """The subnets' scores so far, by the digest of the architecture; shares of one."""

    schema_tag: ClassVar[str] = "fasterseg/draw-scores/1"

    scores: dict[str, float] = Field(default_factory=dict)


def most_probable(assembly: SearchAssembly) -> dict[str, Choice]:
    """Every contender is derived from what the search ended with, as in the paper."""
    return {one.name: Choice(one.parameters.probabilities()) for one in assembly.contenders}


def best_draws(assembly: SearchAssembly, *, progress: ProgressCallback) -> dict[str, Choice]:
    """Each student is derived from the best of its draws, a teacher as in the paper.

    Each score is kept in the search's folder, so that what was scored is not scored again.
    """
    found, drawn = most_probable(assembly), dict(_drawn(assembly))
    score = _Scorer(assembly, sum(map(len, drawn.values())), progress)
    for name, draws in drawn.items():
        scores = tuple(score(draw.architecture, name) for draw in draws)
        best = max(range(len(draws)), key=scores.__getitem__)
        found[name] = Choice(draws[best].probabilities, scores)
    return found


def _drawn(assembly: SearchAssembly) -> Iterator[tuple[str, tuple[FittedDraw, ...]]]:
    from fasterseg.searching.draws import fitted_draws

    for contender in assembly.contenders:
        if contender.budget_ms is None:
            continue
        try:
            draws = fitted_draws(
                contender.options,
                contender.parameters.probabilities(),
                assembly.pricing,
                budget_ms=contender.budget_ms,
                count=assembly.recipe.search.draws,
                seed=assembly.recipe.seed,
                name=contender.name,
            )
        except BudgetError as error:
            error.told(where=contender.name)
            raise
        yield contender.name, draws


class _Scorer:
    """Scores subnets on images that the supernet's weights were not trained on."""

    def __init__(self, assembly: SearchAssembly, total: int, progress: ProgressCallback) -> None:
        self._total = total
        self._progress = progress
        self._done = 0
        self._path: Path = assembly.run.search / "draws.json"
        self._known: Mapping[str, float] = (
            DrawScores.load(self._path).scores if self._path.exists() else {}
        )
        self._score: SubnetScore | None = None
        self._assembly = assembly

    def __call__(self, architecture: Architecture, whose: str) -> float:
        """The architecture's subnet's mean IoU."""
        key = architecture.digest()
        if key not in self._known:
            if self._score is None:
                self._score = self._scorer()
            self._known = {**self._known, key: self._score(architecture)}
            DrawScores(scores=dict(self._known)).save(self._path)
        self._done += 1
        self._progress(self._done, self._total, whose)
        return self._known[key]

    def _scorer(self) -> SubnetScore:
        from fasterseg.commands.subnets import subnet_scorer
        from fasterseg.datasets.part import PartOfSplit, spread

        assembly = self._assembly
        split, (weights, held_out) = assembly.recipe.data.train_split, assembly.halves
        chosen = spread(held_out, assembly.recipe.search.validation_images)
        return subnet_scorer(
            assembly.recipe,
            assembly.weights.supernet,
            assembly.source,
            assembly.batches("calibration", weights),
            device=assembly.device,
            scored=PartOfSplit(assembly.source, split, chosen),
            split=split,
        )
