"""Whole networks on the recipe's target: candidates of a search, and what was trained."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.config import OutputForm, Promise, runtime_named
from fasterseg.errors import FileError
from fasterseg.events import Progress, silent

if TYPE_CHECKING:
    from fasterseg.datasets.source import DataSource
    from fasterseg.deploy.benchmark.measuring import Meter, NetworkLatency, WindowSettings
    from fasterseg.deploy.exporting.formats import ExportForm
    from fasterseg.deploy.runtimes.sessions import Session
    from fasterseg.deploy.shipping.verification import Evidence
    from fasterseg.deploy.shipping.verified_export import Origin
    from fasterseg.latency.table import LatencyTable, Target
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
    """A trained network on the target: one exported file, verified, timed and scored.

    `mean_iou` is the file's own score, None where the images do not have the target's size.
    `digest` is that of the file, empty for PyTorch, which runs from no file.
    """

    latency: NetworkLatency
    digest: str
    mean_iou: float | None


def deploy_bundle(
    bundle: Path,
    file: Path,
    *,
    meter: Meter,
    target: Target,
    source: DataSource,
    split: str,
    promise: Promise = "median",
    progress: Progress = silent,
) -> Deployed:
    """Export a bundle for a target, and verify, score and time what stands in that file.

    It is timed long enough for the `promise` that is made of it.  Raises `VerificationError` where
    it is not what the bundle's network is.
    """
    from fasterseg.pipeline.verifying import evidence_of, origin_of
    from fasterseg.runtime import threads_kept

    origin, evidence = origin_of(str(bundle)), evidence_of(source, split)
    geometry = target.geometry
    with threads_kept():
        form = export_form(target)
        if form is None:
            session, mean_iou = _as_it_is(origin, evidence, meter, geometry, progress)
        else:
            session, mean_iou = _shipped(origin, evidence, target, form, file, progress)
        latency = _timed(meter, session, geometry, promise)
    return Deployed(latency, session.digest, mean_iou)


def _timed(meter: Meter, session: Session, geometry: Geometry, promise: Promise) -> NetworkLatency:
    """The latency, by the protocol of the promise."""
    from fasterseg.deploy.benchmark.measuring import PROMISE

    if promise == "median":
        return _in_windows(meter, session, geometry)
    return meter.session(session, geometry.size, settings=PROMISE)


def _shipped(
    origin: Origin,
    evidence: Evidence,
    target: Target,
    form: ExportForm,
    file: Path,
    progress: Progress,
) -> tuple[Session, float | None]:
    """The session of the very file that was written and verified, and that file's score."""
    from fasterseg.deploy.runtimes.opening import open_export
    from fasterseg.deploy.runtimes.sessions import Running
    from fasterseg.deploy.shipping.verified_export import ship

    running = Running(threads=target.threads, tail=target.tail)
    path = file.with_suffix(form.row.suffix)
    report = ship(origin, form, path, evidence, running=running, progress=progress)
    session, _ = open_export(path, running)
    if session.digest != report.file_digest:
        raise FileError(
            "the exported file changed after it was verified",
            where=str(path),
            why="it does not have the digest that was verified",
            next_step="run the command again",
        )
    return session, report.verification.mean_iou


def export_form(target: Target) -> ExportForm | None:
    """What a network is exported to for a target; None where it runs as it is, from no file."""
    from fasterseg.deploy.exporting.formats import ExportForm

    kind = runtime_named(target.backend).ships_as
    if kind is None:
        return None
    size = target.geometry.size
    output: OutputForm = "labels" if target.tail == "graph" else "low-resolution-logits"
    return ExportForm(kind, size, size, output)


def _as_it_is(
    origin: Origin,
    evidence: Evidence,
    meter: Meter,
    geometry: Geometry,
    progress: Progress,
) -> tuple[Session, float | None]:
    """The network where its runtime takes it as it is, as PyTorch does: there is no file."""
    from fasterseg.evaluation import evaluate_predictor
    from fasterseg.network.network import WholeJob

    card = origin.bundle.card
    output: OutputForm = "labels" if meter.backend.tail is None else "low-resolution-logits"
    network, grey = origin.predictor.network, card.reading.is_grey
    job = WholeJob(network, card.mean, card.std, output=output, grey=grey).eval()
    session = meter.backend.open_network(job, geometry.size)
    assert evidence.source is not None
    report = evaluate_predictor(
        session.run,
        evidence.source,
        evidence.split,
        subject=origin.name,
        progress=progress,
    )
    return session, report.mean_iou


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


def windows_for(median_ms: float) -> WindowSettings:
    """Windows long enough to be told apart from noise, and no longer."""
    from fasterseg.deploy.benchmark.measuring import WindowSettings

    queries = int(WINDOW_SECONDS * 1000 / max(median_ms, 1e-3))
    return WindowSettings(windows=WINDOWS, queries=max(8, min(MOST_QUERIES, queries)))


def meter_of(table: LatencyTable) -> tuple[Meter, Geometry]:
    """What measures networks on a table's target at that table's pace, and the target's images."""
    from fasterseg.deploy.benchmark.measuring import Meter
    from fasterseg.deploy.runtimes.backends import open_backend
    from fasterseg.latency.networks import NetworkSpec

    backend, geometry = open_backend(table.target), table.target.geometry
    if table.reference is None:
        return Meter(backend), geometry
    reference = NetworkSpec(table.reference.architecture, geometry)
    return Meter(backend, reference, known_ms=table.reference.measured_ms), geometry
