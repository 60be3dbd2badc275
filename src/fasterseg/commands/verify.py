"""``fasterseg verify``: whether an exported file does what its network does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

from cyclopts import Parameter

from fasterseg.config import RUNTIMES, TailForm
from fasterseg.console.options import Common, CommonOptions, require_threads
from fasterseg.console.progress import progress_for
from fasterseg.paths import given, place_for_file
from fasterseg.pipeline.verifying import IMAGES, evidence_for, require_images

if TYPE_CHECKING:
    from fasterseg.deploy.shipping.verification_report import VerificationReport


def verify(
    exported: str,
    *,
    against: Annotated[str, Parameter(help="The bundle that the file was made from.")],
    backend: Annotated[
        str | None,
        Parameter(help="What runs the file; its own runtime when left out.", choices=RUNTIMES),
    ] = None,
    precision: Annotated[
        Literal["float32", "bfloat16"], Parameter(help="What the runtime is to compute in.")
    ] = "float32",
    tail: Annotated[
        TailForm | None, Parameter(help="For files that end at logits: fast or numpy.")
    ] = None,
    threads: Annotated[int, Parameter(help="Cores of the runtime.")] = 1,
    split: Annotated[str, Parameter(help="The split to verify on; the one that runs score.")] = "",
    images: Annotated[int, Parameter(help="How many images to compare label by label.")] = IMAGES,
    out: Annotated[
        Path | str, Parameter(help="Where the report and a difference go; beside the file.")
    ] = "",
    **options: Unpack[CommonOptions],
) -> VerificationReport:
    """Run an exported file on real images and hold it against its network.

    Compared are what the file says of itself, its logits where it gives them, its labels, and the
    mean IoU on the whole split; files of any size also run at odd sizes.  Exit code 6 and a
    picture of the worst difference when it fails.

    Parameters
    ----------
    exported
        A file that ``fasterseg export`` wrote.

    Returns
    -------
    VerificationReport
        Each check with what was found and what is allowed.
    """
    from fasterseg.deploy.runtimes.models import require_model
    from fasterseg.deploy.runtimes.opening import open_export
    from fasterseg.deploy.runtimes.sessions import Running
    from fasterseg.deploy.shipping.origin import origin_of
    from fasterseg.deploy.shipping.verification import Subject
    from fasterseg.deploy.shipping.verification import verify as verify_file
    from fasterseg.deploy.shipping.verified_export import save_evidence

    common, path = Common(**options), given(exported)
    require_images(images)
    require_threads(threads)
    require_model(against)
    place = evidence_place(path, out)
    running = Running(runtime=backend, threads=threads, precision=precision, tail=tail)
    session, card = open_export(path, running)
    origin = origin_of(against)
    expected = origin.card_like(card)
    evidence = evidence_for(
        against, common, split=split, images=images, size=card.size, reading=card.reading
    )
    subject = Subject(session, card, expected, origin.predictor, path.name, against)
    show = progress_for(json=common.json)
    with show(f"Verifying {path}", total=0, unit="images") as step:
        report, difference = verify_file(subject, evidence, progress=step)
    return save_evidence(place, report, difference, expected)


def evidence_place(exported: Path, out: Path | str) -> Path:
    """What the report and a difference are named after: the file, or `out`, a folder or a name."""
    from fasterseg.deploy.shipping.verified_export import evidence_beside

    place = given(out, "--out") if out else exported
    if place.is_dir():
        place = place / exported.name
    place = place.with_suffix(exported.suffix)
    for file in evidence_beside(place):
        place_for_file(file, "--out" if out else "")
    return place
