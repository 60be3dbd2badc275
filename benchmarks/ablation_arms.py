"""The arms of the street ablations: two searches, and the trainings that are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from fasterseg.config import Recipe, build_recipe
from fasterseg.datasets.sample import Sample
from fasterseg.datasets.street import StreetScenes
from fasterseg.evaluation import position_baseline
from fasterseg.events import EventLog, silent
from fasterseg.latency.table import LatencyTable
from fasterseg.learning.stepping import run_steps
from fasterseg.pipeline.models.evaluating import evaluate_stage
from fasterseg.pipeline.stages.searching import search_job
from fasterseg.pipeline.stages.trainer import Trainer
from fasterseg.pipeline.trainings.answering import NOBODY_TEACHES, TeacherSignal
from fasterseg.pipeline.trainings.teachers import live_teacher, taught_facts
from fasterseg.pipeline.trainings.trainees import contender_named
from fasterseg.runs import RunFolder
from fasterseg.runtime import derived_seed
from fasterseg.searching.beginnings.beginning import agreed_start, task_of
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.landing.concluding import Appraisal, land_all
from fasterseg.searching.landing.measurements import KeptMeasurements
from fasterseg.searching.search import Search
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import architectures_near
from fasterseg.stopping import StopRequest
from paired_differences import SIGNS, SeedResult, Trained

TEACHER, STUDENT = "teacher", "student"
DECOUPLED, JOINT = "decoupled", "joint"
TOLERANCE = 0.02
LINES_PER_STAGE = 3


class KeptScenes(StreetScenes):
    """Street scenes that are painted once and kept in memory."""

    def __init__(self, *, size: tuple[int, int], counts: Mapping[str, int], seed: int) -> None:
        super().__init__(size=size, counts=counts, seed=seed)
        self._kept: dict[tuple[str, int], Sample] = {}

    def sample(self, split: str, index: int) -> Sample:
        """Return one scene."""
        if (split, index) not in self._kept:
            self._kept[split, index] = super().sample(split, index)
        return self._kept[split, index]


@dataclass(frozen=True, slots=True)
class Estimated:
    """A latency that the table estimates, in the place of a measured one."""

    median_ms: float

    @property
    def p95_ms(self) -> float:
        """An estimate has no spread."""
        return self.median_ms


class Say:
    """Progress in plain lines, each with the seconds since the start."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, text: str) -> None:
        """Print a line."""
        print(f"[{time.monotonic() - self.began:7.0f} s] {text}", flush=True)

    def progress(self, title: str) -> Callable[[int, int, str], None]:
        """A progress callback that prints a few lines for a whole stage."""

        def step(done: int, total: int, note: str) -> None:
            if done % max(1, total // LINES_PER_STAGE) == 0:
                self(f"{title}: {done} of {total} {note}")

        return step


@dataclass(frozen=True, slots=True)
class Comparison:
    """What all seeds have in common."""

    recipe: Recipe
    work: Path
    table: LatencyTable
    random_count: int
    say: Say
    stop: StopRequest


@dataclass(frozen=True, slots=True)
class Found:
    """A finished search: its folder, the start that it kept to, the seconds that its steps took."""

    run: RunFolder
    start: SearchStart
    seconds: float

    def architecture(self, name: str) -> Architecture:
        """What was found for a contender."""
        return Architecture.load(self.run.architecture(name))


class SeedRun:
    """All arms of one seed, each in a run folder of its own."""

    def __init__(self, shared: Comparison, seed: int) -> None:
        self.shared = shared
        self.seed = seed
        self.folder = shared.work / f"seed-{seed}"
        self.source = scenes_of(shared.recipe, seed)
        target = shared.recipe.target
        self.geometry = target.geometry(self.source.label_space.classes)
        self.pricing = Pricing(self.geometry, shared.table.cost_ms)

    def result(self) -> SeedResult:
        """Search twice, train every arm, score; what is there already is only read."""
        found = self.search(self._recipe(), DECOUPLED)
        undivided = self.search(self._recipe("search.penalty.decoupled=false"), JOINT)
        teacher = self.train(DECOUPLED, found.architecture(TEACHER), name=TEACHER)
        student = found.architecture(STUDENT)
        return SeedResult(
            seed=self.seed,
            budget_ms=found.start.budgets_ms[STUDENT],
            fastest_ms=found.start.fastest_ms[STUDENT],
            slowest_ms=found.start.slowest_ms[STUDENT],
            position=position_baseline(self.source, "train", "test").mean_iou,
            teacher=teacher,
            searched=self.train(DECOUPLED, student),
            random=tuple(
                self.train(f"random-{index}", architecture)
                for index, architecture in enumerate(self.random_like(student), 1)
            ),
            distilled=self.train("distilled", student, distilled=True),
            joint=self.train(JOINT, undivided.architecture(STUDENT)),
            signs={DECOUPLED: self.signs(DECOUPLED), JOINT: self.signs(JOINT)},
        )

    def _recipe(self, *overrides: str) -> Recipe:
        content = self.shared.recipe.content()
        return build_recipe(base=content, overrides=(f"seed={self.seed}", *overrides))

    def search(self, recipe: Recipe, arm: str) -> Found:
        """Search a teacher and a student under one kind of penalty."""
        run = RunFolder(self.folder / arm)
        job = search_job(
            recipe,
            run,
            source=self.source,
            table=self.shared.table,
            device="cpu",
            measure=lambda architecture: Estimated(self.pricing(architecture)),
        )
        start = agreed_start(job, progress=silent)
        search = Search.begin(task_of(job, start))
        seconds = self._search_steps(search, run, arm)
        if not run.architecture(STUDENT).exists():
            kept = KeptMeasurements(run.measured, job.measure)
            appraisal = Appraisal(search.latency.pricing, kept, recipe.promise)
            for name, landing in land_all(search.contenders, appraisal, progress=silent).items():
                landing.architecture.save(run.architecture(name))
        return Found(run, start, seconds)

    def pretraining_folder(self, _arm: str) -> Path:
        """Where an arm's pre-training lies."""
        # No latency enters pre-training: it is the same, step for step, for both penalties.
        return RunFolder(self.folder / DECOUPLED).pretraining.root

    def _search_steps(self, search: Search, folder: RunFolder, arm: str) -> float:
        settings = search.task.settings
        run = partial(run_steps, checkpoint_every=settings.checkpoint_every, stop=self.shared.stop)
        title = f"seed {self.seed}, pre-training"
        first = run(
            search.pretraining(),
            self.pretraining_folder(arm),
            steps=settings.pretrain_steps,
            progress=self.shared.say.progress(title),
            name="pre-training",
        )
        title = f"seed {self.seed}, search, {arm}"
        then = run(
            search.cosearch(warn=lambda text: self.shared.say(f"{title}: {text}")),
            folder.cosearch.root,
            steps=settings.steps,
            progress=self.shared.say.progress(title),
            name="search",
        )
        return first.seconds + then.seconds

    def signs(self, arm: str) -> dict[str, float]:
        """How the student's search ended, and how low its latency went on the way."""
        log = EventLog(RunFolder(self.folder / arm).cosearch.log)
        looks = [event for event in log.events() if f"{STUDENT}/derived_ms" in event]
        lowest = min(event[f"{STUDENT}/derived_ms"] for event in looks)
        last = {f"{STUDENT}/lowest_derived_ms": lowest, **looks[-1]}
        return {name: float(last[f"{STUDENT}/{name}"]) for name in SIGNS}

    def random_like(self, student: Architecture) -> tuple[Architecture, ...]:
        """Random architectures, every choice uniform, of a student's estimated latency."""
        recipe = self.shared.recipe
        settings = next(c for c in recipe.contenders if c.name == STUDENT)
        return architectures_near(
            Options.of(recipe.space, settings),
            self.pricing(student),
            estimate_ms=self.pricing,
            generator=Random(derived_seed(self.seed, "random architectures")),
            count=self.shared.random_count,
            tolerance=TOLERANCE,
        )

    def train(
        self, arm: str, architecture: Architecture, *, name: str = STUDENT, distilled: bool = False
    ) -> Trained:
        """Train a network in an arm's run folder and score it on the test split.

        All students have the same name, from which their initial weights are drawn.
        """
        run = RunFolder(self.folder / arm)
        live = "student.distillation.answers=live"  # as when this study was registered
        recipe = self._recipe(live if distilled else "student.distillation_weight=0")
        trainer = Trainer(
            recipe,
            run,
            self.source,
            device="cpu",
            progress=self.shared.say.progress(f"seed {self.seed}, training {arm} {name}"),
            stop=self.shared.stop,
        )
        best = trainer.contender(
            contender_named(recipe, name),
            architecture,
            taught=self._taught(recipe) if distilled else NOBODY_TEACHES,
        )
        path = run.score(name, "test", which="best")
        report = evaluate_stage(best, path, source=self.source, split="test", device="cpu")
        self.shared.say(f"seed {self.seed}, {arm} {name}: {100 * report.mean_iou:.2f} % mIoU")
        specs = wire(architecture, self.geometry).timed_specs()
        return Trained(
            report.mean_iou, self.pricing(architecture), sum(spec.macs for spec in specs)
        )

    def _taught(self, recipe: Recipe) -> TeacherSignal:
        """What a student learns from the teacher of the same search."""
        models = (RunFolder(self.folder / DECOUPLED).bundle(TEACHER),)
        network, facts = live_teacher(models, self.source)
        return TeacherSignal(network, facts=taught_facts([facts], recipe.student, live=True))


def scenes_of(recipe: Recipe, seed: int) -> KeptScenes:
    """The scenes of a seed, as many and as large as the recipe says."""
    street = recipe.data.street
    counts = {"train": street.train, "val": street.val, "test": street.test}
    return KeptScenes(size=(street.height, street.width), counts=counts, seed=seed)
