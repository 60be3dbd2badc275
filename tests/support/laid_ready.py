"""What the pages take for granted: photos, data sets, the authors' files, models, finished runs.

Each is made once, under the name that the pages have for it, small enough for seconds.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from clips import clip
from foreign_teachers import foreign_model
from made_kits import as_written, device_says
from official_files import TABLE, arch_file, write_weights
from PIL import Image
from published_trees import (
    CAMVID_NAMES,
    bdd100k_tree,
    camvid_full_tree,
    cityscapes_tree,
    classes_of,
    pictured,
    save,
)
from tool_sets import cvat_set, scene, zipped

from fasterseg.datasets.layouts.published.camvid import LABELS
from fasterseg.kit.kept import kit_of

SIZE = (64, 128)
FRAMES = tuple(f"drive{drive}_{frame:03d}" for drive in range(8) for frame in range(2))
Type = Callable[[str], object]
"""Types a command."""


def photos(place: Path, type_: Type) -> None:
    """What CVAT writes of frames of eight drives, and what ``split`` writes beside it."""
    undivided(place, type_)
    type_(f"fasterseg split {place.name}")


def undivided(place: Path, _: Type) -> None:
    """What CVAT writes of frames of eight drives."""
    cvat_set(place, {"default": FRAMES}, size=SIZE)


def archive(place: Path, _: Type) -> None:
    """The same as CVAT hands it over."""
    unpacked = place.parent / ".unpacked"
    cvat_set(unpacked, {"default": FRAMES}, size=SIZE)
    zipped(unpacked, place)
    shutil.rmtree(unpacked)


def camvid(place: Path, _: Type) -> None:
    """CamVid as the SegNet tutorial has it, with unlabelled pixels at the top."""
    for split, names in CAMVID_NAMES.items():
        for name in names:
            labels = classes_of(name, SIZE, LABELS.classes)
            save(pictured(labels, LABELS.colours, name), place / split / f"{name}.png")
            labels[:2] = LABELS.classes
            save(labels, place / f"{split}annot" / f"{name}.png")


def photo(place: Path, _: Type) -> None:
    """One photo."""
    Image.fromarray(scene(3, SIZE)[0]).save(place)


def images(place: Path, _: Type) -> None:
    """A folder of three."""
    for index in range(3):
        save(scene(index, SIZE)[0], place / f"{index}.jpg")


def weights(place: Path, _: Type) -> None:
    """Weights in the authors' format, drawn by a rule."""
    write_weights("student" if place.stem.endswith("1") else "teacher", place.parent)


def foreign(place: Path, _: Type) -> None:
    """A network of elsewhere that knows Cityscapes' 19 classes; its card is the page's."""
    place.write_bytes(foreign_model(pooled=8, classes=19).SerializeToString())


def recipe(place: Path, _: Type) -> None:
    """A recipe of somebody's own."""
    place.write_text("name: mine\nbudget: 12ms\n")


def imported(place: Path, type_: Type) -> None:
    """The published student as a bundle: it knows Cityscapes' classes."""
    for name in ("arch_1.pt", "weights1.pt"):
        LAID_READY[name](place.parent / name, type_)
    type_(f"fasterseg import-official --arch arch_1.pt --weights weights1.pt --out {place.name}")


def answer(place: Path, _: Type) -> None:
    """What a device could have measured with the kit of a run."""
    manifest = kit_of(place.parent / "runs" / "board" / "kit" / "space").manifest
    as_written(device_says(manifest), place)


def typed(*lines: str) -> Callable[[Path, Type], None]:
    """What comes of commands."""

    def made(_: Path, type_: Type) -> None:
        for line in lines:
            type_(line)

    return made


LAID_READY: Mapping[str, Callable[[Path, Type], object]] = {
    "photos": photos,
    "photos.zip": archive,
    "DATA": photos,
    "photo.jpg": photo,
    "IMAGES": images,
    "drive.mp4": lambda place, _: clip(place, height=SIZE[0], width=SIZE[1], code="mp4v"),
    **dict.fromkeys(("camvid", "CAMVID"), camvid),
    "camvid-full": lambda place, _: camvid_full_tree(place, size=SIZE),
    **dict.fromkeys(
        ("cityscapes", "CITYSCAPES"), lambda place, _: cityscapes_tree(place, size=SIZE)
    ),
    **dict.fromkeys(("bdd100k", "BDD100K"), lambda place, _: bdd100k_tree(place, size=SIZE)),
    "arch_0.pt": lambda place, _: shutil.copy(arch_file("teacher"), place),
    "arch_1.pt": lambda place, _: shutil.copy(arch_file("student"), place),
    **dict.fromkeys(("weights0.pt", "weights1.pt"), weights),
    "latency_lookup_table.npy": lambda place, _: shutil.copy(TABLE, place),
    "recipe.yaml": recipe,
    "MODEL": imported,
    "cityscapes.onnx": foreign,
    "camvid-8ms.onnx": typed("fasterseg export camvid-8ms --format onnx --out camvid-8ms.onnx"),
    "runs/demo": typed("fasterseg run --recipe demo --run runs/demo"),
    "runs/board": typed("fasterseg kit pack --recipe demo --run runs/board"),
    "measured.json": answer,
    "runs/photos": typed("fasterseg run --data photos --budget 12ms --run runs/photos"),
}
"""How each is made where it is to lie; a run of photos wants the photos beside it."""
UNDIVIDED = {"photos": undivided}
BESIDE = {"runs/photos": "photos", "measured.json": "runs/board"}
