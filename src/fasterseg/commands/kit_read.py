"""``fasterseg kit read``: what a device measured, as a latency table or as latencies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Common, OptionsOfARun
from fasterseg.paths import user_path

if TYPE_CHECKING:
    from fasterseg.kit.outcome import LatenciesRead, TableRead


def kit_read(
    measured: Path | str,
    *,
    kit: Annotated[
        Path | str,
        Parameter(help="The kit's folder; found beside the file or in the run when left out."),
    ] = "",
    **options: Unpack[OptionsOfARun],
) -> TableRead | LatenciesRead:
    """Read the `measured.json` that a kit has written on a device.

    Of a search space it makes the run's latency table, with the device's own conditions: search,
    landing and training follow as ever.  The run is that of --run, or the one in whose folder the
    kit lies; the table is written there.  Of finished networks it tells p95, digests, and how many
    labels are those of this machine; an answer that a run waits for is kept in its folder, and
    nothing else is written.  Exit code 3 for a file that is damaged, was measured with another kit,
    or otherwise than the kit says.

    Parameters
    ----------
    measured
        The file that came back.

    Returns
    -------
    TableRead or LatenciesRead
        Where it was measured, and what was found.

    Examples
    --------
    fasterseg kit read measured.json --run runs/board
    """
    from fasterseg.pipeline.kits.kit_reading import read_named

    return read_named(user_path(measured), Common.of(options), kit)
