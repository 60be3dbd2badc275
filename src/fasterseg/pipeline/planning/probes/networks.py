"""Timing single networks for a plan: training one, scoring with it, and handing it over."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from fasterseg.amounts import number_of
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import Recipe
from fasterseg.config.distillation_use import keeps_answers
from fasterseg.console.options import IMAGES
from fasterseg.datasets.batches.loading import Unlabelled
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.remembering import as_after_an_epoch
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.benchmark.measuring import noise_image
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import digest_of_export, files_of
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.shipping.deploying import export_form, form_for
from fasterseg.deploy.shipping.verified_export import write_files
from fasterseg.events import Progress
from fasterseg.forecasting.timings import DeliveryTiming, StepTiming, TrainingTiming
from fasterseg.forecasting.workload import Cost
from fasterseg.latency.table import Target
from fasterseg.learning.step_times import time_stage
from fasterseg.network.description import NetworkDescription
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.planning.probes.answers import MadeUpAnswers
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.preflight.machine import require_machine
from fasterseg.pipeline.trainings.answers_room import splits_to_ask
from fasterseg.resources import peak_bytes, reset_peak, resident_bytes
from fasterseg.runtime import select_device, set_threads
from fasterseg.space.architecture import Geometry
from fasterseg.training.data import TrainingData
from fasterseg.training.task import KeptTeacher, Teacher, TrainingTask
from fasterseg.training.timing import endless_stage, image_seconds


def probe_training(job: Job, folder: Path, progress: Progress) -> TrainingTiming:
    """Steps of a network's training, one checkpoint, and the scoring of a few images."""
    progress(0, 2, "the network")
    set_threads(job.recipe.threads)
    source, data = open_source(job.recipe), job.recipe.data
    geometry = job.recipe.target.geometry(source.label_space.classes)
    base, began = resident_bytes(), time.monotonic()
    with endless_stage(_task(job, source), baselines=BASELINES) as (stage, lead):
        for split in (data.trained_on, data.val_split):
            source.digest(split)  # which a training begins with
        setup_seconds = time.monotonic() - began
        device = stage.numerics.device
        cost = time_stage(
            stage,
            folder / "saved",
            seconds=job.seconds,
            device=device,
            tell=lambda done: progress(0, 2, number_of(done, "step")),
        )
        reset_peak()
        progress(1, 2, "scoring")
        scoring = image_seconds(stage, lead)
        weights = stage.network.state_dict().values()
    weight_bytes = sum(tensor.numel() * tensor.element_size() for tensor in weights)
    # With the first score, a checkpoint holds the best weights too.
    whole = cost.checkpoint_bytes + weight_bytes
    longer = cost.save_seconds * whole / max(1, cost.checkpoint_bytes)
    return TrainingTiming(
        base_bytes=base,
        macs=_cost(job, geometry).macs,
        setup_seconds=setup_seconds,
        step=StepTiming.of(replace(cost, checkpoint_bytes=whole, save_seconds=longer)),
        image_seconds=scoring,
        scoring_peak_bytes=peak_bytes(),
        weight_bytes=weight_bytes,
    )


def _cost(job: Job, geometry: Geometry) -> Cost:
    if job.architecture is None:
        return Cost.of_baseline(job.baseline, geometry)
    return Cost.of(job.architecture, geometry)


def _task(job: Job, source: DataSource) -> TrainingTask:
    """The training of a job's network.

    A teacher that is asked live computes at each step; of one whose answers are kept, these are
    read, and are made up here.
    """
    recipe, classes = job.recipe, source.label_space.classes
    settings, split = recipe.training_of(job.role), recipe.data.trained_on
    teacher, answers = _live_teacher(job, classes), None
    if job.role == "student" and keeps_answers(recipe):
        teacher = KeptTeacher(classes, "", Path())
        answers = MadeUpAnswers(source, split)
    lone = _unlabelled(recipe, source) if teacher is not None else None
    return TrainingTask(
        name="timing",
        description=job.network(classes),
        data=TrainingData(
            as_after_an_epoch(source, split),
            train_split=split,
            val_split=recipe.data.val_split,
            workers=recipe.data.workers,
            answers=answers,
            unlabelled=lone,
        ),
        settings=settings,
        seed=recipe.seed,
        device=select_device(job.device),
        teacher=teacher,
    )


def _unlabelled(recipe: Recipe, source: DataSource) -> Unlabelled | None:
    """What images without labels have of a taught student's batches."""
    if UNLABELLED not in splits_to_ask(recipe, source):
        return None
    student = recipe.student
    places = student.distillation.unlabelled_of(student.batch_size)
    return Unlabelled(places, MadeUpAnswers(source, UNLABELLED) if keeps_answers(recipe) else None)


def _live_teacher(job: Job, classes: int) -> Teacher | KeptTeacher | None:
    """A network like the teacher that a student's steps ask; None where they ask none."""
    settings = job.recipe.training_of(job.role)
    known = job.teacher(classes)
    if known is None or not settings.distillation_weight:
        return None
    return Teacher(known.build_seeded(1, baselines=BASELINES), classes, digest="")


def probe_delivery(job: Job, folder: Path, progress: Progress) -> DeliveryTiming:
    """Export a network with random weights whole, read it back, and run it as verification does."""
    progress(0, 1, "a file")
    source = open_source(job.recipe)
    set_threads(job.recipe.threads)
    require_machine(job.recipe, classes=source.label_space.classes, device=job.device)
    split = job.recipe.data.test_split
    reset_peak()
    began = time.monotonic()
    file_bytes = _exported(job, source, split, folder / "file")
    return DeliveryTiming(
        export_seconds=time.monotonic() - began,
        verified_images=min(IMAGES, source.length(split)),
        file_bytes=file_bytes,
        peak_bytes=peak_bytes(),
    )


def _exported(job: Job, source: DataSource, split: str, folder: Path) -> int:
    """The bytes of the file that was written, opened and run."""
    assert job.architecture is not None
    space, normalisation = source.label_space, source.normalisation
    target = Target.of(job.recipe.target, space.classes)
    geometry = target.geometry
    image, is_here = noise_image(geometry.size), job.recipe.target.is_here
    form = export_form(target) if is_here else form_for(target)
    if form is None:
        open_backend(target).random_network(job.architecture, geometry).run(image)
        return 0
    description = NetworkDescription(classes=space.classes, architecture=job.architecture)
    network = description.build_seeded(0).eval()
    card = ExportedCard(
        name="timing",
        label_space=space,
        mean=normalisation.mean,
        std=normalisation.std,
        reading=source.reading,
        output=form.output,
        height=target.height,
        width=target.width,
    )
    path = folder / f"network{form.row.suffix}"
    folder.mkdir(parents=True)
    write_files(network, card, form, path)
    made_here = digest_of_export(path)
    running = Running(threads=target.threads, tail=target.tail, made_here=made_here)
    for _ in range(2):  # once to verify, once to measure
        session, _card = open_export(path, running)
        session.facts()
    session.labels_and_logits(image)
    predictor = NetworkPredictor(network, label_space=space, normalisation=normalisation)
    predictor.labels(source.sample(split, 0).image)
    return sum(file.stat().st_size for file in files_of(path))
