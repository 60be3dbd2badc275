"""From the name of any model to its bundle, its network or its predictor, baselines included."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from fasterseg.baselines.catalogue import BASELINES, require_trained
from fasterseg.deploy.runtimes.backends import require_file_device
from fasterseg.deploy.runtimes.opening import is_export, runtimes_of
from fasterseg.deploy.runtimes.predicting import ExportedPredictor
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.tail.label_maps import best_tail
from fasterseg.errors import UsageError
from fasterseg.network import predicting
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.paths import user_path
from fasterseg.runtime import select_device

Predictor = NetworkPredictor | ExportedPredictor


def load_network(model: Path | str, *, auxiliary: bool = False) -> nn.Module:
    """The network of a bundle, named by its folder or as shipped, in evaluation mode and float32.

    Its forward takes (batch, 3, height, width) normalised images to (batch, classes, height,
    width) logits; with `auxiliary` it returns the main logits and those of the auxiliary heads,
    by rising output stride, each at input size.
    Raises `UsageError` for an unknown name, with the nearest one, and for a baseline that was not
    trained; `FileError` for a bundle that is damaged.
    """
    require_trained(model)
    _require_no_export(model)
    return predicting.load_network(model, auxiliary=auxiliary, baselines=BASELINES)


def load_model(
    model: Path | str, *, device: torch.device | str | None = None, threads: int | None = None
) -> Predictor:
    """The predictor of a bundle, a shipped one or an exported file: image to `Segmentation`.

    An image is a path, an array or a Pillow image.  On the processor the tail makes the labels;
    `threads` are its cores and those of an exported file's runtime, as many as PyTorch's when left
    out.  The `device` is ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or ``"auto"`` for a GPU where there
    is one; left out it is the processor, or what the file's runtime is for.
    Raises `UsageError` for an unknown name, with the nearest one, and for a baseline that was not
    trained; `FileError` for a file that is damaged or foreign; `EnvironmentFault` for a runtime
    that is not installed, and for a device that is not there or that the file is not run on.
    """
    if device is None:
        return open_predictor(model, threads=threads)
    require_runs_on(model, str(device))
    return open_predictor(model, device=select_device(str(device)), threads=threads)


def open_predictor(
    model: Path | str, *, device: torch.device | None = None, threads: int | None = None
) -> Predictor:
    """See `load_model`; the device is one that is there, and files for processors stay on them."""
    require_trained(model)
    count = threads or torch.get_num_threads()
    path = user_path(model)
    if is_export(path) and path.is_file():
        running = Running(threads=count, device=_gpu_of(path, device))
        return ExportedPredictor.opened(path, running, str(model))
    predictor = predicting.load_model(model, device=device, baselines=BASELINES)
    if predictor.device.type == "cpu":
        predictor.tail = best_tail(threads=count)
    return predictor


def _gpu_of(path: Path, device: torch.device | None) -> str:
    """The GPU that was asked for, for a file that runs on nothing else; else the processor."""
    is_for_gpus = any(runtime.is_for_gpus for runtime in runtimes_of(path)[:1])
    return str(device) if is_for_gpus and device is not None else "cpu"


def require_runs_on(model: Path | str, device: str | None) -> None:
    """Raise `EnvironmentFault` for an exported file and a device that it is not run on.

    No device, or ``auto``, is that of the file's runtime.
    """
    path = user_path(model)
    if device not in (None, "auto") and is_export(path) and path.is_file():
        require_file_device(runtimes_of(path)[0], device)


def require_model(model: Path | str) -> None:
    """Raise as `load_model` does where a name stands for no model, before one is read."""
    require_trained(model)
    path = user_path(model)
    if not (is_export(path) and path.is_file()):
        predicting.require_bundle(model)


def open_bundle(model: Path | str) -> ModelBundle:
    """The bundle that a model's name stands for; raises as `load_network` does."""
    require_trained(model)
    _require_no_export(model)
    return predicting.open_bundle(model)


def _require_no_export(model: Path | str) -> None:
    """Raise `UsageError` for an exported file, where it takes the bundle that it was made from."""
    path = user_path(model)
    if is_export(path) and path.is_file():
        raise UsageError(
            "this is an exported file, and the bundle that it was made from is wanted",
            where=str(model),
            why="it holds a graph for a runtime, and not the network and its weights",
            next_step="name the bundle's folder; the file itself is for predict, evaluate, "
            "benchmark, describe, and verify FILE --against BUNDLE",
        )
