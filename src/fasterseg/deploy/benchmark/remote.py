"""Models for a device that is another host's: their images, and their whole jobs as ONNX."""

from __future__ import annotations

from typing import NamedTuple

from fasterseg.baselines.catalogue import baseline_name
from fasterseg.config import TargetSettings
from fasterseg.deploy.benchmark.contestants import UNTRAINED_CLASSES, size_of
from fasterseg.deploy.benchmark.matching import graph_on_target
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.deploy.runtimes.opening import is_export, open_export
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.errors import UsageError
from fasterseg.latency.table import Target
from fasterseg.paths import user_path
from fasterseg.space.blocks import Size


class Job(NamedTuple):
    """A model as it is sent: its target, with its own images and classes, and the graph."""

    target: Target
    graph: bytes


def job_of(model: str, settings: TargetSettings, size: Size | None) -> Job:
    """A model's whole job; raises `UsageError` for one that has no size, or another."""
    own, classes = _images_of(model, settings, size)
    sized = settings.model_copy(update={"height": own.height, "width": own.width})
    target = Target.of(sized, classes)
    return Job(target, graph_on_target(model, target))


def _images_of(model: str, settings: TargetSettings, size: Size | None) -> tuple[Size, int]:
    """The size of the images that a model takes, and its classes."""
    path = user_path(model)
    if is_export(path) and path.is_file():
        _, card = open_export(path, Running("onnxruntime", settings.threads))
        found = size or card.size or card.working_size
        if found is None:
            raise UsageError(
                f"{model} takes images of any size",
                next_step="say one: --size 512x1024",
            )
        return found, card.label_space.classes
    if baseline_name(model) is not None:
        return size or size_of(model, None), UNTRAINED_CLASSES
    bundle = open_bundle(model)
    return size or size_of(model, bundle), bundle.description.classes
