"""``fasterseg import-official``: the authors' released files as a bundle of this package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Common, JsonOption

if TYPE_CHECKING:
    from fasterseg.reporting.imported import ImportResult


def import_official(
    *,
    out: Annotated[Path | str, Parameter(metavar="PATH", help="The folder that is written.")],
    arch: Annotated[
        tuple[Path, ...],
        Parameter(negative="", help="Their arch_0.pt or arch_1.pt. May be repeated."),
    ] = (),
    weights: Annotated[
        tuple[Path, ...],
        Parameter(negative="", help="Their weights0.pt or weights1.pt, in the order of --arch."),
    ] = (),
    role: Annotated[
        Literal["teacher", "student"] | None,
        Parameter(help="Which one; found from the file when left out."),
    ] = None,
    table: Annotated[Path | str, Parameter(help="Their latency_lookup_table.npy.")] = "",
    overwrite: Annotated[
        bool, Parameter(negative="", help="Replace what is in the folder already.")
    ] = False,
    **options: Unpack[JsonOption],
) -> ImportResult:
    """Read the authors' architectures, weights and latency table, as this package's own files.

    Without weights the architecture alone is written, ready to be trained.  With several
    architectures each gets a folder named after its role.  No code in the files is ever run.
    Written are bundles, drawings and tables, into the folder that --out names; what is there is
    replaced with --overwrite only.  `fasterseg evaluate` scores what was imported on Cityscapes.

    Returns
    -------
    ImportResult
        Each network's branches, costs and prices, and the files.

    Examples
    --------
    fasterseg import-official --arch arch_1.pt --weights weights1.pt --out published
    """
    from fasterseg.pipeline.models.importing import import_files

    Common.of(options)
    return import_files(
        out, arch=arch, weights=weights, role=role, table=table, overwrite=overwrite
    )
