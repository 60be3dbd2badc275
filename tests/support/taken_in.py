"""Reads the hostile zoo in a process of its own, and prints what that came to, as JSON.

Run as ``python taken_in.py FOLDER``: what a decoder takes is seen by the system alone.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import zoo_hostile
from zoo_animals import Animal
from zoo_encoders import COLOURS, ids, png, scene

from fasterseg.datasets.checking.looking import look_at
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.decoding import decode
from fasterseg.datasets.faults import FileFault
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.masks.labelling import Labelling
from fasterseg.datasets.masks.mask_reading import pack
from fasterseg.datasets.pairing.pairs import Pair, Pairing
from fasterseg.datasets.sources.files import FileSource

SPACE = LabelSpace(names=("ground", "car", "road"), colours=((0, 0, 0), (255, 0, 0), (0, 255, 0)))
IDS = {0: 0, 1: 1, 2: 2, 255: 255}
PAINTED = {pack((int(r), int(g), int(b))): i for i, (r, g, b) in enumerate(COLOURS)}


def source_of(animal: Animal, folder: Path) -> FileSource:
    """A data set of this one file and a plain one beside it."""
    plain = {"image": png(ids()), "mask": png(scene())}[animal.role]
    own, other = folder / animal.file, folder / "plain.png"
    own.unlink(missing_ok=True)
    animal.put(own)
    other.write_bytes(plain)
    pair = Pair("a", own, other) if animal.role == "image" else Pair("a", other, own)
    layout = Layout(
        name="hostile",
        root=folder,
        label_space=SPACE,
        labelling=Labelling(PAINTED if animal.lines else IDS, SPACE),
        masks_in_colour=bool(animal.lines),
    )
    return FileSource(layout, {"train": Pairing((pair,))})


def outcome(animal: Animal, folder: Path) -> dict[str, Any]:
    """Whether it was read and right, why it was refused, and what it took."""
    source = source_of(animal, folder)
    pair = source.pairs("train")[0]
    began = time.process_time()
    found: Any = None
    why = ""
    try:
        if animal.role == "image" and animal.holds is not None:
            found = decode(pair.image).pixels
        else:
            sample = source.sample("train", 0)
            found = sample.image if animal.role == "image" else sample.labels
    except FileFault as fault:
        why = str(fault)
    took = time.process_time() - began
    began = time.process_time()
    look = look_at(source, pair)
    return {
        "name": animal.name,
        "read": found is not None,
        "right": found is not None and np.array_equal(found, animal.holds),
        "why": why,
        "seen": [fault.kind for fault in look.faults],
        "seconds": max(took, time.process_time() - began),
    }


def main(folder: Path) -> None:
    """Print each animal's outcome, and the memory that all of them took beyond the libraries'."""
    animals = list(zoo_hostile.animals())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = [outcome(animal, folder) for animal in animals]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"outcomes": found, "kilobytes": after - before}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
