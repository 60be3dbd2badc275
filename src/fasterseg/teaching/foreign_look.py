"""A foreign file's card held against its graph: what can be seen there need not be believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from fasterseg.datasets.data_files.teacher_card import ANY, TeacherCard
from fasterseg.deploy.runtimes.untrusted.plain_graphs import Dims, Graph, Value, dims_text
from fasterseg.errors import FastersegError, FileError, UsageError
from fasterseg.foreign.strict_json import shortened
from fasterseg.teaching.class_map import shown
from fasterseg.teaching.foreign_job import ForeignJob, Layout

_CHANNEL = {"nchw": 1, "nhwc": 3}
_OTHER: dict[Layout, Layout] = {"nchw": "nhwc", "nhwc": "nchw"}
_FLOATS, _BYTES = ("float32", "float16"), "uint8"
OTHER_TEACHER = "export the model once more, from where it was trained, or take another teacher"


@dataclass(frozen=True, slots=True)
class Misfit:
    """What a card says and a graph does otherwise, and the line of the card that would be true.

    Without a line no card can say it: the file itself is none to learn from.
    """

    why: str
    line: str = ""

    def as_error(self, file: Path, card: Path) -> FastersegError:
        """The error in four parts."""
        if not self.line:
            return FileError(
                "nothing can be learned from this file",
                where=str(file),
                why=self.why,
                next_step=OTHER_TEACHER,
            )
        return UsageError(
            "the teacher's card says otherwise than its file does",
            where=str(card),
            why=self.why,
            next_step=f"write {self.line}",
        )


def output_of(card: TeacherCard, outputs: Sequence[str]) -> str | Misfit:
    """The output that the card means, of those that the file has."""
    if card.output_name in outputs or (len(outputs) == 1 and not card.output_name):
        return card.output_name or outputs[0]
    near = get_close_matches(card.output_name, outputs, n=1) or outputs[:1]
    said = f"no {shortened(card.output_name)!r} among them" if card.output_name else "none is named"
    return Misfit(
        f"its file has the outputs {shown(outputs)}, and {said}",
        f"output_name: {near[0]}" if near else "",
    )


def misfits(card: TeacherCard, graph: Graph) -> Iterator[Misfit]:
    """What the card says and the graph does otherwise, in the order in which one looks."""
    yield from _of_image(card, graph.image)
    yield from _of_numbers(card, graph.image.type)
    yield from _of_size(card, size_in(graph.image, card.layout))
    yield from _of_output(card, graph.output)


def job_of(card: TeacherCard, graph: Graph) -> ForeignJob:
    """How the graph of a card without misfits is run."""
    return ForeignJob(
        classes=len(card.classes),
        form=card.output,
        mean=card.mean,
        deviation=card.std,
        is_bgr=card.channels == "bgr",
        layout=card.layout,
        output_layout=card.output_layout or card.layout,
        number=graph.image.type,
        image_name=graph.image.name,
        output_name=graph.output.name,
    )


def size_in(image: Value, layout: Layout) -> tuple[int | None, int | None]:
    """The height and width that a graph is bound to; None along a side where any will do."""
    first = 2 if layout == "nchw" else 1
    return image.dims[first], image.dims[first + 1]


def _of_image(card: TeacherCard, image: Value) -> Iterator[Misfit]:
    if len(image.dims) != 4 or image.dims[0] not in (None, 1):
        yield Misfit(f"it takes {_told(image)}, and one picture of three channels is wanted")
        return
    other = _OTHER[card.layout]
    own, fits = image.dims[_CHANNEL[card.layout]], image.dims[_CHANNEL[other]] == 3
    if own != 3 and (own is not None or fits):
        why = f"its file takes {_told(image)}, and the channels are not where {card.layout} says"
        yield Misfit(why, f"layout: {other}" if fits else "")


def _of_numbers(card: TeacherCard, number: str) -> Iterator[Misfit]:
    if number in _FLOATS and card.mean is None:
        yield Misfit(
            "its file takes numbers, and nothing says how they are made of a picture's bytes",
            "mean and std, such as ImageNet's:  mean: [0.485, 0.456, 0.406]  and  "
            "std: [0.229, 0.224, 0.225]",
        )
    elif number == _BYTES and card.mean is not None:
        yield Misfit(
            "its file takes a picture's bytes as they are, and normalises them itself",
            "neither mean nor std",
        )
    elif number not in (*_FLOATS, _BYTES):
        yield Misfit(f"it takes {number}, and pictures are {', '.join(_FLOATS)} or {_BYTES}")


def _of_size(card: TeacherCard, bound: tuple[int | None, int | None]) -> Iterator[Misfit]:
    shown_at = card.shown_at
    pairs = zip(bound, shown_at or (None, None), strict=True)
    if all(own in (None, said) for own, said in pairs):
        return
    height, width = (own or "any" for own in bound)
    full = None not in bound
    line = f"size: {height}x{width}" if full else "size: with those, as in size: 512x1024"
    said = "pictures of any size" if card.size == ANY else f"pictures of {card.size}"
    yield Misfit(f"its file takes {height}x{width} alone, and the card says {said}", line)


def _of_output(card: TeacherCard, output: Value) -> Iterator[Misfit]:
    if output.type not in (*_FLOATS, "float64") or len(output.dims) == 3:
        yield Misfit(
            f"it gives {_told(output)}: labels, and a student learns from what is before them, "
            "logits or probabilities (without the last ArgMax)"
        )
    elif len(output.dims) == 4:
        yield from _of_classes(card, output.dims)
    elif output.dims:
        yield Misfit(f"it gives {_told(output)}, and a map for each class is wanted")


def _of_classes(card: TeacherCard, dims: Dims) -> Iterator[Misfit]:
    layout, count = card.output_layout or card.layout, len(card.classes)
    found, elsewhere = dims[_CHANNEL[layout]], dims[_CHANNEL[_OTHER[layout]]]
    if found in (None, count):
        return
    if elsewhere == count:
        yield Misfit(
            f"its file gives {dims_text(dims)}: the classes are not where {layout} says",
            f"output_layout: {_OTHER[layout]}",
        )
        return
    yield Misfit(
        f"its file tells {found} classes apart, and the card names {count}",
        f"all {found} classes, in the order of the channels",
    )


def _told(value: Value) -> str:
    return f"{value.type} {dims_text(value.dims)}"
