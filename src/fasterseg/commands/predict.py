"""``fasterseg predict``: overlay, colour and label masks of an image, a folder or a glob."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.commands.draw import parse_size
from fasterseg.commands.options import Common, CommonOptions
from fasterseg.commands.progress import Step, progress_for
from fasterseg.datasets.decoding import IMAGE_SUFFIXES, read_image
from fasterseg.datasets.transforms import resize_image, resize_labels
from fasterseg.errors import DataError, UsageError
from fasterseg.network.card import Card
from fasterseg.network.shipped import model_path
from fasterseg.paths import given, place_for_folder
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.deploy.models import Predictor
    from fasterseg.network.segmentation import Segmentation

KINDS = ("overlay", "colours", "labels")
FOLDER_SUFFIX = "-predictions"
SHOWN_FAULTS = 5
OTHER_SCALE = 1.5
"""So many times as large, or as small, as what a network was trained on: worth a word."""


class Broken(BaseModel):
    """An image that could not be read, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    why: str


class PredictResult(BaseModel):
    """The folder written to, the images done, and those that could not be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    written: tuple[str, ...]
    shares: dict[str, float]
    tail: str = ""
    broken: tuple[Broken, ...] = ()
    note: str = ""

    @property
    def exit_code(self) -> int:
        """3 when an image was broken, else 0."""
        return DataError.exit_code if self.broken else 0

    def describe(self) -> str:
        """Return what was written where, the classes found, and what went wrong."""
        found = sorted(self.shares.items(), key=lambda share: -share[1])
        lines = [f"  {name:<20} {100 * share:6.2f} %" for name, share in found if share]
        done = f"{len(self.written)} image{'' if len(self.written) == 1 else 's'}"
        ending = [f"{done} in {self.folder} (_overlay.png, _colours.png, _labels.png)"]
        ending += [f"tail: {self.tail}"] if self.tail else []
        if self.broken:
            ending += [f"{len(self.broken)} could not be read:"]
            ending += [f"  {fault.image}: {fault.why}" for fault in self.broken[:SHOWN_FAULTS]]
            rest = len(self.broken) - SHOWN_FAULTS
            ending += [f"  and {rest} more"] if rest > 0 else []
        ending += [f"note: {self.note}"] if self.note else []
        return "\n".join([*lines, *ending])


def predict(
    model: str,
    source: str,
    *,
    out: Annotated[
        Path | str, Parameter(help="The folder to write to; 'NAME-predictions' next to the source.")
    ] = "",
    overwrite: Annotated[
        bool, Parameter(negative="", help="Replace files that are there.")
    ] = False,
    size: Annotated[
        str, Parameter(help="Show the network every image at HxW; at its own size by default.")
    ] = "",
    **options: Unpack[CommonOptions],
) -> PredictResult:
    """Segment an image, a folder of images, or all images that a pattern such as '*.jpg' finds.

    For each it writes the overlay, the classes in colour, and a mask of class ids, at the image's
    own size.

    Parameters
    ----------
    model
        A bundle's folder, a shipped name, or a file that ``fasterseg export`` wrote.
    source
        An image, a folder (and the folders in it), or a pattern in quotes.

    Returns
    -------
    PredictResult
        Where everything is; images that could not be read are listed, and the exit code is 3.
    """
    from fasterseg.deploy.models import load_model, require_model
    from fasterseg.runtime import select_device

    require_model(model)
    common = Common(**options)
    root, images = find_images(source)
    names = output_names(root, images)
    files = [f"{name}_{kind}.png" for name in names for kind in KINDS]
    folder = place_for_folder(out or default_folder(root), "--out", names=files)
    require_free(folder, names, overwrite=overwrite)
    shown = parse_size(size) if size else None
    predictor = load_model(model, device=select_device(common.device or "auto"))
    show = progress_for(json=common.json)
    with show(f"Segmenting into {folder}", total=len(images), unit="images") as step:
        named = dict(zip(names, images, strict=True))
        result, sizes = predict_images(predictor, named, folder, step, shown=shown)
    return result.model_copy(update={"note": "" if shown else scale_note(model, sizes)})


def scale_note(model: str, sizes: Sequence[Size]) -> str:
    """A word about images of quite another size than those of the data that a bundle is for."""
    card = model_path(model) / "card.json"
    trained = Card.load(card).image_resolution if card.is_file() else ""
    if not trained or "," in trained:
        return ""
    ratios = [size.area / parse_size(trained).area for size in sizes]
    others = sum(not OTHER_SCALE**-2 < ratio < OTHER_SCALE**2 for ratio in ratios)
    if not others:
        return ""
    return (
        f"{others} of {len(sizes)} are of quite another size than the images that this network was "
        f"trained on: with --size {trained} it is shown them at that size"
    )


def predict_images(
    predictor: Predictor,
    images: dict[str, Path],
    folder: Path,
    step: Step,
    *,
    shown: Size | None = None,
) -> tuple[PredictResult, list[Size]]:
    """Segment the images, each under its name; a broken one is noted and the others are done.

    The network is shown each at the size `shown`, or at its own.  Returns their own sizes too.
    """
    written: list[str] = []
    broken: list[Broken] = []
    sizes: list[Size] = []
    totals = dict.fromkeys(predictor.label_space.names, 0.0)
    for name, path in images.items():
        try:
            found = _segmented(predictor, path, shown)
        except DataError as fault:
            broken.append(Broken(image=str(path), why=fault.why or fault.what))
        else:
            found.save(folder, name)
            written.append(str(path))
            sizes.append(Size(*found.labels.shape))
            for label, share in found.shares().items():
                totals[label] += share
        step.advance(1, note=path.name)
    shares = {label: total / max(1, len(written)) for label, total in totals.items()}
    result = PredictResult(
        folder=str(folder),
        written=tuple(written),
        shares=shares,
        tail=predictor.tail_name,
        broken=tuple(broken),
    )
    return result, sizes


def _segmented(predictor: Predictor, path: Path, shown: Size | None) -> Segmentation:
    if shown is None:
        return predictor(path)
    image = read_image(path)
    found = predictor(resize_image(image, shown))
    return replace(found, image=image, labels=resize_labels(found.labels, image.shape[:2]))


def find_images(source: str) -> tuple[Path, list[Path]]:
    """The images that a source names, sorted, and the folder that they lie in.

    Raises `UsageError` for a source that is not there, `DataError` for one without images.
    """
    path = given(source)
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        root, found = path, sorted(p for p in path.rglob("*") if _is_image(p))
    elif any(sign in source for sign in "*?["):
        root, pattern = _split_pattern(path)
        found = sorted(p for p in root.glob(pattern) if _is_image(p))
    else:
        raise UsageError(
            f"there is no image or folder {source!r}",
            where=source,
            why="nothing of this name is there",
            next_step="name an image, a folder, or a pattern in quotes, such as 'frames/*.png'",
        )
    if not found:
        raise DataError(
            "found no image to segment",
            where=source,
            why=f"images end in {', '.join(sorted(IMAGE_SUFFIXES))}",
            next_step="name a folder that has such files, in its own folders too",
        )
    return root, found


def default_folder(root: Path) -> Path:
    """Next to the folder that the images lie in, so that they are not taken for input later."""
    folder = root.absolute()
    return folder.with_name(f"{folder.name or 'images'}{FOLDER_SUFFIX}")


def output_names(root: Path, images: list[Path]) -> list[str]:
    """A name for each image's files, below the output folder as the image is below the root.

    Images that differ only in their suffix keep it in their names.
    """
    plain = [path.relative_to(root).with_suffix("").as_posix() for path in images]
    return [
        path.relative_to(root).as_posix() if plain.count(name) > 1 else name
        for path, name in zip(images, plain, strict=True)
    ]


def require_free(folder: Path, names: list[str], *, overwrite: bool) -> None:
    """Raise `UsageError` before anything is computed when a file to be written is there."""
    if overwrite:
        return
    wanted = (folder / f"{name}_{kind}.png" for name in names for kind in KINDS)
    taken = [path for path in wanted if path.exists()]
    if taken:
        raise UsageError(
            f"{len(taken)} of the files to be written are there already",
            where=str(taken[0]),
            next_step="choose another folder with --out, or add --overwrite",
        )


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _split_pattern(path: Path) -> tuple[Path, str]:
    """The folder before the first part with a wildcard, and the rest as a pattern."""
    plain = list(_until_wildcard(path.parts))
    rest = path.parts[len(plain) :]
    return Path(*plain), str(Path(*rest))


def _until_wildcard(parts: tuple[str, ...]) -> Iterator[str]:
    for part in parts:
        if any(sign in part for sign in "*?["):
            return
        yield part
