"""From a model's name to something that can be timed: the one place that opens contestants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from fasterseg.baselines.catalogue import BASELINES, baseline_name
from fasterseg.config import Recipe, TailForm, TargetSettings, opened_runtimes, runtime_named
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.reading import DEFAULT_READING
from fasterseg.datasets.street import StreetScenes
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.deploy.benchmark.benchmark_report import BETWEEN
from fasterseg.deploy.benchmark.contest import Contestant
from fasterseg.deploy.benchmark.measuring import CANARY
from fasterseg.deploy.benchmark.parts import parts_of_job
from fasterseg.deploy.exporting.exported_card import ExportedCard, whole_job
from fasterseg.deploy.exporting.formats import graph_output
from fasterseg.deploy.runtimes.backends import backend_for
from fasterseg.deploy.runtimes.models import load_network, open_bundle
from fasterseg.deploy.runtimes.opening import is_export, open_export, runtimes_of
from fasterseg.deploy.runtimes.pytorch import PytorchBackend
from fasterseg.deploy.runtimes.sessions import Image, Running, Session
from fasterseg.errors import UsageError
from fasterseg.latency.table import TAILS
from fasterseg.latency.timing import Call
from fasterseg.machine import version_of
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.description import NetworkDescription
from fasterseg.network.named_models import model_path
from fasterseg.paths import user_path
from fasterseg.runs import run_above
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size

IMAGES = 8
UNTRAINED_CLASSES = 19

CountMacs = Callable[[NetworkDescription, Geometry], int]
"""The multiply-adds of a network for one image."""


@dataclass(frozen=True)
class SessionContestant:
    """A session with some images: each query takes the next one."""

    name: str
    facts: Mapping[str, str]
    macs: int | None
    session: Session
    images: tuple[Image, ...]

    def run(self, image: int = 0) -> object:
        """One whole query."""
        return self.session.run(self.images[image % len(self.images)])

    def parts_ms(self) -> Mapping[str, float]:
        """One query taken apart."""
        return next(self._parts)

    @cached_property
    def _parts(self) -> Iterator[Mapping[str, float]]:
        return parts_of_job(self.session, self.images[0])


def open_contestant(
    model: str, running: Running, *, size: Size | None = None, count_macs: CountMacs | None = None
) -> Contestant:
    """A bundle, an exported file or a baseline on a runtime, with images of the built-in scenes.

    A baseline that is named itself has random weights: good enough to be timed.  Without a size it
    is the one that the model was made for; a baseline was made for none.  What is not to be had
    here raises `EnvironmentFault` or `UsageError`: never another runtime, precision or tail in its
    place.
    """
    assert running.runtime is not None and running.tail is not None
    session, size, macs = _opened(model, running, size, count_macs)
    told = session.facts()
    facts = {
        "model": model,
        "backend": running.runtime,
        "size": f"{size.height}x{size.width}",
        "device": running.device,
        **({} if running.device == "cpu" else {"copies": "from and to the host are counted"}),
        "images": f"{IMAGES} of the built-in street scenes",
        "digest": session.digest,
        **told,
        **_version_of(running.runtime),
    }
    return SessionContestant(
        name=BETWEEN.join(
            (str(model), str(running.runtime), told["precision"], TAILS[tail_of(session)])
        ),
        facts=facts,
        macs=macs,
        session=session,
        images=street_images(size),
    )


def tail_of(session: Session) -> TailForm:
    """Where a session makes labels: in its graph, or, behind a file that ends at logits, by what
    is the best here unless another tail was asked for."""
    if session.tail is None:
        return "graph"
    return "fast" if session.tail.name.startswith("fast") else "numpy"


def _version_of(name: str) -> dict[str, str]:
    runtime = runtime_named(name)
    version = version_of(*runtime.distributions)
    return {} if version is None else {runtime.package: version}


def _opened(
    model: str, running: Running, size: Size | None, count_macs: CountMacs | None
) -> tuple[Session, Size, int | None]:
    """A model's session, the images' size, and the multiply-adds where they are known."""
    path = user_path(model)
    if is_export(path) and path.is_file():
        return *_opened_file(path, running, size), None
    bundle = None if baseline_name(model) else open_bundle(model)
    size = size or size_of(model, bundle)
    card = _card_of(bundle, size, running)
    description = _description_of(model, bundle)
    if bundle is None:
        network = description.build_seeded(0, baselines=BASELINES).eval()
    else:
        network = load_network(model)
    session = backend_for(running).open_network(whole_job(network, card), size)
    geometry = Geometry(size, description.classes)
    return session, size, count_macs(description, geometry) if count_macs else None


def _opened_file(path: Path, running: Running, size: Size | None) -> tuple[Session, Size]:
    session, card = open_export(path, running)
    if card.output == "labels" and running.tail != "graph":
        raise UsageError(
            f"this file has its tail in the graph, not the {running.tail} one",
            where=str(path),
            next_step="export it with --output low-resolution-logits, or leave --tail out",
        )
    size = size or card.size or card.working_size
    if size is None or card.size not in (None, size):
        raise UsageError(
            "this file is for other images",
            where=str(path),
            why=f"it takes {'any size' if card.size is None else f'{card.height}x{card.width}'}",
            next_step="say one of these with --size",
        )
    return session, size


def _description_of(model: str, bundle: ModelBundle | None) -> NetworkDescription:
    if bundle is not None:
        return bundle.description
    return NetworkDescription(classes=UNTRAINED_CLASSES, baseline=str(baseline_name(model)))


def _card_of(bundle: ModelBundle | None, size: Size, running: Running) -> ExportedCard:
    """What an export of the model would say of itself."""
    normal = Normalisation() if bundle is None else bundle.card.normalisation
    names = [f"class {index}" for index in range(UNTRAINED_CLASSES)]
    return ExportedCard(
        name="baseline" if bundle is None else bundle.card.name,
        label_space=LabelSpace.from_names(names) if bundle is None else bundle.card.label_space,
        mean=normal.mean,
        std=normal.std,
        reading=DEFAULT_READING if bundle is None else bundle.card.reading,
        output=graph_output(running.tail or "graph"),
        precision=running.precision if runtime_named(str(running.runtime)).typed else "float32",
        height=size.height,
        width=size.width,
    )


def runtime_of(model: str) -> str:
    """What runs a model unless it is said: an exported file's own runtime, else the usual one."""
    return next(
        (runtime.name for runtime in runtimes_of(Path(model))), next(iter(opened_runtimes()))
    )


def open_canary(threads: int, device: str) -> Call:
    """A call of a millisecond or two that never changes: one 3x3 convolution in PyTorch.

    It takes as many threads as the contestants do, so that it notices what disturbs any of them.
    """
    backend = PytorchBackend(threads=threads, device=device)
    ((_, call),) = backend.block_calls([CANARY])
    if backend.device.type != "cuda":
        return call

    def finished() -> None:
        call()
        torch.cuda.synchronize(backend.device)

    return finished


def target_of(model: str) -> TargetSettings | None:
    """The target of the run that a model lies in, if it lies in one."""
    run = run_above(model_path(model))
    return None if run is None else Recipe.load(run.recipe).target


def size_of(model: str, bundle: ModelBundle | None) -> Size:
    """The size that a model was made for: its run's target, or its scored images'.

    Raises `UsageError` for a baseline, which was made for none.
    """
    target = target_of(model)
    if target is not None:
        return Size(*target.size)
    if bundle is None:
        raise UsageError(f"{model} has no size of its own", next_step="say one: --size 512x1024")
    return bundle.card.image_size(next_step="choose one with --size 512x1024")


def street_images(size: Size, count: int = IMAGES) -> tuple[Image, ...]:
    """Street scenes of a size: what a network sees, where noise would not be."""
    scenes = StreetScenes(size=(size.height, size.width), counts={"test": count})
    return tuple(scenes.sample("test", index).image for index in range(count))
