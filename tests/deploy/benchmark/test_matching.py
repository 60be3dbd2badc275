"""The model that a budget names, on a target: opened or refused, measured, compared by turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import tiny_export
from noisy_machine import NoisyMachine, Work, canary, quiet_machine
from torch import nn

from fasterseg.config import AsFastAs, Promise
from fasterseg.deploy.benchmark import matching
from fasterseg.deploy.benchmark.matching import (
    Turns,
    compare_with_model,
    digest_of_model,
    measure_model,
    open_on_target,
    require_model_for,
)
from fasterseg.deploy.benchmark.measuring import PROMISE, Meter, NetworkLatency
from fasterseg.deploy.benchmark.on_target import ATTEMPTS, STEADY_WINDOWS, with_scenes
from fasterseg.deploy.runtimes.sessions import Backend, Session
from fasterseg.deploy.tail.scenes import SceneTail
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.latency.models import ModelComparison
from fasterseg.latency.table import Target
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size

CLASSES = tiny_export.SOURCE.label_space.classes
TARGET = Target(
    device="cpu",
    backend="onnxruntime",
    precision="float32",
    threads=1,
    height=tiny_export.SIZE.height,
    width=tiny_export.SIZE.width,
    classes=CLASSES,
)
FAST_SCNN = "baseline:fast-scnn"
QUIET = NetworkLatency(10.0, 12.0, 4, 256, STEADY_WINDOWS, 0.01, digest="sha256:graph")


@dataclass(frozen=True)
class MadeUpSession:
    """A session that takes so long on a machine of numbers, longer where its tail has no scene."""

    quiet_ms: float = 10.0
    tail: object = None
    digest: str = "sha256:graph"

    def call(self, _image: object, *, transfer: bool) -> Callable[[], Work]:
        bare = self.tail is not None and not isinstance(self.tail, SceneTail)
        return lambda: Work(self.quiet_ms * (3 if bare else 1))

    def facts(self) -> dict[str, str]:
        return {"precision": "float32"}


class MadeUpBackend:
    """Opens whatever it is given, and keeps it."""

    def __init__(self) -> None:
        self.opened: list[tuple[nn.Module, Size]] = []

    def open_network(self, job: nn.Module, size: Size) -> Session:
        self.opened.append((job, size))
        return cast(Session, MadeUpSession())


class ScriptedMeter:
    """A meter that says what it is told to."""

    def __init__(self, *found: NetworkLatency) -> None:
        self.backend = MadeUpBackend()
        self.settings: list[object] = []
        self._pending = iter(found)

    def session(self, _session: Session, _size: Size, *, settings: Any = None) -> NetworkLatency:
        self.settings.append(settings)
        return next(self._pending)


def opened(model: str, target: Target = TARGET) -> WholeJob:
    backend = MadeUpBackend()
    open_on_target(model, target, cast(Backend, backend))
    ((job, size),) = backend.opened
    assert size == target.geometry.size
    assert isinstance(job, WholeJob)
    return job


def logits_of(job: WholeJob) -> int:
    """For how many classes a job's network tells pixels apart."""
    convolutions = [part for part in job.modules() if isinstance(part, nn.Conv2d)]
    weights = [p for name, p in job.named_parameters() if name.endswith("weight") and p.dim() == 4]
    return int((convolutions[-1].weight if convolutions else weights[-1]).shape[0])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_export.origin().bundle.save(tmp_path_factory.mktemp("bundles") / "student"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of the tiny network for images of the target's size."""
    path = tmp_path_factory.mktemp("files") / "student.onnx"
    path.write_bytes(tiny_export.faithful())
    return str(path)


def test_a_baseline_is_built_for_the_classes_of_the_target() -> None:
    require_model_for(FAST_SCNN, TARGET)
    for classes in (CLASSES, 4):
        target = TARGET.model_copy(update={"classes": classes})
        assert opened(FAST_SCNN, target).output == "labels"
        assert logits_of(opened(FAST_SCNN, target)) == classes
    fast_tail = TARGET.model_copy(update={"tail": "fast"})
    assert opened(FAST_SCNN, fast_tail).output == "low-resolution-logits"


def test_a_bundle_has_its_own_weights_where_its_classes_are_the_target_s(bundle: str) -> None:
    require_model_for(bundle, TARGET)
    wanted = tiny_export.origin().bundle.tensors
    found = opened(bundle).network.state_dict()
    assert all(bool((found[name] == tensor).all()) for name, tensor in wanted.items())
    other = opened(bundle, TARGET.model_copy(update={"classes": 4}))
    assert other.network.state_dict().keys() == found.keys()
    assert other.network.classes == 4


def test_an_exported_file_runs_as_it_is(exported: str) -> None:
    require_model_for(exported, TARGET)
    session = open_on_target(exported, TARGET, cast(Backend, None))
    assert session.digest
    image = np.zeros((*TARGET.geometry.size, 3), dtype=np.uint8)
    assert session.run(image).shape == TARGET.geometry.size


@pytest.mark.parametrize(
    ("change", "what", "why"),
    [
        ({"height": 32}, "another size", "it takes 64x128, and the target has 32x128"),
        ({"classes": 4}, "other classes", f"{CLASSES} classes apart, and the data has 4"),
    ],
)
def test_a_file_that_does_another_job_is_refused(
    exported: str, change: dict[str, int], what: str, why: str
) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        require_model_for(exported, TARGET.model_copy(update=change))
    assert why in caught.value.why
    assert caught.value.where == f"--budget {exported}"
    assert "name the bundle" in caught.value.next_step


@pytest.mark.parametrize(
    "model", ["baseline:fast-scn", "camvid-12", "runs/nowhere/best", "no.onnx"]
)
def test_a_name_that_stands_for_nothing_is_refused(model: str) -> None:
    with pytest.raises(UsageError):
        require_model_for(model, TARGET)


def test_a_model_is_told_apart_by_its_weights_its_file_or_its_description(
    bundle: str, exported: str
) -> None:
    digests = {digest_of_model(model, CLASSES) for model in (bundle, exported, FAST_SCNN)}
    digests.add(digest_of_model(FAST_SCNN, 4))
    assert len(digests) == 4


def measured(promise: Promise, *found: NetworkLatency) -> tuple[Any, ScriptedMeter]:
    meter = ScriptedMeter(*found)
    return measure_model(FAST_SCNN, TARGET, cast(Meter, meter), promise), meter


def test_a_promise_of_the_95th_percentile_has_the_windows_of_one() -> None:
    found, meter = measured("p95", QUIET)
    assert meter.settings == [PROMISE]
    assert found.promised_ms("p95") == 12.0
    assert (found.model, found.timed_digest) == (FAST_SCNN, "sha256:graph")
    assert found.digest == digest_of_model(FAST_SCNN, CLASSES)
    assert found.serves("median")


def test_a_noisy_machine_is_asked_again_and_then_says_so() -> None:
    noisy = replace(QUIET, steady_windows=STEADY_WINDOWS - 1, windows=12)
    assert measured("p95", noisy, QUIET)[0].steady_windows == STEADY_WINDOWS
    with pytest.raises(EnvironmentFault, match="too noisy to say how long baseline") as caught:
        measured("p95", *[noisy] * ATTEMPTS)
    assert caught.value.exit_code == 4
    assert "of 12 windows of 256 queries 3 were quiet" in caught.value.why
    assert "--set promise=median" in caught.value.next_step


def test_a_median_can_be_told_on_a_busy_machine() -> None:
    noisy = replace(QUIET, steady_windows=0)
    # Each try takes a quick look first, and asks for quieter windows by itself.
    found, _ = measured("median", *[noisy] * (1 + ATTEMPTS) * ATTEMPTS)
    assert found.promised_ms("median") == 10.0
    assert not found.serves("p95")


def compared(
    monkeypatch: pytest.MonkeyPatch,
    machine: NoisyMachine,
    *,
    on_busy: bool = False,
    tail: object = None,
) -> ModelComparison:
    """A network of 9 ms beside a model of 10 ms."""
    monkeypatch.setattr(matching, "open_on_target", lambda *_: MadeUpSession(10.0, tail))
    turns = Turns(canary, on_busy, stopwatch=machine)
    session = cast(Session, MadeUpSession(9.0, tail))
    on = (TARGET, cast(Backend, None))
    return compare_with_model(AsFastAs(FAST_SCNN, 2.0), "student", session, on, turns)


def test_the_network_is_compared_with_the_model_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compared(monkeypatch, quiet_machine())
    assert found.ratio == pytest.approx(0.9)
    assert (found.wanted, found.on_busy) == (2.0, False)
    told = found.describe()
    assert told.startswith(
        "takes 0.900 [0.900-0.900] times what baseline:fast-scnn takes, wanted 2"
    )


def test_a_tail_that_is_apart_is_given_a_scene_on_both_sides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Session] = []
    monkeypatch.setattr(matching, "with_scenes", lambda one: given.append(one) or with_scenes(one))
    found = compared(monkeypatch, quiet_machine(), tail=object())
    assert found.ratio == pytest.approx(0.9)
    assert [cast(MadeUpSession, one).quiet_ms for one in given] == [10.0, 9.0]


def test_a_busy_machine_gives_no_ratio_unless_a_median_is_promised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def drifting() -> NoisyMachine:
        return quiet_machine(lambda seconds: 1.0 + 0.05 * seconds)

    none = compared(monkeypatch, drifting())
    assert none.ratio is None
    assert "rounds were quiet" in none.describe()
    found = compared(monkeypatch, drifting(), on_busy=True)
    assert found.ratio == pytest.approx(0.9, abs=0.01)
    assert "; all count)" in found.describe()


def test_a_model_that_is_gone_is_told_and_costs_no_run() -> None:
    session = cast(Session, MadeUpSession(9.0))
    on, turns = (TARGET, cast(Backend, MadeUpBackend())), Turns(canary, on_busy=False)
    found = compare_with_model(AsFastAs("./gone/best"), "student", session, on, turns)
    assert found.ratio is None
    assert found.describe().startswith("was not compared with ./gone/best: ")


def test_a_path_is_named_as_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        require_model_for(str(tmp_path / "missing.onnx"), TARGET)
    assert "missing.onnx" in str(caught.value)
