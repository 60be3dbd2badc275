"""What profiling a space came to, in a few figures."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from fasterseg.artifacts import Artifact
from fasterseg.latency.profiling import told_paces
from fasterseg.latency.table import LatencyTable
from fasterseg.told import Told


class ProfileResult(Told, Artifact):
    """What was measured: the table's file, its blocks, and how well it predicts networks.

    `paces` says what was measured beside other work, if anything was.
    """

    schema_tag = "fasterseg/profile-result/1"

    file: str
    target: str
    blocks: int
    marked: int
    networks: int
    paces: str = ""
    mape: float | None
    spearman: float | None

    def describe(self) -> str:
        """Return the findings in a few lines."""
        lines = [f"{self.blocks} blocks timed: {self.target}"]
        if self.marked:
            lines.append(f"{self.marked} of them are too short to be told from noise")
        if self.paces:
            lines.append(self.paces)
        if self.mape is not None and self.spearman is not None:
            lines.append(
                f"held-out whole networks: error {100 * self.mape:.1f} % (mean), "
                f"rank correlation {self.spearman:.3f}, {self.networks} networks measured"
            )
        return "\n".join([*lines, f"table: {self.file}"])

    @classmethod
    def of(cls, table: LatencyTable, file: Path) -> Self:
        """The findings in a table that is kept in a file."""
        return cls(
            file=str(file),
            target=table.told_target(),
            blocks=len(table.entries),
            marked=len(table.marked()),
            networks=len(table.calibration.networks),
            paces=told_paces(table.entries),
            mape=table.calibration.mape,
            spearman=table.calibration.spearman,
        )
