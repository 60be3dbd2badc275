"""Whole networks on the recipe's target: candidates of a search, and what was trained."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.config import Recipe

if TYPE_CHECKING:
    from torch import nn

    from fasterseg.commands.options import ProgressCallback
    from fasterseg.datasets.source import DataSource
    from fasterseg.deploy.measuring import Meter, NetworkLatency, WindowSettings
    from fasterseg.deploy.sessions import Backend, Session
    from fasterseg.evaluation import EvaluationReport
    from fasterseg.latency.table import LatencyTable
    from fasterseg.space.architecture import Architecture, Geometry

# Windows of about this long: on a machine that others use too, a slow spell is one window's.
WINDOW_SECONDS = 0.25
WINDOWS = 7
STEADY_WINDOWS = 4
ATTEMPTS = 3
MOST_QUERIES = 256


def network_measure(table: LatencyTable) -> Callable[[Architecture], NetworkLatency]:
    """A function from an architecture to its latency on the table's target, at the table's pace.

    What is measured is exported with random weights.
    """
    from fasterseg.runtime import threads_kept

    meter, geometry = meter_of(table)

    def measure(architecture: Architecture) -> NetworkLatency:
        with threads_kept():
            session = meter.backend.random_network(architecture, geometry)
            return _in_windows(meter, session, geometry)

    return measure


@dataclass(frozen=True, slots=True)
class Deployed:
    """A trained network on the target: one exported file, timed and scored.

    `report` is None where the images do not have the target's size.
    """

    latency: NetworkLatency
    digest: str
    report: EvaluationReport | None


def deploy_bundle(
    bundle: Path,
    file: Path,
    *,
    meter: Meter,
    geometry: Geometry,
    source: DataSource,
    split: str,
    progress: ProgressCallback | None = None,
) -> Deployed:
    """Export a bundle's whole job to a file, and time and score what stands in that file."""
    from fasterseg.deploy.models import load_network, open_bundle
    from fasterseg.evaluation import evaluate_predictor
    from fasterseg.network.network import WholeJob
    from fasterseg.runtime import threads_kept

    normalisation = open_bundle(bundle).card.normalisation
    job = WholeJob(load_network(bundle), normalisation.mean, normalisation.std).eval()
    with threads_kept():
        session = _written(meter.backend, job, geometry, file)
        latency = _in_windows(meter, session, geometry)
        report = None
        if _all_of_size(source, split, geometry):
            report = evaluate_predictor(
                session.predictor(),
                source,
                split,
                subject=str(file),
                progress=None if progress is None else lambda done, all_: progress(done, all_, ""),
            )
    return Deployed(latency, session.digest, report)


def _written(backend: Backend, job: nn.Module, geometry: Geometry, file: Path) -> Session:
    """The session of a job; where the backend has files, of the very file that was written."""
    from fasterseg.artifacts import durable_write
    from fasterseg.deploy.onnx_runtime import OnnxRuntimeBackend

    if not isinstance(backend, OnnxRuntimeBackend):
        return backend.open_network(job, geometry.size)
    durable_write(file, backend.open_network(job, geometry.size).model)
    return backend.open_model(file.read_bytes())


def _all_of_size(source: DataSource, split: str, geometry: Geometry) -> bool:
    """Whether every image of a split has the target's size: a static graph takes no other."""
    return all(
        source.sample(split, index).labels.shape == tuple(geometry.size)
        for index in range(source.length(split))
    )


def _in_windows(meter: Meter, session: Session, geometry: Geometry) -> NetworkLatency:
    """The latency in windows of a quiet machine; a noisy one is asked again, then owned up to."""
    quick = meter.session(session, geometry.size)
    settings = windows_for(quick.median_ms)
    tries = []
    for _ in range(ATTEMPTS):
        tries.append(meter.session(session, geometry.size, settings=settings))
        if tries[-1].steady_windows >= STEADY_WINDOWS:
            return tries[-1]
    best = max(tries, key=lambda found: (found.steady_windows, -found.spread))
    print(
        f"warning: the machine is noisy: windows differed by up to {best.spread:.0%} while "
        f"{best.median_ms:.2f} ms were measured",
        file=sys.stderr,
    )
    return best


def require_machine(recipe: Recipe, *, classes: int, device: str) -> None:
    """Raise `EnvironmentFault` where the device, the target or its runtime is not to be had.

    Asked before anything is computed, so that a long run does not end at its export.
    """
    from fasterseg.deploy.backends import open_backend
    from fasterseg.deploy.export import missing_extra
    from fasterseg.latency.table import Target
    from fasterseg.runtime import select_device

    select_device(device)
    open_backend(Target.of(recipe.target, classes))
    needed = ("onnx", "onnxscript") if recipe.target.backend == "onnxruntime" else ()
    for library in needed:
        if find_spec(library) is None:
            raise missing_extra(library)


def windows_for(median_ms: float) -> WindowSettings:
    """Windows long enough to be told apart from noise, and no longer."""
    from fasterseg.deploy.measuring import WindowSettings

    queries = int(WINDOW_SECONDS * 1000 / max(median_ms, 1e-3))
    return WindowSettings(windows=WINDOWS, queries=max(8, min(MOST_QUERIES, queries)))


def meter_of(table: LatencyTable) -> tuple[Meter, Geometry]:
    """What measures networks on a table's target at that table's pace, and the target's images."""
    from fasterseg.commands.profile import geometry_of
    from fasterseg.deploy.backends import open_backend
    from fasterseg.deploy.measuring import Meter
    from fasterseg.latency.networks import NetworkSpec

    backend, geometry = open_backend(table.target), geometry_of(table.target)
    if table.reference is None:
        return Meter(backend), geometry
    reference = NetworkSpec(table.reference.architecture, geometry)
    return Meter(backend, reference, known_ms=table.reference.measured_ms), geometry
