"""Builds a TensorRT engine from an ONNX file that says its types itself.

Needs TensorRT 10 or 11 and nothing else, so that this file may be copied to the device:

    python build_engine.py student.onnx student.engine
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

# Heights and widths that an engine of any size is made for: least, best, most.
SIZES = ((64, 64), (512, 1024), (1088, 2048))
OPTIMISATION = 3
HOW = f"the graph's own types, TF32 off, optimisation level {OPTIMISATION}"


class Built(NamedTuple):
    """An engine for this machine's GPU, and what the builder measured on the way."""

    engine: bytes
    timings: bytes


def build(model: bytes, *, timings: bytes = b"") -> Built:
    """Return the engine; RuntimeError with TensorRT's reasons.

    With the `timings` of an earlier build, what both have in common is not measured again.
    """
    import tensorrt

    logger = tensorrt.Logger(tensorrt.Logger.WARNING)
    builder = tensorrt.Builder(logger)
    # Needed in TensorRT 10, the only way there is in 11: the graph's types are kept.
    flags = 1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(flags)
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse(model):
        faults = [str(parser.get_error(index)) for index in range(parser.num_errors)]
        raise RuntimeError("TensorRT cannot read the graph: " + "; ".join(faults))
    config = _config(tensorrt, builder, network)
    known = config.create_timing_cache(timings)
    config.set_timing_cache(known, ignore_mismatch=False)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise RuntimeError("TensorRT could not build the engine: its log says why")
    return Built(bytes(engine), bytes(known.serialize()))


def _config(tensorrt: Any, builder: Any, network: Any) -> Any:
    config = builder.create_builder_config()
    config.builder_optimization_level = OPTIMISATION
    # On unless it is said otherwise: products of float32 would be rounded to ten binary digits.
    config.clear_flag(tensorrt.BuilderFlag.TF32)
    image = network.get_input(0)
    if -1 in tuple(image.shape):
        profile = builder.create_optimization_profile()
        profile.set_shape(image.name, *((1, height, width, 3) for height, width in SIZES))
        config.add_optimization_profile(profile)
    return config


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python build_engine.py MODEL.onnx MODEL.engine")
    Path(sys.argv[2]).write_bytes(build(Path(sys.argv[1]).read_bytes()).engine)
    print(f"written: {sys.argv[2]}")
