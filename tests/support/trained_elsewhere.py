"""A network trained by PyTorch alone and written by hand: no line of this package has a part in it.

It has another normalisation, size, order of colours, layout and other names of classes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.street import StreetScenes

SIZE = (48, 96)
MEAN, STD = (0.406, 0.456, 0.485), (0.225, 0.224, 0.229)
"""ImageNet's, in the order of blue, green, red."""
THEIRS = {
    "background": "none",
    "road surface": "road",
    "sky": "sky",
    "sidewalk": "pavement",
    "house": "building",
    "tree": "vegetation",
    "vehicle": "car",
    "human": "pedestrian",
    "pole": "pole",
    "traffic sign": "sign",
}
"""What it calls its classes, in the order of its channels, and what the data calls them."""


class Elsewhere(nn.Module):
    """Two convolutions, from channels-last BGR to probabilities of each pixel, channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 24, 5, stride=2, padding=2)
        self.last = nn.Conv2d(24, len(THEIRS), 3, padding=1)

    def scores(self, images: Tensor) -> Tensor:
        """(batch, height, width, 3) to logits of its classes, (batch, classes, height, width)."""
        found = self.last(F.relu(self.first(images.permute(0, 3, 1, 2))))
        return F.interpolate(found, size=SIZE, mode="bilinear", align_corners=False)

    def forward(self, images: Tensor) -> Tensor:
        """What is written into the file."""
        return self.scores(images).softmax(dim=1).permute(0, 2, 3, 1)


def fed(
    image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(height, width, 3), as the network is fed, of a picture of any size."""
    values = resampled(image, SIZE)[..., ::-1] / 255
    return np.asarray((values - np.array(MEAN)) / np.array(STD), dtype=np.float32)


@cache
def trained() -> Elsewhere:
    """The network after some steps on other scenes than the student's."""
    source = StreetScenes(size=SIZE, counts={"train": 12}, seed=7)
    ours = source.label_space.names
    known = [*THEIRS.values()]
    lookup = torch.tensor([known.index(name) for name in ours] + [0] * (256 - len(ours)))
    samples = [source.sample("train", index) for index in range(12)]
    images = torch.from_numpy(np.stack([fed(one.image) for one in samples]))
    labels = torch.from_numpy(np.stack([one.labels for one in samples]).astype(np.int64))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Elsewhere()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        F.cross_entropy(network.scores(images), lookup[labels]).backward()
        optimiser.step()
    return network.eval()


@cache
def _written() -> bytes:
    """The network as an ONNX file, operator by operator."""
    weights = {name: value.detach().numpy() for name, value in trained().named_parameters()}
    sizes = np.array([1, len(THEIRS), *SIZE], dtype=np.int64)
    like_areas = {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            *("Conv", ["planes", "first.weight", "first.bias"], ["first"]),
            strides=[2, 2],
            pads=[2] * 4,
        ),
        helper.make_node("Relu", ["first"], ["relu"]),
        helper.make_node("Conv", ["relu", "last.weight", "last.bias"], ["last"], pads=[1] * 4),
        helper.make_node("Resize", ["last", "", "", "sizes"], ["large"], **like_areas),
        helper.make_node("Softmax", ["large"], ["shares"], axis=1),
        helper.make_node("Transpose", ["shares"], ["output"], perm=[0, 2, 3, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "elsewhere",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, *SIZE, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, *SIZE, len(THEIRS)])],
        [
            numpy_helper.from_array(value, name)
            for name, value in {**weights, "sizes": sizes}.items()
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def laid_elsewhere(folder: Path) -> Path:
    """Its ONNX file in a folder, with the card beside it."""
    file = folder / "elsewhere.onnx"
    file.write_bytes(_written())
    card = {
        "classes": [*THEIRS],
        "mapping": {theirs: ours for theirs, ours in THEIRS.items() if theirs != ours},
        "mean": [*MEAN],
        "std": [*STD],
        "channels": "bgr",
        "layout": "nhwc",
        "size": f"{SIZE[0]}x{SIZE[1]}",
        "output": "probabilities",
        "pretrained": "trained on scenes of another seed",
    }
    (folder / "elsewhere.teacher.yaml").write_text(yaml.safe_dump(card))
    return file
