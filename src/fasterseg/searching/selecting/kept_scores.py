"""What candidates and finalists score, kept in a file: a resumed selection scores nothing again."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.artifacts import Artifact
from fasterseg.events import Progress
from fasterseg.searching.landing.scores import ResampledScore, Score, ScoreResampled, ScoreTrained
from fasterseg.space.architecture import Architecture


class FinalScore(BaseModel):
    """A finalist's mean IoU, and what it is on images drawn anew; shares of one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mean_iou: float
    redrawn: tuple[float, ...]

    @classmethod
    def of(cls, found: ResampledScore) -> FinalScore:
        """As it is kept."""
        return cls(mean_iou=found.mean_iou, redrawn=found.resamples)

    @property
    def resampled_score(self) -> ResampledScore:
        """As it was found."""
        return ResampledScore(self.mean_iou, self.redrawn)


class CandidateScores(Artifact):
    """The subnets' scores so far, by the digest of the architecture; shares of one.

    Where contenders have blocks of their own, behind the digest stands whose score it is.
    `trained` are those of finalists that were trained for a while, by how they were trained too.
    """

    schema_tag: ClassVar[str] = "fasterseg/candidate-scores/1"

    scores: dict[str, float] = Field(default_factory=dict)
    finals: dict[str, FinalScore] = Field(default_factory=dict)
    trained: dict[str, FinalScore] = Field(default_factory=dict)


class KeptScores:
    """What was scored, in a file, so that a resumed selection does not score it again.

    A supernet's students share it: what was scored for one counts for all, unless they are
    `apart`, each with blocks of its own.  `trained_by` is a digest of how finalists are trained.
    """

    def __init__(
        self,
        path: Path,
        score: Score,
        final: ScoreResampled,
        *,
        trained: ScoreTrained | None = None,
        trained_by: str = "",
        apart: bool = False,
    ) -> None:
        self._path = path
        self._apart = apart
        self._score = score
        self._final = final
        self._trained = trained
        self._trained_by = trained_by
        self._known = CandidateScores.load(path) if path.exists() else CandidateScores()

    def has(self, architecture: Architecture, name: str) -> bool:
        """Whether the architecture was scored for that contender."""
        return self._key(architecture, name) in self._known.scores

    def _key(self, architecture: Architecture, name: str) -> str:
        digest = architecture.digest()
        return f"{digest} {name}" if self._apart else digest

    def score(self, architecture: Architecture, name: str) -> float:
        """The score of the architecture's subnet, as the contender of that name has it."""
        key = self._key(architecture, name)
        if key not in self._known.scores:
            found = self._score(architecture, name)
            self._keep(scores={**self._known.scores, key: found})
        return self._known.scores[key]

    def final(self, architecture: Architecture, name: str) -> ResampledScore:
        """As `score`, on more images."""
        key = self._key(architecture, name)
        if key not in self._known.finals:
            found = FinalScore.of(self._final(architecture, name))
            self._keep(finals={**self._known.finals, key: found})
        return self._known.finals[key].resampled_score

    def trained(self, architecture: Architecture, name: str, progress: Progress) -> ResampledScore:
        """As `final`, once the network was trained for a while."""
        assert self._trained is not None, "asked for where finalists are trained"
        key = f"{self._key(architecture, name)} {self._trained_by}".rstrip()
        if key not in self._known.trained:
            found = FinalScore.of(self._trained(architecture, name, progress))
            self._keep(trained={**self._known.trained, key: found})
        return self._known.trained[key].resampled_score

    @property
    def trains(self) -> bool:
        """Whether finalists can be trained."""
        return self._trained is not None

    def _keep(self, **changed: object) -> None:
        known = self._known.model_copy(update=changed)
        known.save(self._path)
        self._known = known
