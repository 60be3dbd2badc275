"""``fasterseg run``: all stages in order, picking up where the run stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Unpack

from cyclopts import Parameter

from fasterseg.artifacts import Artifact
from fasterseg.config import Recipe
from fasterseg.console.options import Budgets, Common, CommonOptions
from fasterseg.console.progress import Steps, progress_for
from fasterseg.errors import BudgetError, EnvironmentFault, UsageError
from fasterseg.events import Progress
from fasterseg.pipeline.preflight.stages import STAGES
from fasterseg.pipeline.settling import note_on_scores
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder
from fasterseg.stages import Watch, noted
from fasterseg.stopping import stoppable

if TYPE_CHECKING:
    from fasterseg.datasets.source import DataSource
    from fasterseg.latency.table import LatencyTable
    from fasterseg.searching.summary import SearchSummary
    from fasterseg.stopping import StopRequest


class RunResult(Artifact):
    """What a run came to."""

    schema_tag: ClassVar[str] = "fasterseg/run-result/1"

    networks: tuple[NetworkResult, ...]
    position_baseline: float
    target: str
    report: str
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """5 where a student misses its budget, 4 where noise forbids to say, else 0."""
        if not all(network.meets_budget for network in self.networks):
            return BudgetError.exit_code
        noisy = any(network.shortfall() for network in self.networks)
        return EnvironmentFault.exit_code if noisy else 0

    def describe(self) -> str:
        """The networks, what position alone would score, and where the report is."""
        width = max(10, *(len(network.name) for network in self.networks))
        lines = [network.describe(width=width) for network in self.networks]
        share = f"mIoU {100 * self.position_baseline:5.2f} % (no network)"
        lines.append(f"{'position':<{width}} {share}")
        lines += [f"target: {self.target}", f"report: {self.report}"]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, *filter(None, (one.shortfall() for one in self.networks))])


def run(
    *,
    until: Annotated[str, Parameter(help=f"Stop after a stage: {', '.join(STAGES)}.")] = "",
    budget: Budgets = (),
    **options: Unpack[CommonOptions],
) -> RunResult | None:
    """All stages in order, going on where the run stopped.

    Returns
    -------
    RunResult
        Scores and latencies of the trained networks, and the report's path.
    """
    from fasterseg.pipeline.opening import hold_run

    _require_stage(until)
    common = Common(**options).with_budget(budget)
    stages = STAGES[: STAGES.index(until or STAGES[-1]) + 1]
    with hold_run(common, stages) as (opened, stop):
        pipeline = Pipeline(*opened, common.device, progress_for(json=common.json), stop)
        return pipeline.run(stages)


class Pipeline:
    """The stages of one run, each of which goes on by itself where it stopped."""

    def __init__(
        self,
        recipe: Recipe,
        folder: RunFolder,
        source: DataSource,
        device: str | None,
        show: Steps,
        stop: StopRequest,
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self.source = source
        self.device = device or "auto"
        self.show = show
        self.stop = stop
        self.result: RunResult | None = None

    def run(self, stages: Sequence[str] = STAGES) -> RunResult | None:
        """The stages; None where the report is not among them."""
        from fasterseg.runtime import set_threads

        for name in stages:
            set_threads(self.recipe.threads)
            with noted(self.folder.root, name):
                self.steps[name]()
            self.stop.raise_if_set(f"after the stage {name}")
        return self.result

    @property
    def steps(self) -> Mapping[str, Callable[[], object]]:
        """What does each stage."""
        return {
            "check-data": self.check,
            "profile": self.profile,
            "search": self.search,
            "train": self.train,
            "evaluate": self.evaluate,
            "measure": self.measure,
            "report": self.report,
        }

    def check(self) -> None:
        """Walk the data."""
        from fasterseg.commands.check_data import check_stage

        with self._stoppable("Checking the data", total=0, unit="images") as step:
            check_stage(self.source, self.folder, used=self._splits, progress=step)

    def profile(self) -> LatencyTable:
        """Measure the target, or read what was measured."""
        from fasterseg.commands.profile import profile_stage

        classes = self.source.label_space.classes
        return profile_stage(
            self.recipe, self.folder, classes=classes, progress=self.show, stop=self.stop
        )

    def search(self) -> SearchSummary:
        """Search, or read what was found."""
        from fasterseg.pipeline.searching import search_job, search_stage

        job = search_job(
            self.recipe, self.folder, source=self.source, table=self.profile(), device=self.device
        )
        return search_stage(job, Watch(self.folder.root, self.show, self.stop))

    def train(self) -> None:
        """Train the teacher, then every student."""
        from fasterseg.commands.train import (
            chosen_contenders,
            found_architecture,
            known_steps,
            teacher_bundle,
        )
        from fasterseg.pipeline.training import Trainer

        for contender in chosen_contenders(self.recipe, ()):
            total = known_steps(self.recipe.training_of(contender.role))
            part = noted(self.folder.root, f"train/{contender.name}")
            with part, self.show(f"Training {contender.name}", total=total) as step:
                trainer = Trainer(
                    self.recipe, self.folder, self.source, self.device, step, self.stop
                )
                trainer.contender(
                    contender,
                    found_architecture(self.folder, contender.name),
                    teacher=teacher_bundle(self.recipe, self.folder, contender),
                )

    def evaluate(self) -> None:
        """Score every network's best weights, and position alone, on the split to score."""
        from fasterseg.evaluation import position_baseline
        from fasterseg.pipeline.evaluating import evaluate_stage

        data = self.recipe.data
        for contender in self.recipe.contenders:
            total = self.source.length(data.test_split)
            with self._stoppable(f"Scoring {contender.name}", total=total, unit="images") as step:
                evaluate_stage(
                    self.folder.bundle(contender.name),
                    self.folder.score(contender.name, data.test_split, which="best"),
                    source=self.source,
                    split=data.test_split,
                    device=self.device,
                    progress=step,
                )
        path = self._position_path
        if not path.exists():
            position_baseline(self.source, data.train_split, data.test_split).save(path)

    def measure(self) -> None:
        """Export the trained networks, and verify, score and time what was exported.

        What missed its budget, or met too noisy a machine, is measured again by the next call.
        """
        from fasterseg.deploy.benchmark.on_target import meter_of
        from fasterseg.latency.table import LatencyTable
        from fasterseg.pipeline.delivering import deliver, is_settled

        split = self.recipe.data.test_split
        summary, total = self.search(), self.source.length(split)
        waiting = [
            contender
            for contender in self.recipe.contenders
            if not is_settled(self.folder.result(contender.name), split=split)
        ]
        if not waiting:
            return
        table = LatencyTable.load(self.folder.latency_table)
        meter, _ = meter_of(table)
        for contender in waiting:
            with self._stoppable(f"Measuring {contender.name}", total=total, unit="images") as step:
                deliver(
                    self.recipe,
                    self.folder,
                    contender,
                    summary=summary,
                    source=self.source,
                    target=table.target,
                    meter=meter,
                    progress=step,
                )

    def report(self) -> None:
        """Write the page."""
        from fasterseg.commands.report import report_stage
        from fasterseg.evaluation import EvaluationReport
        from fasterseg.latency.table import LatencyTable, describe
        from fasterseg.pipeline.sizing import other_sizes_note

        told = [
            note_on_scores(self.recipe, self.source),
            other_sizes_note(self.recipe, self.source),
            *self.search().verdicts(),
        ]
        names = [contender.name for contender in self.recipe.contenders]
        found = [NetworkResult.load(self.folder.result(name)) for name in names]
        with self.show("Writing the report", total=1, unit="pages") as step:
            path = report_stage(self.folder, source=self.source)
            step(1, 1, "")
        self.result = RunResult(
            networks=tuple(found),
            position_baseline=EvaluationReport.load(self._position_path).mean_iou,
            target=describe(LatencyTable.load(self.folder.latency_table).target),
            report=str(path),
            notes=tuple(filter(None, told)),
        )

    @property
    def _splits(self) -> set[str]:
        """The plain splits that the run uses."""
        from fasterseg.datasets.joining import parts_of

        data = self.recipe.data
        named = (data.train_split, data.trained_on, data.val_split, data.test_split)
        return {part for split in named for part in parts_of(split)}

    @property
    def _position_path(self) -> Path:
        return self.folder.position_score(self.recipe.data.test_split)

    def _stoppable(self, title: str, *, total: int, unit: str) -> AbstractContextManager[Progress]:
        return stoppable(self.show, self.stop, title, total=total, unit=unit)


def _require_stage(name: str) -> None:
    """Raise `UsageError` with the nearest stage when there is none of that name."""
    if name and name not in STAGES:
        near = get_close_matches(name, STAGES, n=1)
        raise UsageError(
            f"there is no stage {name!r}",
            where="--until",
            why=f"the stages are {', '.join(STAGES)}",
            next_step=f"did you mean {near[0]!r}?" if near else "name one of these",
        )
