"""How far what a student is taught by kept answers lies from what its teacher would say."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import KnownAnswers, sampled
from fasterseg.datasets.transforming.augmenting import Augmentation
from fasterseg.datasets.transforming.transforms import seen_through
from fasterseg.datasets.transforming.views import View
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.learning.divergence import divergence, looked_at
from fasterseg.network.predicting import NetworkPredictor

LOOKED_AT = 12


@dataclass(frozen=True, slots=True)
class Lessons:
    """Data, two models on it, and the kept answers of the teacher."""

    source: DataSource
    student: str
    teacher: str
    answers: KnownAnswers


def apart(lessons: Lessons, crop: tuple[int, int]) -> None:
    """Print how far kept answers lead from the teacher, on whole images and on crops."""
    student, teacher = predictor_of(lessons.student), predictor_of(lessons.teacher)
    source = lessons.source
    whole, crops = list[tuple[float, float]](), list[tuple[float, float]]()
    for index, plain, view in views_of(source, crop):
        kept = lessons.answers.answer(index)
        live = low_resolution(teacher, plain)
        whole.append(compared(source, student, plain, live, at(kept, plain, plain, 8)))
        exact = at(live[0].numpy(), plain, view, 1)
        crops.append(compared(source, student, view, exact, at(kept, plain, view, 8)))
    for name, found in (("whole images", whole), ("scaled crops", crops)):
        losses, slopes = zip(*found, strict=True)
        print(
            f"apart, on {LOOKED_AT} {name}: divergence by {100 * max(losses):.2f} % at most, "
            f"{100 * statistics.mean(losses):.2f} % in the mean; gradient by "
            f"{100 * max(slopes):.2f} % of its length at most, "
            f"{100 * statistics.mean(slopes):.2f} % in the mean",
            flush=True,
        )


def views_of(source: DataSource, crop: tuple[int, int]) -> Iterator[tuple[int, View, View]]:
    """Some images' indices, each image as it lies, and a scaled crop of it."""
    ignore = source.label_space.ignore
    augmentation = Augmentation(crop=crop, scale=(0.5, 2.0), flip=0.5)
    for index in np.linspace(0, source.length("train") - 1, LOOKED_AT).astype(int):
        sample, generator = source.sample("train", int(index)), np.random.default_rng(index)
        plain = view = View(sample.image, sample.labels)
        for transform in augmentation.transforms(ignore=ignore):
            view = seen_through(transform, view, generator=generator)
        yield int(index), plain, view


def thinned(lessons: Lessons, crop: tuple[int, int]) -> None:
    """Print what the divergence takes and gives at some of the pixels, beside that of all."""
    source, student = lessons.source, predictor_of(lessons.student)
    ignore, found = source.label_space.ignore, {every: list[Thin]() for every in (1, 2, 3, 4)}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for index, plain, view in views_of(source, crop):
        logits, taught = low_resolution(student, view), torch.from_numpy(view.labels != ignore)
        teacher = at(lessons.answers.answer(index), plain, view, 8)
        for every, told in found.items():
            told.append(Thin.of(logits, teacher, taught[None], every))
    torch.set_num_threads(threads)
    for every, told in found.items():
        values = [own.value / one.value for own, one in zip(told, found[1], strict=True)]
        alike = [
            F.cosine_similarity(own.slopes, one.slopes, dim=0).item()
            for own, one in zip(told, found[1], strict=True)
        ]
        print(
            f"every {every}: {statistics.median(one.milliseconds for one in told):.2f} ms an "
            f"image; divergence {min(values):.3f} to {max(values):.3f} times that of all pixels, "
            f"cosine of the gradients {min(alike):.4f} to {max(alike):.4f}",
            flush=True,
        )


class Thin(NamedTuple):
    """A mean divergence, its gradient as one row, and its time on one thread."""

    value: float
    slopes: Tensor
    milliseconds: float

    @classmethod
    def of(cls, student: Tensor, teacher: Tensor, taught: Tensor, every: int) -> Thin:
        """That of small logits; the fastest of five."""
        best = math.inf
        for _ in range(5):
            logits = student.clone().requires_grad_()
            began = time.thread_time()
            value = divergence(logits, teacher, taught, every=every)
            value.backward()
            best = min(best, 1000 * (time.thread_time() - began))
        assert logits.grad is not None
        count = looked_at(taught, every).sum()
        return cls((value / count).item(), logits.grad.flatten(), best)


def compared(
    source: DataSource, student: NetworkPredictor, view: View, one: Tensor, other: Tensor
) -> tuple[float, float]:
    """How far two teachers' divergences and gradients are apart, as shares of the first's."""
    taught = torch.from_numpy(view.labels != source.label_space.ignore)[None]
    values, slopes = [], []
    for teacher in (one, other):
        logits = low_resolution(student, view).requires_grad_()
        value = divergence(logits, teacher, taught) / looked_at(taught).sum()
        value.backward()
        assert logits.grad is not None
        values.append(value.item())
        slopes.append(logits.grad)
    off = F.mse_loss(*slopes).sqrt() / slopes[0].square().mean().sqrt()
    return abs(values[1] / values[0] - 1), off.item()


def at(answer: np.ndarray, whole: View, view: View, stride: int) -> Tensor:
    """A whole image's answer as a view's, in a batch of one."""
    found = sampled(
        answer, view.place, image=size_of(whole), view=size_of(view), stride=stride
    )  # fmt: skip
    return torch.from_numpy(found)[None]


def size_of(view: View) -> tuple[int, int]:
    """Height and width."""
    return view.labels.shape[0], view.labels.shape[1]


def low_resolution(predictor: NetworkPredictor, view: View) -> Tensor:
    """A network's small logits, in a batch of one."""
    return torch.from_numpy(predictor.logits(view.image, "low-resolution-logits"))[None]


def predictor_of(model: str) -> NetworkPredictor:
    """A bundle's network as it is shown images."""
    bundle = open_bundle(model)
    return NetworkPredictor(
        bundle.network(baselines=BASELINES, where=model),
        label_space=bundle.card.label_space,
        normalisation=bundle.card.normalisation,
    )
