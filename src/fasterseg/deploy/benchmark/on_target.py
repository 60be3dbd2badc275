"""Whole networks on a latency table's target: candidates of a search, and what was trained."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

from fasterseg.config import Promise
from fasterseg.deploy.benchmark.measuring import PROMISE, Meter, NetworkLatency, WindowSettings
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.deploy.runtimes.sessions import Session
from fasterseg.deploy.tail.scenes import SceneTail
from fasterseg.latency.networks import NetworkSpec
from fasterseg.latency.table import LatencyTable
from fasterseg.runtime import threads_kept
from fasterseg.space.architecture import Architecture, Geometry

# Windows of about this long: on a machine that others use too, a slow spell is one window's.
WINDOW_SECONDS = 0.25
WINDOWS = 7
STEADY_WINDOWS = 4
ATTEMPTS = 3
MOST_QUERIES = 256

MOST_JITTER = 1.2
"""On a quiet machine of two cores the reference's 95th percentile was 1.03 to 1.07 times its
median; where another process wanted one of them, 1.24 to 1.64 times."""


def meter_of(table: LatencyTable) -> tuple[Meter, Geometry]:
    """What measures networks on a table's target at that table's pace, and the target's images."""
    backend, geometry = open_backend(table.target), table.target.geometry
    if table.reference is None:
        return Meter(backend), geometry
    reference = NetworkSpec(table.reference.architecture, geometry)
    return Meter(backend, reference, known_ms=table.reference.measured_ms), geometry


def network_measure(
    table: LatencyTable, *, promise: Promise
) -> Callable[[Architecture], NetworkLatency]:
    """A function from an architecture to its latency on the table's target, at the table's pace.

    A noisy machine is told of, with what helps where the `promise` is that of a run.  What is
    measured is exported with random weights; a tail that is apart takes what it takes for a scene
    (`fasterseg.deploy.tail.scenes`).
    """
    meter, geometry = meter_of(table)

    def measure(architecture: Architecture) -> NetworkLatency:
        with threads_kept():
            session = meter.backend.random_network(architecture, geometry)
            return _in_windows(meter, with_scenes(session), geometry, promise)

    return measure


def with_scenes(session: Session) -> Session:
    """The session, whose tail, where it is apart, is given logits as scenes have them."""
    return session if session.tail is None else replace(session, tail=SceneTail(session.tail))


def latency_of(
    meter: Meter, session: Session, geometry: Geometry, *, promise: Promise
) -> NetworkLatency:
    """The latency of a session, measured for as long as the `promise` that is made of it takes."""
    if promise == "median":
        return _in_windows(meter, session, geometry, promise)
    return meter.session(session, geometry.size, settings=PROMISE)


def _in_windows(
    meter: Meter, session: Session, geometry: Geometry, promise: Promise
) -> NetworkLatency:
    """The latency in windows of a quiet machine; a noisy one is asked again, then owned up to."""
    quick = meter.session(session, geometry.size)
    settings = windows_for(quick.median_ms)
    tries = []
    for _ in range(ATTEMPTS):
        tries.append(meter.session(session, geometry.size, settings=settings))
        if tries[-1].steady_windows >= STEADY_WINDOWS and tries[-1].jitter <= MOST_JITTER:
            return tries[-1]
    best = min(tries, key=lambda found: (found.jitter > MOST_JITTER, *_unrest(found)))
    print(f"warning: the machine is noisy: {_noise(best, promise)}", file=sys.stderr)
    return best


def _unrest(found: NetworkLatency) -> tuple[float, ...]:
    return -found.steady_windows, found.spread, found.jitter


def _noise(found: NetworkLatency, promise: Promise) -> str:
    """What was noisy, in words, and what helps."""
    own = f"{found.median_ms:.2f} ms"
    if found.jitter <= MOST_JITTER:
        return f"windows differed by up to {found.spread:.0%} while {own} were measured"
    helps = (
        "which may have slowed the median that is promised, too: end that"
        if promise == "median"
        else "end that, or promise medians with --set promise=median"
    )
    return (
        f"the 95th percentile of the network it is measured against is {found.jitter:.1f} times "
        f"that one's median, so that {found.p95_ms:.2f} ms beside a median of {own} tell other "
        f"work on this machine; {helps}"
    )


def windows_for(median_ms: float) -> WindowSettings:
    """Windows long enough to be told apart from noise, and no longer."""
    queries = int(WINDOW_SECONDS * 1000 / max(median_ms, 1e-3))
    return WindowSettings(windows=WINDOWS, queries=max(8, min(MOST_QUERIES, queries)))
