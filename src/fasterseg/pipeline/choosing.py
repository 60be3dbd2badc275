"""Choosing among draws of what a search ended with: the one whose subnet scores best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fasterseg.artifacts import Artifact
from fasterseg.events import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from fasterseg.pipeline.assembling import SearchAssembly
    from fasterseg.pipeline.subnets import SubnetScore
    from fasterseg.searching.contenders import Contender
    from fasterseg.searching.draws import Chosen
    from fasterseg.searching.landing import Landing
    from fasterseg.space.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Choice:
    """The network that a contender comes to, on its budget.

    `scores` are those of the draws' subnets, the most probable network's first; none where nothing
    was drawn.  `index` says whose network it is, and `note` why it is not the best one's.
    """

    landing: Landing
    scores: tuple[float, ...] = ()
    index: int = 0
    note: str = ""


class DrawScores(Artifact):
    """The subnets' scores so far, by the digest of the architecture; shares of one."""

    schema_tag: ClassVar[str] = "fasterseg/draw-scores/1"

    scores: dict[str, float] = Field(default_factory=dict)


def best_draws(
    assembly: SearchAssembly, found: Mapping[str, Landing], *, progress: Progress
) -> dict[str, Choice]:
    """Each student is the best of its draws, a teacher what was `found`, as in the paper.

    A student's draws are fitted by what was measured of its most probable network, which was
    found; what is delivered is one that was scored.  Each score is kept in the search's folder, so
    that what was scored is not scored again.
    """
    total = assembly.recipe.search.draws * len(assembly.students)
    score = _Scorer(assembly, total, progress)
    choices = {}
    for contender in assembly.contenders:
        landing = found[contender.name]
        choices[contender.name] = (
            Choice(landing)
            if contender.budget_ms is None
            else _choice(contender.name, _best_draw(assembly, contender, landing, score))
        )
    return choices


def _best_draw(
    assembly: SearchAssembly, contender: Contender, first: Landing, score: _Scorer
) -> Chosen:
    from fasterseg.pipeline.concluding import measurements
    from fasterseg.searching.draws import fitted_draws, land_best
    from fasterseg.searching.landing import Trials

    budget_ms, probabilities = contender.budget_ms, contender.parameters.probabilities()
    assert budget_ms is not None

    def candidates(ratio: float) -> tuple[Architecture, ...]:
        return fitted_draws(
            contender.options,
            probabilities,
            assembly.pricing,
            first=first.architecture,
            estimate_ms=budget_ms / ratio,
            count=assembly.recipe.search.draws,
            seed=assembly.recipe.seed,
            name=contender.name,
        )

    trials = Trials(
        assembly.pricing,
        measurements(assembly).of(contender.name),
        budget_ms=budget_ms,
        promise=assembly.recipe.promise,
        known=first,
    )
    return land_best(first, candidates, partial(score, whose=contender.name), trials)


def _choice(name: str, chosen: Chosen) -> Choice:
    note = ""
    if chosen.passed_over:
        note = (
            f"{name}: of {len(chosen.scores)} draws {chosen.passed_over} scored better than the "
            "one that was chosen, and did not fit the budget as they were measured"
        )
    return Choice(chosen.landing, chosen.scores, chosen.index, note)


class _Scorer:
    """Scores subnets on images that the supernet's weights were not trained on."""

    def __init__(self, assembly: SearchAssembly, total: int, progress: Progress) -> None:
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
        # Where none fitted its budget as measured, others are fitted and scored.
        self._progress(self._done, max(self._total, self._done), whose)
        return self._known[key]

    def _scorer(self) -> SubnetScore:
        from fasterseg.datasets.part import PartOfSplit, spread
        from fasterseg.pipeline.subnets import subnet_scorer

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
