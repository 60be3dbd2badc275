"""From a model's name to something that can be timed: the one place that opens contestants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fasterseg.baselines.catalogue import BASELINES, baseline_name
from fasterseg.config import Recipe, TailForm, TargetSettings
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.latency.table import TAILS
from fasterseg.network.shipped import model_path
from fasterseg.paths import given
from fasterseg.runs import RunFolder
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from torch import nn

    from fasterseg.deploy.benchmark.contest import Contestant
    from fasterseg.deploy.exporting.exported_card import ExportedCard
    from fasterseg.deploy.runtimes.sessions import Backend, Image, Session
    from fasterseg.latency.timing import Call
    from fasterseg.network.bundle import ModelBundle

BackendName = Literal["onnxruntime", "openvino", "pytorch", "compiled", "tensorrt"]
PrecisionName = Literal["float32", "bfloat16"]

IMAGES = 8
UNTRAINED_CLASSES = 19


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
        from fasterseg.deploy.benchmark.parts import parts_of_job

        return parts_of_job(self.session, self.images[0])


@dataclass(frozen=True, slots=True)
class Running:
    """How a model is run; what is left out is the model's own, and the graph's own tail."""

    backend: BackendName = "onnxruntime"
    threads: int = 1
    size: Size | None = None
    precision: PrecisionName = "float32"
    tail: TailForm = "graph"
    device: str = "cpu"


def open_contestant(model: str, running: Running) -> Contestant:
    """A bundle, an exported file or a baseline on a backend, with images of the built-in scenes.

    A baseline that is named itself has random weights: good enough to be timed.  Without a size it
    is the one that the model was made for.  What is not to be had here raises `EnvironmentFault` or
    `UsageError`: never another backend, precision or tail in its place.
    """
    session, size, macs = _opened(model, running)
    told = session.facts()
    facts = {
        "model": model,
        "backend": running.backend,
        "size": f"{size.height}x{size.width}",
        "device": running.device,
        "images": f"{IMAGES} of the built-in street scenes",
        "digest": session.digest,
        **told,
        **versions_of(running.backend),
    }
    return SessionContestant(
        name=f"{model} · {running.backend} · {told['precision']} · {TAILS[running.tail]}",
        facts=facts,
        macs=macs,
        session=session,
        images=street_images(size),
    )


def _opened(model: str, running: Running) -> tuple[Session, Size, int | None]:
    """A model's session, the images' size, and the multiply-adds where they are known."""
    from fasterseg.deploy.runtimes.opening import is_export

    path = given(model)
    if is_export(path) and path.is_file():
        return _opened_file(path, running)
    bundle = None if baseline_name(model) else open_bundle_of(model)
    size = running.size or size_of(model, bundle)
    card = _card_of(bundle, size, running)
    network = _network_of(model, bundle, card)
    return _session(network, card, size, running), size, _macs(model, bundle, size)


def _opened_file(path: Path, running: Running) -> tuple[Session, Size, int | None]:
    from fasterseg.deploy.runtimes import opening

    how = opening.Running(
        runtime=running.backend,
        threads=running.threads,
        precision=running.precision,
        tail=running.tail,
    )
    session, card = opening.open_export(path, how)
    if card.output == "labels" and running.tail != "graph":
        raise UsageError(
            f"this file has its tail in the graph, not the {running.tail} one",
            where=str(path),
            next_step="export it with --output low-resolution-logits, or leave --tail out",
        )
    size = running.size or card.size
    if size is None or card.size not in (None, size):
        raise UsageError(
            "this file is for other images",
            where=str(path),
            why=f"it takes {'any size' if card.size is None else f'{card.height}x{card.width}'}",
            next_step="say one of these with --size",
        )
    return session, size, None


def open_bundle_of(model: str) -> ModelBundle:
    """The bundle of a name that is no baseline's."""
    from fasterseg.deploy.runtimes.models import open_bundle

    return open_bundle(model)


def _card_of(bundle: ModelBundle | None, size: Size, running: Running) -> ExportedCard:
    """What an export of the model would say of itself."""
    from fasterseg.datasets.labels import LabelSpace
    from fasterseg.datasets.reading import DEFAULT_READING
    from fasterseg.datasets.transforms import Normalisation
    from fasterseg.deploy.exporting.exported_card import ExportedCard

    normal = Normalisation() if bundle is None else bundle.card.normalisation
    names = [f"class {index}" for index in range(UNTRAINED_CLASSES)]
    return ExportedCard(
        name="baseline" if bundle is None else bundle.card.name,
        label_space=LabelSpace.from_names(names) if bundle is None else bundle.card.label_space,
        mean=normal.mean,
        std=normal.std,
        reading=DEFAULT_READING if bundle is None else bundle.card.reading,
        output="labels" if running.tail == "graph" else "low-resolution-logits",
        height=size.height,
        width=size.width,
    )


def _network_of(model: str, bundle: ModelBundle | None, card: ExportedCard) -> nn.Module:
    from fasterseg.deploy.runtimes.models import load_network
    from fasterseg.network.description import NetworkDescription

    if bundle is not None:
        return load_network(model)
    name, classes = baseline_name(model), card.label_space.classes
    assert name is not None
    description = NetworkDescription(classes=classes, baseline=name)
    return description.build_seeded(0, baselines=BASELINES).eval()


def _session(network: nn.Module, card: ExportedCard, size: Size, running: Running) -> Session:
    from fasterseg.deploy.exporting.formats import whole_job
    from fasterseg.deploy.runtimes.onnx_runtime import OnnxRuntimeBackend
    from fasterseg.deploy.runtimes.opening import require_float32
    from fasterseg.deploy.runtimes.openvino_runtime import OpenvinoBackend
    from fasterseg.deploy.runtimes.pytorch import PytorchBackend
    from fasterseg.deploy.tail.label_maps import open_tail

    tail = None if running.tail == "graph" else open_tail(running.tail, threads=running.threads)
    job = whole_job(network, card)
    backend: Backend
    match running.backend:
        case "onnxruntime":
            require_float32("onnxruntime", running.precision, Path(card.name))
            backend = OnnxRuntimeBackend(threads=running.threads, tail=tail)
        case "openvino":
            precision = running.precision
            backend = OpenvinoBackend(threads=running.threads, tail=tail, precision=precision)
        case "tensorrt":
            raise tensorrt_fault()
        case "pytorch" | "compiled":
            backend = PytorchBackend(
                threads=running.threads,
                device=running.device,
                tail=tail,
                precision=running.precision,
                compiled=running.backend == "compiled",
            )
    return backend.open_network(job, size)


def tensorrt_fault() -> EnvironmentFault:
    """Why TensorRT times no bundle: it runs engines, which are built from an exported file."""
    from fasterseg.deploy.runtimes import tensorrt

    if not tensorrt.is_installed():
        return tensorrt.missing()
    return EnvironmentFault(
        "TensorRT runs engines, not bundles",
        next_step="fasterseg export MODEL --format tensorrt, then benchmark the .engine",
    )


def versions_of(backend: BackendName) -> dict[str, str]:
    """The version of a backend's library."""
    from importlib.metadata import version

    libraries = {"pytorch": "torch", "compiled": "torch"}
    name = libraries.get(backend, str(backend))
    return {name: version(name)}


def backend_of(model: str) -> BackendName:
    """What runs a model unless it is said: an exported file's own runtime, else ONNX Runtime."""
    from fasterseg.deploy.runtimes.opening import RUNTIMES_OF

    return RUNTIMES_OF.get(Path(model).suffix, ("onnxruntime",))[0]


def open_canary(threads: int, device: str) -> Call:
    """A call of a millisecond or two that never changes: one 3x3 convolution in PyTorch.

    It takes as many threads as the contestants do, so that it notices what disturbs any of them.
    """
    import torch

    from fasterseg.deploy.benchmark.measuring import CANARY
    from fasterseg.deploy.runtimes.pytorch import PytorchBackend

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
    for folder in model_path(model).absolute().parents:
        if RunFolder(folder).recipe.is_file():
            return Recipe.load(RunFolder(folder).recipe).target
    return None


def size_of(model: str, bundle: ModelBundle | None) -> Size:
    """The size that a model was made for: its run's target, or its scored images'.

    Raises `UsageError` for a baseline, which was made for none.
    """
    from fasterseg.pipeline.sizing import size_of_images

    target = target_of(model)
    if target is not None:
        return Size(*target.size)
    if bundle is None:
        raise UsageError(f"{model} has no size of its own", next_step="say one: --size 512x1024")
    return size_of_images(bundle.card, next_step="choose one with --size 512x1024")


def street_images(size: Size, count: int = IMAGES) -> tuple[Image, ...]:
    """Street scenes of a size: what a network sees, where noise would not be."""
    from fasterseg.datasets.street import StreetScenes

    scenes = StreetScenes(size=(size.height, size.width), counts={"test": count})
    return tuple(scenes.sample("test", index).image for index in range(count))


def _macs(model: str, bundle: ModelBundle | None, size: Size) -> int | None:
    from fasterseg.reporting.counting import baseline_costs, costs_of, evaluated
    from fasterseg.space.architecture import Geometry

    classes = UNTRAINED_CLASSES if bundle is None else bundle.description.classes
    geometry = Geometry(size, classes)
    if bundle is not None:
        return evaluated(costs_of(bundle.description, geometry)).macs
    return evaluated(baseline_costs(str(baseline_name(model)), geometry)).macs
