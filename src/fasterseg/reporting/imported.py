"""What was imported from the authors' files."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from fasterseg.reporting.described import DescribedNetwork
from fasterseg.told import Told


class ImportedNetwork(BaseModel):
    """One network that was imported, and the files that were written for it.

    `bundle` is empty where no weights were given.  `unused_parameters` counts weights that the
    authors' file holds and their network never uses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    facts: DescribedNetwork
    architecture: str
    drawing: str
    bundle: str = ""
    unused_parameters: int
    parameters_as_counted: int
    parameters_with_heads_as_counted: int
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the network's facts and where its files are."""
        lines = [
            self.facts.describe(),
            f"  parameters as the authors count them: {self.parameters_with_heads_as_counted:,} "
            f"with the auxiliary heads, {self.parameters_as_counted:,} without; "
            f"{self.unused_parameters:,} of them belong to an attention that is never used",
            *(f"note: {note}" for note in self.notes),
            f"architecture: {self.architecture}",
            f"drawing: {self.drawing}",
        ]
        return "\n".join([*lines, *([f"bundle: {self.bundle}"] if self.bundle else [])])


class ImportResult(Told, BaseModel):
    """What was imported; the files of both readings of a latency table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: tuple[ImportedNetwork, ...]
    tables: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return everything as text."""
        tables = [f"latency table: {path}" for path in self.tables]
        return "\n\n".join([*(one.describe() for one in self.networks), *tables])
