"""The colours that Pascal VOC gives to ids 0 to 255, and others after it."""

from __future__ import annotations

from fasterseg.datasets.labels import Colour


def voc_colour(label: int) -> Colour:
    """Return the colour of an id: its bits, three at a time, are the channels' highest bits."""
    red = green = blue = 0
    for place in range(7, -1, -1):
        red |= (label & 1) << place
        green |= (label >> 1 & 1) << place
        blue |= (label >> 2 & 1) << place
        label >>= 3
    return red, green, blue


VOC_CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)

VOC_BORDER: Colour = (224, 224, 192)
"""The colour of 255: the borders of objects, and what is too hard to tell."""
