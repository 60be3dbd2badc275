"""What lies in the folder of a stage, a training, a bundle and a kept supernet, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fasterseg.checkpoints import checkpoints_in

MANIFEST, DESCRIPTION = "manifest.json", "description.json"
WEIGHTS, CARD = "weights.safetensors", "card.json"
"""A bundle's files: the manifest has the digests of the others."""
BUNDLES = ("best", "last", "ema")
"""What a training hands over: the same network with three sets of weights."""


@dataclass(frozen=True, slots=True)
class StageFolder:
    """The names of what a stage keeps that is done in steps."""

    root: Path

    @property
    def log(self) -> Path:
        """The log of its steps."""
        return self.root / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of its checkpoints."""
        return self.root / "checkpoints"

    def stepped(self) -> Path | None:
        """What shows that steps were made: a checkpoint; None before the first."""
        return next(iter(checkpoints_in(self.checkpoints)), None)


@dataclass(frozen=True, slots=True)
class BundleFolder:
    """The names of a bundle's files."""

    root: Path

    @property
    def manifest(self) -> Path:
        """The digests of the others."""
        return self.root / MANIFEST

    @property
    def description(self) -> Path:
        """The network."""
        return self.root / DESCRIPTION

    @property
    def weights(self) -> Path:
        """Its weights."""
        return self.root / WEIGHTS

    @property
    def card(self) -> Path:
        """Classes, terms, scores and what else a user has to know."""
        return self.root / CARD

    def is_there(self) -> bool:
        """Whether the folder claims to be a bundle."""
        return self.manifest.is_file() and self.description.is_file()


@dataclass(frozen=True, slots=True)
class SupernetFolder:
    """The names of what is kept of a supernet when its search is over."""

    root: Path

    @property
    def facts(self) -> Path:
        """What it learned from, with the digest of its weights; written last."""
        return self.root / "facts.json"

    @property
    def weights(self) -> Path:
        """Its weights, without what an optimiser needs."""
        return self.root / WEIGHTS


@dataclass(frozen=True, slots=True)
class TrainingFolder(StageFolder):
    """The names of what a training keeps; its bundles are ``best``, ``last`` and ``ema``."""

    @property
    def began(self) -> Path:
        """What the training began with."""
        return began_in(self.root)

    @property
    def allowance(self) -> Path:
        """How many steps its hours came to."""
        return self.root / "allowance.json"

    @property
    def segments(self) -> Path:
        """Which steps were computed by what."""
        return self.root / "segments.json"

    @property
    def report(self) -> Path:
        """What the training came to."""
        return self.root / "report.json"

    def bundle(self, which: str) -> BundleFolder:
        """A trained network."""
        return BundleFolder(self.root / which)

    def is_finished(self) -> bool:
        """Whether it came to its end, and all that it hands over is there."""
        bundles = (self.bundle(which) for which in BUNDLES)
        return self.report.is_file() and all(one.is_there() for one in bundles)

    def begun(self) -> Path | None:
        """What shows that steps were made: a checkpoint, or the report; None before."""
        return first_of(self.stepped(), self.report)


def began_in(folder: Path) -> Path:
    """The file of what a stage began with; of an earlier name where an earlier version began it."""
    earlier = folder / "plan.json"
    return earlier if earlier.is_file() else folder / "began.json"


def first_of(*files: Path | None) -> Path | None:
    """The first of some files that is there."""
    return next((path for path in files if path is not None and path.exists()), None)
