"""``fasterseg import-official``: the authors' released files as a bundle of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Common, CommonOptions
from fasterseg.reporting.imported import ImportResult
from fasterseg.space.search_space import Role


def import_official(
    *,
    out: Annotated[Path | str, Parameter(help="The folder that is written.")],
    arch: Annotated[
        tuple[Path, ...],
        Parameter(negative="", help="Their arch_0.pt or arch_1.pt. May be repeated."),
    ] = (),
    weights: Annotated[
        tuple[Path, ...],
        Parameter(negative="", help="Their weights0.pt or weights1.pt, in the order of --arch."),
    ] = (),
    role: Annotated[
        Role | None,
        Parameter(help="Which one; found from the file when left out."),
    ] = None,
    table: Annotated[Path | str, Parameter(help="Their latency_lookup_table.npy.")] = "",
    overwrite: Annotated[
        bool, Parameter(negative="", help="Replace what is in the folder already.")
    ] = False,
    **options: Unpack[CommonOptions],
) -> ImportResult:
    """Read the authors' architectures, weights and latency table.

    Without weights the architecture alone is written, ready to be trained.  With several
    architectures each gets a folder named after its role.  No code in the files is ever run.
    ``evaluate`` scores what was imported on Cityscapes: see docs/data.md.

    Returns
    -------
    ImportResult
        Each network's branches, costs and prices, and the files.
    """
    from fasterseg.pipeline.importing import import_files

    Common(**options)
    return import_files(
        out, arch=arch, weights=weights, role=role, table=table, overwrite=overwrite
    )
