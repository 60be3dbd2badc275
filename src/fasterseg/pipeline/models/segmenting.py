"""Segmenting images, each into files of its own; a broken one is noted and the others are done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fasterseg.datasets.decoding import decode
from fasterseg.datasets.picture_files import ENDINGS, possible_files, require_short
from fasterseg.datasets.pictures.limits import DEFAULT_LIMIT, PixelLimit
from fasterseg.datasets.pictures.listing import printable
from fasterseg.datasets.pictures.pixel_notes import PixelTally
from fasterseg.deploy.runtimes.models import Predictor
from fasterseg.deploy.runtimes.predicting import ExportedPredictor
from fasterseg.errors import DataError
from fasterseg.events import Progress
from fasterseg.foreign.names import on_disk
from fasterseg.network.predicted import Broken, PredictResult
from fasterseg.network.segmentation import Segmentation
from fasterseg.network.segmenting import segmented
from fasterseg.network.tiling import MOST_AT_ONCE
from fasterseg.space.blocks import Size

BYTES_PER_PIXEL = 150
"""What a network of the space needs for each pixel that it is shown: 139 for `camvid-8ms`."""

PICTURE_BYTES_PER_PIXEL = 12
"""What an image needs beyond what its network is shown at once: with its labels and overlay."""


@dataclass(frozen=True, slots=True)
class Output:
    """Which files are written for each image: the endings of their names, and what writes them."""

    endings: tuple[str, ...]
    save: Callable[[Segmentation, Path, str], object]


PICTURES = Output(ENDINGS, lambda found, folder, name: found.save(folder, name))
"""Overlay, colours and labels."""


def predict_images(
    predictor: Predictor,
    images: dict[str, Path],
    folder: Path,
    progress: Progress,
    *,
    shown: Size | None = None,
    free_bytes: int = 0,
    limit: PixelLimit = DEFAULT_LIMIT,
    output: Output = PICTURES,
) -> tuple[PredictResult, list[Size]]:
    """Segment the images, each under its name; a broken one is noted and the others are done.

    The network is shown each at the size `shown`, or at its own; one that needs more than
    `free_bytes` (0: not known) is a broken one.  Returns their own sizes too.
    """
    written: list[str] = []
    names: dict[str, str] = {}
    broken: list[Broken] = []
    sizes: list[Size] = []
    tally, tiled = PixelTally(), 0
    totals = dict.fromkeys(predictor.label_space.names, 0.0)
    for done, (name, path) in enumerate(images.items(), start=1):
        try:
            require_short(name, output.endings)
            _require_own_files(folder, name, names, output)
            found = _segmented(predictor, path, shown, free_bytes, limit)
        except DataError as fault:
            broken.append(Broken(image=printable(path), why=_why(fault)))
        else:
            output.save(found, folder, name)
            written.append(printable(path))
            sizes.append(Size(*found.labels.shape))
            tally.add(found.remarks)
            tiled += found.tiles > 1
            for label, share in found.shares().items():
                totals[label] += share
        progress(done, len(images), printable(path.name))
    shares = {label: total / max(1, len(written)) for label, total in totals.items()}
    result = PredictResult(
        folder=str(folder),
        written=tuple(written),
        shares=shares,
        tail=predictor.tail_name,
        endings=output.endings,
        broken=tuple(broken),
        notes=(*tally.notes(predictor.reading), *_notes_on_tiles(tiled, len(written))),
    )
    return result, sizes


def seen_at(predictor: Predictor) -> Size | None:
    """What a file brings images to itself; None for what takes them as they are."""
    return predictor.card.resizes_to if isinstance(predictor, ExportedPredictor) else None


def _require_own_files(folder: Path, name: str, names: dict[str, str], output: Output) -> None:
    """Raise `DataError` where a name stands for another's files on this disk; note the name."""
    other = names.setdefault(on_disk(name), name)
    own, theirs = (folder / possible_files([one], output.endings)[0] for one in (name, other))
    if other != name and own.exists() and theirs.exists() and own.samefile(theirs):
        raise DataError(
            "its files would take the place of another image's",
            where=name,
            why=f"{other} and {name} are one name on this disk, and its files would be {other}'s",
            next_step="give the image another name, or write to another disk with --out",
        )


def _why(fault: DataError) -> str:
    """Why an image is broken, with what to do where a limit can be raised."""
    why = fault.why or fault.what
    return f"{why}: {fault.next_step}" if "--most-pixels" in fault.next_step else why


def _notes_on_tiles(tiled: int, images: int) -> list[str]:
    if not tiled:
        return []
    of_them = f"{tiled} of {images} image{'' if images == 1 else 's'}"
    return [
        f"{of_them} {'was' if tiled == 1 else 'were'} segmented in overlapping tiles, at more than "
        f"{MOST_AT_ONCE:,} pixels: with --size HxW the network is shown them whole, and smaller"
    ]


def _segmented(
    predictor: Predictor, path: Path, shown: Size | None, free_bytes: int, limit: PixelLimit
) -> Segmentation:
    decoded = decode(path, predictor.reading, limit=limit)
    own = Size(*decoded.pixels.shape[:2])
    require_memory(shown or seen_at(predictor) or own, free_bytes)
    return segmented(predictor.labels, decoded, predictor.label_space, size=shown)


def require_memory(size: Size, free_bytes: int) -> None:
    """Raise `DataError` for an image that would not fit into memory; 0 bytes are not known ones.

    It would not fail by itself: the system would end the whole command.
    """
    at_once = min(size.area, MOST_AT_ONCE)
    wanted = at_once * BYTES_PER_PIXEL + (size.area - at_once) * PICTURE_BYTES_PER_PIXEL
    if free_bytes and wanted > free_bytes:
        scale = (free_bytes / wanted) ** 0.5
        smaller = Size(int(size.height * scale), int(size.width * scale))
        raise DataError(
            "the image is too large for this machine's memory",
            where=str(size),
            why=f"at {size} the network needs about {wanted / 1e9:.1f} GB, and "
            f"{free_bytes / 1e9:.1f} GB are free: predict --size {smaller} shows it smaller",
            next_step=f"add --size {smaller}, or a smaller one",
        )
