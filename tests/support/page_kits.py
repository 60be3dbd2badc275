"""A kit of a few small graphs for a browser, with its page, laid into a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from small_onnx import CLASSES, HEIGHT, WIDTH, small_bytes

from fasterseg.kit.manifest import (
    Item,
    KitManifest,
    PackedFile,
    PackedImage,
    PackedInput,
    PackedPromise,
    PackedTimer,
)
from fasterseg.latency.table import Target

PROMISE = PackedPromise(windows=2, queries=4, warmup_runs=1, needed=1, most=3)
TIMER = PackedTimer(warmup_runs=1, runs=4, nanoseconds=1_000_000, visits=2)
TARGET = Target(
    device="cpu",
    backend="onnxruntime-web",
    precision="float32",
    threads=1,
    height=HEIGHT,
    width=WIDTH,
    classes=CLASSES,
)


def convolution(channels: int) -> bytes:
    """A convolution of a small map, as a model."""
    weights = np.random.default_rng(channels).normal(size=(channels, channels, 3, 3))
    shape = [1, channels, 32, 32]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])],
        "block",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights.astype(np.float32), "w")],
    )
    opset = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def images() -> list[npt.NDArray[np.uint8]]:
    """Two images of noise."""
    shape = (HEIGHT, WIDTH, 3)
    return [np.random.default_rng(n).integers(0, 256, shape, dtype=np.uint8) for n in range(2)]


def page_kit(folder: Path, page: dict[str, bytes], *, threads: int = 1) -> KitManifest:
    """Write a kit with blocks in three groups, a network and a file that is promised."""
    channels = {"canary": 16, "floor": 1, **{f"block {n}": n for n in range(2, 8)}}
    models = {name: convolution(count) for name, count in channels.items()}
    models |= {"network": small_bytes(), "file": small_bytes()}
    files = {f"graphs/{n:04}.onnx": model for n, model in enumerate(models.values())}
    pictures = {f"images/{n}.bin": image.tobytes() for n, image in enumerate(images())}
    roles = {"canary": "canary", "floor": "floor", "network": "network", "file": "file"}
    manifest = KitManifest(
        name="a small kit",
        purpose="space",
        target=TARGET.model_copy(update={"threads": threads}),
        space="sha256:" + 64 * "0",
        blocks_timer=TIMER,
        networks_timer=TIMER,
        promise=PROMISE,
        canary="canary",
        floor="floor",
        items=tuple(
            Item.model_validate(
                {
                    "key": key,
                    "role": roles.get(key, "block"),
                    "file": name,
                    "inputs": (_input(models[key]),),
                }
            )
            for key, name in zip(models, files, strict=True)
        ),
        groups=tuple((f"block {n}", f"block {n + 1}") for n in (2, 4, 6)),
        network_groups=(("network",),),
        promised=("file",),
        images=tuple(PackedImage(file=name, height=HEIGHT, width=WIDTH) for name in pictures),
        files={name: packed(data) for name, data in {**files, **pictures, **page}.items()},
    )
    for name, data in {**files, **pictures, **page}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    return manifest


def packed(data: bytes) -> PackedFile:
    """What a manifest says of a file."""
    return PackedFile(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def _input(model: bytes) -> PackedInput:
    (value,) = onnx.ModelProto.FromString(model).graph.input
    shape = tuple(length.dim_value for length in value.type.tensor_type.shape.dim)
    of_bytes = value.type.tensor_type.elem_type == TensorProto.UINT8
    return PackedInput.model_validate(
        {
            "name": value.name,
            "shape": shape,
            "type": "uint8" if of_bytes else "float32",
            "fill": "bytes" if of_bytes else "features",
        }
    )
