"""``fasterseg kit pack``: what measures on a device without this package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.option_values import PathsOrTexts, as_texts
from fasterseg.console.options import Common, CommonOptions, RunSize

if TYPE_CHECKING:
    from fasterseg.kit.outcome import PackResult


def kit_pack(
    *,
    networks: Annotated[
        PathsOrTexts,
        Parameter(
            consume_multiple=True,
            negative="",
            help="Pack these finished networks, and not a search space: exported files, bundles, "
            "models by name.",
        ),
    ] = (),
    out: Annotated[
        Path | str,
        Parameter(
            help="Where a kit of networks goes, a folder; into the run's, or beside the model."
        ),
    ] = "",
    web_runtime: Annotated[
        Path | str,
        Parameter(
            help="ONNX Runtime Web for a kit in a page, a folder or npm's archive; kept for later, "
            "and npm brings it otherwise."
        ),
    ] = "",
    size: RunSize = "",
    **options: Unpack[CommonOptions],
) -> PackResult:
    """Pack a folder and a zip that measure on a device where this package is not installed.

    On the device they need Python with NumPy and a runtime, or a browser: README.txt in the kit
    says what to type.  The kit of a space holds its blocks and some whole networks; it is written
    into the run's folder, and `fasterseg kit read` makes the run's latency table of what comes
    back.  With --networks it holds finished networks and ten images of the test split: p95, digests
    and labels come back.  One recipe gives the same bytes each time.  Exit code 2 for a target that
    no kit can be for.

    Returns
    -------
    PackResult
        The kit's folder and zip, what is in it, and what to type once `measured.json` is back.

    Examples
    --------
    fasterseg kit pack --recipe demo --run runs/board
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.kits.kit_packing import pack

    common = Common.reaching(**options).with_size(size)
    show = progress_for(json=common.json)
    return pack(as_texts(networks), common, out, show, runtime=web_runtime)
