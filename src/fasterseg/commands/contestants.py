"""From a model's name to something that can be timed: the one place that opens contestants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fasterseg.config import Recipe, TargetSettings
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.runs import RunFolder
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.deploy.contest import Contestant
    from fasterseg.deploy.sessions import Image, Session
    from fasterseg.latency.timing import Call
    from fasterseg.network.bundle import ModelBundle

BackendName = Literal["onnxruntime", "openvino", "pytorch", "compiled", "tensorrt"]
PrecisionName = Literal["float32", "bfloat16"]
TailName = Literal["fast", "numpy", "graph"]

IMAGES = 8
PROFILED_RUNS = 20


@dataclass(frozen=True)
class SessionContestant:
    """A session with some images: each query takes the next one."""

    name: str
    facts: Mapping[str, str]
    macs: int | None
    session: Session
    images: tuple[Image, ...]
    take_apart: Callable[[Image], Iterator[Mapping[str, float]]] = field(repr=False)

    def run(self, image: int = 0) -> object:
        """One whole query."""
        return self.session.run(self.images[image % len(self.images)])

    def parts_ms(self) -> Mapping[str, float]:
        """One query taken apart; empty where the runtime does not tell."""
        return next(self._parts, {})

    @cached_property
    def _parts(self) -> Iterator[Mapping[str, float]]:
        return self.take_apart(self.images[0])


def open_contestant(
    model: str,
    *,
    backend: BackendName,
    threads: int,
    size: Size | None = None,
    precision: PrecisionName = "float32",
    tail: TailName = "graph",
    device: str = "cpu",
) -> Contestant:
    """A bundle's whole job on a backend, with images of the built-in street scenes.

    Without a size it is the one that the model was made for.  What is not to be had here raises
    `EnvironmentFault` or `UsageError`: never another backend, precision or tail in its place.
    """
    from fasterseg.deploy.backends import open_backend
    from fasterseg.latency.table import Target
    from fasterseg.network.network import WholeJob
    from fasterseg.network.predicting import open_bundle

    _require_offered(backend, precision, tail)
    bundle = open_bundle(model)
    wanted = size or size_of(model, bundle)
    classes = bundle.description.classes
    sides = {"height": wanted.height, "width": wanted.width}
    settings = TargetSettings.model_validate(
        {"backend": backend, "device": device, "threads": threads, **sides}
    )
    runtime = open_backend(Target.of(settings, classes))
    normalisation = bundle.card.normalisation
    network = bundle.network(where=model)
    job = WholeJob(network, normalisation.mean, normalisation.std).eval()
    session = runtime.open_network(job, wanted)
    found = precision_of(session)
    facts = {
        "model": model,
        "backend": backend,
        "precision": found,
        "threads": str(threads),
        "size": str(wanted),
        "tail": tail,
        "device": device,
        "images": f"{IMAGES} of the built-in street scenes",
        "digest": session.digest,
        **runtime.versions(),
    }
    return SessionContestant(
        name=f"{model} · {backend} · {found}",
        facts=facts,
        macs=_macs(bundle, wanted),
        session=session,
        images=street_images(wanted),
        take_apart=_taker_apart(session, threads),
    )


def open_canary(threads: int, device: str) -> Call:
    """A call of a millisecond or two that never changes: one 3x3 convolution in PyTorch.

    It takes as many threads as the contestants do, so that it notices what disturbs any of them.
    """
    import torch

    from fasterseg.deploy.measuring import CANARY
    from fasterseg.deploy.pytorch import PytorchBackend

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
    for folder in Path(model).absolute().parents:
        if RunFolder(folder).recipe.is_file():
            return Recipe.load(RunFolder(folder).recipe).target
    return None


def size_of(model: str, bundle: ModelBundle) -> Size:
    """The size that a model was made for: its run's target, else what it was trained at."""
    from fasterseg.commands.draw import parse_size

    target = target_of(model)
    if target is not None:
        return Size(target.height, target.width)
    return parse_size(bundle.card.training.resolution)


def street_images(size: Size, count: int = IMAGES) -> tuple[Image, ...]:
    """Street scenes of a size: what a network sees, where noise would not be."""
    from fasterseg.datasets.street import StreetScenes

    scenes = StreetScenes(size=(size.height, size.width), counts={"test": count})
    return tuple(scenes.sample("test", index).image for index in range(count))


def precision_of(session: Session) -> str:
    """The precision of the convolutions' weights, as read back from what runs."""
    from fasterseg.deploy.onnx_runtime import OnnxSession
    from fasterseg.deploy.pytorch import PytorchSession

    if isinstance(session, OnnxSession):
        import onnx

        from fasterseg.deploy.graphs import weights_of

        graph = onnx.ModelProto.FromString(session.model).graph
        kinds = {onnx.TensorProto.DataType.Name(one.data_type) for one in weights_of(graph)}
        return "+".join(sorted({"FLOAT": "float32"}.get(kind, kind.lower()) for kind in kinds))
    if isinstance(session, PytorchSession):
        kinds = {str(one.dtype).removeprefix("torch.") for one in session.job.parameters()}
        return "+".join(sorted(kinds))
    return "unknown"


def _require_offered(backend: BackendName, precision: PrecisionName, tail: TailName) -> None:
    """Refuse what no backend here does."""
    if backend not in ("onnxruntime", "pytorch"):
        raise EnvironmentFault(
            f"there is no backend {backend!r} here",
            why="networks run on onnxruntime and on pytorch",
            next_step="--backend onnxruntime",
        )
    if precision != "float32":
        raise UsageError(
            f"{backend} does not run networks in {precision} here",
            why="their whole job is opened in float32",
            next_step="--precision float32",
        )
    if tail != "graph":
        raise UsageError(
            f"there is no {tail!r} tail on {backend} here",
            why="the tail is part of the graph",
            next_step="--tail graph",
        )


def _macs(bundle: ModelBundle, size: Size) -> int | None:
    from fasterseg.space.architecture import Geometry, wire

    description = bundle.description
    if description.architecture is None:
        return None
    return wire(description.architecture, Geometry(size, description.classes)).macs


def _taker_apart(
    session: Session, threads: int
) -> Callable[[Image], Iterator[Mapping[str, float]]]:
    from fasterseg.deploy.onnx_runtime import OnnxSession
    from fasterseg.deploy.parts import onnx_parts, pytorch_parts
    from fasterseg.deploy.pytorch import PytorchSession

    def take_apart(image: Image) -> Iterator[Mapping[str, float]]:
        if isinstance(session, OnnxSession):
            yield from cycle(onnx_parts(session, image, threads=threads, runs=PROFILED_RUNS))
        elif isinstance(session, PytorchSession):
            while True:
                yield pytorch_parts(session, image)

    return take_apart
