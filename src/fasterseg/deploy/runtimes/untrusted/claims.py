"""What the card of a file says, held against the file's own graph before anyone believes it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.untrusted.plain_graphs import Array, Dims, Graph, dims_text
from fasterseg.deploy.runtimes.untrusted.wire import NotPlain

MOST_PIXELS = 64_000_000
LABEL_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def require_true(card: ExportedCard, graph: Graph) -> None:
    """Raise `NotPlain` where the graph is not what the card says: type, size, classes, numbers."""
    for said, found in _differences(card, graph):
        raise NotPlain(f"its card says {said}, and its graph {found}")


def _differences(card: ExportedCard, graph: Graph) -> Iterator[tuple[str, str]]:
    """What the card says and the graph does not do, and what it does."""
    yield from _of_image(card, graph)
    yield from _of_output(card, graph)
    classes = card.label_space.classes
    found = graph.classes() if card.output == "labels" else graph.output.dims[1]
    if found not in (None, classes):
        yield f"{classes} classes", f"tells {found} apart"
    half = "float16" in graph.types
    if half != (card.precision == "float16"):
        yield card.precision, f"holds {'float16' if half else 'no float16'}"
    if graph.is_quantised != (card.precision == "int8"):
        yield card.precision, "computes in int8" if graph.is_quantised else "quantises nothing"
    yield from _of_normalisation(card, graph)


def _of_image(card: ExportedCard, graph: Graph) -> Iterator[tuple[str, str]]:
    image = graph.image
    if image.type != "uint8" or len(image.dims) != 4 or image.dims[3] != 3:
        yield "uint8 images, (1, height, width, 3)", f"takes {image.type} {dims_text(image.dims)}"
        return
    size = (None, None) if card.size is None else tuple(card.size)
    if image.dims[1:3] != size or image.dims[0] not in (None, 1):
        said = "any size" if card.size is None else str(card.size)
        yield f"images of {said}", f"takes {dims_text(image.dims)}"
    if card.size is not None and not 0 < card.size.height * card.size.width <= MOST_PIXELS:
        yield f"images of {card.size}", f"would have to: no image has more than {MOST_PIXELS:,}"


def _of_output(card: ExportedCard, graph: Graph) -> Iterator[tuple[str, str]]:
    output, image = graph.output, graph.image.dims
    labels = card.output == "labels"
    types = LABEL_TYPES if labels else ("float32",)
    rank = 3 if labels else 4
    if output.type not in types or len(output.dims) != rank:
        yield f"{card.output} come out", f"gives {output.type} {dims_text(output.dims)}"
        return
    expected: Dims = (1, *image[1:3]) if labels else (1, None, *image[1:3])
    for found, wanted in zip(output.dims, expected, strict=True):
        smaller = card.output == "low-resolution-logits"
        if None not in (found, wanted) and found != wanted and not smaller:
            yield f"{card.output} of the image's size", f"gives {dims_text(output.dims)}"
            return


def _of_normalisation(card: ExportedCard, graph: Graph) -> Iterator[tuple[str, str]]:
    mean, std = (np.array(numbers, dtype=np.float64) for numbers in (card.mean, card.std))
    found = graph.normalisation()
    if found is None or card.reading.is_grey:
        return  # it cannot be seen, and nothing is done with it
    if not all(map(_close, found, (1 / (255 * std), -mean / std))):
        yield f"mean {card.mean}, deviation {card.std}", "normalises in another way"


def _close(found: Array, wanted: Array) -> bool:
    return bool(np.allclose(found, wanted, rtol=1e-4, atol=1e-5))
