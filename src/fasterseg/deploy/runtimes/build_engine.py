"""Builds a TensorRT engine from an ONNX file that says its types itself.

Needs TensorRT 10 or 11 and nothing else, so that this file may be copied to the device:

    python build_engine.py student.onnx student.engine
"""

from __future__ import annotations

import sys
from pathlib import Path

# Heights and widths that an engine of any size is made for: least, best, most.
SIZES = ((64, 64), (512, 1024), (1088, 2048))


def build(model: bytes) -> bytes:
    """Return the engine for this machine's GPU; RuntimeError with TensorRT's reasons."""
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
    config = builder.create_builder_config()
    image = network.get_input(0)
    if -1 in tuple(image.shape):
        profile = builder.create_optimization_profile()
        profile.set_shape(image.name, *((1, height, width, 3) for height, width in SIZES))
        config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise RuntimeError("TensorRT could not build the engine: its log says why")
    return bytes(engine)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python build_engine.py MODEL.onnx MODEL.engine")
    Path(sys.argv[2]).write_bytes(build(Path(sys.argv[1]).read_bytes()))
    print(f"written: {sys.argv[2]}")
