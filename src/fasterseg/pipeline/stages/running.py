"""All stages of a run in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from difflib import get_close_matches
from pathlib import Path

from fasterseg.config import ContenderSettings, Recipe
from fasterseg.console.options import Common
from fasterseg.console.whole_run import WholeRun
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.joining import parts_of
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.benchmark.on_target import meter_of
from fasterseg.errors import UsageError
from fasterseg.evaluation import EvaluationReport, position_baseline
from fasterseg.events import Progress
from fasterseg.latency.table import LatencyTable
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.sharing import Sharing
from fasterseg.pipeline.devices.remote import There
from fasterseg.pipeline.devices.rounds import rounds_of
from fasterseg.pipeline.models.evaluating import evaluate_stage
from fasterseg.pipeline.opening import hold_run
from fasterseg.pipeline.preflight.ahead import ALL_CONTENDERS
from fasterseg.pipeline.settings.settling import note_on_scores
from fasterseg.pipeline.settings.sizing import note_on_sizes
from fasterseg.pipeline.settings.unlabelled import note_on_unlabelled
from fasterseg.pipeline.stages.checking import check_stage
from fasterseg.pipeline.stages.delivering import deliver, is_settled
from fasterseg.pipeline.stages.expecting import expected
from fasterseg.pipeline.stages.profiling import profile_stage
from fasterseg.pipeline.stages.proving import Delivery, deliver_there
from fasterseg.pipeline.stages.reporting import report_stage
from fasterseg.pipeline.stages.searching import search_job, search_stage
from fasterseg.pipeline.stages.trainer import Trainer
from fasterseg.pipeline.stages.training import jobs_of, train_all
from fasterseg.pipeline.telling import delivered_latency, predictions, score_of, told_of_run
from fasterseg.pipeline.trainings.answering import note_on_answers
from fasterseg.reporting.facts import read_facts
from fasterseg.reporting.results import NetworkResult, RunResult
from fasterseg.reporting.verdict import verdicts_of
from fasterseg.runs import RunFolder
from fasterseg.runtime import set_threads
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.stages import Watch
from fasterseg.stopping import Show, stoppable
from fasterseg.verbs import STAGES


class Pipeline:
    """The stages of one run, each of which resumes by itself."""

    def __init__(
        self,
        recipe: Recipe,
        folder: RunFolder,
        source: DataSource,
        device: str | None,
        watch: Watch,
        ranks: Ranks = ALONE,
        whole: WholeRun | None = None,
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self.source = source
        self.device = device or "auto"
        self.watch = watch
        self.ranks = ranks
        self.whole = whole or WholeRun()
        self.result: RunResult | None = None

    def run(self, stages: Sequence[str] = STAGES) -> RunResult | None:
        """The stages; None where the report is not among them."""
        self.whole.expect(expected(self.recipe, self.folder, stages))
        for name in stages:
            self.whole.begin(name)
            set_threads(self.recipe.threads)
            with self.watch.stage(name):
                self.steps[name]()
            if self.watch.stop is not None:
                self.watch.stop.raise_if_set(f"after the stage {name}")
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
        with self._stoppable("Checking the data", total=0, unit="images") as step:
            check_stage(self.source, self.folder, used=self._splits, progress=step)

    def profile(self) -> LatencyTable:
        """Measure the target, or read what was measured."""
        classes = self.source.label_space.classes
        show, stop = self.watch.show, self.watch.stop
        return profile_stage(self.recipe, self.folder, classes=classes, show=show, stop=stop)

    def search(self) -> SearchSummary:
        """Search, or read what was found."""
        job = search_job(
            self.recipe,
            self.folder,
            source=self.source,
            table=self.profile(),
            device=self.device,
            ranks=self.ranks,
            stop=self.watch.stop,
        )
        return search_stage(job, self.watch)

    def train(self) -> None:
        """Train the teacher, then every student."""
        jobs = jobs_of(self.recipe, self.folder, ALL_CONTENDERS)
        trainer = Trainer(self.recipe, self.folder, self.source, self.device, ranks=self.ranks)
        train_all(jobs, trainer, self.watch)

    def evaluate(self) -> None:
        """Score every network's best weights, and position alone, on the split to score."""
        data = self.recipe.data
        for contender in self.recipe.contenders:
            total = self.source.length(data.test_split)
            with self._stoppable(f"Scoring {contender.name}", total=total, unit="images") as step:
                bundle, split = self.folder.bundle(contender.name), data.test_split
                report = evaluate_stage(
                    bundle,
                    self.folder.score(contender.name, split, which="best"),
                    source=self.source,
                    split=split,
                    device=self.device,
                    progress=step,
                    sharing=Sharing(self.ranks, self.recipe),
                )
            self.watch.hear(score_of(report, contender.name, "best"))
            shown = predictions(bundle, contender.name, self.source, split, device=self.device)
            self.watch.hear(shown)
        path = self._position_path
        if not path.exists():
            position_baseline(self.source, data.train_split, data.test_split).save(path)

    def measure(self) -> None:
        """Export the trained networks, and verify, score and time what was exported.

        What missed its budget, or met too noisy a machine, is measured again by the next call.
        """
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
        if not self.recipe.target.is_here:
            self._prove(waiting, summary, table)
            return
        meter, _ = meter_of(table)
        for contender in waiting:
            with self._stoppable(f"Measuring {contender.name}", total=total, unit="images") as step:
                result = deliver(
                    self.recipe,
                    self.folder,
                    contender,
                    summary=summary,
                    source=self.source,
                    target=table.target,
                    meter=meter,
                    progress=step,
                )
            self.watch.hear(delivered_latency(result))

    def _prove(
        self, waiting: Sequence[ContenderSettings], summary: SearchSummary, table: LatencyTable
    ) -> None:
        """Export the trained networks, and have them measured where their device is."""
        show, stop = self.watch.show, self.watch.stop
        rounds = rounds_of(self.recipe.target, self.folder, show=show, stop=stop)
        delivery, there = (
            Delivery(self.recipe, self.folder, self.source, summary),
            There(table, rounds),
        )
        for result in deliver_there(delivery, waiting, there, show=show, stop=stop):
            self.watch.hear(delivered_latency(result))

    def report(self) -> None:
        """Write the page."""
        told = [
            note_on_scores(self.recipe, self.source),
            note_on_sizes(self.recipe, self.source),
            note_on_answers(self.folder),
            note_on_unlabelled(self.recipe, self.source),
            *(one.verdict() for one in self.search().contenders if one.role == "teacher"),
        ]
        names = [contender.name for contender in self.recipe.contenders]
        found = [NetworkResult.load(self.folder.result(name)) for name in names]
        with self.watch.show("Writing the report", total=1, unit="pages") as step:
            path = report_stage(self.folder, source=self.source)
            step(1, 1, "")
        facts = read_facts(self.folder)
        self.result = RunResult(
            networks=tuple(found),
            position_baseline=EvaluationReport.load(self._position_path).mean_iou,
            target=LatencyTable.load(self.folder.latency_table).told_target(),
            report=str(path),
            notes=(*filter(None, told), *facts.pretrained),
            verdicts=tuple(verdicts_of(facts)),
        )

    @property
    def _splits(self) -> set[str]:
        """The plain splits that the run uses, and images without labels where there are any."""
        data = self.recipe.data
        named = (data.train_split, data.trained_on, data.val_split, data.test_split)
        lone = {UNLABELLED} if self.source.unlabelled else set()
        return {part for split in named for part in parts_of(split)} | lone

    @property
    def _position_path(self) -> Path:
        return self.folder.position_score(self.recipe.data.test_split)

    def _stoppable(self, title: str, *, total: int, unit: str) -> AbstractContextManager[Progress]:
        return stoppable(self.watch.show, self.watch.stop, title, total=total, unit=unit)


def run_until(
    until: str, common: Common, show: Show, whole: WholeRun | None = None
) -> RunResult | None:
    """Open a run and do its stages, up to one or all; None where the report is not among them.

    The `whole` is what the display says how far all of it is.  Raises `UsageError` with the nearest
    stage when there is none of that name.
    """
    _require_stage(until)
    stages, ranks = STAGES[: STAGES.index(until or STAGES[-1]) + 1], Ranks.here()
    with (
        hold_run(common, stages, ranks=ranks) as (opened, stop),
        told_of_run(common, opened.recipe, opened.folder) as hear,
    ):
        watch = Watch(opened.folder.root, show, stop, hear)
        return Pipeline(*opened, common.device, watch, ranks, whole).run(stages)


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
