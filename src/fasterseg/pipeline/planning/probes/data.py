"""Timing the data for a plan: reading it, checking it, telling whether it is the same."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fasterseg.datasets.checking.data_report import LabelCounts, Tally
from fasterseg.datasets.checking.looking import look_at
from fasterseg.datasets.sample import MEMORY_BYTES
from fasterseg.datasets.sources.joining import share_images
from fasterseg.datasets.sources.part import spread
from fasterseg.datasets.sources.source import DataSource
from fasterseg.events import Progress
from fasterseg.forecasting.timings import DataTiming
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.trainings.answers_room import splits_to_ask
from fasterseg.resources import peak_bytes, reset_peak

IMAGES_READ, FILES_CHECKED = 24, 48
READERS = 4


def probe_data(job: Job, _folder: Path, progress: Progress) -> DataTiming:
    """Reading and checking some images of each split, and the digests of all."""
    progress(0, 1, "reading images")
    source, data = open_source(job.recipe), job.recipe.data
    first, splits = source.sample(data.train_split, 0), source.splits()
    reset_peak()
    began = time.monotonic()
    for split in splits:
        source.digest(split)
    digest_seconds = time.monotonic() - began
    return DataTiming(
        classes=source.label_space.classes,
        train=source.length(data.train_split),
        trained_on=source.length(data.trained_on),
        asked=sum(map(source.length, splits_to_ask(job.recipe, source))),
        val=source.length(data.val_split),
        val_is_seen=share_images(data.trained_on, data.val_split),
        test=source.length(data.test_split),
        checked=sum(source.length(split) for split in splits) + source.unlabelled,
        check_seconds=_check_seconds(source),
        sample_seconds=_sample_seconds(source, data.test_split),
        digest_seconds=digest_seconds,
        sample_bytes=first.image.nbytes + first.labels.nbytes,
        kept_bytes=MEMORY_BYTES,
        peak_bytes=peak_bytes(),
    )


def _check_seconds(source: DataSource) -> float:
    """Checking one image, as `datasets.checking` does: several files at a time."""
    source = source.as_it_lies
    files, tally = source.files, Tally(source.label_space)
    jobs = [(split, index) for split in source.splits() for index in range(source.length(split))]
    some = spread(jobs, IMAGES_READ if files is None else FILES_CHECKED)

    def checked(job: tuple[str, int]) -> LabelCounts | None:
        split, index = job
        if files is None:
            return LabelCounts.of(source.sample(split, index).labels, source.label_space)
        return look_at(files, files.pairs(split)[index]).labels

    began = time.monotonic()
    with ThreadPoolExecutor(1 if files is None else READERS) as readers:
        for labels in readers.map(checked, some):
            if labels is not None:
                tally.add(labels)
    return (time.monotonic() - began) / max(1, len(some))


def _sample_seconds(source: DataSource, split: str) -> float:
    chosen = spread(range(source.length(split)), IMAGES_READ)
    began = time.monotonic()
    for index in chosen:
        source.to_score(split, index)
    return (time.monotonic() - began) / max(1, len(chosen))
