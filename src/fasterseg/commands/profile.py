"""``fasterseg profile``: time every block of the search space on the target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Unpack

from fasterseg.artifacts import Artifact
from fasterseg.changes import refuse_changes
from fasterseg.config import ProfileSettings, Recipe
from fasterseg.console.options import Common, CommonOptions
from fasterseg.console.progress import Steps, progress_for
from fasterseg.pipeline.opening import hold_run
from fasterseg.runs import SAME_MACHINE, RunFolder
from fasterseg.space.architecture import Architecture
from fasterseg.space.options import Options
from fasterseg.version import __version__

if TYPE_CHECKING:
    from fasterseg.deploy.benchmark.measuring import Meter
    from fasterseg.latency.profiling import Keyed, TimeItems
    from fasterseg.latency.table import Entry, LatencyTable, Reference, Target, WholeNetwork
    from fasterseg.latency.timing import TimerSettings
    from fasterseg.space.blocks import BlockSpec
    from fasterseg.stopping import StopRequest

Item = TypeVar("Item", bound="Keyed")

# A whole network gets this many times the seconds of a block, and this share of its runs.
NETWORK_SECONDS, NETWORK_RUNS_SHARE = 16.0, 2
VISITS = 5


class ProfileResult(Artifact):
    """What was measured: the table's file, its blocks, and how well it predicts networks."""

    schema_tag = "fasterseg/profile-result/1"

    file: str
    target: str
    blocks: int
    marked: int
    networks: int
    mape: float | None
    spearman: float | None

    def describe(self) -> str:
        """Return the findings in a few lines."""
        lines = [f"{self.blocks} blocks timed: {self.target}"]
        if self.marked:
            lines.append(f"{self.marked} of them are too short to be told from noise")
        if self.mape is not None and self.spearman is not None:
            lines.append(
                f"held-out whole networks: error {100 * self.mape:.1f} % (mean), "
                f"rank correlation {self.spearman:.3f}, {self.networks} networks measured"
            )
        return "\n".join([*lines, f"table: {self.file}"])


def profile(**options: Unpack[CommonOptions]) -> ProfileResult:
    """Time every block that the recipe's search space can ask for on its target.

    Each finished block is safe on disk; the same command goes on where it stopped.  Then random
    whole networks are measured, to fit a small correction on half and judge it on the others.

    Returns
    -------
    ProfileResult
        The latency table's file, and how well it predicts whole networks.
    """
    common = Common(**options)
    with hold_run(common, ("profile",)) as ((recipe, run, source), stop):
        classes = source.label_space.classes
        table = profile_stage(
            recipe, run, classes=classes, progress=progress_for(json=common.json), stop=stop
        )
        return result_of(table, run)


def result_of(table: LatencyTable, run: RunFolder) -> ProfileResult:
    """The findings that the command prints."""
    from fasterseg.latency.table import describe

    return ProfileResult(
        file=str(run.latency_table),
        target=describe(table.target),
        blocks=len(table.entries),
        marked=len(table.marked()),
        networks=len(table.calibration.networks),
        mape=table.calibration.mape,
        spearman=table.calibration.spearman,
    )


def profile_stage(
    recipe: Recipe,
    run: RunFolder,
    *,
    classes: int,
    progress: Steps | None = None,
    stop: StopRequest | None = None,
) -> LatencyTable:
    """The run's latency table; measured now as far as it is not there yet.

    Raises `UsageError` with a diff when what is there was measured under other conditions.
    """
    from fasterseg.deploy.benchmark.measuring import Meter
    from fasterseg.deploy.runtimes.backends import open_backend
    from fasterseg.latency.table import LatencyTable, Target

    target = Target.of(recipe.target, classes)
    meter = Meter(open_backend(target))
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
        progress=progress or progress_for(),
        stop=stop,
    )
    table = stage.table()
    table.save(run.latency_table)
    return table


def conditions_of(meter: Meter) -> dict[str, str]:
    """What a latency depends on besides the target: processor, versions, how blocks are timed."""
    import torch

    from fasterseg.deploy.exporting.borders import PROTOCOL
    from fasterseg.runtime import processor_name

    versions = {"fasterseg": __version__, "torch": str(torch.__version__)}
    known = {"processor": processor_name(), "blocks": PROTOCOL}
    return {**known, **versions, **meter.backend.versions()}


def all_options(recipe: Recipe) -> tuple[Options, ...]:
    """The options of every contender."""
    return tuple(Options.of(recipe.space, contender) for contender in recipe.contenders)


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
        progress: Steps,
        stop: StopRequest | None,
    ) -> None:

        self.recipe = recipe
        self.run = run
        self.target = target
        self.geometry = target.geometry
        self.meter = meter
        self.conditions = conditions
        self.progress = progress
        self.stop = stop

    def table(self) -> LatencyTable:
        """The finished table."""
        from fasterseg.latency.calibration import calibrate
        from fasterseg.latency.enumeration import specs_of
        from fasterseg.latency.table import LatencyTable, with_marks

        specs = specs_of(all_options(self.recipe), self.geometry)
        floor_ms = self.meter.floor_ms()
        table = LatencyTable(
            target=self.target,
            conditions=self.conditions,
            floor_ms=floor_ms,
            entries=with_marks(self._blocks(specs), floor_ms),
        )
        prices = [(table.entries[spec.key], spec.border_bytes) for spec in specs]
        measured = self._networks(table)
        calibration = calibrate([network for _, network in measured], prices)
        return table.model_copy(
            update={"calibration": calibration, "reference": _reference(measured)}
        )

    def _blocks(self, specs: Sequence[BlockSpec]) -> dict[str, Entry]:
        settings = block_settings(self.recipe.profile)
        return self._measured(
            "blocks",
            specs,
            lambda wanted: self.meter.blocks(wanted, settings=settings),
            file=self.run.timed_blocks,
        )

    def _networks(self, table: LatencyTable) -> list[tuple[Architecture, WholeNetwork]]:
        from fasterseg.latency.calibration import whole_network
        from fasterseg.latency.networks import sample_networks

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
        return [
            (n.architecture, whole_network(table, n.specs, found[n.key].median_ms))
            for n in networks
        ]

    def _measured(
        self, what: str, items: Sequence[Item], time: TimeItems[Item], *, file: Path
    ) -> dict[str, Entry]:
        """Every item's entry: from its file, or measured now."""
        from fasterseg.latency.profiling import profile_items

        with self.progress(f"Timing {what}", total=len(items), unit=what) as step:
            return profile_items(
                items,
                time,
                file,
                conditions={"target": self.target.model_dump(mode="json"), **self.conditions},
                progress=step,
                stop=self._stop,
            ).entries

    def _stop(self, where: str) -> None:
        if self.stop is not None:
            self.stop.raise_if_set(where)


def _reference(measured: Sequence[tuple[Architecture, WholeNetwork]]) -> Reference | None:
    """The network in the middle of those that were measured."""
    from fasterseg.latency.table import Reference

    if not measured:
        return None
    ordered = sorted(measured, key=lambda pair: pair[1].measured_ms)
    architecture, network = ordered[len(ordered) // 2]
    return Reference(architecture=architecture, measured_ms=network.measured_ms)


def block_settings(settings: ProfileSettings) -> TimerSettings:
    """How a block is timed."""
    from fasterseg.latency.timing import TimerSettings

    return TimerSettings(settings.warmup_runs, settings.runs, settings.seconds_per_block, VISITS)


def network_settings(settings: ProfileSettings) -> TimerSettings:
    """How a whole network is timed: fewer runs, for longer."""
    from fasterseg.latency.timing import TimerSettings

    runs = max(3, settings.runs // NETWORK_RUNS_SHARE)
    seconds = NETWORK_SECONDS * settings.seconds_per_block
    return TimerSettings(settings.warmup_runs, runs, seconds, VISITS)
