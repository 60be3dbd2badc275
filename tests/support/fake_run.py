"""A run's folder as a run leaves it, made up in a second: real files, invented numbers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
from named_street import NamedStreet

from fasterseg.config import ContenderSettings, DataSettings, Recipe, SearchSpace, TargetSettings
from fasterseg.datasets.checking.data_report import DataReport, LabelCounts, Tally
from fasterseg.datasets.sample import Pixels
from fasterseg.deploy.shipping.report_places import report_beside
from fasterseg.deploy.shipping.verification_report import (
    Check,
    ExportReport,
    VerificationReport,
)
from fasterseg.evaluation import EvaluationReport, Predictor, evaluate_predictor, position_baseline
from fasterseg.latency.table import Calibration, Entry, LatencyTable, Target, WholeNetwork
from fasterseg.network.bundle import ModelBundle, weights_digest
from fasterseg.network.card import Card, Score, TrainingFacts, Which
from fasterseg.network.description import NetworkDescription
from fasterseg.network.teacher_facts import TaughtFacts, TeacherFacts
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder
from fasterseg.searching.summaries.selection_summary import (
    LeadSummary,
    RivalSummary,
    SelectionSummary,
)
from fasterseg.searching.summaries.summary import (
    ChoicesSummary,
    ContenderSummary,
    RandomSubnet,
    Response,
    SearchSummary,
)
from fasterseg.searching.summaries.variant_summary import VariantSummary
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture
from fasterseg.stages import StageTimes

SIZE = (64, 128)
STEPS = 40


@dataclass(frozen=True)
class FakeRun:
    """What to make up."""

    students: tuple[str, ...] = ("student",)
    teacher: bool = True
    layers: int = 4
    expansions: tuple[int, ...] = (1, 2, 3)
    names: tuple[str, ...] | None = None
    size: tuple[int, int] = SIZE
    until: str = "evaluate"

    @property
    def source(self) -> NamedStreet:
        """The data of the run."""
        return NamedStreet(self.names, self.size)

    def recipe(self) -> Recipe:
        """The run's recipe."""
        first, last = self.expansions[0], self.expansions[-1]
        contenders = [
            ContenderSettings(
                name=name, role="student", stem_expansion=first, head_expansion=first, budget="5ms"
            )
            for name in self.students
        ]
        if self.teacher:
            teacher = ContenderSettings(
                name="teacher", role="teacher", stem_expansion=last, head_expansion=last
            )
            contenders = [teacher, *contenders]
        return Recipe(
            name="made-up",
            data=DataSettings(test_split="test"),
            target=TargetSettings(height=self.size[0], width=self.size[1]),
            contenders=tuple(contenders),
            space=SearchSpace(
                layers=self.layers,
                expansions=self.expansions,
                stem_expansions=(first, last),
                head_expansions=(first, last),
            ),
        )

    def write(self, root: Path) -> RunFolder:
        """Write the run's files, up to a stage: data, profile, search, train or evaluate."""
        run, recipe = RunFolder(root), self.recipe()
        recipe.save(run.recipe)
        stages = ("data", "profile", "search", "train", "evaluate")
        for stage in stages[: stages.index(self.until) + 1]:
            getattr(self, f"_write_{stage}")(run, recipe)
        return run

    def geometry(self) -> Geometry:
        """The target's images and the data's classes."""
        return Geometry(Size(*self.size), self.source.label_space.classes)

    def _write_data(self, run: RunFolder, recipe: Recipe) -> None:
        source = self.source
        splits = {}
        for split in source.splits():
            tally = Tally(source.label_space)
            for index in range(source.length(split)):
                labels = source.sample(split, index).labels
                tally.add(LabelCounts.of(labels, source.label_space))
            splits[split] = tally.report()
        DataReport.of(source, splits).save(run.data_report)

    def _write_profile(self, run: RunFolder, recipe: Recipe) -> None:
        dice = Random(1)
        networks = [_whole_network(dice, index) for index in range(20)]
        specs = wire(self.architecture(recipe, 0), self.geometry()).timed_specs()
        LatencyTable(
            target=Target.of(recipe.target, self.source.label_space.classes),
            conditions={"processor": "Imaginary 3000", "onnxruntime": "1.32.0"},
            floor_ms=0.0004,
            entries={s.key: Entry(median_ms=0.1, spread_ms=0.002, runs=15) for s in specs},
            calibration=Calibration(
                scale=0.93, per_block_ms=-0.004, mape=0.031, spearman=0.986, networks=networks
            ),
        ).save(run.latency_table)

    def architecture(self, recipe: Recipe, index: int) -> Architecture:
        """The architecture of the contender of that place."""
        options = Options.of(recipe.space, recipe.contenders[index])
        return random_architecture(options, Random(17 + index))

    def _write_search(self, run: RunFolder, recipe: Recipe) -> None:
        for index, contender in enumerate(recipe.contenders):
            self.architecture(recipe, index).save(run.architecture(contender.name))
        write_events(
            run.search / "pretraining" / "events.jsonl",
            [{"loss": 2.2 * math.exp(-step / 30) + 0.4} for step in range(STEPS)],
        )
        dice = Random(2)
        events = [self._search_event(recipe, step, dice) for step in range(STEPS)]
        write_events(run.search / "cosearch" / "events.jsonl", events)
        self._write_selection(run)
        summary = self._summary(recipe)
        for random in (one for found in summary.contenders for one in found.random_subnets):
            self.architecture(recipe, -1).save(run.architecture(random.name))
        summary.save(run.search / "summary.json", inputs={"table": "sha256:" + 64 * "a"})
        times = StageTimes()
        for name, seconds in {"profile": 41.5, "search": 188.0, "train": 260.4}.items():
            times = times.adding(name, seconds, finished=True)
        times.adding("evaluate", 9.0, finished=False).save(run.times)

    def _write_selection(self, run: RunFolder) -> None:
        dice, events = Random(3), list[dict[str, Any]]()
        origins = ["most probable", *["probable"] * 7, *["even"] * 8, *["child"] * 16]
        for name in self.students:
            best = 0.0
            for number, origin in enumerate(origins):
                score = 0.27 + 0.001 * number + 0.02 * dice.random()
                best = max(best, score)
                one = {"student": name, "origin": origin, "score": score, "best": best}
                events.append({"step": number + 1, **one})
        write_events(run.selection.log, events)

    def _search_event(self, recipe: Recipe, step: int, dice: Random) -> dict[str, Any]:
        done = step / STEPS
        event: dict[str, Any] = {"loss": 1.6 - 0.7 * done + 0.08 * dice.random()}
        for contender in recipe.contenders:
            name = contender.name
            event[f"{name}/loss"] = 1.5 - 0.6 * done + 0.1 * dice.random()
            if step % 5 == 0 or step == STEPS - 1:
                event |= {
                    f"{name}/skip_share": 0.1 + 0.2 * done,
                    f"{name}/operator_entropy": 1 - 0.5 * done,
                    f"{name}/path_entropy": 1 - 0.7 * done,
                    f"{name}/operator_noise_floor": 1 - 0.1 * done,
                    f"{name}/width_entropy": (1 - 0.4 * done) * (contender.role == "student"),
                    f"{name}/derived_ms": 7.5 - 2.6 * done + 0.4 * dice.random(),
                    f"{name}/expected_ms": 6.8 - 1.4 * done,
                }
                if contender.role == "student":
                    event[f"{name}/budget_ms"] = 5.0
                    event[f"{name}/penalty_strength"] = 0.01 * math.exp(2 * done)
        return event

    def _summary(self, recipe: Recipe) -> SearchSummary:
        return SearchSummary(
            contenders=tuple(
                ContenderSummary(
                    name=one.name,
                    role=one.role,
                    budget_ms=5.0 if one.role == "student" else None,
                    derived_ms=5.2,
                    estimated_ms=4.8 if one.role == "student" else 9.1,
                    measured_ms=4.71 if one.role == "student" else 9.4,
                    measured_p95_ms=4.93 if one.role == "student" else 9.8,
                    subnet_miou=0.31,
                    margins={"operators": 0.21, "paths": 0.4, "widths": 0.08},
                    choices=(
                        ChoicesSummary(
                            kind="operators", entropy=0.6, noise_floor=0.9, lowest_by_noise=0.88
                        ),
                        ChoicesSummary(
                            kind="paths", entropy=0.97, noise_floor=0.96, lowest_by_noise=0.93
                        ),
                    ),
                    **(self._of_student(one.name, index) if one.role == "student" else {}),
                )
                for index, one in enumerate(recipe.contenders)
            ),
            fastest_ms=2.4,
            slowest_ms=9.6,
            warnings=(f"{recipe.contenders[0].name}: the operators hardly move any more",),
        )

    def _of_student(self, name: str, index: int) -> dict[str, Any]:
        """What the summary holds of a student alone; its random architectures are kept."""
        return {
            "responses": (
                Response(kind="operators", lowest_ms=3.1, highest_ms=8.8),
                Response(kind="paths", lowest_ms=5.4, highest_ms=5.9),
                Response(kind="widths", lowest_ms=3.9, highest_ms=7.7),
            ),
            "penalty_weights": {"operators": 0.001, "paths": 0.997, "widths": 0.002},
            "variants": tuple(
                VariantSummary(
                    branches=branches, input_scale="3/4", miou=miou, estimated_ms=4.7, value=miou
                )
                for branches, miou in (("32+8", 0.312), ("32+16", 0.304))
            ),
            "selection": SelectionSummary(
                scored={"most probable": 1, "probable": 7, "even": 8, "child": 16},
                origin="child",
                score=0.322,
                final=0.318,
                trained=0.412,
                networks_trained=4,
                passed_over=1,
                rivals=(
                    _rival("the most probable network", 0.298, 0.3, 0.018, 0.294, trained=0.394),
                    _rival("the best of 8 even draws", 0.301, 0.295, 0.023, 0.301),
                ),
            ),
            "random_subnets": tuple(
                RandomSubnet(
                    name=f"random-{name}-{number}",
                    estimated_ms=4.8 * (0.98 + 0.01 * number),
                    miou=0.2 + 0.02 * number + 0.01 * index,
                )
                for number in (1, 2, 3)
            ),
        }

    def _write_train(self, run: RunFolder, recipe: Recipe) -> None:
        for index, contender in enumerate(recipe.contenders):
            name = contender.name
            description = NetworkDescription(
                classes=self.source.label_space.classes,
                architecture=self.architecture(recipe, index),
            )
            tensors = description.build_seeded(index).state_dict()
            for which, step in (("best", 30), ("last", STEPS), ("ema", STEPS)):
                taught_by = self._taught_by(run) if contender.role == "student" else None
                card = self._card(recipe, name, which, step, taught_by)  # type: ignore[arg-type]
                ModelBundle(description, tensors, card).save(run.bundle(name, which))
            dice = Random(index)
            write_events(
                run.training(name).log,
                [self._training_event(step, index, dice) for step in range(STEPS)],
            )

    def _taught_by(self, run: RunFolder) -> TaughtFacts | None:
        """The run's teacher, which was trained before its students."""
        if not self.teacher:
            return None
        taught_by = TeacherFacts(
            name="teacher",
            digest=weights_digest(run.bundle("teacher")),
            pretrained="nothing pre-trained",
            score=self._score(30, decided=True),
        )
        return TaughtFacts(teachers=(taught_by,), answers="kept")

    def _card(
        self,
        recipe: Recipe,
        name: str,
        which: Which,
        step: int,
        taught_by: TaughtFacts | None,
    ) -> Card:
        source = self.source
        return Card(
            name=name,
            which=which,
            label_space=source.label_space,
            mean=(0.5, 0.5, 0.5),
            std=(0.25, 0.25, 0.25),
            training=TrainingFacts(
                data=source.name,
                data_digest=source.digest("train"),
                split="train",
                images=source.length("train"),
                terms=source.terms,
                resolution="64x128",
                steps=STEPS,
                batch_size=8,
                seed=recipe.seed,
                precision="float32",
                teacher="" if taught_by is None else taught_by.teachers[0].digest,
                taught_by=taught_by,
            ),
            scores=(self._score(step, decided=which == "best"),),
        )

    def _score(self, step: int, *, decided: bool = False) -> Score:
        return Score(
            mean_iou=0.6 - 0.5 * math.exp(-step / 12),
            pixel_accuracy=0.9 - 0.4 * math.exp(-step / 12),
            classes_in_mean=9,
            data="street",
            data_digest=self.source.digest("val"),
            split="val",
            images=3,
            resolution="64x128",
            step=step,
            decided=decided,
        )

    def _training_event(self, step: int, index: int, dice: Random) -> dict[str, Any]:
        loss = 1.9 * math.exp(-step / 15) + 0.3 + 0.1 * dice.random()
        event: dict[str, Any] = {"lr": 0.02, "loss": loss, "segmentation": 0.8 * loss}
        if index and self.teacher:
            event["distillation"] = 0.2 * loss
        if (step + 1) % 10 == 0:
            event["val"] = self._score(step + 1).model_dump(mode="json")
        if step == STEPS - 1:
            event["val_ema"] = self._score(step + 9).model_dump(mode="json")
        return event

    def _write_evaluate(self, run: RunFolder, recipe: Recipe) -> None:
        source = self.source
        position = position_baseline(source, "train", "test")
        position.save(run.position_score("test"))
        for contender in recipe.contenders:
            name, student = contender.name, contender.role == "student"
            predictor = self.open_predictor(run.bundle(name))
            report = evaluate_predictor(predictor, source, "test", subject=name)
            report.save(run.score(name, "test", which="best"))
            NetworkResult(
                name=name,
                role=contender.role,
                mean_iou=report.mean_iou,
                split="test",
                budget_ms=5.0 if student else None,
                predicted_ms=4.8 if student else 9.1,
                measured_ms=4.72 if student else 9.4,
                measured_p95_ms=4.94 if student else 9.8,
                timed_digest="sha256:" + 64 * "c",
                bundle=f"training/{name}/best",
            ).save(run.result(name))
            self._write_export(run, name)

    def _write_export(self, run: RunFolder, name: str) -> None:
        """A file of a few bytes, and the report of one that was verified."""
        path, digest = run.exported(name), "sha256:" + 64 * "c"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not a graph")
        checks = (
            Check(name="labels", passed=True, found="100.0000 %", allowed="99.99 %"),
            Check(name="mIoU on test", passed=True, found="50 %, the network 50 %", allowed=""),
        )
        verification = VerificationReport(
            subject=path.name,
            against=str(run.bundle(name)),
            digest_of_file=digest,
            facts={"runtime": "onnxruntime"},
            images=3,
            image_source="street/test",
            sizes=("64x128",),
            checks=checks,
        )
        ExportReport(
            file=str(path),
            file_digest=digest,
            kind="onnx",
            output="low-resolution-logits",
            precision="float32",
            size="{}x{}".format(*self.size),
            bytes=1_300_000,
            verification=verification,
        ).save(report_beside(path))

    def open_predictor(self, bundle: Path) -> Predictor:
        """A predictor that knows the truth and errs more or less, by the bundle's contender."""
        source = self.source
        known = {}
        for index in range(source.length("test")):
            sample = source.sample("test", index)
            known[sample.image.tobytes()] = (index, sample.labels)
        scale = 8 if bundle.parent.name == "teacher" else 16

        def predict(image: Pixels) -> npt.NDArray[Any]:
            index, labels = known[image.tobytes()]
            blurred = np.where(labels == 255, 1, labels)[scale // 2 :: scale, scale // 2 :: scale]
            coarse = np.kron(blurred, np.ones((scale, scale), dtype=labels.dtype))
            return np.roll(coarse, index, axis=1)

        return predict


def _rival(
    name: str,
    score: float,
    final: float,
    by: float,
    validation: float,
    *,
    trained: float | None = None,
) -> RivalSummary:
    """A network that the made-up student was selected before."""
    return RivalSummary(
        name=name,
        estimated_ms=4.79,
        score=score,
        final=final,
        trained=trained,
        lead=LeadSummary(difference=by, error=0.006),
        validation=validation,
        validation_lead=LeadSummary(difference=0.31 - validation, error=0.007),
    )


def write_events(path: Path, events: list[dict[str, Any]]) -> None:
    """Write a log as the stages do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"step": index + 1, **event, "clock": {"seconds": index * 0.5}})
        for index, event in enumerate(events)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _whole_network(dice: Random, index: int) -> WholeNetwork:
    measured = 2.5 + 7 * dice.random()
    return WholeNetwork(
        measured_ms=measured,
        blocks_ms=1.1 * measured,
        blocks=24,
        border_bytes=4_000_000,
        predicted_ms=measured * (0.95 + 0.1 * dice.random()),
        held_out=index % 2 == 1,
    )


def report_of(run: RunFolder, name: str) -> EvaluationReport:
    """The evaluation that the run holds of a contender."""
    return EvaluationReport.load(run.score(name, "test", which="best"))
