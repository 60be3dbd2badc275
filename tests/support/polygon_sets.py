"""Street scenes as LabelMe, COCO's tools and Ultralytics write them: outlines traced from masks."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tracing import Region, corners, outline, packed_lengths, regions_of, run_lengths

from fasterseg.datasets.sample import Sample
from fasterseg.datasets.street import StreetScenes

NAMES = StreetScenes.label_space.names
IGNORE = StreetScenes.label_space.ignore


def scenes(count: int, *, size: tuple[int, int] = (96, 160), seed: int = 0) -> list[Sample]:
    """So many scenes of the first split."""
    source = StreetScenes(size=size, counts={"train": count}, seed=seed)
    return [source.sample("train", index) for index in range(count)]


def save_image(path: Path, image: Any) -> None:
    """Write an image whole, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=95)


# LabelMe -----------------------------------------------------------------------------------------


def labelme_shape(region: Region) -> dict[str, Any]:
    label = "__ignore__" if region.label == IGNORE else NAMES[region.label]
    return shape(label, outline(region.filled))


def shape(label: str, points: Iterable[Sequence[float]], kind: str = "polygon") -> dict[str, Any]:
    """A shape as LabelMe 5 writes it."""
    return {
        "label": label,
        "points": [[float(x), float(y)] for x, y in points],
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }


def labelme_file(
    path: Path,
    shapes: Sequence[Mapping[str, Any]],
    size: tuple[int, int] | None,
    *,
    image: Any = None,
    embedded: Any = None,
    version: str = "5.5.0",
) -> None:
    """Write a JSON file, and beside it the ``image`` that it names, if one is given."""
    name = f"{path.stem}.png"
    data = None
    if embedded is not None:
        packed = io.BytesIO()
        Image.fromarray(embedded).save(packed, "PNG")
        data = base64.b64encode(packed.getvalue()).decode()
    content: dict[str, Any] = {"version": version, "flags": {}, "shapes": list(shapes)}
    content |= {"imagePath": name, "imageData": data}
    if size is not None:
        content |= {"imageHeight": size[0], "imageWidth": size[1]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))
    if image is not None:
        save_image(path.with_name(name), image)


def labelme_set(root: Path, samples: Sequence[Sample], *, embedded: bool = False) -> Path:
    """A folder of images and JSON files, with ``labels.txt`` as LabelMe's examples have it."""
    for sample in samples:
        labelme_file(
            root / f"{sample.name}.json",
            [labelme_shape(region) for region in regions_of(sample.labels)],
            sample.labels.shape[:2],
            image=None if embedded else sample.image,
            embedded=sample.image if embedded else None,
        )
    (root / "labels.txt").write_text("\n".join(("__ignore__", "_background_", *NAMES, "")))
    return root


# COCO --------------------------------------------------------------------------------------------


def coco_annotations(
    sample: Sample, image_id: int, ids: Mapping[str, int], form: str, first: int
) -> list[dict[str, Any]]:
    """An image's annotations in the order in which they lie over one another.

    ``form`` is ``polygons``, ``counts`` or ``packed``; the regions of a class that go around
    nothing are the parts of one annotation.
    """
    regions = [region for region in regions_of(sample.labels) if region.label != IGNORE]
    whole = [[region] for region in regions if region.has_holes]
    simple = [region for region in regions if not region.has_holes]
    whole += [
        [one for one in simple if one.label == label]
        for label in dict.fromkeys(region.label for region in simple)
    ]
    found = []
    for number, parts in enumerate(whole, start=first):
        bits = np.logical_or.reduce([part.bits for part in parts])
        runs = run_lengths(bits)
        segmentation: Any
        if form == "polygons":
            segmentation = [
                [float(one) for point in corners(part.filled) for one in point] for part in parts
            ]
        else:
            counts = packed_lengths(runs) if form == "packed" else runs
            segmentation = {"size": list(sample.labels.shape), "counts": counts}
        rows, columns = np.nonzero(bits)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        found.append(
            {
                "id": number,
                "image_id": image_id,
                "category_id": ids[NAMES[parts[0].label]],
                "segmentation": segmentation,
                "area": float(bits.sum()),
                "bbox": [float(one) for one in box],
                "iscrowd": int(form != "polygons"),
                "attributes": {"occluded": False},
            }
        )
    return found


def coco_content(
    samples: Sequence[Sample],
    ids: Mapping[str, int],
    *,
    form: str = "polygons",
    suffix: str = ".png",
    more: Sequence[Mapping[str, Any]] = (),
    parent: str = "",
) -> dict[str, Any]:
    """What a JSON file of these samples holds; ``more`` are categories before the others."""
    images, annotations = [], []
    for number, sample in enumerate(samples, start=1):
        height, width = sample.labels.shape
        images.append(
            {
                "id": number,
                "width": width,
                "height": height,
                "file_name": f"{sample.name}{suffix}",
                "license": 0,
                "flickr_url": "",
                "coco_url": "",
                "date_captured": 0,
            }
        )
        annotations += coco_annotations(sample, number, ids, form, len(annotations) + 1)
    categories = [{"id": ids[name], "name": name, "supercategory": parent} for name in NAMES]
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "description": "", "year": ""},
        "categories": [*more, *categories],
        "images": images,
        "annotations": annotations,
    }


def cvat_coco(root: Path, samples: Sequence[Sample], *, form: str = "polygons") -> Path:
    """CVAT's "COCO 1.0": one file, ids from 1."""
    ids = {name: number for number, name in enumerate(NAMES, start=1)}
    for sample in samples:
        save_image(root / "images" / "default" / f"{sample.name}.png", sample.image)
    content = coco_content(samples, ids, form=form)
    write_json(root / "annotations" / "instances_default.json", content)
    return root


def roboflow_coco(root: Path, splits: Mapping[str, Sequence[Sample]]) -> Path:
    """Roboflow's "COCO Segmentation": a file and its images in each folder, a category of none."""
    ids = {name: number for number, name in enumerate(NAMES, start=1)}
    dummy = {"id": 0, "name": "streets", "supercategory": "none"}
    for split, samples in splits.items():
        for sample in samples:
            save_image(root / split / f"{sample.name}.jpg", sample.image)
        content = coco_content(samples, ids, suffix=".jpg", more=[dummy], parent="streets")
        write_json(root / split / "_annotations.coco.json", content)
    return root


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


# Ultralytics -------------------------------------------------------------------------------------


def yolo_text(sample: Sample) -> str:
    """A line to a region: fractions of the image, with six digits."""
    height, width = sample.labels.shape
    lines = []
    for region in regions_of(sample.labels)[::-1]:
        if region.label == IGNORE:
            continue
        numbers = " ".join(f"{x / width:.6f} {y / height:.6f}" for x, y in outline(region.filled))
        lines.append(f"{region.label} {numbers}\n")
    return "".join(lines)


def yolo_set(
    root: Path, splits: Mapping[str, Sequence[Sample]], *, by: str = "ultralytics"
) -> Path:
    """A set as Ultralytics, Roboflow (``../train/images``) or CVAT (lists) lays it."""
    lines = {"ultralytics": ["path: ."], "roboflow": [], "cvat": ["path: ./"]}[by]
    for split, samples in splits.items():
        key = "val" if split == "valid" else split
        images, labels = (
            root / (f"{split}/{kind}" if by == "roboflow" else f"{kind}/{split}")
            for kind in ("images", "labels")
        )
        for sample in samples:
            save_image(images / f"{sample.name}.jpg", sample.image)
            labels.mkdir(parents=True, exist_ok=True)
            (labels / f"{sample.name}.txt").write_text(yolo_text(sample))
        if by == "cvat":
            listed = [f"data/images/{split}/{sample.name}.jpg\n" for sample in samples]
            (root / f"{split}.txt").write_text("".join(listed))
        place = {"roboflow": f"../{split}/images", "cvat": f"{split}.txt"}.get(
            by, f"images/{split}"
        )
        lines.append(f"{key}: {place}")
    if by == "cvat":
        lines += ["names:", *(f"  {label}: {name}" for label, name in enumerate(NAMES))]
    else:
        lines += [f"nc: {len(NAMES)}", f"names: [{', '.join(NAMES)}]"]
    lines += ["roboflow:", "  workspace: w", "  version: 1"] if by == "roboflow" else []
    (root / "data.yaml").write_text("\n".join([*lines, ""]))
    return root
