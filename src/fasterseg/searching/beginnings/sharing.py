"""What the ranks of a search do together: the steps of its stages, and the scores of subnets.

The leader runs the procedure alone, and says which stage begins.  Every rank then makes that stage
from the same plain values, and they do its steps in lockstep, each with its share of the images;
the leader's state is told where the first step begins, so that it matters to nobody else what was
resumed, and with how many ranks.  Subnets are scored so too, by the supernet that the leader has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from fasterseg.config import Recipe, SearchSettings
from fasterseg.events import Progress
from fasterseg.latency.table import LatencyTable
from fasterseg.learning.leading import Calls, Lead, stage_calls
from fasterseg.learning.stepping import Stage, run_steps
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.beginning import SearchGround
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.cosearch import Say
from fasterseg.searching.landing.scores import (
    FinalistStage,
    FinalistTrainer,
    ResampledScore,
    Scorers,
    ScoreTrained,
)
from fasterseg.searching.search import Search, SearchTask
from fasterseg.space.architecture import Architecture

ORDER = "search"
PRETRAINING, COSEARCH, SUBNETS = "pretraining", "cosearch", "subnets"
CANDIDATE, FINAL, VALIDATION = "candidate", "final", "validation"
FINALIST, TRAINED = "finalist", "trained"

ScorersOf = Callable[[Search, SearchData], Scorers]
"""From a search and its data to what scores its subnets."""
Found = TypeVar("Found")


class SearchOrder(BaseModel):
    """What the other ranks have to know of a search: all by value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    table: LatencyTable
    start: SearchStart
    class_weights: tuple[float, ...]

    @classmethod
    def of(cls, ground: SearchGround, start: SearchStart, task: SearchTask) -> dict[str, Any]:
        """They as plain values."""
        parts = {"recipe": ground.recipe, "table": ground.table, "start": start}
        content = {name: part.content() for name, part in parts.items()}
        return {**content, "class_weights": [*task.class_weights]}


@dataclass(frozen=True, slots=True)
class Together:
    """The leader's side: each stage of a search, and each score, shared with the other ranks.

    Alone they are what they are.
    """

    lead: Lead
    scorers_of: ScorersOf
    data: SearchData

    def pretraining(self, search: Search) -> Stage:
        """The stage that trains the supernet's weights."""
        return self._begun(PRETRAINING, search, search.pretraining())

    def cosearch(
        self, search: Search, *, warn: Say | None = None, note: Say | None = None
    ) -> Stage:
        """The stage that searches."""
        return self._begun(COSEARCH, search, search.cosearch(warn=warn, note=note))

    def scorers(self, search: Search) -> Scorers:
        """What scores the subnets of a search's supernet as it is now."""
        with self._beginning(SUBNETS, search):
            self.lead.ranks.broadcast_tensors(search.weights.supernet.state_dict())
            scorers = self.scorers_of(search, self.data)
        return Scorers(
            partial(self._scored, CANDIDATE, scorers.candidates),
            partial(self._scored, FINAL, scorers.finals),
            partial(self._scored, VALIDATION, scorers.validation),
            scorers.finalists,
        )

    def trained(self, scorers: Scorers, run: RunFolder) -> ScoreTrained | None:
        """What scores finalists after some training, which is resumed where a run stopped it."""
        trainer = scorers.finalists
        return None if trainer is None else partial(self._trained, trainer, run)

    def _trained(
        self,
        trainer: FinalistTrainer,
        run: RunFolder,
        architecture: Architecture,
        contender: str,
        progress: Progress,
    ) -> ResampledScore:
        folder = run.finalist(contender, architecture.digest(), trainer.digest)
        run.tidy_finalists(but=folder)  # those before are scored, and that is kept
        with self.lead.call(FINALIST, architecture=architecture.content(), contender=contender):
            stage = trainer.begun(architecture, contender)
        with closing(stage):
            run_steps(
                self.lead.stage(stage),
                folder.root,
                steps=trainer.steps,
                checkpoint_every=trainer.checkpoint_every,
                progress=progress,
                stop=self.lead.stop,
                name=f"training a finalist of {contender}",
            )
            with self.lead.call(TRAINED):
                return stage.resampled_score()

    def _begun(self, name: str, search: Search, stage: Stage) -> Stage:
        with self._beginning(name, search):
            return self.lead.stage(stage)

    def _beginning(self, name: str, search: Search) -> AbstractContextManager[None]:
        return self.lead.call(name, settings=search.task.settings.model_dump(mode="json"))

    def _scored(
        self,
        name: str,
        score: Callable[[Architecture, str], Found],
        architecture: Architecture,
        contender: str,
    ) -> Found:
        with self.lead.call(name, architecture=architecture.content(), contender=contender):
            return score(architecture, contender)


def shared_calls(task: SearchTask, data: SearchData, scorers_of: ScorersOf) -> Calls:
    """What the ranks that follow do where `Together` calls."""
    ranks = task.ranks
    calls: dict[str, Callable[..., object]] = {}

    def search_with(settings: Mapping[str, Any]) -> Search:
        """A search from its start, in the place of the one before."""
        calls.clear()
        calls.update({PRETRAINING: pretraining, COSEARCH: cosearch, SUBNETS: subnets})
        known = SearchSettings.model_validate(settings)
        return Search.begin(replace(task, settings=known))

    def pretraining(settings: Mapping[str, Any]) -> None:
        calls.update(stage_calls(search_with(settings).pretraining(), ranks))

    def cosearch(settings: Mapping[str, Any]) -> None:
        calls.update(stage_calls(search_with(settings).cosearch(), ranks))

    def subnets(settings: Mapping[str, Any]) -> None:
        search = search_with(settings)
        search.weights.supernet.load_state_dict(ranks.broadcast_tensors())
        found = scorers_of(search, data)
        calls[CANDIDATE] = partial(_score, found.candidates)
        calls[FINAL] = partial(_score, found.finals)
        calls[VALIDATION] = partial(_score, found.validation)
        if found.finalists is not None:
            calls[FINALIST] = partial(finalist, found.finalists)

    def finalist(trainer: FinalistTrainer, architecture: Mapping[str, Any], contender: str) -> None:
        stage = trainer.begun(Architecture.model_validate(architecture), contender)
        calls.update({**stage_calls(stage, ranks), TRAINED: partial(_score_trained, stage)})

    calls.update({PRETRAINING: pretraining, COSEARCH: cosearch, SUBNETS: subnets})
    return calls


def _score_trained(stage: FinalistStage) -> None:
    with closing(stage):
        stage.resampled_score()


def _score(
    score: Callable[[Architecture, str], object], architecture: Mapping[str, Any], contender: str
) -> None:
    score(Architecture.model_validate(architecture), contender)
