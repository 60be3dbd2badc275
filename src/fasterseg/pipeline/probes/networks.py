"""Timing single networks for a plan: training one, scoring with it, and handing it over."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.forecasting.timings import DeliveryTiming, StepTiming, TrainingTiming
from fasterseg.forecasting.workload import Counted
from fasterseg.pipeline.probes.job import Job
from fasterseg.pipeline.probes.remembering import as_after_an_epoch
from fasterseg.pipeline.probes.steps import timed_steps
from fasterseg.resources import peak_bytes, reset_peak, resident_bytes
from fasterseg.space.architecture import Geometry

if TYPE_CHECKING:
    from fasterseg.datasets.source import DataSource
    from fasterseg.network.description import NetworkDescription
    from fasterseg.training.stage import TrainingStage
    from fasterseg.training.task import Teacher

SCORED_IMAGES = 4
BYTES_PER_NUMBER = 4


def probe_training(job: Job, folder: Path) -> TrainingTiming:
    """Steps of a network's training, one checkpoint, and the scoring of a few images."""
    import fasterseg.training.task  # noqa: F401 (so that loading it is not timed)
    from fasterseg.pipeline.opening import open_source
    from fasterseg.runtime import set_threads

    set_threads(job.recipe.threads)
    source = open_source(job.recipe)
    base, began = resident_bytes(), time.monotonic()
    description = _description(job, source)
    with closing(_stage(job, source, description)) as stage:
        data, device = job.recipe.data, stage.numerics.device
        for split in (data.trained_on, data.val_split):
            source.digest(split)  # which a training's plan holds
        setup_seconds = time.monotonic() - began
        step = timed_steps(stage, seconds=job.seconds, device=device, folder=folder / "saved")
        reset_peak()
        image_seconds = _image_seconds(stage)
        weights = stage.network.state_dict().values()
    weight_bytes = sum(tensor.numel() * tensor.element_size() for tensor in weights)
    assert description.architecture is not None
    return TrainingTiming(
        base_bytes=base,
        macs=Counted.of(description.architecture, _geometry(job, source)).macs,
        setup_seconds=setup_seconds,
        step=with_best(step, weight_bytes),
        image_seconds=image_seconds,
        scoring_peak_bytes=peak_bytes(),
        weight_bytes=weight_bytes,
    )


def with_best(step: StepTiming, weight_bytes: int) -> StepTiming:
    """A timing whose checkpoint holds the best weights too, which come with the first score."""
    whole = step.checkpoint_bytes + weight_bytes
    longer = step.save_seconds * whole / max(1, step.checkpoint_bytes)
    return step.model_copy(update={"checkpoint_bytes": whole, "save_seconds": longer})


def _description(job: Job, source: DataSource) -> NetworkDescription:
    from fasterseg.network.description import NetworkDescription

    return NetworkDescription(classes=source.label_space.classes, architecture=job.architecture)


def _geometry(job: Job, source: DataSource) -> Geometry:
    return job.recipe.target.geometry(source.label_space.classes)


def _stage(job: Job, source: DataSource, description: NetworkDescription) -> TrainingStage:
    """The training of a job's network, which neither scores itself nor goes anywhere."""
    from fasterseg.learning.precision import choose_numerics
    from fasterseg.learning.step_times import endless
    from fasterseg.runtime import select_device
    from fasterseg.training.data import TrainingData
    from fasterseg.training.task import TrainingTask, stage_of

    recipe, device = job.recipe, select_device(job.device)
    settings = recipe.training_of(job.role)
    data = TrainingData(
        as_after_an_epoch(source, recipe.data.trained_on),
        train_split=recipe.data.trained_on,
        val_split=recipe.data.val_split,
        workers=recipe.data.workers,
        val_images=SCORED_IMAGES,
    )
    task = TrainingTask(
        name="timing",
        description=description,
        data=data,
        settings=endless(settings),
        seed=recipe.seed,
        device=device,
        teacher=_teacher(job, description.classes) if settings.distillation_weight else None,
    )
    return stage_of(task, choose_numerics(settings.precision, device))


def _teacher(job: Job, classes: int) -> Teacher | None:
    from fasterseg.network.description import NetworkDescription
    from fasterseg.training.task import Teacher

    if job.taught_by is None:
        return None
    known = NetworkDescription(classes=classes, architecture=job.taught_by)
    return Teacher(known.build_seeded(1), classes, digest="")


def _image_seconds(stage: TrainingStage) -> float:
    """Scoring one whole image of the validation split, the first time left out."""
    stage.score()
    began = time.monotonic()
    stage.score()
    return (time.monotonic() - began) / stage.data.val_count()


def probe_delivery(job: Job, folder: Path) -> DeliveryTiming:
    """Export a network with random weights whole, read it back, and run it as verification does."""
    from fasterseg.pipeline.opening import open_source
    from fasterseg.pipeline.preflight.machine import require_machine
    from fasterseg.pipeline.verifying import IMAGES
    from fasterseg.runtime import set_threads

    source = open_source(job.recipe)
    set_threads(job.recipe.threads)
    require_machine(job.recipe, classes=source.label_space.classes, device=job.device)
    base = resident_bytes()
    bundle = _bundle(job, source, folder / "bundle")
    reset_peak()
    began = time.monotonic()
    file_bytes = _exported(job, source, bundle, folder / "file")
    seconds = time.monotonic() - began
    assert job.architecture is not None
    counted = Counted.of(job.architecture, _geometry(job, source))
    return DeliveryTiming(
        base_bytes=base,
        blocks=counted.blocks,
        parameters=counted.parameters,
        export_seconds=seconds,
        verified_images=min(IMAGES, source.length(job.recipe.data.test_split)),
        file_bytes=file_bytes,
        peak_bytes=peak_bytes(),
    )


def _bundle(job: Job, source: DataSource, folder: Path) -> Path:
    """A bundle of random weights, as a training would have left it."""
    from fasterseg.network.bundle import ModelBundle
    from fasterseg.network.card import Card, TrainingFacts

    description, normalisation = _description(job, source), source.normalisation
    size = _geometry(job, source).size
    card = Card(
        name="timing",
        which="best",
        label_space=source.label_space,
        mean=normalisation.mean,
        std=normalisation.std,
        reading=source.reading,
        training=TrainingFacts(
            data=source.name,
            data_digest="",
            split=job.recipe.data.trained_on,
            images=0,
            terms=source.terms,
            resolution=f"{size.height}x{size.width}",
            steps=0,
            batch_size=1,
            seed=job.recipe.seed,
            precision="float32",
            teacher="",
        ),
        scores=(),
    )
    return ModelBundle(description, description.build_seeded(0).state_dict(), card).save(folder)


def _exported(job: Job, source: DataSource, bundle: Path, folder: Path) -> int:
    """The bytes of the file that was written, opened and run."""
    from fasterseg.deploy.benchmark.measuring import noise_image
    from fasterseg.deploy.exporting.formats import files_of
    from fasterseg.deploy.runtimes.backends import open_backend
    from fasterseg.deploy.runtimes.opening import open_export
    from fasterseg.deploy.runtimes.sessions import Running
    from fasterseg.deploy.shipping.deploying import export_form
    from fasterseg.deploy.shipping.origin import origin_of
    from fasterseg.deploy.shipping.verified_export import write_files
    from fasterseg.latency.table import Target

    target = Target.of(job.recipe.target, source.label_space.classes)
    origin, size = origin_of(str(bundle)), target.geometry.size
    images = [source.sample(job.recipe.data.test_split, 0).image, noise_image(size)]
    form = export_form(target)
    if form is None:
        assert job.architecture is not None
        session = open_backend(target).random_network(job.architecture, target.geometry)
        session.run(noise_image(size))
        return 0
    path = folder / f"network{form.row.suffix}"
    folder.mkdir(parents=True)
    write_files(origin.predictor.network, origin.card_like(form), form, path)
    for _ in range(2):  # once to verify, once to measure
        session, _card = open_export(path, Running(threads=target.threads, tail=target.tail))
        session.facts()
    session.labels_and_logits(images[-1])
    origin.predictor.label_map(images[0])
    return sum(file.stat().st_size for file in files_of(path))
