"""Predicting what is named: images, each into files of its own, and films (`filming`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasterseg.console.options import Common
from fasterseg.datasets.decoding import decode
from fasterseg.datasets.picture_files import (
    ENDINGS,
    Found,
    default_folder,
    find_images,
    output_names,
    possible_files,
    require_free,
    require_short,
)
from fasterseg.datasets.pictures.limits import (
    DEFAULT_LIMIT,
    HIGHEST_LIMIT,
    ON_THE_COMMAND_LINE,
    PixelLimit,
)
from fasterseg.datasets.pictures.listing import printable
from fasterseg.datasets.pictures.pixel_notes import PixelTally
from fasterseg.datasets.submission_names import SubmissionName
from fasterseg.datasets.submissions import SubmissionForm, submission_form
from fasterseg.deploy.runtimes.models import (
    Predictor,
    open_predictor,
    require_model,
    require_runs_on,
)
from fasterseg.deploy.runtimes.predicting import ExportedPredictor
from fasterseg.durable import durable_write
from fasterseg.errors import DataError, Interrupted, UsageError
from fasterseg.events import Progress
from fasterseg.foreign.links import leads_outside
from fasterseg.foreign.names import on_disk
from fasterseg.network.named_models import bundle_card
from fasterseg.network.predicted import Broken, PredictResult
from fasterseg.network.predicting import segmented
from fasterseg.network.segmentation import Segmentation, png_bytes
from fasterseg.network.showing import OWN_SIZE, require_shown, shown_size
from fasterseg.network.tiling import MOST_AT_ONCE
from fasterseg.output_folders import is_output_folder, make_output_folder
from fasterseg.paths import place_for_folder, user_path
from fasterseg.pipeline.models.filming import Film, Filming, films_of, promise_of, require_frames
from fasterseg.pipeline.settings.sizing import told_stretched
from fasterseg.resources import free_memory_bytes
from fasterseg.runtime import select_device
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show, StopRequest, stop_on_signals
from fasterseg.video.finding import Sources, find_sources

BYTES_PER_PIXEL = 150
"""What a network of the space needs for each pixel that it is shown: 139 for `camvid-8ms`."""

PICTURE_BYTES_PER_PIXEL = 12
"""What an image needs beyond what its network is shown at once: with its labels and overlay."""

OTHER_SCALE = 1.5
"""So many times as large, or as small, as what a network was trained on: worth a word."""


@dataclass(frozen=True, slots=True)
class Output:
    """Which files are written for each image: the endings of their names, and what writes them."""

    endings: tuple[str, ...]
    save: Callable[[Segmentation, Path, str], object]


PICTURES = Output(ENDINGS, lambda found, folder, name: found.save(folder, name))
"""Overlay, colours and labels."""


def output_for(form: SubmissionForm) -> Output:
    """The one file that a benchmark's server takes for an image."""

    def save(found: Segmentation, folder: Path, name: str) -> None:
        labels = png_bytes(form.labels_as_sent(found.labels))
        durable_write(folder / f"{name}{form.ending}", labels)

    return Output((form.ending,), save)


def predict_named(
    model: str,
    pictures: str,
    common: Common,
    *,
    out: Path | str,
    overwrite: bool,
    size: str,
    show: Show,
    most_pixels: int | None = None,
    submission: SubmissionName | None = None,
    label_maps: bool = False,
    frames: int | None = None,
) -> PredictResult:
    """Segment an image, a video, a folder of them, all that a pattern finds, or a camera's frames.

    Into files of its own for each, or into that which the server of a `submission` takes.
    """
    require_model(model)
    require_runs_on(model, common.device)
    require_frames(frames)
    form = submission_form(submission) if submission else None
    output = PICTURES if form is None else output_for(form)
    places = _places(pictures, form, output, out=out, overwrite=overwrite, label_maps=label_maps)
    limit = _limit(most_pixels)
    require_shown(None if size in ("", OWN_SIZE) else Size.of(size), limit)
    predictor = open_predictor(model, device=select_device(common.device or "auto"))
    shown = shown_size(size or None, predictor)
    if form is not None:
        form.require_classes(model, predictor.label_space)
    folder, images = places.folder, places.images
    result, sizes = PredictResult(folder=str(folder), tail=predictor.tail_name), list[Size]()
    if images:
        if form is None:  # a server may refuse what it did not ask for
            make_output_folder(folder)
        with (
            stop_on_signals() as stop,
            show(f"Segmenting into {folder}", total=len(images), unit="images") as step,
        ):
            result, sizes = predict_images(
                predictor,
                images,
                folder,
                _until_stopped(step, stop, folder),
                shown=shown,
                free_bytes=free_memory_bytes(),
                limit=limit,
                output=output,
            )
    filming = Filming(predictor, show, shown, limit, frames, promise_of(model), folder)
    result = filming.added_to(result, places.films, alone=not images)
    note = scale_note(model, sizes) if shown is None and not predictor.resizes else ""
    note = note or stretched_note(sizes, shown or seen_at(predictor))
    notes = [*places.notes, *_notes_on(folder, user_path(pictures)), *result.notes]
    notes += [] if form is None else form.notes(folder, len(result.written))
    return result.model_copy(update={"note": note, "notes": tuple(notes)})


def _until_stopped(step: Progress, stop: StopRequest, folder: Path) -> Progress:
    """Progress that raises `Interrupted` once a stop was asked for, unless all images are done."""

    def told(done: int, total: int, note: str) -> None:
        step(done, total, note)
        if stop and done < total:
            raise Interrupted(
                f"stopped by {stop.signal_name} after {done} of {total} images",
                where=str(folder),
                next_step="for all images, run the same command again with --overwrite",
            )

    return told


@dataclass(frozen=True, slots=True)
class Places:
    """What is segmented, and where to: each image by the name of its files, and the films."""

    folder: Path
    images: dict[str, Path]
    films: tuple[Film, ...] = ()
    notes: tuple[str, ...] = ()


def _places(
    pictures: str,
    form: SubmissionForm | None,
    output: Output,
    *,
    out: Path | str,
    overwrite: bool,
    label_maps: bool,
) -> Places:
    """Look for what is named, and at where it goes; raises before anything is computed."""
    if form is None:
        sources = find_sources(pictures)
    else:
        sources = Sources(images=find_images(form.images_in(pictures)))
    found = sources.images or Found(sources.root, [])
    names = output_names(found.root, found.images) if form is None else form.names_of(found.images)
    files = possible_files(names, output.endings) if names else []
    here = films_of(sources, Path(), label_maps=label_maps)
    files += [path.as_posix() for film in here for path in film.written]
    usual = default_folder(sources.named_after) if form is None else form.default_folder(pictures)
    folder = place_for_folder(out or usual, "--out", names=files)
    if form is not None:
        form.require_alone(folder, files)
    require_free(folder, files, overwrite=overwrite, sources=[*found.images, *sources.videos])
    films = films_of(sources, folder, label_maps=label_maps)
    notes = (*found.notes(), *filter(None, [sources.note]))
    return Places(folder, dict(zip(names, found.images, strict=True)), tuple(films), notes)


def _notes_on(folder: Path, pictures: Path) -> list[str]:
    """A word where the files lie among the images that they were made of."""
    if not pictures.is_dir() or leads_outside(folder, pictures) or is_output_folder(folder):
        return []
    return ["the files lie in the folder of the images: segmented again, they are images too"]


def _limit(most_pixels: int | None) -> PixelLimit:
    if most_pixels is not None and not 1 <= most_pixels <= HIGHEST_LIMIT:
        raise UsageError(
            "there is no such limit",
            where=f"--most-pixels {most_pixels}",
            why=f"images are read of up to {HIGHEST_LIMIT:,} pixels",
            next_step=f"name 1 to {HIGHEST_LIMIT}, or leave --most-pixels out",
        )
    return PixelLimit(most_pixels, ON_THE_COMMAND_LINE)


def scale_note(model: str, sizes: Sequence[Size]) -> str:
    """A word about images of quite another size than those of the data that a bundle is for."""
    card = bundle_card(model)
    trained = "" if card is None else card.image_resolution
    if not trained or "," in trained:
        return ""
    ratios = [size.area / Size.parse(trained).area for size in sizes]
    others = sum(not OTHER_SCALE**-2 < ratio < OTHER_SCALE**2 for ratio in ratios)
    if not others:
        return ""
    return (
        f"{others} of {len(sizes)} are of quite another size than the images that this network was "
        f"trained on: with --size {trained} it is shown them at that size"
    )


def seen_at(predictor: Predictor) -> Size | None:
    """What a file brings images to itself; None for what takes them as they are."""
    return predictor.card.resizes_to if isinstance(predictor, ExportedPredictor) else None


def stretched_note(sizes: Sequence[Size], shown: Size | None) -> str:
    """A word about images of other proportions than the size that they were shown at."""
    return "" if shown is None else told_stretched(Counter(sizes), shown)


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
