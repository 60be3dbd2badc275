"""Which of several ways to int8 is taken: by score first, by time among those that keep it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from named_street import NamedStreet

from fasterseg.deploy.exporting.quantisation import Settings
from fasterseg.deploy.runtimes.quantisers import Choices
from fasterseg.deploy.runtimes.sessions import Graph
from fasterseg.deploy.shipping.int8_search import (
    Int8Evidence,
    Sessions,
    int8_evidence,
    int8_of,
)
from fasterseg.errors import VerificationError
from fasterseg.latency.timing import Call

SOURCE = NamedStreet(None, (32, 64))  # type: ignore[arg-type]

Behaviour = Callable[[Settings, str], tuple[float, float]]
"""From settings, and a layer alone in int8, to a share of changed pixels, and milliseconds."""


@dataclass
class FakeGraph:
    """Gives the truth, but for a share of its rows; and takes its time on a clock of its own."""

    truth: dict[bytes, npt.NDArray[Any]]
    wrong: float
    ms: float
    clock: list[float]
    digest: str = ""

    def run(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        self.clock[0] += self.ms
        labels = self.truth[images[0].tobytes()].copy()
        rows = round(self.wrong * len(labels))
        labels[:rows] = (labels[:rows] + 1) % SOURCE.label_space.classes
        return labels[None]


@cache
def truth() -> dict[bytes, npt.NDArray[Any]]:
    """The labels of every image, which are those of pixels that never count too."""
    found = {}
    for split in ("train", "val"):
        for index in range(SOURCE.length(split)):
            sample = SOURCE.sample(split, index)
            ignored = sample.labels == SOURCE.label_space.ignore
            found[sample.image.tobytes()] = np.where(ignored, 0, sample.labels)
    return found


@dataclass
class FakeQuantiser:
    """Offers two choices, of which the behaviour says what they do."""

    behaviour: Behaviour
    clock: list[float] = field(default_factory=lambda: [0.0])
    name: str = "made up 1"
    start: Settings = Settings()  # noqa: RUF009 (frozen)
    made: list[tuple[Settings, str]] = field(default_factory=list)

    @property
    def choices(self) -> Choices:
        return {"operators": ("all", "convolutions"), "per_channel": (False, True)}

    def layers(self) -> Sequence[str]:
        return ("stem", "cell", "head")

    def model(self, settings: Settings, *, only: str = "") -> Any:
        self.made.append((settings, only))
        return (settings, only)

    def graph(self, model: Any | None) -> Graph:
        wrong, ms = (0.0, 10.0) if model is None else self.behaviour(*model)
        return FakeGraph(truth(), wrong, ms, self.clock)  # type: ignore[return-value]

    def watch(self, call: Call) -> float:
        before = self.clock[0]
        call()
        return self.clock[0] - before


def by(max_drop: float = 0.5) -> Int8Evidence:
    return int8_evidence(SOURCE, train_split="train", val_split="val", max_drop=max_drop)


def found(quantiser: FakeQuantiser, max_drop: float = 0.5) -> Any:
    sessions = Sessions(quantiser, "labels", None, whole=True)
    return int8_of(sessions, by(max_drop), name="student", stopwatch=quantiser.watch)


def test_of_those_that_keep_the_score_the_fastest_is_taken() -> None:
    def behaviour(settings: Settings, _only: str) -> tuple[float, float]:
        fast = settings.operators == "convolutions"
        return (0.3 if settings.per_channel else 0.0), 4.0 if fast else 8.0

    record = found(FakeQuantiser(behaviour)).record
    assert record.settings == Settings(operators="convolutions")
    assert record.speedup == pytest.approx(2.5)
    assert record.drop == 0
    assert (record.images, record.images_from) == (SOURCE.length("train"), "street/train")
    assert record.images_digest == by().images_digest


def test_of_two_that_are_as_fast_the_one_that_loses_less_is_taken() -> None:
    def behaviour(settings: Settings, _only: str) -> tuple[float, float]:
        return (0.0 if settings.per_channel else 0.04), 5.0

    record = found(FakeQuantiser(behaviour), max_drop=50).record
    assert record.settings == Settings(per_channel=True)


def test_speed_is_no_help_where_too_much_is_lost() -> None:
    def behaviour(settings: Settings, _only: str) -> tuple[float, float]:
        return (0.5, 1.0) if settings.operators == "convolutions" else (0.0, 12.0)

    record = found(FakeQuantiser(behaviour)).record
    assert record.settings.operators == "all"
    assert record.speedup == pytest.approx(10 / 12, abs=1e-3)


def test_where_nothing_keeps_the_score_the_layers_that_lose_most_stay_in_float() -> None:
    def behaviour(settings: Settings, only: str) -> tuple[float, float]:
        if only:
            return (0.4 if only == "cell" else 0.01), 9.0
        return (0.0 if "cell" in settings.kept else 0.5), 6.0

    record = found(FakeQuantiser(behaviour)).record
    assert record.settings.kept == ("cell",)


def test_where_that_does_not_help_the_network_is_refused_and_the_layer_named() -> None:
    def behaviour(_settings: Settings, only: str) -> tuple[float, float]:
        return (0.4 if only == "head" else 0.1), 6.0

    with pytest.raises(VerificationError, match="student loses too much in int8") as caught:
        found(FakeQuantiser(behaviour))
    assert "the layer that loses most is head" in str(caught.value.why)
    assert "--max-drop" in str(caught.value.next_step)
    assert caught.value.exit_code == 6


def test_no_way_is_tried_twice() -> None:
    quantiser = FakeQuantiser(lambda _settings, _only: (0.0, 5.0))
    found(quantiser)
    assert len(quantiser.made) == len({*quantiser.made}) == 3
