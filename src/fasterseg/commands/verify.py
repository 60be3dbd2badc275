"""``fasterseg verify``: whether an exported file does what its network does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

from cyclopts import Parameter

from fasterseg.config import RUNTIMES, TailForm
from fasterseg.config.hosts import require_host
from fasterseg.console.option_values import PathOrText, require_threads
from fasterseg.console.options import IMAGES, Common, OptionsOfDataAndARun
from fasterseg.paths import user_path

if TYPE_CHECKING:
    from fasterseg.deploy.shipping.verification_report import VerificationReport


def verify(
    exported: PathOrText,
    *,
    against: Annotated[PathOrText, Parameter(help="The bundle that the file was made from.")],
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
    device: Annotated[
        str, Parameter(help="kit or ssh://user@host:port: run the file there; here by default.")
    ] = "",
    **options: Unpack[OptionsOfDataAndARun],
) -> VerificationReport:
    """Run an exported file on real images and hold it against its network.

    Compared are what the file says of itself, its logits where it gives them, its labels, and the
    mean IoU on the whole split; files of any size also run at odd sizes.  The report is written
    beside the file, or where --out says.  With --device kit or ssh://user@host:port the file runs
    there, and its labels of the images are compared.  Exit code 6 and a picture of the worst
    difference when it fails.

    Parameters
    ----------
    exported
        A file that `fasterseg export` wrote, or the folder of a page.

    Returns
    -------
    VerificationReport
        Each check with what was found and what is allowed.

    Examples
    --------
    fasterseg verify camvid-8ms.onnx --against camvid-8ms
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.deploy.runtimes.sessions import Running
    from fasterseg.pipeline.models.remote_verifying import verify_there
    from fasterseg.pipeline.models.verifying import verify_named

    common = Common.reaching(**options, device=device or None)
    require_threads(threads)
    require_host(device)
    verify_it = verify_named if common.host is None else verify_there
    return verify_it(
        user_path(exported),
        common,
        against=str(against),
        running=Running(backend, threads, precision, tail),
        split=split,
        images=images,
        out=out,
        show=progress_for(json=common.json),
    )
