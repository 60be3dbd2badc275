"""Timing the students' teacher for a plan: one whole image, at all that it is to see of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.datasets.sources.remembering import FEW
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import Answer, small_size
from fasterseg.durable import make_folder
from fasterseg.events import Progress
from fasterseg.forecasting.timings import AnswersTiming
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.network.teacher_facts import TeacherFacts
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.trainings.teachers import asked_by, asked_teacher
from fasterseg.resources import peak_bytes, reset_peak
from fasterseg.runtime import numpy_generator, set_threads
from fasterseg.teaching.class_map import by_name
from fasterseg.teaching.grids import FINEST_STRIDE
from fasterseg.teaching.named import TeacherInputs
from fasterseg.teaching.teachers import BundleTeacher, stride_of
from fasterseg.teaching.views import Averaged, Views

TIMES = 3
"""The first is a warm-up; the shorter of the others counts."""


def probe_answers(job: Job, folder: Path, progress: Progress) -> AnswersTiming:
    """Ask the teacher about one image some times, and keep what it says."""
    set_threads(job.recipe.threads)
    source = open_source(job.recipe)
    teacher = _teacher(job, source)
    image = source.sample(job.recipe.data.trained_on, 0).image
    make_folder(folder)
    reset_peak()
    seconds, size = list[float](), 0
    for number in range(TIMES):
        progress(number, TIMES, "the teacher")
        began = time.monotonic()
        answer = teacher.logits(image).astype(np.float16)
        np.save(folder / "answer.npy", answer)
        seconds.append(time.monotonic() - began)
        size = answer.nbytes
    return AnswersTiming(image_seconds=min(seconds[1:]), image_bytes=size, peak_bytes=peak_bytes())


def _teacher(job: Job, source: DataSource) -> Averaged:
    """The models that the recipe names, else a network as large as the run's own will be."""
    recipe = job.recipe
    if models := recipe.student.distillation.teachers:
        return asked_teacher(models, recipe, source, job.device)
    asked = asked_by(recipe, source, job.device)
    space = source.label_space
    known = job.teacher(space.classes)
    assert known is not None  # answers are kept of nobody else
    predictor = NetworkPredictor(
        known.build_seeded(0, baselines=BASELINES).eval(),
        label_space=space,
        normalisation=source.normalisation,
        device=asked.device,
    )
    return _alone(predictor, asked)


def _alone(predictor: NetworkPredictor, asked: TeacherInputs) -> Averaged:
    names = asked.source.label_space.names
    same = by_name(names, names, teacher="teacher", data=asked.source.name)
    facts = TeacherFacts(name="teacher", digest="")
    one = BundleTeacher(predictor, same, facts, stride_of(predictor))
    return Averaged((Views(one, asked.scales, asked.flip),))


@dataclass(frozen=True, slots=True)
class MadeUpAnswers:
    """Answers that nobody gave, as large as a teacher's, a few over and over.

    Steps are timed on them: what the files of kept ones hold is in memory soon, too.
    """

    source: DataSource
    split: str
    stride: int = FINEST_STRIDE
    known: dict[int, npt.NDArray[np.float16]] = field(default_factory=dict, init=False)

    def answer(self, index: int) -> Answer:
        """See `KnownAnswers`."""
        place = index % min(FEW, self.source.length(self.split))
        if place not in self.known:
            self.known[place] = self._made_up(place)
        return self.known[place].astype(np.float32)

    def _made_up(self, index: int) -> npt.NDArray[np.float16]:
        size = small_size(self.source.image_size(self.split, index), self.stride)
        shape = (self.source.label_space.classes, *size)
        found = numpy_generator(0, "answer", index).standard_normal(shape, dtype=np.float32)
        return found.astype(np.float16)
