"""A network in int8 that loses little: a small search over how it is made, by score and time.

The settings are tried one after the other, each value beside the best of the others so far
(`runtimes.quantisers`): whatever keeps the score within what may be lost is compared by its time,
the rest by its score.  Where nothing keeps it, the layers that lose most stay in float32; where
that does not help either, the network is refused, and the layer that loses most is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fasterseg.config import OutputForm
from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.sources.part import PartOfSplit, spread
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.exporting.quantisation import Quantisation, Quantised, Settings
from fasterseg.deploy.runtimes.quantisers import Quantiser
from fasterseg.deploy.runtimes.sessions import Session
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.errors import VerificationError
from fasterseg.evaluation import evaluate_predictor
from fasterseg.events import Progress, silent
from fasterseg.latency.timing import Stopwatch, TimerSettings, time_interleaved
from fasterseg.network.tiling import LabelFunction, in_tiles
from fasterseg.runtime import processor_name

CALIBRATION_IMAGES = 32
JUDGED_IMAGES = 200
"""At most so many images of the split decide between settings: the file itself is scored on all."""
LOOKED_AT = 8
"""Images on which each layer is tried alone, where the network loses too much."""
KEPT_LAYERS = (1, 2, 4, 8)
BY_TURNS = TimerSettings(warmup_runs=3, runs=16, seconds=0.4, visits=8)
AS_FAST = 0.02
"""Two models are equally fast whose times differ by no larger share."""


@dataclass(frozen=True)
class Int8Evidence:
    """What a network in int8 is made and judged by.

    `images` set the ranges of its numbers; `source`'s `split` says how many points of mIoU it
    loses, which may be `max_drop`.
    """

    images: Sequence[Pixels]
    images_from: str
    source: DataSource
    split: str
    max_drop: float

    @property
    def images_digest(self) -> str:
        """SHA-256 of the images' sizes and pixels."""
        digest = hashlib.sha256()
        for image in self.images:
            digest.update(repr(image.shape).encode())
            digest.update(np.ascontiguousarray(image).tobytes())
        return f"sha256:{digest.hexdigest()}"


def int8_evidence(
    source: DataSource, *, train_split: str, val_split: str, max_drop: float
) -> Int8Evidence:
    """Training images at equal distances, and as many of the other split as are judged by."""
    indices = spread(range(source.length(train_split)), CALIBRATION_IMAGES)
    judged = spread(range(source.length(val_split)), JUDGED_IMAGES)
    return Int8Evidence(
        images=[source.sample(train_split, index).image for index in indices],
        images_from=f"{source.name}/{train_split}",
        source=PartOfSplit(source, val_split, judged),
        split=val_split,
        max_drop=max_drop,
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """A model in int8: points of mIoU that it loses, milliseconds, and those of float32 beside."""

    settings: Settings
    model: Any
    drop: float
    ms: float
    float_ms: float

    @property
    def speedup(self) -> float:
        """How many times as fast it is as the network in float32, by turns."""
        return self.float_ms / max(self.ms, 1e-6)


@dataclass(frozen=True)
class Sessions:
    """How a quantiser's graphs are run: what they end at, the tail behind, whole or in tiles."""

    quantiser: Quantiser
    output: OutputForm
    tail: Tail | None
    whole: bool

    def session(self, model: Any | None) -> Session:
        """A model's session; without one, that of the network in float32."""
        return Session(self.quantiser.graph(model), self.output, self.tail)

    def labels(self, session: Session) -> LabelFunction:
        """What a session makes of an image of any size that the file takes."""
        return session.run if self.whole else lambda image: in_tiles(session.run, image)


def int8_of(
    sessions: Sessions,
    evidence: Int8Evidence,
    *,
    name: str,
    stopwatch: Stopwatch | None = None,
    progress: Progress = silent,
) -> Quantised:
    """The fastest model in int8 that loses no more than it may.

    Raises `VerificationError` where none is found, which names the layer that loses most.
    """
    search = _Search(sessions, evidence, stopwatch, progress)
    best = search.best()
    if not search.passes(best):
        best = search.with_layers_in_float(best)
    if not search.passes(best):
        raise _loses_too_much(search, best, name)
    record = Quantisation(
        settings=best.settings,
        quantiser=sessions.quantiser.name,
        images=len(evidence.images),
        images_from=evidence.images_from,
        images_digest=evidence.images_digest,
        judged_on=f"{evidence.split} ({evidence.source.length(evidence.split)} images)",
        drop=round(best.drop, 4),
        max_drop=evidence.max_drop,
        speedup=round(best.speedup, 3),
        processor=processor_name(),
    )
    return Quantised(record, best.model)


class _Search:
    """The trials of one network, each made once."""

    def __init__(
        self,
        sessions: Sessions,
        evidence: Int8Evidence,
        stopwatch: Stopwatch | None,
        progress: Progress,
    ) -> None:
        self.sessions, self.evidence = sessions, evidence
        self._stopwatch, self._progress = stopwatch, progress
        self._known: dict[Settings, Trial] = {}
        values = sessions.quantiser.choices.values()
        self._total = 1 + sum(len(one) - 1 for one in values)
        self._float = sessions.session(None)
        self._reference = self._score(self._float)
        self.losses: dict[str, float] = {}
        """The share of pixels that another label has, by the layer that alone is in int8."""

    def passes(self, trial: Trial) -> bool:
        """Whether a model loses no more than it may."""
        return trial.drop <= self.evidence.max_drop

    def best(self) -> Trial:
        """The best of the settings, tried one after the other."""
        best = self.trial(self.sessions.quantiser.start)
        for key, values in self.sessions.quantiser.choices.items():
            for value in values:
                other = self.trial(best.settings.model_copy(update={key: value}))
                best = self._better(best, other)
        return best

    def with_layers_in_float(self, best: Trial) -> Trial:
        """The first that passes with the layers in float32 that lose most, else the best."""
        self.losses = self._losses(best.settings)
        ordered = sorted(self.losses, key=lambda layer: -self.losses[layer])
        for count in KEPT_LAYERS:
            kept = tuple(ordered[:count])
            other = self.trial(best.settings.model_copy(update={"kept": kept}))
            if self.passes(other):
                return other
            best = self._better(best, other)
        return best

    def trial(self, settings: Settings) -> Trial:
        """What comes of some settings."""
        if settings not in self._known:
            model = self.sessions.quantiser.model(settings)
            same = next((one for one in self._known.values() if _same(one.model, model)), None)
            made = replace(same, settings=settings) if same else self._tried(settings, model)
            self._known[settings] = made
            self._total = max(self._total, len(self._known))
            self._progress(len(self._known), self._total, f"int8: {made.drop:+.2f} points lost")
        return self._known[settings]

    def _tried(self, settings: Settings, model: Any) -> Trial:
        session = self.sessions.session(model)
        image = self.evidence.images[0]
        calls = {
            name: one.call(image, transfer=True)
            for name, one in (("float32", self._float), ("int8", session))
        }
        timed = time_interleaved(calls, settings=BY_TURNS, stopwatch=self._stopwatch)
        drop = 100 * (self._reference - self._score(session))
        return Trial(settings, model, drop, timed["int8"].median_ms, timed["float32"].median_ms)

    def _better(self, one: Trial, other: Trial) -> Trial:
        if self.passes(one) != self.passes(other):
            return one if self.passes(one) else other
        gain = other.speedup / one.speedup - 1
        if self.passes(one) and abs(gain) > AS_FAST:
            return other if gain > 0 else one
        return other if other.drop < one.drop else one

    def _score(self, session: Session) -> float:
        labels = self.sessions.labels(session)
        return evaluate_predictor(labels, self.evidence.source, self.evidence.split).mean_iou

    def _losses(self, settings: Settings) -> dict[str, float]:
        """What each layer loses that alone is in int8."""
        source, split = self.evidence.source, self.evidence.split
        chosen = spread(range(source.length(split)), LOOKED_AT)
        images = [source.to_score(split, index).image for index in chosen]
        wanted = self._maps(self._float, images)
        layers, losses = self.sessions.quantiser.layers(), {}
        for index, layer in enumerate(layers):
            session = self.sessions.session(self.sessions.quantiser.model(settings, only=layer))
            pairs = zip(self._maps(session, images), wanted, strict=True)
            losses[layer] = float(np.mean([(found != label).mean() for found, label in pairs]))
            self._progress(index + 1, len(layers), "layers")
        return losses

    def _maps(self, session: Session, images: Sequence[Pixels]) -> list[npt.NDArray[Any]]:
        labels = self.sessions.labels(session)
        return [labels(image) for image in images]


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bytes) and one == other


def _loses_too_much(search: _Search, best: Trial, name: str) -> VerificationError:
    layer = max(search.losses, key=lambda one: search.losses[one])
    evidence = search.evidence
    return VerificationError(
        f"{name} loses too much in int8, so no file was kept",
        where=f"{evidence.images_from} for ranges, {evidence.split} for the score",
        why=f"the best of {len(search._known)} ways loses {best.drop:.2f} points of mIoU, and "
        f"{evidence.max_drop:g} may be lost; the layer that loses most is {layer}, which alone "
        f"gives {100 * search.losses[layer]:.2f} % of pixels another label",
        next_step=f"--max-drop {best.drop + 0.05:.1f} in a run target.max_drop, if that is worth "
        "it; or leave int8 out",
    )
