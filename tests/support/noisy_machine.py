"""A machine that exists in numbers only: its pace drifts and wanders, and it has hiccups."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from fasterseg.deploy.benchmark.alternating import Alternation, AlternationSettings, Query
from fasterseg.latency.timing import Call

Kind = Literal["network", "canary"]


@dataclass(frozen=True)
class Work:
    """What a made-up call returns: how long it takes on the quiet machine."""

    quiet_ms: float
    kind: Kind = "network"


@dataclass
class NoisyMachine:
    """A stopwatch on which time passes only while something is timed.

    All work shares a pace that drifts over minutes and wanders from one second to the next; each
    kind wanders by a share of its own besides, since a canary answers to another part of the
    machine than a network does.  Single runs jitter, and a few take far longer.
    """

    seed: int = 0
    drift: float = 0.04
    drift_seconds: float = 40.0
    wander: float = 0.015
    own_wander: float = 0.007
    wander_seconds: float = 1.0
    jitter: float = 0.015
    hiccups: float = 0.01
    shape: Callable[[float], float] = lambda _seconds: 1.0
    seconds: float = 0.0
    _shared: float = 0.0
    _own: dict[Kind, float] = field(default_factory=lambda: {"network": 0.0, "canary": 0.0})

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._phase = self._random.uniform(0, 2 * math.pi)

    def __call__(self, call: Call) -> float:
        """Make the call; return what it takes now, in milliseconds."""
        work = call()
        assert isinstance(work, Work)
        taken_ms = work.quiet_ms * self.pace(work.kind) * math.exp(self._gauss(self.jitter))
        if self._random.random() < self.hiccups:
            taken_ms += self._random.expovariate(1.0) * work.quiet_ms
        self._pass(taken_ms / 1000)
        return taken_ms

    def pace(self, kind: Kind) -> float:
        """How many times as long this kind of work takes now as on the quiet machine."""
        slow = self.drift * math.sin(2 * math.pi * self.seconds / self.drift_seconds + self._phase)
        return self.shape(self.seconds) * math.exp(slow + self._shared + self._own[kind])

    def _pass(self, seconds: float) -> None:
        self.seconds += seconds
        kept = math.exp(-seconds / self.wander_seconds)
        fresh = math.sqrt(1 - kept**2)
        self._shared = kept * self._shared + self._gauss(fresh * self.wander)
        for kind in self._own:
            self._own[kind] = kept * self._own[kind] + self._gauss(fresh * self.own_wander)

    def _gauss(self, deviation: float) -> float:
        return self._random.gauss(0.0, deviation) if deviation else 0.0


def quiet_machine(shape: Callable[[float], float] = lambda _seconds: 1.0) -> NoisyMachine:
    """A machine whose pace is a plain function of the seconds, without any noise."""
    return NoisyMachine(drift=0, wander=0, own_wander=0, jitter=0, hiccups=0, shape=shape)


def network(quiet_ms: float) -> Query:
    """A query of a network that takes so long."""
    return lambda _image: Work(quiet_ms)


def canary() -> Work:
    """The canary: a millisecond."""
    return Work(1.0, "canary")


def played(
    queries: dict[str, Query],
    machine: NoisyMachine,
    *,
    rounds: int,
    settings: AlternationSettings | None = None,
) -> Alternation:
    """So many rounds on a machine."""
    timed = Alternation(
        queries,
        canary=canary,
        settings=settings or AlternationSettings(warmup_most_runs=10),
        stopwatch=machine,
    )
    timed.warm_up()
    for _ in range(rounds):
        timed.play_round()
    return timed
