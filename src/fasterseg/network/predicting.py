"""From a model's name to a network, or to a predictor of images."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fasterseg.config import OutputForm
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading
from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.errors import FileError, UsageError
from fasterseg.evaluation import LabelsAndLogits
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.description import BaselineBuilder
from fasterseg.network.named_models import (
    advice_on_names,
    model_names,
    model_path,
    say_terms_of,
    told_of_names,
)
from fasterseg.network.network import WholeJob
from fasterseg.network.segmenting import OfPictures
from fasterseg.network.tiling import in_tiles, tiles_of
from fasterseg.runs import run_above
from fasterseg.space.blocks import Size
from fasterseg.stage_folders import BundleFolder

_MOST_LOOKED_INTO = 1000
"""Folders below one that is no model, in which one is looked for."""


class AllHeads(nn.Module):
    """A network whose forward returns the main, 1/16 and 1/32 logits, each at input size."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(batch, 3, height, width) normalised images to logits, the main ones first."""
        main, auxiliary = self.network.with_auxiliary(images)  # type: ignore[operator]
        return (main, *(auxiliary[stride] for stride in sorted(auxiliary)))


def load_network(
    model: Path | str,
    *,
    auxiliary: bool = False,
    baselines: Mapping[str, BaselineBuilder] | None = None,
) -> nn.Module:
    """The network of a bundle, in evaluation mode and float32.

    Its forward takes (batch, 3, height, width) normalised images to (batch, classes, height,
    width) logits; with `auxiliary` it returns the main, 1/16 and 1/32 logits, each at input size.
    Raises `UsageError` for an unknown name, with the nearest one, and `FileError` for a bundle
    that is damaged.
    """
    network = open_bundle(model).network(baselines=baselines, where=str(model))
    return AllHeads(network) if auxiliary else network


def open_bundle(model: Path | str) -> ModelBundle:
    """The bundle that a model's name stands for; raises as `load_network` does.

    A shipped one says its terms of use on stderr, once in a process.
    """
    path = require_bundle(model)
    say_terms_of(path)
    return ModelBundle.load(path)


def require_bundle(model: Path | str) -> Path:
    """The folder of the bundle that a model's name stands for, unread; raises as `load_network`."""
    path = model_path(model)
    run_above(path)  # of a run whose parts lead elsewhere nothing is read
    if BundleFolder(path).is_there():
        return path
    if path.exists():
        raise _no_bundle(path)
    raise _unknown(str(model))


def _no_bundle(path: Path) -> FileError:
    walk = islice(os.walk(path), _MOST_LOOKED_INTO)
    bundles = sorted(place for place, _, _ in walk if BundleFolder(Path(place)).is_there())
    return FileError(
        "this is not a model",
        where=str(path),
        why="a model is a bundle's folder (manifest, description, weights and card), or a file "
        "that fasterseg export wrote, under its ending (.onnx, .xml, .pt2 or .engine)",
        next_step=f"there is one in it: {bundles[0]}" if bundles else "name a bundle's folder",
    )


def _unknown(model: str) -> UsageError:
    path = Path(model)
    beside = {found.name: str(found) for found in _beside(path)}
    known = {name: name for name in model_names()} | beside
    near = get_close_matches(path.name, known, n=1, cutoff=0.4)
    return UsageError(
        f"there is no model {model!r}",
        where=str(path.parent.resolve()),
        why=f"{_told_beside(beside)}; {told_of_names()}",
        next_step=f"did you mean {known[near[0]]!r}?"
        if near
        else advice_on_names("name a bundle's folder, or a file that fasterseg export wrote"),
    )


def _beside(path: Path) -> list[Path]:
    """The models in the folder in which one was looked for: bundles, and files of its ending."""
    try:
        siblings = [*islice(path.parent.iterdir(), _MOST_LOOKED_INTO)]
    except OSError:  # it is not there, or may not be read
        return []
    return [
        one
        for one in siblings
        if BundleFolder(one).is_there() or (path.suffix and one.suffix == path.suffix)
    ]


def _told_beside(names: Collection[str]) -> str:
    named = ", ".join(sorted(names))
    return f"the models there are {named}" if named else "no file, bundle or model has this name"


class LogitsToLabels(Protocol):
    """A tail: from float32 (classes, height, width) logits to the class ids of a size."""

    @property
    def name(self) -> str:
        """What it is called."""

    def __call__(self, logits: npt.NDArray[np.float32], size: Size) -> npt.NDArray[Any]:
        """(height, width) class ids."""


class NetworkPredictor(OfPictures):
    """A network with its classes, reading and normalisation, from images to labels.

    Without a `tail`, PyTorch upsamples all class maps and takes the largest; with one, the network
    stops at its low-resolution logits and the tail gives the same labels from them.  Pictures are
    brought to its `size` before it sees them; without one they keep their own.
    """

    resizes = False

    def __init__(
        self,
        network: nn.Module,
        *,
        label_space: LabelSpace,
        normalisation: Normalisation,
        reading: Reading = DEFAULT_READING,
        size: Size | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.label_space = label_space
        self.reading = reading
        self.size = size
        self.device = device or torch.device("cpu")
        self.network = network
        self.tail: LogitsToLabels | None = None
        self._jobs: dict[OutputForm, WholeJob] = {}
        for output in get_args(OutputForm):
            job = WholeJob(
                network,
                normalisation.mean,
                normalisation.std,
                output=output,
                grey=reading.is_grey,
            )
            self._jobs[output] = job.to(self.device).eval()

    @property
    def tail_name(self) -> str:
        """What makes labels of the network's logits."""
        return "PyTorch" if self.tail is None else self.tail.name

    def labels(self, image: Pixels) -> npt.NDArray[Any]:
        """The class ids, (height, width), of a (height, width, 3) uint8 image of any size.

        Large ones are seen in tiles (`tiling`).
        """
        return in_tiles(self.label_map, image)

    def labels_and_logits(self, image: Pixels) -> LabelsAndLogits:
        """`labels`, and the low-resolution logits they come from; not of an image seen in tiles."""
        if tiles_of(*image.shape[:2]) > 1:
            return LabelsAndLogits(self.labels(image), None)
        logits = self._run("low-resolution-logits", image)
        if self.tail is None:
            return LabelsAndLogits(self.label_map(image), logits)
        return LabelsAndLogits(self.tail(logits, Size(image.shape[0], image.shape[1])), logits)

    def label_map(self, image: Pixels) -> npt.NDArray[Any]:
        """The class ids of an image that the network sees whole, unpadded, however large."""
        if self.tail is None:
            return self._run("labels", image)
        size = Size(image.shape[0], image.shape[1])
        return self.tail(self._run("low-resolution-logits", image), size)

    def logits(self, image: Pixels, output: OutputForm = "logits") -> npt.NDArray[np.float32]:
        """The (classes, height, width) logits of an image, at its size or the network's own."""
        return self._run(output, image)

    def _run(self, output: OutputForm, image: Pixels) -> npt.NDArray[Any]:
        with torch.inference_mode():
            batch = torch.from_numpy(np.array(image[None])).to(self.device)
            found: npt.NDArray[Any] = self._jobs[output](batch)[0].cpu().numpy()
        return found


def load_model(
    model: Path | str,
    *,
    device: torch.device | None = None,
    baselines: Mapping[str, BaselineBuilder] | None = None,
) -> NetworkPredictor:
    """The predictor of a bundle: image (path, array, Pillow image) to `Segmentation`.

    Raises as `load_network` does.
    """
    bundle = open_bundle(model)
    return NetworkPredictor(
        bundle.network(baselines=baselines, where=str(model)),
        label_space=bundle.card.label_space,
        normalisation=bundle.card.normalisation,
        reading=bundle.card.reading,
        size=bundle.card.size,
        device=device,
    )
