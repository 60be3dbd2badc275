"""What large pictures take, by megapixels: memory and time to read, check and segment them.

Each figure is of a process of its own: the most memory that it held beyond what it had with model
and libraries loaded, and seconds of its processor.  Photographs are street scenes, enlarged, as
JPEG of quality 90; masks are their labels as PNG; the flat picture is a PNG of zeros, of some
kilobytes.  ``refused`` is what a limit refused, and ``--most-pixels`` raises.

    python benchmarks/large_pictures.py
    python benchmarks/large_pictures.py --megapixels 2 12 24 61 --model camvid-8ms
    python benchmarks/large_pictures.py --model camvid-8ms.onnx --most-pixels 70000000
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fasterseg.datasets.decoding import decode
from fasterseg.datasets.faults import FileFault
from fasterseg.datasets.masks.mask_reading import read_mask
from fasterseg.datasets.masks.mask_values import counts_of
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.datasets.street import StreetScenes
from fasterseg.deploy.runtimes.models import load_model
from fasterseg.resources import peak_bytes, reset_peak, resident_bytes

MEGAPIXELS = (2, 12, 24, 31, 62)
SUBJECTS = ("decode photograph", "decode flat", "check mask", "predict photograph", "predict flat")


def main() -> None:
    """Print the table, or, in a process of its own, one figure of it."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--megapixels", type=int, nargs="+", default=MEGAPIXELS)
    words.add_argument("--model", default="camvid-8ms")
    words.add_argument("--most-pixels", type=int)
    words.add_argument("--one", nargs=2, metavar=("SUBJECT", "FILE"), help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.one:
        print(one(*asked.one, asked.model, asked.most_pixels))
        return
    print("megapixels  " + "  ".join(f"{subject:>20}" for subject in SUBJECTS))
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in asked.megapixels:
            files = pictures(Path(folder), megapixels)
            figures = [figure(subject, files, asked) for subject in SUBJECTS]
            print(f"{megapixels:10}  " + "  ".join(f"{text:>20}" for text in figures), flush=True)


def pictures(folder: Path, megapixels: int) -> dict[str, Path]:
    """A photograph, its mask and a flat picture, four wide to three high."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(megapixels * 1e6 / height)
    sample = StreetScenes(size=(384, 512)).sample("test", 0)
    files = {kind: folder / f"{kind}{megapixels}" for kind in ("photograph", "mask", "flat")}
    large = Image.fromarray(sample.image).resize((width, height), Image.Resampling.BICUBIC)
    large.save(files["photograph"], "JPEG", quality=90)
    labels = Image.fromarray(sample.labels).resize((width, height), Image.Resampling.NEAREST)
    labels.save(files["mask"], "PNG")
    files["flat"].write_bytes(flat(height, width))
    return files


def flat(height: int, width: int) -> bytes:
    """A PNG of one bit a pixel, all of them zero."""
    packer = zlib.compressobj(9)
    row = bytes(1 + -(-width // 8))
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    parts = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(part).to_bytes(4, "big") + kind + part + zlib.crc32(kind + part).to_bytes(4, "big")
        for kind, part in parts
    )


def figure(subject: str, files: dict[str, Path], asked: argparse.Namespace) -> str:
    """What one subject takes, measured in a process of its own."""
    file = files[subject.split()[1]]
    raised = [] if asked.most_pixels is None else ["--most-pixels", str(asked.most_pixels)]
    done = subprocess.run(
        [sys.executable, __file__, "--model", asked.model, *raised, "--one", subject, str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def one(subject: str, file: str, model: str, most_pixels: int | None) -> str:
    """Memory and seconds of one subject."""
    limit, path = PixelLimit(most_pixels), Path(file)
    verb = subject.split(maxsplit=1)[0]
    decode(np.zeros((8, 8, 3), np.uint8))
    works: dict[str, Callable[[], object]] = {
        "decode": lambda: decode(path, limit=limit),
        "check": lambda: counts_of(read_mask(path, limit=limit)),
    }
    if verb == "predict":
        predictor = load_model(model, threads=1)
        predictor(np.zeros((64, 96, 3), np.uint8))
        works[verb] = lambda: predictor(path, most_pixels=most_pixels).save(path.parent, path.name)
    reset_peak()
    before, began = resident_bytes(), time.process_time()
    try:
        works[verb]()
    except FileFault:
        return "refused"
    took = time.process_time() - began
    return f"{(peak_bytes() - before) / 1e6:.0f} MB {took:.1f} s"


if __name__ == "__main__":
    main()
