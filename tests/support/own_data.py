"""Folders of small pictures with masks, as somebody's own data would lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (32, 64)


def own_data(root: Path, counts: Mapping[str, int], *, more: str = "", ignored: str = "") -> Path:
    """Splits of so many pictures, and a ``data.yaml`` with `more` lines.

    Of the `ignored` split no pixel counts.
    """
    for split, count in counts.items():
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise = np.random.default_rng([len(split), number])
            image = noise.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
            labels = np.zeros(SIZE, np.uint8)
            labels[: 8 + number] = 1
            if split == ignored:
                labels[:] = 255
            for kind, picture in (("images", image), ("masks", labels)):
                Image.fromarray(picture).save(root / kind / split / f"{number}.png")
    lines = [f"{split}: images/{split}" for split in counts]
    (root / "data.yaml").write_text("\n".join([*lines, "names: [a, b, c]", more, ""]))
    return root
