#!/usr/bin/env python3
"""Times what lies in this kit on the device that runs this file, and writes measured.json.

    python3 run.py              in the folder of a kit
    python3 run.py kit.zip      with a kit that nobody unpacked

It needs Python 3.8 or later, NumPy, and the runtime that the kit is for: ONNX Runtime from 1.16 on,
OpenVINO, or TensorRT from 10 on.  Nothing else is needed, nothing is downloaded or sent, and
nothing is written but beside the kit.

Stop it whenever you like: the same command resumes, and what is finished is not measured again.

Exit codes: 0 all is measured; 2 a wrong option; 3 a damaged kit; 4 this device lacks something (a
runtime, room on the disk, permission); 7 stopped, the same command resumes.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import ctypes
import gc
import hashlib
import json
import os
import platform
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from functools import partial
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, Mapping, Sequence

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

try:
    import numpy as np
except ImportError:
    print(
        "this kit needs NumPy\n"
        f"  where: {sys.executable}\n"
        "  why:   what the graphs read is made with it\n"
        f"  next:  {sys.executable} -m pip install numpy, then start again",
        file=sys.stderr,
    )
    sys.exit(4)

KIT_SCHEMA, MEASURED_SCHEMA = "fasterseg/kit/1", "fasterseg/kit-measured/1"
MANIFEST, JOURNAL, MEASURED, LOCK = "manifest.json", "journal.jsonl", "measured.json", "run.lock"

STEADY_WITHIN = 0.03
"""A canary within so much of its pace is that of a quiet device.

So is one on which no thread that could have run waited for a larger share of the time.
"""
CANARY_CALLS, CANARY_NS = 5, 50_000_000
"""So often the canary is timed between two visits of a group, unless that takes so long."""
MOST_TRIES = 3
"""So often a group is measured in all, while its canary is off its pace."""
LONG_NS = 200_000_000
"""What takes longer is warmed up once."""
FLOOR_WARMUP, FLOOR_RUNS = 20, 200
CANARY_RUNS, ALONE_NS = 50, 2_000_000_000
"""So often, and for so long at most, the canary is timed by itself."""
PATTERN = 1 << 16
"""So many numbers, over and over, are what a graph reads."""
MOST_TEXT = 200
MOST_MANIFEST_BYTES = 1 << 28
TELL_EVERY_S = 2.0

DAMAGED, LACKING, STOPPED = 3, 4, 7

Call = Callable[[], Any]
Tail = Callable[[Any], Any]
Numbers = Dict[str, Any]
Record = Dict[str, Any]


class Refusal(Exception):
    """What ends this program with a sentence: what, where, why, and what to do next."""

    def __init__(
        self, what: str, *, where: object = "", why: object = "", next_step: str = "", code: int
    ) -> None:
        parts = [("where", where), ("why", why), ("next", next_step)]
        lines = [f"  {name + ':':6} {shown(text)}" for name, text in parts if str(text)]
        super().__init__("\n".join([shown(what), *lines]))
        self.code = code


def shown(text: object) -> str:
    """A text of any origin as a part of a line of a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))[:4000]


def say(text: str) -> None:
    """Tell whoever looks; where nobody does any more, as over a broken line, measuring goes on."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def this_command() -> str:
    """What to type to start this again."""
    return " ".join(shlex.quote(word) for word in [Path(sys.executable).name, *sys.argv])


def reason_of(error: BaseException) -> str:
    """The first line of what a library says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:MOST_TEXT]}" if lines else repr(error)


# ---------------------------------------------------------------------------------- the kit


class Kit:
    """The manifest of a folder or a zip, and the files that it lists, as they were packed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.archive = None if place.is_dir() else _archive(place)
        self.inside = "" if self.archive is None else _inside(self.archive, place)
        try:
            document = json.loads(self._bytes(MANIFEST, MOST_MANIFEST_BYTES).decode("utf-8"))
            schema = document["schema"]
            self.content: dict[str, Any] = document["content"]
            self.digest = digest_of(self.content)
            whole = document["digest"] == self.digest
            self.items: dict[str, Record] = {one["key"]: one for one in self.content["items"]}
            self.groups: list[list[str]] = [
                *self.content["groups"],
                *self.content["network_groups"],
            ]
            self.target: Record = self.content["target"]
            self.promised: list[str] = self.content["promised"]
            self.images: list[Record] = self.content["images"]
            self.tails: dict[str, Callable[..., Any]] = {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self.damaged(MANIFEST, reason_of(error)) from error
        if schema != KIT_SCHEMA:
            raise self.damaged(MANIFEST, f"it is a {schema}, and this runner reads {KIT_SCHEMA}")
        if not whole:
            raise self.damaged(MANIFEST, "its content does not have the digest that it carries")

    def beside(self, name: str) -> Path:
        """Where a file of a measurement lies: in the folder, or beside the zip, named after it."""
        if self.archive is None:
            return self.place / name
        return self.place.with_name(f"{self.place.stem}-{name}")

    def timer(self, number: int) -> Record:
        """How the graphs of a group are timed; groups of networks come after those of blocks."""
        blocks = number < len(self.content["groups"])
        found: Record = self.content["blocks_timer" if blocks else "networks_timer"]
        return found

    def files(self) -> list[str]:
        """The keys of the files whose labels are asked for."""
        if not self.images:
            return []
        return [key for key, item in self.items.items() if item["role"] == "file"]

    def sha256(self, name: str) -> str:
        """The digest of a file, as the manifest has it."""
        return str(self.content["files"][name]["sha256"])

    def read(self, name: str) -> bytes:
        """A file's bytes, which are those that were packed."""
        told = self.content["files"][name]
        data = self._bytes(name, told["bytes"])
        if hashlib.sha256(data).hexdigest() != told["sha256"]:
            raise self.damaged(name, "its digest is not the one that the manifest has")
        return data

    def model(self, key: str) -> bytes:
        """The graph of an item."""
        return self.read(self.items[key]["file"])

    def tail(self, key: str) -> Tail | None:
        """From an item's logits to labels by the kit's own file; None where its graph does that."""
        told = self.items[key].get("tail")
        if told is None:
            return None
        if told["file"] not in self.tails:
            module = ModuleType("tail")
            exec(compile(self.read(told["file"]), told["file"], "exec"), module.__dict__)
            self.tails[told["file"]] = module.__dict__["label_map"]
        label_map, size = self.tails[told["file"]], (told["height"], told["width"])
        return lambda logits: label_map(logits, size)

    def damaged(self, name: str, why: str) -> Refusal:
        """That a file of the kit is not what was packed."""
        where = self.place / name if self.archive is None else f"{self.place}: {name}"
        next_step = "copy the whole kit to this device once more, then start again"
        what = "there is no kit here" if name == MANIFEST else "a file of the kit was damaged"
        return Refusal(what, where=where, why=why, next_step=next_step, code=DAMAGED)

    def _bytes(self, name: str, most: int) -> bytes:
        try:
            if self.archive is None:
                stream: Any = (self.place / name).open("rb")
            else:
                stream = self.archive.open(self.inside + name)
            with stream:
                data: bytes = stream.read(most + 1)
        except KeyError as error:
            raise self.damaged(name, "the zip does not hold it") from error
        except (OSError, ValueError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            raise self.damaged(
                name, getattr(error, "strerror", None) or reason_of(error)
            ) from error
        if len(data) > most:
            raise self.damaged(name, "it has more bytes than it may")
        return data


def _archive(place: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(place)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise Refusal(
            "there is no kit here",
            where=place,
            why=getattr(error, "strerror", None) or reason_of(error),
            next_step="name the folder or the zip that fasterseg kit pack wrote",
            code=DAMAGED,
        ) from error


def _inside(archive: zipfile.ZipFile, place: Path) -> str:
    """The folder of a zip that the kit lies in, with its slash; empty where it lies at the top."""
    found = [name for name in archive.namelist() if name.split("/")[-1] == MANIFEST]
    if not found:
        raise Refusal(
            "there is no kit here",
            where=place,
            why=f"the zip holds no {MANIFEST}",
            next_step="name the zip that fasterseg kit pack wrote",
            code=DAMAGED,
        )
    return min(found, key=len)[: -len(MANIFEST)]


def canonical(value: object) -> bytes:
    """The one byte string that stands for a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest_of(value: object) -> str:
    """SHA-256 of a JSON value."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def inputs_of(item: Record) -> Numbers:
    """What a graph reads: always the same numbers."""
    return {one["name"]: filled(one["shape"], one["type"], one["fill"]) for one in item["inputs"]}


def filled(shape: Sequence[int], kind: str, fill: str) -> Any:
    """Noise of an image, numbers of both signs, rectified ones (half are zero), or a scene."""
    if fill == "scene":
        return _scene(*shape).astype(kind)
    states = np.arange(PATTERN, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(1 << 32)
    if fill == "bytes" or np.dtype(kind).itemsize == 1:
        return np.resize((states >> np.uint64(24)).astype(np.uint8).view(kind), shape)
    numbers = states.astype(np.float64) / (1 << 31) - 1.0
    if fill == "features":
        numbers = np.maximum(numbers, 0.0)
    return np.resize(numbers.astype(kind), shape)


def _scene(classes: int, height: int, width: int) -> Any:
    """Patches of a class, rough at their edges, on which the work of a tail depends."""
    side = 6
    coarse = filled((classes, -(-height // side), -(-width // side)), "float32", "numbers")
    patches = coarse.repeat(side, 1).repeat(side, 2)[:, :height, :width]
    return patches + np.float32(0.1) * filled((classes, height, width), "float32", "numbers")


# ---------------------------------------------------------------------------------- runtimes


HINTS = {"float32": "f32", "int8": "f32", "float16": "f16", "bfloat16": "bf16"}
KINDS = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "i8": "int8", "u8": "int8"}
"""Precisions as OpenVINO is asked for them, and as it tells them."""
TYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "UINT8": "uint8",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
"""TensorRT's names of types."""


def number_of(device: str) -> int:
    """The number of a device that is called ``cuda`` or ``cuda:1``."""
    return int(device.partition(":")[2] or 0)


class OnnxRuntime:
    """ONNX Runtime on the processor, on an NVIDIA GPU, or on the provider that was named."""

    opens_quickly = True

    def __init__(self, target: Record, provider: str | None) -> None:
        import onnxruntime

        self.module: Any = onnxruntime
        self.threads: int = target["threads"]
        self.on_gpu = target["backend"] == "onnxruntime-cuda"
        usual = "CUDAExecutionProvider" if self.on_gpu else "CPUExecutionProvider"
        self.provider = provider or usual
        self.version = str(onnxruntime.__version__)
        self.number = number_of(target["device"]) if self.on_gpu else 0
        found = onnxruntime.get_available_providers()
        if self.provider not in found:
            raise Refusal(
                f"this ONNX Runtime has no {self.provider}",
                where=f"onnxruntime {self.version}: {onnxruntime.__file__}",
                why="it has {}".format(", ".join(found)),
                next_step="install a build of it that does, or name one of these with --provider",
                code=LACKING,
            )

    def open(self, model: bytes) -> OnnxGraph:
        """A model, ready to run on the one provider."""
        return OnnxGraph(self, self.session(model))

    def session(self, model: bytes, write_to: str = "") -> Any:
        """A session; `write_to` is where the graph goes that it really runs."""
        options = self.module.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = self.module.ExecutionMode.ORT_SEQUENTIAL
        # An idle session must not take the processor from the one that is being timed.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if self.provider != "CPUExecutionProvider":
            # Without it, what the provider does not run is run by the processor without a word.
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        options.log_severity_level = 4
        if write_to:
            options.optimized_model_filepath = write_to
        wanted: Any = self.provider
        if self.on_gpu:
            told = {"use_tf32": "0", "cudnn_conv_algo_search": "EXHAUSTIVE"}
            wanted = (self.provider, {"device_id": str(self.number), **told})
        session = self.module.InferenceSession(
            model, options, providers=[wanted], enable_fallback=0
        )
        if session.get_providers()[0] != self.provider:
            raise RuntimeError(f"it took {session.get_providers()[0]}")
        return session

    def watch(self, call: Call) -> int:
        """Nanoseconds of one call."""
        return clocked(call)

    def precision(self, model: bytes, folder: Path) -> str:
        """What convolutions compute in, by the graph that ONNX Runtime made of this one."""
        with tempfile.TemporaryDirectory(prefix=".run-", dir=str(folder)) as scratch:
            path = Path(scratch) / "optimised.onnx"
            self.session(model, str(path))
            return convolved_in(path.read_bytes())


class OnnxGraph:
    """An ONNX model in ONNX Runtime."""

    def __init__(self, runtime: OnnxRuntime, session: Any) -> None:
        self.session, self.place = session, ("cuda" if runtime.on_gpu else "cpu", runtime.number)
        self.values = runtime.module.OrtValue
        self.names = [one.name for one in session.get_outputs()]

    def bound(self, inputs: Numbers) -> Call:
        """A call on inputs and an output that stay where they are."""
        session, binding = self.session, self.session.io_binding()
        for name, numbers in inputs.items():
            binding.bind_ortvalue_input(name, self.values.ortvalue_from_numpy(numbers, *self.place))
        for name in self.names:
            binding.bind_output(name, *self.place)
        # The first run allocates the output; binding that same memory keeps it in place.
        session.run_with_iobinding(binding)
        for name, value in zip(self.names, binding.get_outputs()):
            binding.bind_ortvalue_output(name, value)
        if self.place[0] == "cpu":
            return lambda: session.run_with_iobinding(binding)

        def run() -> None:
            session.run_with_iobinding(binding)
            binding.synchronize_outputs()

        return run

    def whole(self, inputs: Numbers) -> Call:
        """A call from inputs in the host's memory to the first output in it."""
        return lambda: self.session.run(self.names[:1], inputs)[0]

    def close(self) -> None:
        """Nothing outlives the session."""


class OpenVino:
    """OpenVINO on the processor, or on the device of its own that was named."""

    opens_quickly = True

    def __init__(self, target: Record, provider: str | None) -> None:
        # It would begin a thread that sends an event to a server when it is imported.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        self.module: Any = openvino
        self.threads: int = target["threads"]
        self.provider = provider or "CPU"
        self.version = str(openvino.__version__).split("-")[0]
        self.core = openvino.Core()
        found = self.core.available_devices
        if self.provider not in found:
            raise Refusal(
                f"OpenVINO has no {self.provider} here",
                where=f"openvino {self.version}",
                why="it has {}".format(", ".join(found)),
                next_step="name one of these with --provider",
                code=LACKING,
            )
        self.settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_PRECISION_HINT": HINTS[target["precision"]],
        }
        if self.provider == "CPU":
            self.settings["INFERENCE_NUM_THREADS"] = str(self.threads)

    def open(self, model: bytes) -> OpenVinoGraph:
        """A model, ready to run."""
        return OpenVinoGraph(self._compiled(model))

    def watch(self, call: Call) -> int:
        """Nanoseconds of one call."""
        return clocked(call)

    def precision(self, model: bytes, folder: Path) -> str:
        """What convolutions compute in, as the plugin says."""
        compiled = self._compiled(model)
        kinds = {
            _told(node, "runtimePrecision")
            for node in compiled.get_runtime_model().get_ordered_ops()
            if "onvolution" in _told(node, "layerType")
        }
        if not kinds:
            kinds = {str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())}
        return "+".join(sorted({KINDS.get(kind, kind) for kind in kinds}))

    def _compiled(self, model: bytes) -> Any:
        read = self._antialiased(self.core.read_model(model))
        return self.core.compile_model(read, self.provider, self.settings)

    def _antialiased(self, model: Any) -> Any:
        """The model, its resizes antialiased where it says so: OpenVINO reads that and does not."""
        operators = getattr(self.module, "opset11", None) or self.module.runtime.opset11
        for node in model.get_ordered_ops():
            if node.get_type_name() != "Interpolate" or not node.get_attributes()["antialias"]:
                continue
            image, size, *axes = (one.get_source_output() for one in node.inputs())
            resized = operators.interpolate(
                image,
                size,
                "bilinear_pillow",
                "sizes",
                axes=axes[0] if axes else None,
                coordinate_transformation_mode="half_pixel",
            )
            node.output(0).replace(resized.output(0))
        return model


def _told(node: Any, name: str) -> str:
    return str(node.get_rt_info()[name].astype(str))


class OpenVinoGraph:
    """A model that OpenVINO compiled."""

    def __init__(self, compiled: Any) -> None:
        self.request = compiled.create_infer_request()

    def bound(self, inputs: Numbers) -> Call:
        """A call on inputs and an output that stay where they are."""
        # Inputs are set once; each further run reads the same memory.
        self.request.infer(inputs, share_inputs=True, share_outputs=True)

        def run() -> Any:
            assert inputs
            return self.request.infer(share_outputs=True)

        return run

    def whole(self, inputs: Numbers) -> Call:
        """A call from inputs in the host's memory to the first output, in memory of its own."""
        infer = self.request.infer
        return lambda: infer(inputs, share_inputs=True, share_outputs=False)[0]

    def close(self) -> None:
        """Nothing outlives the request."""


class TensorRt:
    """TensorRT: an engine for each graph, built here from it and not kept, on one stream."""

    opens_quickly = False
    OPTIMISATION = 3

    def __init__(self, target: Record, provider: str | None) -> None:
        import tensorrt

        self.module: Any = tensorrt
        self.version = str(tensorrt.__version__)
        self.threads: int = target["threads"]
        if not hasattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
            raise Refusal(
                "TensorRT from 10 on is needed",
                where=f"tensorrt {self.version}",
                why="an earlier one chooses the types that it computes in by itself",
                next_step="install a later one; or pack the kit for ONNX Runtime",
                code=LACKING,
            )
        self.gpu = Gpu(number_of(target["device"]))
        self.provider = provider or self.gpu.name
        self.logger = tensorrt.Logger(tensorrt.Logger.WARNING)
        self.timings = b""

    def open(self, model: bytes) -> Engine:
        """The engine of a model; RuntimeError with TensorRT's reasons."""
        return Engine(self, self._built(model))

    def watch(self, call: Call) -> int:
        """Nanoseconds between two events of the GPU around one call."""
        return self.gpu.clocked(call)

    def precision(self, model: bytes, folder: Path) -> str:
        """An engine that is typed by its graph computes in the graph's types."""
        return convolved_in(model)

    def _built(self, model: bytes) -> bytes:
        tensorrt = self.module
        builder = tensorrt.Builder(self.logger)
        flags = 1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = builder.create_network(flags)
        parser = tensorrt.OnnxParser(network, self.logger)
        if not parser.parse(model):
            faults = [str(parser.get_error(index)) for index in range(parser.num_errors)]
            raise RuntimeError("TensorRT cannot read it: " + "; ".join(faults))
        config = builder.create_builder_config()
        config.builder_optimization_level = self.OPTIMISATION
        # On unless it is said otherwise: products of float32 would be rounded to ten binary digits.
        config.clear_flag(tensorrt.BuilderFlag.TF32)
        known = config.create_timing_cache(self.timings)
        config.set_timing_cache(known, ignore_mismatch=False)
        engine = builder.build_serialized_network(network, config)
        if engine is None:
            raise RuntimeError("TensorRT could not build an engine of it: its log says why")
        self.timings = bytes(known.serialize())
        return bytes(engine)


class Engine:
    """An engine with its execution context and its memory on the GPU."""

    def __init__(self, runtime: TensorRt, data: bytes) -> None:
        tensorrt, self.gpu = runtime.module, runtime.gpu
        # TensorRT's runtime has to live for as long as its engine.
        self.loader = tensorrt.Runtime(runtime.logger)
        self.engine = self.loader.deserialize_cuda_engine(data)
        if self.engine is None:
            raise RuntimeError("TensorRT cannot load the engine that it built: its log says why")
        self.context = self.engine.create_execution_context()
        engine, reads = self.engine, tensorrt.TensorIOMode.INPUT
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        self.outputs = [name for name in names if engine.get_tensor_mode(name) != reads]
        self.memory: list[Any] = []

    def bound(self, inputs: Numbers) -> Call:
        """A call that enqueues a run on memory that stays where it is."""
        self._place(inputs)
        self.gpu.wait()
        return self._enqueue

    def whole(self, inputs: Numbers) -> Call:
        """A call that copies inputs to the GPU, runs, and copies the first output back."""
        places, found = self._place(inputs)

        def run() -> Any:
            for name, numbers in inputs.items():
                self.gpu.put(places[name], numbers)
            self._enqueue()
            self.gpu.fetch(found, places[self.outputs[0]])
            return found

        return run

    def close(self) -> None:
        """Give its memory back, once nothing works with it."""
        self.gpu.wait()
        for memory in self.memory:
            self.gpu.free(memory)
        self.memory = []

    def _place(self, inputs: Numbers) -> tuple[dict[str, Any], Any]:
        """Where inputs and outputs lie on the GPU, and memory of the host for the first output."""
        places = {}
        for name, numbers in inputs.items():
            if not self.context.set_input_shape(name, tuple(numbers.shape)):
                raise RuntimeError(f"the engine does not take {numbers.shape}")
            places[name] = self._reserved(numbers.nbytes)
            self.gpu.put(places[name], numbers)
        found = None
        for name in self.outputs:
            kind = TYPES[self.engine.get_tensor_dtype(name).name]
            numbers = np.empty(tuple(self.context.get_tensor_shape(name)), kind)
            places[name] = self._reserved(numbers.nbytes)
            found = numbers if found is None else found
        for name, place in places.items():
            self.context.set_tensor_address(name, int(place.value))
        return places, found

    def _reserved(self, size: int) -> Any:
        self.memory.append(self.gpu.memory(size))
        return self.memory[-1]

    def _enqueue(self) -> None:
        if not self.context.execute_async_v3(self.gpu.number_of_stream):
            raise RuntimeError("TensorRT did not run the engine: its log says why")


class Gpu:
    """An NVIDIA GPU by the driver's own library: its memory, one stream, and its clock."""

    LIBRARIES = ("libcuda.so.1", "nvcuda.dll")

    def __init__(self, number: int, library: Any = None) -> None:
        self.module = library or self._library()
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.stream = ctypes.c_void_p()
        self._ask("cuInit", 0)
        self._ask("cuDeviceGet", ctypes.byref(device), number)
        name = ctypes.create_string_buffer(MOST_TEXT)
        self._ask("cuDeviceGetName", name, MOST_TEXT, device)
        self.name = f"{name.value.decode('utf-8', 'replace')} ({number})"
        # The context that CUDA's runtime, and so TensorRT, uses for this device.
        self._ask("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._ask("cuCtxSetCurrent", context)
        self._ask("cuStreamCreate", ctypes.byref(self.stream), 1)  # it waits for no other stream
        self.events = (ctypes.c_void_p(), ctypes.c_void_p())
        for event in self.events:
            self._ask("cuEventCreate", ctypes.byref(event), 0)

    @property
    def number_of_stream(self) -> int:
        """The stream, as TensorRT is told of it."""
        return self.stream.value or 0

    def memory(self, size: int) -> Any:
        """So many bytes of the GPU."""
        found = ctypes.c_uint64()
        self._ask("cuMemAlloc_v2", ctypes.byref(found), ctypes.c_size_t(max(1, size)))
        return found

    def free(self, memory: Any) -> None:
        """Give memory back."""
        self._ask("cuMemFree_v2", memory)

    def put(self, memory: Any, numbers: Any) -> None:
        """Copy an array to the GPU."""
        held = ctypes.c_void_p(numbers.ctypes.data)
        size = ctypes.c_size_t(numbers.nbytes)
        self._ask("cuMemcpyHtoDAsync_v2", memory, held, size, self.stream)

    def fetch(self, numbers: Any, memory: Any) -> None:
        """Copy memory of the GPU into an array, once all is done that was enqueued."""
        held = ctypes.c_void_p(numbers.ctypes.data)
        size = ctypes.c_size_t(numbers.nbytes)
        self._ask("cuMemcpyDtoHAsync_v2", held, memory, size, self.stream)
        self.wait()

    def wait(self) -> None:
        """Wait until all is done that was enqueued."""
        self._ask("cuStreamSynchronize", self.stream)

    def clocked(self, call: Call) -> int:
        """Nanoseconds of the GPU's clock from before a call until its work is done."""
        start, end = self.events
        self.wait()
        self._ask("cuEventRecord", start, self.stream)
        call()
        self._ask("cuEventRecord", end, self.stream)
        self.wait()
        elapsed = ctypes.c_float()
        self._ask("cuEventElapsedTime", ctypes.byref(elapsed), start, end)
        return int(elapsed.value * 1e6)

    def _library(self) -> Any:
        for name in self.LIBRARIES:
            with contextlib.suppress(OSError):
                return ctypes.CDLL(name)
        raise self._missing("none of {} can be loaded".format(", ".join(self.LIBRARIES)))

    def _ask(self, name: str, *words: Any) -> None:
        code = getattr(self.module, name)(*words)
        if code:
            raise self._missing(f"{name} answers {code}")

    def _missing(self, why: str) -> Refusal:
        return Refusal(
            "the NVIDIA GPU of this device cannot be used",
            where="CUDA's driver",
            why=why,
            next_step="look at what nvidia-smi says; another program may hold its memory",
            code=LACKING,
        )


RUNTIMES: dict[str, tuple[str, Any]] = {
    "onnxruntime": ("onnxruntime", OnnxRuntime),
    "onnxruntime-cuda": ("onnxruntime", OnnxRuntime),
    "openvino": ("openvino", OpenVino),
    "tensorrt": ("tensorrt", TensorRt),
}
"""What is imported, and what opens it, by the names of targets."""


def opened_runtime(kit: Kit, provider: str | None) -> Any:
    """The runtime that the kit is for; never one in its place."""
    asked = kit.target["backend"]
    if asked not in RUNTIMES:
        raise Refusal(
            "this kit is not for this runner",
            where=kit.place,
            why=f"it is for {asked}",
            next_step="open index.html in a browser, from a file server"
            if asked == "onnxruntime-web"
            else "pack it for one of these: {}".format(", ".join(RUNTIMES)),
            code=LACKING,
        )
    module, kind = RUNTIMES[asked]
    try:
        return kind(kit.target, provider)
    except (ImportError, OSError, AttributeError) as error:
        # Broken builds raise what they like when they are imported.
        here = [one for one in RUNTIMES if one != asked and _is_here(RUNTIMES[one][0])]
        instead = "; or pack a kit for what is here: {}".format(", ".join(here)) if here else ""
        raise Refusal(
            f"{module} is needed, and cannot be imported here",
            where=sys.executable,
            why=reason_of(error),
            next_step=f"{sys.executable} -m pip install {module}, then start again{instead}",
            code=LACKING,
        ) from error


def _is_here(module: str) -> bool:
    try:
        __import__(module)
    except (ImportError, OSError, AttributeError):
        return False
    return True


def convolved_in(model: bytes) -> str:
    """The types that the convolutions of an ONNX model compute in, as ``float32+int8``.

    A convolution whose weight is computed, as out of int8 by a node before it, is one of float32.
    """
    graph = dict(fields(memoryview(model)))[7]
    weights: dict[bytes, int] = {}
    asked: list[bytes] = []
    for number, value in fields(graph):
        told = list(fields(value)) if number in (1, 5) else []
        if number == 5:
            weights[_first(told, 8)] = next((v for n, v in told if n == 2), 1)
        elif number == 1 and _first(told, 4).endswith(b"Conv"):
            inputs = [bytes(v) for n, v in told if n == 1]
            asked.append(inputs[3 if _first(told, 4) == b"QLinearConv" else 1])
    names = {1: "float32", 2: "int8", 3: "int8", 10: "float16", 16: "bfloat16"}
    return (
        "+".join(sorted({names.get(weights.get(one, 1), "other") for one in asked if one}))
        or "float32"
    )


def _first(told: Sequence[tuple[int, Any]], wanted: int) -> bytes:
    return next((bytes(value) for number, value in told if number == wanted), b"")


def fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """The fields of a message of protocol buffers: numbers as such, all else as bytes."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield tag >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if size is None:
            size, place = _varint(data, place)
        yield tag >> 3, data[place : place + size]
        place += size


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


# ---------------------------------------------------------------------------------- timing


def clocked(call: Call, clock: Callable[[], int] = time.perf_counter_ns) -> int:
    """Nanoseconds of one call."""
    start = clock()
    call()
    return clock() - start


def clock_step(clock: Callable[[], int] = time.perf_counter_ns) -> int:
    """The smallest step of the clock that was seen, in nanoseconds."""
    steps: list[int] = []
    last = clock()
    while len(steps) < 1000:
        now = clock()
        if now > last:
            steps.append(now - last)
        last = now
    return min(steps)


Watch = Callable[[Call], int]


def timed_in_turn(
    calls: Mapping[str, Call], canary: Call, timer: Record, watch: Watch
) -> tuple[dict[str, list[int]], int]:
    """All times of each call, and the canary's median beside them, in nanoseconds.

    Calls are visited in turn, so that drift of the device hits all alike, and the canary between.
    """
    is_long = {name: _warmed_up(call, timer, watch) for name, call in calls.items()}
    times: dict[str, list[int]] = {name: [] for name in calls}
    canaries: list[int] = []
    for visit in range(1, timer["visits"] + 1):
        canaries += _beats(canary, watch)
        for name, call in calls.items():
            if timer["visits"] > 1 and not is_long[name]:
                watch(call)  # the others have used the caches since the last visit
            while not _has_enough(times[name], timer, visit / timer["visits"]):
                times[name].append(watch(call))
    canaries += _beats(canary, watch)
    return times, round(median(canaries))


def _warmed_up(call: Call, timer: Record, watch: Watch) -> bool:
    """Make the calls that do not count; whether they take long."""
    is_long = False
    for done in range(timer["warmup_runs"]):
        if done == 0:
            is_long = watch(call) >= LONG_NS
        elif not is_long:
            watch(call)
    return is_long


def _beats(canary: Call, watch: Watch) -> list[int]:
    return several(canary, watch, calls=CANARY_CALLS, most_ns=CANARY_NS)


def several(call: Call, watch: Watch, *, calls: int, most_ns: int) -> list[int]:
    """The times of a call, after one that does not count: so many, or fewer that take so long.

    What takes long is called once, and that counts.
    """
    first = watch(call)
    if first >= LONG_NS:
        return [first]
    times = [watch(call)]
    while len(times) < calls and sum(times) < most_ns:
        times.append(watch(call))
    return times


def _has_enough(times: Sequence[int], timer: Record, share: float) -> bool:
    """Whether a call has had a share of its runs and of its nanoseconds."""
    runs, nanoseconds = timer["runs"], timer["nanoseconds"]
    return bool(len(times) >= share * runs and sum(times) >= share * nanoseconds)


def summary(times: Sequence[int]) -> list[int]:
    """Median, 95th percentile and median distance from the median, in nanoseconds; the runs."""
    middle = median(times)
    spread = median(abs(one - middle) for one in times)
    shortest = max(1, round(middle))  # a clock may be too coarse for a call
    return [shortest, max(shortest, round(percentile(times, 95))), round(spread), len(times)]


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile of some values, linear between neighbours."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def pace_of(canaries: Sequence[int]) -> float:
    """The canary's time on a quiet device: the median of what is near the lower quartile."""
    quarter = sorted(canaries)[(len(canaries) - 1) // 4]
    return median(one for one in canaries if is_steady(one, quarter))


def is_steady(canary: float, pace: float) -> bool:
    """Whether the canary kept its pace."""
    return abs(canary / pace - 1.0) <= STEADY_WITHIN


def counting(windows: Sequence[Record]) -> list[Record]:
    """The windows in which what ran beside kept its pace."""
    pace = pace_of([one["beat_ns"] for one in windows])
    return [one for one in windows if is_steady(one["beat_ns"], pace)]


def wants_more(windows: Sequence[Record], promise: Record) -> bool:
    """Whether a promise needs another window."""
    if len(windows) < promise["windows"]:
        return True
    most, needed = promise["most"], promise["needed"]
    return bool(len(windows) < most and len(counting(windows)) < needed)


def promised_by(windows: Sequence[Record], promise: Record, known_ns: int | None) -> Record:
    """What is promised: medians over windows, at the pace of a reference that takes `known_ns`."""
    steady = counting(windows)
    chosen = steady if promise["needed"] else windows
    beats = median(one["beat_ns"] for one in chosen)
    known = known_ns or beats
    paces = [known / one["beat_ns"] for one in chosen]
    middle = median(one["median_ns"] * pace for one, pace in zip(chosen, paces))
    late = median(one["p95_ns"] * pace for one, pace in zip(chosen, paces))
    far = [abs(one["median_ns"] * known / one["beat_ns"] / middle - 1.0) for one in windows]
    near = sum(one <= STEADY_WITHIN for one in far)
    return {
        "median_ns": max(1, round(middle)),
        "p95_ns": max(1, round(middle), round(late)),
        "windows": len(windows),
        "queries": promise["queries"],
        "steady_windows": len(steady) if promise["needed"] else near,
        "spread_ppm": round(max(far) * 1e6),
        "pace_ppm": max(1, round(beats / known * 1e6)),
    }


# ---------------------------------------------------------------------------------- the journal


class Journal:
    """One checked line for each thing that was measured; the first says under which conditions.

    What `append` has returned from survives a crash; half a line that one left is cut off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[Record] = self._read()

    def begin(self, conditions: Record, told: Record) -> None:
        """Begin it, or refuse to resume under other conditions; `told` is kept and not compared."""
        if not self.records:
            self.append({"is": "conditions", "conditions": conditions, **told})
            sync_folder(self.path.parent)
            return
        stored = self.records[0].get("conditions")
        if not isinstance(stored, dict):
            raise self._damaged(1)
        names = sorted({*stored, *conditions})
        changed = [name for name in names if stored.get(name) != conditions.get(name)]
        if changed:
            raise Refusal(
                "what was measured here before was measured otherwise",
                where=self.path,
                why="; ".join(
                    f"{name} was {stored.get(name)} and is {conditions.get(name)}"
                    for name in changed
                ),
                next_step="start it as it was then; or delete this file, to measure all anew",
                code=LACKING,
            )

    def append(self, record: Record) -> None:
        """Add a line."""
        line = canonical({**record, "check": _check(record)}) + b"\n"
        try:
            with self.path.open("ab") as stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise not_written(self.path, error) from error
        self.records.append(record)

    def all(self, kind: str, **named: Any) -> list[Record]:
        """The records of a kind."""
        return [
            one
            for one in self.records
            if one.get("is") == kind and all(one.get(key) == v for key, v in named.items())
        ]

    def first(self, kind: str, **named: Any) -> Record | None:
        """The one record of a kind, if it is there."""
        found = self.all(kind, **named)
        return found[0] if found else None

    def _read(self) -> list[Record]:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise not_written(self.path, error) from error
        records: list[Record] = []
        length = 0
        for line in data.splitlines(keepends=True):
            record = _parsed(line)
            if record is None:
                if length + len(line) < len(data):
                    raise self._damaged(len(records) + 1)
                self._cut(length)
                break
            records.append(record)
            length += len(line)
        return records

    def _cut(self, length: int) -> None:
        try:
            with self.path.open("r+b") as stream:
                stream.truncate(length)
                os.fsync(stream.fileno())
        except OSError as error:
            raise not_written(self.path, error) from error

    def _damaged(self, line: int) -> Refusal:
        return Refusal(
            "what was measured here before was damaged",
            where=f"{self.path}, line {line}",
            why="the line does not have the checksum that it carries",
            next_step="delete this file, to measure all anew",
            code=DAMAGED,
        )


def _parsed(line: bytes) -> Record | None:
    """The record of a line without its checksum; None where the line is not whole."""
    try:
        record: Record = json.loads(line.decode("utf-8"))
        check = record.pop("check")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return record if line.endswith(b"\n") and check == _check(record) else None


def _check(record: Record) -> str:
    return hashlib.sha256(canonical(record)).hexdigest()[:16]


def not_written(path: Path, error: OSError) -> Refusal:
    """What the disk said that took no more."""
    return Refusal(
        "nothing can be written here",
        where=path,
        why=error.strerror or str(error),
        next_step="free some space and start again: it resumes; or copy the kit to another disk"
        if error.errno in (28, 122)  # no space left, no quota left
        else "copy the kit into a folder of your own that may be written to, and start it there",
        code=LACKING,
    )


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system offers that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that after a crash it is the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
    except OSError as error:
        raise not_written(path, error) from error
    sync_folder(path.parent)


class Lock:
    """Held by the one process that measures with a kit; it ends with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise not_written(path, error) from error

    def taken(self) -> bool:
        """Take it, unless another process holds it; whether this one does now."""
        try:
            if sys.platform == "win32":
                os.lseek(self.descriptor, 4096, os.SEEK_SET)  # what is locked cannot be read
                msvcrt.locking(self.descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            raise not_written(self.path, error) from error
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        os.write(self.descriptor, b"%d %s\n" % (os.getpid(), socket.gethostname().encode()))
        return True

    def close(self) -> None:
        """Give it back."""
        os.close(self.descriptor)

    def holder(self) -> tuple[int, str]:
        """The number of the process that holds it, 0 where that is not known, and its machine."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        number, _, host = os.read(self.descriptor, 1000).decode("utf-8", "replace").partition(" ")
        return (int(number) if number.isdecimal() else 0), host.strip()

    def refusal(self) -> Refusal:
        """That another process holds it."""
        number, host = self.holder()
        return Refusal(
            "another runner is measuring with this kit",
            where=self.path,
            why="process {} on {} holds it".format(number or "unknown", host or "this device"),
            next_step=f"wait for it: {this_command()} --wait; or stop it: {this_command()} --stop",
            code=LACKING,
        )


# ---------------------------------------------------------------------------------- the device

CPUINFO, CPUS = Path("/proc/cpuinfo"), Path("/sys/devices/system/cpu")
TASKS = Path("/proc/self/task")
THERMAL, MODELS = (
    Path("/sys/class/thermal"),
    (
        Path("/proc/device-tree/model"),
        Path("/sys/class/dmi/id/product_name"),
    ),
)
ARM_CORES = {
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD0D: "Cortex-A77",
    0xD40: "Neoverse-V1",
    0xD41: "Cortex-A78",
    0xD42: "Cortex-A78AE",
    0xD44: "Cortex-X1",
    0xD46: "Cortex-A510",
    0xD47: "Cortex-A710",
    0xD48: "Cortex-X2",
    0xD49: "Neoverse-N2",
    0xD4D: "Cortex-A715",
    0xD4E: "Cortex-X3",
}
"""Arm's own numbers of its cores: a kernel of Arm tells no names."""


def device() -> Record:
    """What stays as it is of this device."""
    return {
        "name": short(model_name() or platform.machine() or "a device"),
        "processor": short(processor_name()),
        "cores": cores(),
        "memory_bytes": memory_bytes(),
        "system": short(platform.platform()),
        "language": short(f"Python {platform.python_version()}, NumPy {np.__version__}"),
    }


def short(text: str) -> str:
    """A text as a line of the result may hold it."""
    return shown(text)[:MOST_TEXT]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\x00\n ")
    except OSError:
        return ""


def model_name() -> str:
    """What its maker calls the device, where it is told."""
    told = next((text for text in map(_text, MODELS) if text), "")
    return told or (_asked("sysctl", "-n", "hw.model") if sys.platform == "darwin" else "")


def processor_name() -> str:
    """The processor's name, or those of its cores where they differ."""
    pairs = [line.partition(":") for line in _text(CPUINFO).splitlines()]
    told = [(key.strip().lower(), value.strip()) for key, _, value in pairs]
    names = [value for key, value in told if key == "model name"]
    if names:
        return names[0]
    parts = [value for key, value in told if key == "cpu part"]
    if parts:
        counts = {part: parts.count(part) for part in parts}
        return " + ".join(f"{n} x {_arm_core(part)}" for part, n in counts.items())
    if sys.platform == "darwin":
        return _asked("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine() or "not told"


def _arm_core(part: str) -> str:
    try:
        return ARM_CORES.get(int(part, 16), f"Arm part {part}")
    except ValueError:
        return f"Arm part {part}"


def _asked(*command: str) -> str:
    """What a program of the system says; nothing where it is not there."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(
            [program, *command[1:]], stdout=subprocess.PIPE, timeout=10, check=False
        )
        return told.stdout.decode("utf-8", "replace").strip()
    return ""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """The device's memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def state() -> Record:
    """What changes of this device: governor, temperature, frequency; None where it is not told."""
    governors = sorted(set(_each("scaling_governor")))
    hertz = [int(text) for text in _each("scaling_cur_freq") if text.isdecimal()]
    if not hertz:
        hertz = _told_khz()
    zones = [_text(path) for path in sorted(THERMAL.glob("thermal_zone*/temp"))]
    # What a zone without a sensor tells is no temperature.
    degrees = [int(text) for text in zones if text.isdecimal() and 0 < int(text) < 150_000]
    return {
        "governor": short(", ".join(governors)) if governors else None,
        "temperature_mc": max(degrees) if degrees else None,
        "frequency_khz": round(sum(hertz) / len(hertz)) if hertz else None,
    }


def _each(name: str) -> list[str]:
    found = [_text(path) for path in sorted(CPUS.glob(f"cpu[0-9]*/cpufreq/{name}"))]
    return [text for text in found if text]


def _told_khz() -> list[int]:
    found = []
    for line in _text(CPUINFO).splitlines():
        key, _, value = line.partition(":")
        if key.strip().lower() == "cpu mhz":
            with contextlib.suppress(ValueError):
                found.append(round(float(value) * 1000))
    return found


# ---------------------------------------------------------------------------------- measuring


class Progress:
    """How much is done, and how long the rest will take as what was done of its kind took."""

    def __init__(self, kit: Kit, clock: Callable[[], float] = time.monotonic) -> None:
        self.kit, self.clock = kit, clock
        self.known: set[tuple[Any, ...]] | None = None
        self.at = clock()
        self.spent_s: dict[str, float] = {}
        self.gained_s: dict[str, float] = {}

    def told(self, records: Sequence[Record]) -> str:
        """As ``12 of 40 measured, about 3 min left``; called as soon as something is done."""
        expected_s = self._expected_s(records)
        done = {unit for unit in map(_unit, records) if unit in expected_s}
        now = self.clock()
        for unit in done - self.known if self.known is not None else ():
            kind = unit[0]
            self.spent_s[kind] = self.spent_s.get(kind, 0.0) + now - self.at
            self.gained_s[kind] = self.gained_s.get(kind, 0.0) + expected_s[unit]
        self.known, self.at = done, now
        text = f"{len(done)} of {len(expected_s)} measured"
        left_s = sum(
            s * self._slower(unit[0]) for unit, s in expected_s.items() if unit not in done
        )
        return f"{text}, about {in_words(left_s)} left" if self.spent_s and left_s else text

    def _slower(self, kind: str) -> float:
        """How many times what was expected this kind of work takes."""
        return self.spent_s[kind] / self.gained_s[kind] if kind in self.spent_s else 1.0

    def _expected_s(self, records: Sequence[Record]) -> dict[tuple[Any, ...], float]:
        """The seconds of each part, by what it is: about, until some of its kind are done."""
        kit, promise = self.kit, self.kit.content["promise"]
        network_s = self._network_s(records)
        found: dict[tuple[Any, ...], float] = {}
        for number, keys in enumerate(kit.groups):
            timer = kit.timer(number)
            found["group", number] = len(keys) * (
                1e-3 * timer["runs"] + 1e-9 * timer["nanoseconds"]
            )
        for key in kit.promised:
            for number in range(promise["windows"]):
                found["window", key, number] = 2 * promise["queries"] * network_s
        found.update({("labels", key): len(kit.images) * network_s for key in kit.files()})
        return found

    def _network_s(self, records: Sequence[Record]) -> float:
        """About how long a whole network takes: as the reference, or those that were timed."""
        told = self.kit.content["reference_ns"]
        first = len(self.kit.content["groups"])
        timed = [one["timed"] for one in records if one.get("group", -1) >= first]
        found = [found[0] for group in timed for found in group.values()]
        return 1e-9 * (told or (median(found) if found else 50e6))


def _unit(record: Record) -> tuple[Any, ...]:
    kind = record.get("is")
    if kind == "window":
        return "window", record["key"], record["number"]
    return kind, record.get("group", record.get("key"))


def in_words(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Measuring:
    """One kit on one runtime; everything that is finished is in the journal."""

    def __init__(self, kit: Kit, runtime: Any, journal: Journal) -> None:
        self.kit, self.runtime, self.journal = kit, runtime, journal
        self.progress = Progress(kit)
        self.said = ""
        self.canary: Call = lambda: None

    def everything(self) -> None:
        """Measure what the journal lacks."""
        self._tell()
        if self.journal.first("ended"):
            return
        with self._call(self.kit.content["canary"]) as self.canary:
            self._open_all()
            self._floor()
            self._groups()
            for key in self.kit.promised:
                self._promise(key)
            for key in self.kit.files():
                self._labels(key)
        self.journal.append({"is": "ended", "state": state()})

    def _append(self, record: Record) -> None:
        self.journal.append(record)
        self._tell()

    def _tell(self) -> None:
        """Say how far it is, unless that was just said: what is measured again adds nothing."""
        told = self.progress.told(self.journal.records)
        if told != self.said:
            say(told)
        self.said = told

    @contextlib.contextmanager
    def _graph(self, key: str) -> Iterator[Any]:
        """An item's graph, ready to run; a sentence where this runtime cannot."""
        with self._telling(key):
            graph = self.runtime.open(self.kit.model(key))
        try:
            yield graph
        finally:
            graph.close()

    @contextlib.contextmanager
    def _telling(self, key: str) -> Iterator[None]:
        try:
            yield
        except (Refusal, KeyboardInterrupt):
            raise
        except Exception as error:  # a runtime raises what it likes, each kind a class of its own
            raise Refusal(
                "a graph of this kit does not run here",
                where="{} ({})".format(self.kit.items[key]["file"], key),
                why=reason_of(error),
                next_step=f"install a later version than {self.runtime.version} of the runtime, "
                "or pack the kit for another",
                code=LACKING,
            ) from error

    @contextlib.contextmanager
    def _call(self, key: str) -> Iterator[Call]:
        """A call that runs an item once: blocks where they lie, networks with copies as asked."""
        item, tail = self.kit.items[key], self.kit.tail(key)
        inputs = inputs_of(item)
        if item["file"] is None:
            assert tail is not None
            (logits,) = inputs.values()
            yield partial(tail, logits)
            return
        whole = item["role"] in ("network", "file") and self.kit.target.get("transfer", True)
        with self._graph(key) as graph:
            with self._telling(key):
                call = graph.whole(inputs) if whole else graph.bound(inputs)
                call()
            yield call if tail is None else lambda: tail(call()[0])

    def _open_all(self) -> None:
        """Open every graph once: one that does not run here is told before the first hour."""
        if self.journal.first("opened"):
            return
        if self.runtime.opens_quickly:
            say(f"opening {len(self.kit.items)} graphs once")
            for key in self.kit.items:
                with self._call(key):
                    pass
        key = self._telling_one()
        with self._telling(key):
            folder = self.journal.path.parent
            precision = self.runtime.precision(self.kit.model(key), folder)
        asked = self.kit.target["precision"]
        if asked not in precision.split("+"):
            raise Refusal(
                f"this device does not compute in {asked}, which the kit is for",
                where=f"{self.runtime.provider}, {key}",
                why=f"its convolutions compute in {precision}",
                next_step=f"pack a kit for {precision}, or take another runtime or device",
                code=LACKING,
            )
        self.journal.append({"is": "opened", "precision": precision})

    def _telling_one(self) -> str:
        """The item by which the precision is told: a whole network, or else the largest graph."""

        def weight(key: str) -> tuple[bool, int]:
            item = self.kit.items[key]
            size = self.kit.content["files"][item["file"]]["bytes"]
            return item["role"] in ("network", "file"), size

        return max((key for key, item in self.kit.items.items() if item["file"]), key=weight)

    def _floor(self) -> None:
        """What the timer says of a call that does as good as nothing, and the canary by itself."""
        if self.journal.first("floor"):
            return
        watch = self.runtime.watch
        with self._call(self.kit.content["floor"]) as floor, undisturbed():
            for _ in range(FLOOR_WARMUP):
                watch(floor)
            floor_ns = median(watch(floor) for _ in range(FLOOR_RUNS))
            canary_ns = median(several(self.canary, watch, calls=CANARY_RUNS, most_ns=ALONE_NS))
        found = {"floor_ns": round(floor_ns), "canary_ns": max(1, round(canary_ns))}
        self.journal.append({"is": "floor", "clock_ns": clock_step(), **found})

    def _groups(self) -> None:
        """All groups, and those once more that were disturbed."""
        while True:
            number = next_group(len(self.kit.groups), self.journal)
            if number is None:
                return
            tries = len(self.journal.all("group", group=number))
            if tries:
                say(f"group {number + 1} was disturbed: once more")
            self._group(number, tries + 1)

    def _group(self, number: int, attempt: int) -> None:
        with contextlib.ExitStack() as stack:
            keys = self.kit.groups[number]
            calls = {key: stack.enter_context(self._call(key)) for key in keys}
            stack.enter_context(undisturbed())
            began, before = time.perf_counter_ns(), waited_ns()
            times, canary_ns = timed_in_turn(
                calls, self.canary, self.kit.timer(number), self.runtime.watch
            )
            took, after = time.perf_counter_ns() - began, waited_ns()
        waited = max((ns - before.get(thread, 0) for thread, ns in after.items()), default=0)
        self._append(
            {
                "is": "group",
                "group": number,
                "attempt": attempt,
                "canary_ns": max(1, canary_ns),
                "waited_ppm": round(waited / took * 1e6),
                "timed": {key: summary(found) for key, found in times.items()},
            }
        )

    def _promise(self, key: str) -> None:
        """The windows of what is promised, by turns with the reference, or else the canary."""
        promise, reference = self.kit.content["promise"], self.kit.content["reference"]
        windows = self.journal.all("window", key=key)
        if not wants_more(windows, promise):
            return
        with contextlib.ExitStack() as stack:
            call = stack.enter_context(self._call(key))
            beat = stack.enter_context(self._call(reference)) if reference else self.canary
            for _ in range(promise["warmup_runs"]):
                call()
                beat()
            while wants_more(windows, promise):
                with undisturbed():
                    found = one_window(call, beat, promise["queries"], self.runtime.watch)
                self._append({"is": "window", "key": key, "number": len(windows), **found})
                windows = self.journal.all("window", key=key)

    def _labels(self, key: str) -> None:
        """What a file says of each image of the kit."""
        if self.journal.first("labels", key=key):
            return
        (name,) = [one["name"] for one in self.kit.items[key]["inputs"]]
        tail, found = self.kit.tail(key), []
        with self._graph(key) as graph:
            for image in self.kit.images:
                size = (image["height"], image["width"])
                data = np.frombuffer(self.kit.read(image["file"]), np.uint8)
                with self._telling(key):
                    output = graph.whole({name: data.reshape(1, *size, 3).copy()})()
                    output = output if tail is None else tail(output[0])
                    labels = labels_of(np.asarray(output), size)
                packed = zlib.compress(np.ascontiguousarray(labels).tobytes(), 9)
                found.append(base64.b64encode(packed).decode("ascii"))
        self._append({"is": "labels", "key": key, "labels": found})


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep Python from looking for garbage while something is timed."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def waited_ns() -> dict[str, int]:
    """Of each thread: how long it could have run and another had the processor, where told."""
    found = {}
    for path in TASKS.glob("*/schedstat"):
        with contextlib.suppress(ValueError, IndexError):  # a thread may end meanwhile
            found[path.parent.name] = int(_text(path).split()[1])
    return found


def one_window(call: Call, beat: Call, queries: int, watch: Watch) -> Record:
    """As many runs of what is promised and of what keeps the beat, in turn."""
    times, beats = [], []
    for _ in range(queries):
        times.append(watch(call))
        beats.append(watch(beat))
    return {
        "median_ns": max(1, round(median(times))),
        "p95_ns": max(1, round(percentile(times, 95))),
        "beat_ns": max(1, round(median(beats))),
    }


def labels_of(output: Any, size: tuple[int, int]) -> Any:
    """A file's first output as uint8 class ids of an image: labels, or logits of its size."""
    found = output[0] if output.ndim > 2 else output
    if found.ndim == 3 and found.shape[1:] == size:
        found = found.argmax(0)
    if found.shape != size or found.dtype.kind not in "iu":
        raise ValueError(f"its output is {output.dtype} {output.shape}, and labels are wanted")
    if found.min() < 0 or found.max() > 255:
        raise ValueError(f"its labels go from {found.min()} to {found.max()}")
    return found.astype(np.uint8)


def quietest(journal: Journal) -> dict[int, Record]:
    """Of each group the measurement that was least disturbed."""
    records = journal.all("group")
    if not records:
        return {}
    pace = pace_of([one["canary_ns"] for one in records])
    found: dict[int, Record] = {}
    for one in records:
        known = found.get(one["group"])
        if known is None or _distance(one, pace) < _distance(known, pace):
            found[one["group"]] = one
    return found


def _distance(record: Record, pace: float) -> float:
    """How far the canary beside a measurement was from its pace, or what share was waited.

    A canary is short and may slip through between turns of other programs, as a network does not.
    """
    waited: float = record["waited_ppm"] / 1e6
    return max(float(abs(record["canary_ns"] / pace - 1.0)), waited)


def disturbed(journal: Journal) -> list[int]:
    """The groups that were never measured undisturbed."""
    found = quietest(journal)
    if not found:
        return []
    pace = pace_of([one["canary_ns"] for one in journal.all("group")])
    return [number for number, one in sorted(found.items()) if _distance(one, pace) > STEADY_WITHIN]


def next_group(count: int, journal: Journal) -> int | None:
    """The group to measure next: what was not yet, then what was disturbed; None at the end."""
    tries = {number: len(journal.all("group", group=number)) for number in range(count)}
    fresh = [number for number in range(count) if not tries[number]]
    again = [number for number in disturbed(journal) if tries[number] < MOST_TRIES]
    if fresh:
        return fresh[0]
    return min(again, key=lambda number: (tries[number], number)) if again else None


def measured(kit: Kit, runtime: Record, journal: Journal) -> Record:
    """The content of measured.json."""
    began, floor = journal.records[0], journal.first("floor")
    ended, opened = journal.first("ended"), journal.first("opened")
    assert floor and ended and opened
    canaries = [one["canary_ns"] for one in journal.all("group")]
    timed: Record = {}
    for _, group in sorted(quietest(journal).items()):
        for key, (middle, late, spread, runs) in group["timed"].items():
            found = {"median_ns": middle, "p95_ns": late, "spread_ns": spread, "runs": runs}
            timed[key] = {**found, "canary_ns": group["canary_ns"]}
    promise, known_ns = kit.content["promise"], kit.content["reference_ns"]
    promised = {}
    for key in kit.promised:
        found = promised_by(journal.all("window", key=key), promise, known_ns)
        promised[key] = {**found, "sha256": kit.sha256(kit.items[key]["file"])}
    return {
        "kit": kit.digest,
        "runner": "run.py",
        "device": {**began["device"], **_states(began["state"], ended["state"])},
        "runtime": {**runtime, "precision": opened["precision"]},
        "floor_ns": floor["floor_ns"],
        "canary_ns": round(pace_of(canaries)) if canaries else floor["canary_ns"],
        "clock_ns": floor["clock_ns"],
        "timed": timed,
        "promised": promised,
        "labels": {one["key"]: one["labels"] for one in journal.all("labels")},
        "unquiet": len(disturbed(journal)),
    }


def _states(began: Record, ended: Record) -> Record:
    """What changed of the device, from when it began to when it ended."""
    governor = began["governor"]
    if governor and ended["governor"] and governor != ended["governor"]:
        governor = "{}, then {}".format(governor, ended["governor"])
    pairs = {}
    for name in ("temperature_mc", "frequency_khz"):
        pair = [began[name], ended[name]]
        pairs[name] = None if None in pair else pair
    return {"governor": governor, **pairs}


# ---------------------------------------------------------------------------------- the command


def main(words: Sequence[str] | None = None) -> int:
    """Measure, and return the exit code."""
    asked = options().parse_args(words)
    try:
        run(asked)
    except Refusal as refusal:
        say(str(refusal))
        return refusal.code
    except KeyboardInterrupt:
        say(f"stopped; what is finished is kept, and this resumes: {this_command()}")
        return STOPPED
    except MemoryError:
        say("this device has not enough memory for a graph of this kit")
        say("  next:  end other programs, then start again: it resumes")
        return LACKING
    return 0


def _stop(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def options() -> argparse.ArgumentParser:
    """What may be typed."""
    lines = str(__doc__).strip().splitlines()
    found = argparse.ArgumentParser(
        prog="run.py",
        description=lines[0],
        epilog="\n".join(lines[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    here = Path(__file__).resolve().parent
    found.add_argument("kit", nargs="?", type=Path, default=here, help="a kit's folder or zip")
    found.add_argument("--provider", help="where the runtime computes, by its own name of it")
    found.add_argument(
        "--wait", action="store_true", help="wait for another runner on this kit, then go on"
    )
    found.add_argument("--stop", action="store_true", help="stop the runner on this kit")
    return found


def run(asked: argparse.Namespace) -> None:
    """Measure what is missing, and write the result."""
    kit = Kit(asked.kit)
    with contextlib.closing(Lock(kit.beside(LOCK))) as lock:
        if asked.stop:
            stop_other(lock)
            return
        if not lock.taken():
            if not asked.wait:
                raise lock.refusal()
            wait_for(lock, kit)
        measure(kit, asked.provider)


def measure(kit: Kit, provider: str | None) -> None:
    """Measure what is missing, and write the result; the kit is held by this process."""
    journal = Journal(kit.beside(JOURNAL))
    runtime = opened_runtime(kit, provider)
    told = {
        "name": RUNTIMES[kit.target["backend"]][0],
        "version": runtime.version,
        "provider": runtime.provider,
        "threads": runtime.threads,
    }
    about = device()
    fixed = {name: about[name] for name in ("processor", "cores")}
    journal.begin({"kit": kit.digest, **told, **fixed}, {"device": about, "state": state()})
    introduce(kit, told, about)
    Measuring(kit, runtime, journal).everything()
    finish(kit, told, journal)


def introduce(kit: Kit, told: Record, about: Record) -> None:
    """Say what is measured on what, and what may be in the way."""
    say(f"kit {shown(kit.content['name'])}: {len(kit.items)} graphs")
    say("device: {name}, {processor}, {cores} cores, {language}".format(**about))
    say("runtime: {name} {version}, {provider}, {threads} threads".format(**told))
    if told["threads"] > about["cores"]:
        say(f"note: {told['threads']} threads on {about['cores']} cores")


def finish(kit: Kit, told: Record, journal: Journal) -> None:
    """Write measured.json, and say so."""
    content = measured(kit, told, journal)
    document = {"schema": MEASURED_SCHEMA, "digest": digest_of(content), "content": content}
    path = kit.beside(MEASURED)
    write_whole(path, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")
    if content["unquiet"]:
        say(
            f"note: other work disturbed {content['unquiet']} of {len(kit.groups)} groups "
            "however often they were measured"
        )
    say(f"written: {path}")
    say(f"  next:  copy it to where you searched, and type: fasterseg kit read {path.name}")


def wait_for(lock: Lock, kit: Kit) -> None:
    """Wait until no other process measures with this kit, telling how far it is."""
    number, _ = lock.holder()
    say("process %s measures with this kit already: waiting for it" % (number or "unknown"))
    progress, last = Progress(kit), ""
    while not lock.taken():
        told = progress.told(_lines_so_far(kit.beside(JOURNAL)))
        if told.split(",")[0] != last.split(",", maxsplit=1)[0]:
            say(told)
            last = told
        time.sleep(TELL_EVERY_S)


def _lines_so_far(path: Path) -> list[Record]:
    """The whole lines of a journal that another process writes."""
    with contextlib.suppress(OSError):
        parsed = [_parsed(line) for line in path.read_bytes().splitlines(keepends=True)]
        return [one for one in parsed if one is not None]
    return []


def stop_other(lock: Lock) -> None:
    """Ask the process that measures with this kit to stop, and wait until it did."""
    if lock.taken():
        say("nobody measures with this kit")
        return
    number, host = lock.holder()
    if not number or host != socket.gethostname():
        raise lock.refusal()
    try:
        os.kill(number, signal.SIGTERM)
    except OSError as error:
        raise Refusal(
            "the other runner cannot be stopped",
            where=f"process {number}",
            why=error.strerror or str(error),
            next_step="stop it as the user who started it",
            code=LACKING,
        ) from error
    say(f"process {number} was asked to stop")
    while not lock.taken() and lock.holder()[0] == number:
        time.sleep(0.1)
    say("stopped; what is finished is kept")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())
