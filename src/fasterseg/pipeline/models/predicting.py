"""Predicting what is named: images (`segmenting`), and films (`filming`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fasterseg.console.options import Common
from fasterseg.datasets.picture_files import (
    Found,
    default_folder,
    find_images,
    output_names,
    possible_files,
    require_free,
)
from fasterseg.datasets.pictures.limits import (
    HIGHEST_LIMIT,
    ON_THE_COMMAND_LINE,
    PixelLimit,
)
from fasterseg.datasets.submission_names import SubmissionName
from fasterseg.datasets.submissions import SubmissionForm, submission_form
from fasterseg.deploy.runtimes.models import (
    open_predictor,
    require_model,
    require_runs_on,
)
from fasterseg.durable import durable_write
from fasterseg.errors import Interrupted, UsageError
from fasterseg.events import Progress
from fasterseg.foreign.links import leads_outside
from fasterseg.network.named_models import bundle_card
from fasterseg.network.predicted import PredictResult
from fasterseg.network.segmentation import Segmentation, png_bytes
from fasterseg.network.showing import OWN_SIZE, require_shown, shown_size
from fasterseg.output_folders import is_output_folder, make_output_folder
from fasterseg.paths import place_for_folder, user_path
from fasterseg.pipeline.models.filming import Film, Filming, films_of, promise_of, require_frames
from fasterseg.pipeline.models.segmenting import PICTURES, Output, predict_images, seen_at
from fasterseg.pipeline.settings.sizing import told_stretched
from fasterseg.resources import free_memory_bytes
from fasterseg.runtime import select_device
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show, StopRequest, stop_on_signals
from fasterseg.video.finding import Sources, find_sources

OTHER_SCALE = 1.5
"""So many times as large, or as small, as what a network was trained on: worth a word."""


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


def stretched_note(sizes: Sequence[Size], shown: Size | None) -> str:
    """A word about images of other proportions than the size that they were shown at."""
    return "" if shown is None else told_stretched(Counter(sizes), shown)
