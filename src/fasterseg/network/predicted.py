"""What predicting images came to: those that were written, and those that were broken."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from fasterseg.errors import DataError

SHOWN_FAULTS = 5


class Broken(BaseModel):
    """An image that could not be read, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    why: str


class PredictResult(BaseModel):
    """The folder written to, the images done, and those that could not be read.

    `notes` count what was interpreted in them, `note` is about their size, and `endings` are those
    of the files' names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    written: tuple[str, ...]
    shares: dict[str, float]
    tail: str = ""
    broken: tuple[Broken, ...] = ()
    note: str = ""
    notes: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 when an image was broken, else 0."""
        return DataError.exit_code if self.broken else 0

    def describe(self) -> str:
        """Return what was written where, the classes found, and what went wrong."""
        found = sorted(self.shares.items(), key=lambda share: -share[1])
        lines = [f"  {name:<20} {100 * share:6.2f} %" for name, share in found if share]
        done = f"{len(self.written)} image{'' if len(self.written) == 1 else 's'}"
        ending = [f"{done} in {self.folder} ({', '.join(self.endings)})"]
        ending += [f"tail: {self.tail}"] if self.tail else []
        if self.broken:
            ending += [f"{len(self.broken)} could not be read:"]
            ending += [f"  {fault.image}: {fault.why}" for fault in self.broken[:SHOWN_FAULTS]]
            rest = len(self.broken) - SHOWN_FAULTS
            ending += [f"  and {rest} more"] if rest > 0 else []
        ending += [f"note: {note}" for note in (*self.notes, self.note) if note]
        return "\n".join([*lines, *ending])
