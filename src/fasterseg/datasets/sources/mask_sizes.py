"""Masks that do not have their image's size."""

from __future__ import annotations

from fasterseg.datasets.faults import Fault, FaultKind

Shape = tuple[int, ...]

_UNTURNED = (
    "these masks were drawn on images as they lie in their files: turn the masks as the tag turns "
    "the images, or take the tag out of the images, as in  exiftool -Orientation= IMAGES"
)


def size_fault(name: str, image: Shape, mask: Shape, *, on_its_side: bool) -> Fault | None:
    """Return the fault of a mask whose shape is not its image's, else None.

    ``name`` is the mask's; ``on_its_side`` says whether the image lies so in its file, and a tag
    turns it.
    """
    if image[:2] == mask:
        return None
    hint = step = ""
    if image[1::-1] == mask:
        hint = ", rows and columns changed places"
        if on_its_side:
            hint, step = ", the image's orientation tag turns it", _UNTURNED
    sizes = f"mask {_size(mask)}, image {_size(image)}"
    return Fault(FaultKind.SIZE_MISMATCH, name, sizes + hint, step)


def _size(shape: Shape) -> str:
    return f"{shape[0]}x{shape[1]}"
