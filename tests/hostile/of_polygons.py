"""Small data sets of polygons, of which one of the tools' files is to be changed."""

from __future__ import annotations

import base64
import json

import numpy as np
from tracing import packed_lengths
from zoo_encoders import png, scene

_SQUARE = [4.0, 4.0, 20.0, 4.0, 20.0, 12.0, 4.0, 12.0]
_SIZE = [int(side) for side in scene().shape[:2]]

_BRUSHED = base64.b64encode(png(np.ones((2, 2), np.uint8))).decode()

LABELME = json.dumps(
    {
        "version": "5.5.0",
        "shapes": [
            {"label": "car", "points": [[4, 4], [20, 4], [20, 12]], "shape_type": "polygon"},
            {"label": "road", "points": [[9.5, 9.5], [12, 12]], "shape_type": "circle"},
            {"label": "road", "points": [[1, 1], [9, 9], [3, 9]], "shape_type": "linestrip"},
            {"label": "car", "points": [[2, 2], [3, 3]], "shape_type": "mask", "mask": _BRUSHED},
        ],
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": _SIZE[0],
        "imageWidth": _SIZE[1],
    }
).encode()


def _coco(*segmentations: object) -> bytes:
    return json.dumps(
        {
            "images": [{"id": 1, "file_name": "a.png", "height": _SIZE[0], "width": _SIZE[1]}],
            "categories": [{"id": 1, "name": "car"}, {"id": 7, "name": "road"}],
            "annotations": [
                {"id": k, "image_id": 1, "category_id": 1, "segmentation": one, "iscrowd": 0}
                for k, one in enumerate(segmentations)
            ],
        }
    ).encode()


COCO = _coco([_SQUARE], [_SQUARE, _SQUARE[:6]])
COCO_PACKED = _coco(
    {"size": _SIZE, "counts": [_SIZE[0], _SIZE[0] * (_SIZE[1] - 1)]},
    {"size": _SIZE, "counts": packed_lengths([5, 9, _SIZE[0] * _SIZE[1] - 20, 6])},
)

SETS: dict[str, dict[str, bytes]] = {
    "labelme": {"a.png": png(scene()), "a.json": LABELME},
    "coco": {"images/a.png": png(scene()), "annotations/instances_default.json": COCO},
    "yolo": {
        "images/train/a.png": png(scene()),
        "labels/train/a.txt": b"0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.2 0.2 0.9 0.2 0.9 0.9 0.2 0.9\n",
        "data.yaml": b"train: images/train\nnames: [car, road]\n",
    },
}
"""A data set of each form: its files by their names."""
