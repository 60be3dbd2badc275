"""Whole networks on the recipe's target: candidates of a search, and what was trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.config import Recipe

if TYPE_CHECKING:
    from fasterseg.deploy.backends import Session
    from fasterseg.deploy.measuring import Meter, NetworkLatency, WindowSettings
    from fasterseg.space.architecture import Architecture, Geometry

# Windows of about this long: on a machine that others use too, a slow spell is one window's.
WINDOW_SECONDS = 0.4
WINDOWS = 7
MOST_QUERIES = 256


def network_measure(recipe: Recipe, *, classes: int) -> Callable[[Architecture], NetworkLatency]:
    """A function from an architecture to its measured latency, exported with random weights."""
    from fasterseg.runtime import threads_kept

    meter, geometry = _meter(recipe, classes)

    def measure(architecture: Architecture) -> NetworkLatency:
        with threads_kept():
            session = meter.backend.random_network(architecture, geometry)
            return _in_windows(meter, session, geometry)

    return measure


def measure_bundle(recipe: Recipe, bundle: Path, *, classes: int) -> NetworkLatency:
    """The latency of a bundle's whole job with its own weights, as exported."""
    from fasterseg.network.network import WholeJob
    from fasterseg.network.predicting import load_network, open_bundle
    from fasterseg.runtime import threads_kept

    meter, geometry = _meter(recipe, classes)
    normalisation = open_bundle(bundle).card.normalisation
    job = WholeJob(load_network(bundle), normalisation.mean, normalisation.std).eval()
    with threads_kept():
        return _in_windows(meter, meter.backend.open_network(job, geometry.size), geometry)


def _in_windows(meter: Meter, session: Session, geometry: Geometry) -> NetworkLatency:
    quick = meter.session(session, geometry.size)
    return meter.session(session, geometry.size, settings=windows_for(quick.median_ms))


def windows_for(median_ms: float) -> WindowSettings:
    """Windows long enough to be told apart from noise, and no longer."""
    from fasterseg.deploy.measuring import WindowSettings

    queries = int(WINDOW_SECONDS * 1000 / max(median_ms, 1e-3))
    return WindowSettings(windows=WINDOWS, queries=max(8, min(MOST_QUERIES, queries)))


def _meter(recipe: Recipe, classes: int) -> tuple[Meter, Geometry]:
    from fasterseg.commands.profile import geometry_of
    from fasterseg.deploy.backends import open_backend
    from fasterseg.deploy.measuring import Meter
    from fasterseg.latency.table import Target

    target = Target.of(recipe.target, classes)
    return Meter(open_backend(target)), geometry_of(target)
