"""A run whose target is another host: its table, its networks and its models, measured there.

Each is asked for in a round of its own, is held against the device that the table was measured on,
and never against this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from fasterseg.changes import refuse_changes
from fasterseg.config import AsFastAs, Recipe
from fasterseg.deploy.benchmark.matching import digest_of_model, graph_on_target
from fasterseg.deploy.benchmark.measuring import PROMISE, NetworkLatency, WindowSettings
from fasterseg.deploy.benchmark.on_target import STEADY_WINDOWS, windows_for
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.kit.graphs import network_graph
from fasterseg.kit.kept import networks_of
from fasterseg.kit.manifest import KitManifest
from fasterseg.kit.measured import KitMeasured
from fasterseg.kit.packing import pack_networks, pack_space, space_digest
from fasterseg.kit.reading import conditions_there, latencies_of, table_of
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.models import ModelComparison, ModelLatencies, ModelLatency
from fasterseg.latency.table import LatencyTable, Target, describe
from fasterseg.latency.timing import NANOSECONDS_PER_MS
from fasterseg.pipeline.devices.matching import waiting_models
from fasterseg.pipeline.devices.rounds import Answer, Pack, Rounds
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.beginning import MatchModel
from fasterseg.searching.landing.measurements import MeasuredNetworks
from fasterseg.searching.landing.on_budget import Tried
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.options import Options
from fasterseg.stopping import Show

SPACE, MODELS, LANDING = "space", "models", "landing"
"""What the kits of a run are called in its folder."""
MOST_WINDOWS = 14
CHANGING = ("runner", "language", "memory", "governor", "kit")
"""What may differ from one round to the next: the runner, and what a system says of the moment."""


def table_there(
    recipe: Recipe,
    run: RunFolder,
    target: Target,
    options: Sequence[Options],
    *,
    rounds: Rounds,
    show: Show,
) -> LatencyTable:
    """The run's latency table: the one that is there, or the device's, which is asked for."""
    if run.latency_table.exists():
        table = LatencyTable.load(run.latency_table)
        table.require_target(target)
        require_from_a_kit(table, run.latency_table)
        return table
    specs = specs_of(options, target.geometry)
    settings = recipe.profile
    asked = {
        "target": target.model_dump(mode="json"),
        "space": space_digest(specs),
        "profile": settings.model_dump(mode="json"),
        "seed": recipe.seed,
        "name": recipe.name,
    }

    def pack(into: Path) -> PackedKit:
        with show("Packing the kit", total=0, unit="graphs") as step:
            return pack_space(
                options,
                target,
                settings,
                seed=recipe.seed,
                name=recipe.name,
                into=into,
                progress=step,
            )

    why = f"how long the {len(specs)} blocks of the space take"
    with rounds.round(SPACE, asked=asked, pack=pack, why=why) as answer:
        known = networks_of(answer.kit)
        table = table_of(answer.kit.manifest, answer.measured, specs, known)
        table.save(run.latency_table, inputs={"measured": answer.measured.digest()})
    return table


def require_from_a_kit(table: LatencyTable, where: Path) -> None:
    """Raise `UsageError` for a table that was measured on this machine."""
    if table.conditions.get("kit") != KitManifest.schema_tag:
        raise UsageError(
            "the latency table was measured on this machine",
            where=str(where),
            why="the run's target is on another host (target.host)",
            next_step="start a new run with another --run, whose table is the device's",
        )


def require_same_device(measured: KitMeasured, table: LatencyTable, where: Path) -> None:
    """Raise `UsageError` with the differences where another device was asked than the table's."""
    there = {
        name: value for name, value in conditions_there(measured).items() if name not in CHANGING
    }
    refuse_changes(
        "the device",
        stored={name: table.conditions[name] for name in there if name in table.conditions},
        wanted={name: value for name, value in there.items() if name in table.conditions},
        where=where,
        next_step="measure on the device that the latency table is from, with the runtime that it "
        "had then; or start a new run with another --run",
    )


@dataclass(frozen=True, slots=True)
class There:
    """What measures whole networks on the device of a table."""

    table: LatencyTable
    rounds: Rounds

    @property
    def target(self) -> Target:
        """The table's."""
        return self.table.target

    def estimate(self, architecture: Architecture) -> Tried:
        """What the table says of a network."""
        specs = wire(architecture, self.target.geometry).timed_specs()
        latency_ms = self.table.estimate_ms(specs)
        return Tried(latency_ms, latency_ms, latency_ms)

    @contextmanager
    def networks(self, architectures: Sequence[Architecture]) -> Iterator[Sequence[NetworkLatency]]:
        """The latencies of some architectures, with made-up weights."""
        graphs = {one.digest(): partial(_graph, one, self.target) for one in architectures}
        slowest_ms = max(self.estimate(one).median_ms for one in architectures)
        why = f"how long {len(graphs)} networks take, of which students come to their budgets"
        windows = replace(windows_for(slowest_ms), needed=STEADY_WINDOWS, most=MOST_WINDOWS)
        with self.files(LANDING, graphs, windows=windows, why=why) as found:
            yield [found[key] for key in graphs]

    @contextmanager
    def files(
        self,
        what: str,
        models: Mapping[str, Callable[[], bytes]],
        *,
        windows: WindowSettings = PROMISE,
        why: str,
    ) -> Iterator[Mapping[str, NetworkLatency]]:
        """The latencies of ONNX models by their names, which tell them apart."""
        asked = {"table": self.table.digest(), "models": sorted(models)}
        pack = partial(self._packed, what, models, windows)
        with self.round(what, asked=asked, pack=pack, why=why) as answer:
            yield latencies_of(answer.kit.manifest, answer.measured)

    @contextmanager
    def round(
        self, what: str, *, asked: Mapping[str, Any], pack: Pack, why: str
    ) -> Iterator[Answer]:
        """As `Rounds.round`, of the device that the table is from."""
        with self.rounds.round(what, asked=asked, pack=pack, why=why) as answer:
            require_same_device(answer.measured, self.table, answer.kit.folder)
            yield answer

    def _packed(
        self,
        what: str,
        models: Mapping[str, Callable[[], bytes]],
        windows: WindowSettings,
        into: Path,
    ) -> PackedKit:
        return pack_networks(
            {name: make() for name, make in models.items()},
            self.target,
            reference=self.reference(),
            windows=windows,
            name=what,
            into=into,
        )

    def reference(self) -> tuple[bytes, int] | None:
        """The network by whose turns others are measured, and its known nanoseconds."""
        known = self.table.reference
        if known is None:
            return None
        pace = max(1, round(known.measured_ms * NANOSECONDS_PER_MS))
        return _graph(known.architecture, self.target), pace


def _graph(architecture: Architecture, target: Target) -> bytes:
    return network_graph(architecture, target).model


def models_there(recipe: Recipe, run: RunFolder, there: There) -> ModelLatencies:
    """What the models of the recipe's budgets take on the device, asked for as far as not known.

    Raises `EnvironmentFault` where the device was too noisy to promise a 95th percentile.
    """
    known, waiting = waiting_models(recipe, run, there.table)
    if not waiting:
        return known
    target = there.target
    graphs = {model: partial(graph_on_target, model, target) for model in waiting}
    why = f"how long {', '.join(waiting)} takes, which budgets name"
    with there.files(MODELS, graphs, why=why) as found:
        noisy = [model for model, one in found.items() if _is_noisy(recipe, one)]
        if not noisy:
            new = {model: _of_model(model, one, target) for model, one in found.items()}
            known = known.model_copy(update={"models": {**known.models, **new}})
            known.save(run.model_latencies)
    for model in noisy:
        raise EnvironmentFault(
            f"the device is too noisy to say how long {model} takes",
            where=describe(target),
            why=f"of {found[model].windows} windows of {found[model].queries} queries "
            f"{found[model].steady_windows} were quiet, and a 95th percentile takes "
            f"{STEADY_WINDOWS}",
            next_step="run the same command again: it is measured anew, when less else runs there; "
            "or take what a busy device can tell too: --set promise=median",
        )
    return known


def _is_noisy(recipe: Recipe, found: NetworkLatency) -> bool:
    return recipe.promise == "p95" and found.steady_windows < STEADY_WINDOWS


def _of_model(model: str, found: NetworkLatency, target: Target) -> ModelLatency:
    return ModelLatency(
        model=model,
        digest=digest_of_model(model, target.classes),
        timed_digest=found.digest,
        median_ms=found.median_ms,
        p95_ms=found.p95_ms,
        promise="p95",
        windows=found.windows,
        queries=found.queries,
        steady_windows=found.steady_windows,
        pace=found.pace,
    )


def match_there(recipe: Recipe, run: RunFolder) -> MatchModel:
    """What compares a student's network with the model of its budget, by what was measured."""

    def match(name: str, architecture: Architecture) -> ModelComparison:
        student = next(one for one in recipe.students() if one.name == name)
        budget = AsFastAs.of(recipe.budget_of(student))
        assert budget is not None  # asked of students with such a budget alone
        known = MeasuredNetworks.load(run.measured).contenders[name][architecture.digest()]
        model = ModelLatencies.of_run(run).models[budget.model]
        return compared(budget, known[0][0], model.median_ms)

    return match


def compared(budget: AsFastAs, own_ms: float, model_ms: float) -> ModelComparison:
    """A network beside the model of its budget, each at the pace of the table's reference."""
    ratio = own_ms / model_ms
    return ModelComparison(model=budget.model, wanted=budget.times, ratio=ratio)
