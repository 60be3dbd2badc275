"""Masks that do not have their image's size."""

from __future__ import annotations

from fasterseg.datasets.faults import Fault, FaultKind

Shape = tuple[int, ...]


def size_fault(name: str, image: Shape, mask: Shape, *, on_its_side: bool) -> Fault | None:
    """Return the fault of a mask whose shape is not its image's, else None.

    ``name`` is the mask's; ``on_its_side`` says whether the image lies so in its file, and a tag
    turns it.
    """
    if image[:2] == mask:
        return None
    hint = ""
    if image[1::-1] == mask:
        tag = ", the image's orientation tag turns it"
        hint = tag if on_its_side else ", rows and columns changed places"
    sizes = f"mask {_size(mask)}, image {_size(image)}"
    return Fault(FaultKind.SIZE_MISMATCH, name, sizes + hint)


def _size(shape: Shape) -> str:
    return f"{shape[0]}x{shape[1]}"
