"""Small kits with real graphs, that `run.py` measures in a moment; and `run.py` as a module.

kit = RunnableKit(tmp_path / "kit")
runner.main([str(kit.folder)])
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import fasterseg
from fasterseg.artifacts import digest_of_value
from fasterseg.kit.manifest import KitManifest

RUN = Path(fasterseg.__file__).parent / "kit" / "runners" / "run.py"
HEIGHT, WIDTH, CLASSES = 8, 12, 3
NUMBER_TYPES = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}
QUICK_TIMER = {"warmup_runs": 1, "runs": 2, "nanoseconds": 0, "visits": 2}
QUICK_PROMISE = {"windows": 2, "queries": 2, "warmup_runs": 1, "needed": 0, "most": 0}


def loaded_runner(*, steady: bool = True) -> ModuleType:
    """`run.py`, which nothing imports on a device, as a module of its own.

    With a `steady` clock every call takes a microsecond, and no thread ever waits, so that nothing
    is measured again.
    """
    spec = spec_from_file_location("kit_runner", RUN)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    if steady:
        module.clocked = _a_microsecond  # type: ignore[attr-defined]
        module.TASKS = Path("/nowhere")  # type: ignore[attr-defined]
    return module


def _a_microsecond(call: Callable[[], object]) -> int:
    call()
    return 1000


class RunnableKit:
    """A kit of blocks, a border, calibration networks and a file, in a folder."""

    def __init__(
        self,
        folder: Path,
        *,
        blocks: int = 3,
        target: Mapping[str, Any] | None = None,
        changes: Mapping[str, Any] | None = None,
        graphs: Mapping[str, bytes] | None = None,
        images: int = 2,
    ) -> None:
        self.folder = folder
        self.blocks = [f"conv block {number}" for number in range(blocks)]
        self.items: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        for key, role in self._roles().items():
            model = (graphs or {}).get(key) or self._graph(role, len(self.items))
            self._add(key, role, model)
        for number in range(images):
            noise = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
            self.files[f"images/{number}.bin"] = noise.tobytes()
        self.content = {**self._content(images, target or {}), **(changes or {})}
        self.write()

    def write(self) -> None:
        """Write all files, the manifest with the digests that belong to it."""
        self.content["files"] = {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in self.files.items()
        }
        for name, data in self.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        document = {
            "schema": "fasterseg/kit/1",
            "digest": digest_of_value(self.content),
            "content": self.content,
        }
        (self.folder / "manifest.json").write_text(json.dumps(document))

    def zipped(self, path: Path, *, inside: str = "") -> Path:
        """The same as a zip."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(self.folder.rglob("*")):
                if file.is_file():
                    archive.write(file, inside + file.relative_to(self.folder).as_posix())
        return path

    @property
    def manifest(self) -> KitManifest:
        """The manifest, read as the package reads it."""
        return KitManifest.load(self.folder / "manifest.json")

    @property
    def journal(self) -> list[dict[str, Any]]:
        """What was measured so far."""
        lines = (self.folder / "journal.jsonl").read_bytes().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def measured(self) -> dict[str, Any]:
        """The content of what was measured."""
        content: dict[str, Any] = json.loads((self.folder / "measured.json").read_text())["content"]
        return content

    def _roles(self) -> dict[str, str]:
        blocks = dict.fromkeys(self.blocks, "block")
        networks = dict.fromkeys(("net 0", "net 1"), "network")
        first = {"canary": "canary", "floor": "floor"}
        return {**first, **blocks, "border": "border", **networks, "student": "file"}

    def _graph(self, role: str, seed: int) -> bytes:
        if role == "floor":
            return a_relu()
        if role in ("network", "file"):
            return a_network(seed)
        return a_convolution(seed)

    def _add(self, key: str, role: str, model: bytes) -> None:
        file = f"graphs/{len(self.items):04d}.onnx"
        self.files[file] = model
        (source,) = onnx.ModelProto.FromString(model).graph.input
        kind = source.type.tensor_type
        shape = [dim.dim_value for dim in kind.shape.dim]
        is_image = kind.elem_type == TensorProto.UINT8
        reads = {
            "name": source.name,
            "shape": shape,
            "type": "uint8" if is_image else "float32",
            "fill": "bytes" if is_image else "features",
        }
        self.items.append({"key": key, "role": role, "file": file, "inputs": [reads]})

    def _content(self, images: int, target: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": "small",
            "purpose": "space",
            "target": {
                "device": "cpu",
                "backend": "onnxruntime",
                "precision": "float32",
                "threads": 1,
                "height": HEIGHT,
                "width": WIDTH,
                "classes": CLASSES,
                "output": "labels",
                "tail": "graph",
                **target,
            },
            "space": "sha256:" + "0" * 64,
            "blocks_timer": QUICK_TIMER,
            "networks_timer": QUICK_TIMER,
            "promise": QUICK_PROMISE,
            "canary": "canary",
            "floor": "floor",
            "reference": None,
            "reference_ns": None,
            "items": self.items,
            "groups": [[block, "border"] for block in self.blocks[:1]]
            + [[block] for block in self.blocks[1:]],
            "network_groups": [["net 0", "net 1"]],
            "promised": ["student"],
            "images": [
                {"file": f"images/{number}.bin", "height": HEIGHT, "width": WIDTH}
                for number in range(images)
            ],
        }


def a_relu() -> bytes:
    """A graph that looks at one number."""
    return _model([helper.make_node("Relu", ["in0"], ["out"])], ("float32", [1]), "float32", [1])


def a_convolution(seed: int = 0, kind: str = "float32") -> bytes:
    """A convolution of 4 channels of 8x8."""
    weight = _weight((4, 4, 3, 3), seed)
    node = helper.make_node("Conv", ["in0", "weight"], ["out"], pads=[1, 1, 1, 1])
    shape = [1, 4, 8, 8]
    return _model([node], ("float32", shape), "float32", shape, [weight])


def a_network(seed: int = 0, *, ends: str = "labels") -> bytes:
    """From a uint8 image to uint8 labels of 3 classes, or to logits of its size."""
    weight = _weight((CLASSES, 3, 3, 3), seed)
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weight"], ["out"], pads=[1, 1, 1, 1]),
    ]
    image = ("uint8", [1, HEIGHT, WIDTH, 3])
    if ends == "logits":
        shape = [1, CLASSES, HEIGHT, WIDTH]
        return _model(nodes, image, "float32", shape, [weight], reads="image")
    nodes[-1].output[0] = "logits"
    nodes += [
        helper.make_node("ArgMax", ["logits"], ["long"], axis=1, keepdims=0),
        # TensorRT casts bytes from and to floating point only.
        helper.make_node("Cast", ["long"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["float"], ["out"], to=TensorProto.UINT8),
    ]
    return _model(nodes, image, "uint8", [1, HEIGHT, WIDTH], [weight], reads="image")


def _weight(shape: tuple[int, ...], seed: int) -> Any:
    numbers = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    numbers -= numbers.mean((1, 2, 3), keepdims=True)  # no class wins everywhere
    return numpy_helper.from_array(numbers, "weight")


def _model(
    nodes: Sequence[Any],
    source: tuple[str, list[int]],
    kind: str,
    shape: list[int],
    weights: Sequence[Any] = (),
    *,
    reads: str = "in0",
) -> bytes:
    """A model that ONNX Runtime 1.16 reads."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(reads, NUMBER_TYPES[source[0]], source[1])],
        [helper.make_tensor_value_info("out", NUMBER_TYPES[kind], shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
