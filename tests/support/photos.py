"""A folder of photos with masks, as a stranger would bring it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from fasterseg.datasets.street import STREET_LABELS, StreetScenes

Sizes = Sequence[tuple[int, int]]


def photos(folder: Path, splits: Mapping[str, Sizes]) -> Path:
    """Write street scenes, one of each (height, width) in each split, and a data.yaml."""
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(STREET_LABELS.names))
    lines = [f"{split}: images/{split}" for split in splits]
    for split, sizes in splits.items():
        for index, size in enumerate(sizes):
            scene = StreetScenes(size=size, counts={"train": index + 1}).sample("train", index)
            for kind, pixels in (("images", scene.image), ("masks", scene.labels)):
                place = folder / kind / split / f"{split}-{index}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(place)
    text = "\n".join([*lines, "masks_dir: masks", "ignore: 255", f"names:\n{names}"])
    (folder / "data.yaml").write_text(text)
    return folder
