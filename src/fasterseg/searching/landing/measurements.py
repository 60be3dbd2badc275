"""Measurements of whole networks, kept: a search that is stopped decides as if it had not been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from fasterseg.artifacts import Artifact
from fasterseg.searching.landing.on_budget import Measure, Measured, MeasureTogether
from fasterseg.space.architecture import Architecture


class MeasuredNetworks(Artifact):
    """Medians and 95th percentiles by contender and digest of the network, in milliseconds."""

    schema_tag: ClassVar[str] = "fasterseg/measured-networks/1"

    contenders: dict[str, dict[str, tuple[tuple[float, float], ...]]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figures:
    """A network's latency, as it is kept."""

    median_ms: float
    p95_ms: float


class KeptMeasurements:
    """What was measured, in a file, so that a resumed search sees the same latencies.

    With `together` networks are measured in rounds, and none by itself.  Contenders that `beside`
    names are measured by what it has for them, beside the models of their budgets.
    """

    def __init__(
        self,
        path: Path,
        measure: Measure,
        together: MeasureTogether | None = None,
        *,
        beside: Mapping[str, Measure] | None = None,
    ) -> None:
        self._path = path
        self._measure = measure
        self._beside = beside or {}
        self._together = together
        self._known = MeasuredNetworks.load(path).contenders if path.exists() else {}

    def of(self, contender: str) -> Measure:
        """Measures for one contender: its n-th measurement of a network is made once only."""
        asked: Counter[str] = Counter()
        measure = self._beside.get(contender, self._measure)

        def measured(architecture: Architecture) -> Measured:
            key = architecture.digest()
            number = asked[key]
            asked[key] += 1
            known = self._known.get(contender, {}).get(key, ())
            if number >= len(known):
                latency = measure(architecture)
                known = (*known, (latency.median_ms, latency.p95_ms))
                self._keep(contender, {**self._known.get(contender, {}), key: known})
            return Figures(*known[number])

        return measured

    @property
    def come_in_rounds(self) -> bool:
        """Whether several networks are measured at once, since each round takes a journey."""
        return self._together is not None

    def together(
        self, asked: Mapping[str, Sequence[Architecture]]
    ) -> dict[str, dict[Architecture, Measured]]:
        """Each contender's networks as measured: what is not known of any, now, in one round."""
        assert self._together is not None
        missing = {
            one.digest(): one
            for name, networks in asked.items()
            for one in networks
            if not self._known.get(name, {}).get(one.digest())
        }
        if missing:
            with self._together([*missing.values()]) as found:
                self._keep_all(asked, dict(zip(missing, found, strict=True)))
        return {
            name: {one: Figures(*self._known[name][one.digest()][0]) for one in networks}
            for name, networks in asked.items()
        }

    def forget(self, contender: str) -> None:
        """From now on measure anew: after a failure, the same figures would fail again."""
        self._keep(contender, {})

    def _keep_all(
        self, asked: Mapping[str, Sequence[Architecture]], new: Mapping[str, Measured]
    ) -> None:
        """Keep for each contender what is new of what was asked for it."""
        for name, networks in asked.items():
            keys = [key for one in networks if (key := one.digest()) in new]
            own = {key: ((new[key].median_ms, new[key].p95_ms),) for key in keys}
            self._keep(name, {**own, **self._known.get(name, {})})

    def _keep(self, contender: str, found: dict[str, tuple[tuple[float, float], ...]]) -> None:
        self._known = {**self._known, contender: found}
        MeasuredNetworks(contenders=self._known).save(self._path)
