"""Whether the oldest ONNX Runtime that is promised loads our files, and gives today's labels.

Makes an environment with that runtime, exports models in their forms, and prints how many labels of
generated scenes are those of the runtime that is installed here. Needs an index of packages, and a
Python that the old runtime has a wheel for: 3.8 to 3.11.

    python benchmarks/oldest_runtime.py camvid-8ms --runtime 1.16.3 --python python3.11
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime

from fasterseg.datasets.opening import open_data
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.runtimes.models import load_network
from fasterseg.network.network import WholeJob

SCENES = 8
FORMS = (("labels", True), ("labels", False), ("logits", False), ("low-resolution-logits", False))
IN_THERE = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
images = numpy.load(sys.argv[2])
found = [session.run(None, {"image": image[None]})[0] for image in images]
numpy.save(sys.argv[3], numpy.concatenate(found))
print(onnxruntime.__version__)
"""


def main() -> None:
    """Print a line for each form of each model."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("models", nargs="*", default=["camvid-8ms"])
    words.add_argument("--runtime", default="1.16.3")
    words.add_argument("--python", default="python3.11")
    asked = words.parse_args()
    scenes = open_data("street")
    images = np.stack([scenes.sample("test", index).image for index in range(SCENES)])
    with TemporaryDirectory() as place:
        python = _with_runtime(Path(place) / "old", asked.python, asked.runtime)
        np.save(Path(place) / "images.npy", images)
        for model in asked.models:
            for output, any_size in FORMS:
                job = WholeJob(load_network(model), (0.5,) * 3, (0.25,) * 3, output=output)
                data = export_network(job, images.shape[1:3], any_size=any_size)
                _compare(data, f"{model}, {output}, {_size(any_size)}", python, Path(place))


def _size(any_size: bool) -> str:
    return "any size" if any_size else "one size"


def _compare(data: bytes, name: str, python: Path, place: Path) -> None:
    (place / "model.onnx").write_bytes(data)
    files = [str(place / one) for one in ("model.onnx", "images.npy", "found.npy")]
    told = subprocess.run(
        [python, "-c", IN_THERE, *files], check=True, capture_output=True, text=True
    ).stdout.strip()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    wanted = np.concatenate([session.run(None, {"image": i[None]})[0] for i in np.load(files[1])])
    found = np.load(files[2])
    labels = [one.argmax(1) if one.dtype == np.float32 else one for one in (wanted, found)]
    equal = (labels[0] == labels[1]).mean()
    version = onnx.ModelProto.FromString(data).ir_version
    print(
        f"{name}: IR {version}; ONNX Runtime {told} gives {100 * equal:.4f} % of the labels of "
        f"{onnxruntime.__version__}",
        flush=True,
    )


def _with_runtime(folder: Path, python: str, version: str) -> Path:
    """A Python that has this version of ONNX Runtime."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    found = folder / "bin" / "python"
    install = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, f"onnxruntime=={version}", "numpy<2"], check=True)
    return found


if __name__ == "__main__":
    main()
