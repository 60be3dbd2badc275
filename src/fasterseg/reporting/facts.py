"""All that a run's folder holds at this moment, read once for the page.

A stage that has not run leaves its facts empty; a file that is there and broken is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fasterseg.artifacts import Artifact, Made, Provenance, digest_of_file
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import ContenderSettings, Recipe
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.deploy.exporting.format_table import FORMATS
from fasterseg.deploy.shipping.report_places import report_of
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.errors import FileError
from fasterseg.evaluation import EvaluationReport
from fasterseg.events import EventLog
from fasterseg.forecasting.forecast import RunForecast
from fasterseg.latency.models import ModelLatencies
from fasterseg.latency.table import LatencyTable
from fasterseg.network.card import NOTHING_PRETRAINED, Card
from fasterseg.paths import did_you_mean
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder
from fasterseg.searching.summaries.summary import ContenderSummary, SearchSummary
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.stages import StageTimes

Event = dict[str, Any]
AnyArtifact = TypeVar("AnyArtifact", bound=Artifact)

KINDS = ("best", "last", "ema")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that the page's numbers come from."""

    path: str
    digest: str
    made: str = ""
    by: str = ""
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What the run knows of one contender; empty or None where a stage has not run."""

    settings: ContenderSettings
    architecture: Architecture | None = None
    summary: ContenderSummary | None = None
    result: NetworkResult | None = None
    evaluation: EvaluationReport | None = None
    evaluation_path: str = ""
    events: tuple[Event, ...] = ()
    cards: dict[str, Card] = field(default_factory=dict)
    export: ExportReport | None = None

    @property
    def name(self) -> str:
        """The contender's name."""
        return self.settings.name

    @property
    def is_student(self) -> bool:
        """Whether it must meet a budget."""
        return self.settings.role == "student"

    @property
    def measured_ms(self) -> float | None:
        """The trained network's latency as exported, else that of the search's candidate."""
        if self.result is not None:
            return self.result.measured_ms
        return None if self.summary is None else self.summary.measured_ms

    @property
    def measured_p95_ms(self) -> float | None:
        """The 95th percentile that goes with `measured_ms`."""
        if self.result is not None:
            return self.result.measured_p95_ms
        return None if self.summary is None else self.summary.measured_p95_ms

    @property
    def predicted_ms(self) -> float | None:
        """The latency table's estimate."""
        return None if self.summary is None else self.summary.estimated_ms

    @property
    def budget_ms(self) -> float | None:
        """The budget in milliseconds, once the search knows it."""
        return None if self.summary is None else self.summary.budget_ms


@dataclass(frozen=True, slots=True)
class RandomFacts:
    """A random architecture of a student's latency: its subnet's score, and its own if trained."""

    name: str
    student: str
    estimated_ms: float | None
    subnet_miou: float | None = None
    evaluation: EvaluationReport | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything in a run's folder that the page shows."""

    run: RunFolder
    recipe: Recipe
    data: DataReport | None
    table: LatencyTable | None
    models: ModelLatencies
    summary: SearchSummary | None
    pretraining: tuple[Event, ...]
    cosearch: tuple[Event, ...]
    selection: tuple[Event, ...]
    networks: tuple[NetworkFacts, ...]
    randoms: tuple[RandomFacts, ...]
    baseline: EvaluationReport | None
    handmade: tuple[tuple[str, EvaluationReport], ...]
    times: StageTimes
    files: tuple[SourceFile, ...]
    forecast: RunForecast | None = None

    @property
    def students(self) -> tuple[NetworkFacts, ...]:
        """The contenders with a budget."""
        return tuple(network for network in self.networks if network.is_student)

    @property
    def teachers(self) -> tuple[NetworkFacts, ...]:
        """The contenders without one."""
        return tuple(network for network in self.networks if not network.is_student)

    @property
    def pretrained(self) -> tuple[str, ...]:
        """What of which network had learned from other data before its training, a line each."""
        cards = {one.name: one.cards["best"].training for one in self.networks if one.cards}
        return tuple(
            f"{name}: {training.pretrained}"
            for name, training in cards.items()
            if training.pretrained != NOTHING_PRETRAINED
        )

    @property
    def target_size(self) -> Size:
        """The size that latencies and budgets hold for."""
        if self.table is not None:
            return Size(self.table.target.height, self.table.target.width)
        return self.recipe.target.size

    @property
    def geometry(self) -> Geometry | None:
        """The target's image size and the data's classes; None while these are unknown."""
        if self.table is not None:
            return Geometry(self.target_size, self.table.target.classes)
        return None if self.data is None else Geometry(self.target_size, len(self.data.names))


def read_facts(run: RunFolder) -> RunFacts:
    """Read a run's folder.  Raises `FileError` where there is no run, or a file is damaged."""
    if not run.recipe.is_file():
        raise FileError(
            "there is no run in this folder",
            where=str(run.root),
            why=f"it has no {run.recipe.name}",
            next_step=f"{did_you_mean(run.root)}name a run's folder with --run",
        )
    reader = _Reader(run)
    recipe = reader.required(Recipe, run.recipe)
    forecast = reader.read(RunForecast, run.forecast)
    summary = reader.read(SearchSummary, run.search_summary)
    table = reader.read(LatencyTable, run.latency_table)
    return RunFacts(
        run=run,
        recipe=recipe,
        data=reader.read(DataReport, run.data_report),
        table=table,
        models=reader.read(ModelLatencies, run.model_latencies) or ModelLatencies(),
        summary=summary,
        pretraining=reader.events(run.pretraining.log),
        cosearch=reader.events(run.cosearch.log),
        selection=reader.events(run.selection.log),
        networks=tuple(reader.network(one, recipe, summary) for one in recipe.contenders),
        randoms=tuple(reader.randoms(recipe, summary, table)),
        baseline=reader.read(EvaluationReport, run.position_score(recipe.data.test_split)),
        handmade=tuple(reader.handmade(recipe)),
        times=reader.read(StageTimes, run.times) or StageTimes(),
        files=tuple(reader.files),
        forecast=forecast,
    )


class _Reader:
    """Reads files of a run that may be there, and notes each that was."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.files: list[SourceFile] = []

    def required(self, kind: type[AnyArtifact], path: Path) -> AnyArtifact:
        value, made = kind.load_made(path)
        self._note(path, made)
        return value

    def read(self, kind: type[AnyArtifact], path: Path) -> AnyArtifact | None:
        return self.required(kind, path) if path.is_file() else None

    def events(self, path: Path) -> tuple[Event, ...]:
        if not path.is_file():
            return ()
        logged = EventLog(path).read()
        damaged = len(logged.damaged)
        remark = f"damaged: {damaged} lines are left out" if damaged else ""
        self.files.append(SourceFile(self.relative(path), digest_of_file(path), by=remark))
        return tuple(logged.events)

    def network(
        self, settings: ContenderSettings, recipe: Recipe, summary: SearchSummary | None
    ) -> NetworkFacts:
        name = settings.name
        evaluation = self.run.score_of(name, recipe.data.test_split)
        result = self.read(NetworkResult, self.run.result(name))
        return NetworkFacts(
            settings=settings,
            architecture=self.read(Architecture, self.run.architecture(name)),
            summary=None if summary is None else summary.contender(name),
            result=result,
            evaluation=self.read(EvaluationReport, evaluation),
            evaluation_path=self.relative(evaluation),
            events=self.events(self.run.training(name).log),
            cards=dict(self._cards(name)),
            export=self.export(name, "" if result is None else result.timed_digest),
        )

    def export(self, name: str, digest: str) -> ExportReport | None:
        """The report on a contender's exported file: of several, on that which was timed."""
        file = self.run.exported(name)
        known = (report_of(file.with_suffix(row.suffix)) for row in FORMATS.values())
        places = [place for place in known if place is not None]
        timed = [place for place in places if ExportReport.load(place).file_digest == digest]
        chosen = next(iter((*timed, *places)), None)
        return None if chosen is None else self.required(ExportReport, chosen)

    def randoms(
        self, recipe: Recipe, summary: SearchSummary | None, table: LatencyTable | None
    ) -> Iterator[RandomFacts]:
        """Those that the search scored, and those that were drawn later, to be trained."""
        for student in recipe.students():
            found = None if summary is None else summary.contender(student.name)
            scored = {} if found is None else {one.name: one for one in found.random_subnets}
            for path in self.run.random_architectures(student.name):
                architecture, subnet = self.required(Architecture, path), scored.get(path.stem)
                report = self.run.score_of(path.stem, recipe.data.test_split)
                yield RandomFacts(
                    path.stem,
                    student.name,
                    _priced(architecture, table) if subnet is None else subnet.estimated_ms,
                    None if subnet is None else subnet.miou,
                    self.read(EvaluationReport, report),
                )

    def handmade(self, recipe: Recipe) -> Iterator[tuple[str, EvaluationReport]]:
        """The baselines that were scored in this run, by name."""
        taken = {contender.name for contender in recipe.contenders}
        for name in BASELINES:
            path = self.run.score_of(name, recipe.data.test_split)
            report = None if name in taken else self.read(EvaluationReport, path)
            if report is not None:
                yield name, report

    def relative(self, path: Path) -> str:
        return path.relative_to(self.run.root).as_posix()

    def _cards(self, name: str) -> Iterator[tuple[str, Card]]:
        for which in KINDS:
            bundle = self.run.training(name).bundle(which)
            card = self.read(Card, bundle.card)
            if card is not None:
                yield which, card
                if bundle.weights.is_file():
                    self.files.append(
                        SourceFile(self.relative(bundle.weights), digest_of_file(bundle.weights))
                    )

    def _note(self, path: Path, made: Made) -> None:
        origin = made.provenance
        inputs = {} if origin is None else origin.inputs
        self.files.append(
            SourceFile(
                path=self.relative(path),
                digest=made.digest,
                made="" if origin is None else origin.created,
                by="" if origin is None else _maker(origin),
                inputs=tuple(f"{name} {digest}" for name, digest in sorted(inputs.items())),
            )
        )


def _priced(architecture: Architecture, table: LatencyTable | None) -> float | None:
    """The table's estimate of a network."""
    if table is None:
        return None
    wiring = wire(architecture, table.target.geometry)
    return table.estimate_ms(wiring.timed_specs())


def _maker(made: Provenance) -> str:
    """The program, its Python and its machine."""
    return f"fasterseg {made.fasterseg}, Python {made.python}, {made.machine}"
