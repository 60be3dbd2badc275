"""The stage of a run that profiles: every block of the space and some whole networks, timed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch

from fasterseg.changes import refuse_changes
from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.deploy.benchmark.measuring import Meter
from fasterseg.deploy.exporting.borders import PROTOCOL
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.latency.assembling import assembled
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.networks import NetworkSpec, sample_networks
from fasterseg.latency.profiled import ProfileResult
from fasterseg.latency.profiling import (
    Keyed,
    TimeItems,
    block_settings,
    network_settings,
    profile_items,
)
from fasterseg.latency.table import Entry, LatencyTable, Target, with_marks
from fasterseg.latency.timing import Stopwatch
from fasterseg.pipeline.devices.matching import models_stage
from fasterseg.pipeline.devices.remote import There, models_there, table_there
from fasterseg.pipeline.devices.rounds import rounds_of
from fasterseg.pipeline.opening import hold_run
from fasterseg.runs import SAME_MACHINE, RunFolder
from fasterseg.runtime import processor_name
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.options import Options
from fasterseg.space.widest import options_of
from fasterseg.stopping import Show, StopRequest
from fasterseg.version import __version__

Item = TypeVar("Item", bound=Keyed)

QUIET_SHARE = 0.5
"""Where so many networks were measured undisturbed, the others do not count."""


def profile_stage(
    recipe: Recipe,
    run: RunFolder,
    *,
    classes: int,
    show: Show,
    stop: StopRequest | None = None,
    stopwatch: Stopwatch | None = None,
) -> LatencyTable:
    """The run's latency table; measured now as far as it is not there yet.

    So are the models that budgets name, beside it.  A `stopwatch` times in place of the backend's
    own.  Raises `UsageError` with a diff when what is there was measured under other conditions,
    and `Interrupted` where another host is to measure it and has not.
    """
    target = Target.of(recipe.target, classes)
    if not recipe.target.is_here:
        rounds = rounds_of(recipe.target, run, show=show, stop=stop)
        options = all_options(recipe)
        table = table_there(recipe, run, target, options, rounds=rounds, show=show)
        models_there(recipe, run, There(table, rounds))
        return table
    meter = Meter(open_backend(target))
    if stopwatch is not None:
        meter.backend.stopwatch = stopwatch
    table = _table(recipe, run, target, meter, show=show, stop=stop)
    models_stage(recipe, run, table, show=show, stop=stop)
    return table


def _table(
    recipe: Recipe,
    run: RunFolder,
    target: Target,
    meter: Meter,
    *,
    show: Show,
    stop: StopRequest | None,
) -> LatencyTable:
    conditions = conditions_of(meter)
    if run.latency_table.exists():
        table = LatencyTable.load(run.latency_table)
        table.require_target(target)
        refuse_changes(
            "the latency table",
            stored=table.conditions,
            wanted=conditions,
            where=run.latency_table,
            next_step=SAME_MACHINE,
        )
        return table
    stage = _Stage(
        recipe,
        run,
        target=target,
        meter=meter,
        conditions=conditions,
        show=show,
        stop=stop,
    )
    table = stage.table()
    table.save(run.latency_table)
    return table


def conditions_of(meter: Meter) -> dict[str, str]:
    """What a latency depends on besides the target: processor, versions, how blocks are timed."""

    versions = {"fasterseg": __version__, "torch": str(torch.__version__)}
    known = {"processor": processor_name(), "blocks": PROTOCOL}
    return {**known, **versions, **meter.backend.versions()}


def all_options(recipe: Recipe) -> tuple[Options, ...]:
    """The options of every contender."""
    return tuple(options_of(recipe.space, contender) for contender in recipe.members)


class _Stage:
    """Profiles the blocks, then calibrates."""

    def __init__(
        self,
        recipe: Recipe,
        run: RunFolder,
        *,
        target: Target,
        meter: Meter,
        conditions: dict[str, str],
        show: Show,
        stop: StopRequest | None,
    ) -> None:
        self.recipe = recipe
        self.run = run
        self.target = target
        self.geometry = target.geometry
        self.meter = meter
        self.conditions = conditions
        self.show = show
        self.stop = stop
        self.pace_ms: float | None = None  # found with the blocks, and the same for networks

    def table(self) -> LatencyTable:
        """The finished table."""
        specs = specs_of(all_options(self.recipe), self.geometry)
        floor_ms = self.meter.floor_ms()
        table = LatencyTable(
            target=self.target,
            conditions=self.conditions,
            floor_ms=floor_ms,
            entries=with_marks(self._blocks(specs), floor_ms),
        )
        return assembled(table, specs, self._networks(table))

    def _blocks(self, specs: Sequence[BlockSpec]) -> dict[str, Entry]:
        settings = block_settings(self.recipe.profile)
        return self._measured(
            "blocks",
            specs,
            lambda wanted: self.meter.blocks(wanted, settings=settings),
            file=self.run.timed_blocks,
        )

    def _networks(self, table: LatencyTable) -> list[tuple[NetworkSpec, float]]:
        settings = network_settings(self.recipe.profile)
        networks = sample_networks(
            all_options(self.recipe),
            table,
            count=self.recipe.profile.calibration_networks,
            tolerance=self.recipe.profile.latency_tolerance,
            seed=self.recipe.seed,
        )
        found = self._measured(
            "whole networks",
            networks,
            lambda wanted: self.meter.networks(wanted, settings=settings),
            file=self.run.timed_networks,
        )
        quiet = [one for one in networks if not found[one.key].disturbed]
        # Most say enough; one that is a third too slow would be the pace of all that is measured.
        counting = quiet if len(quiet) >= QUIET_SHARE * len(networks) else networks
        return [(network, found[network.key].median_ms) for network in counting]

    def _measured(
        self, what: str, items: Sequence[Item], time: TimeItems[Item], *, file: Path
    ) -> dict[str, Entry]:
        """Every item's entry: from its file, or measured now."""
        with self.show(f"Timing {what}", total=len(items), unit=what) as step:
            profile = profile_items(
                items,
                time,
                file,
                conditions={"target": self.target.model_dump(mode="json"), **self.conditions},
                pace_ms=self.pace_ms,
                progress=step,
                stop=self._stop,
            )
        self.pace_ms = profile.pace_ms
        return profile.entries

    def _stop(self, where: str) -> None:
        if self.stop is not None:
            self.stop.raise_if_set(where)


def profile_run(common: Common, show: Show) -> ProfileResult:
    """Open a run and profile its space; what was found."""
    with hold_run(common, ("profile",)) as ((recipe, run, source), stop):
        classes = source.label_space.classes
        table = profile_stage(recipe, run, classes=classes, show=show, stop=stop)
        return ProfileResult.of(table, run.latency_table)
