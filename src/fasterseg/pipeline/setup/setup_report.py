"""What `fasterseg init` found, wrote and chose, and the commands that follow."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from fasterseg.amounts import number_of
from fasterseg.datasets.splits.division_report import DivisionReport
from fasterseg.told import Told

_NAMED = 3


class Found(BaseModel):
    """What lies in a data set: ``form`` is its layout, ``sizes`` counts images by HxW.

    ``shares`` are each class's of the labelled pixels of train.  ``division`` is None where the
    data has splits of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    form: str
    images: dict[str, int]
    sizes: dict[str, int]
    shares: dict[str, float]
    division: DivisionReport | None
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return what was found as lines of text."""
        total = sum(self.sizes.values())
        sizes = sorted(self.sizes, key=lambda size: -self.sizes[size])
        more = f" and {len(sizes) - _NAMED} sizes more" if len(sizes) > _NAMED else ""
        named = f"{', '.join(sizes[:_NAMED])}{more}"
        images, classes = number_of(total, "image"), f"{len(self.shares)} classes"
        head = f"{self.data} ({self.form}): {images} of {named}, {classes}"
        notes = [f"note: {note}" for note in self.notes]
        if self.division is not None:
            return [head, *self.division.lines(), *notes]
        splits = ", ".join(f"{split} {count}" for split, count in self.images.items())
        width = max(len("class"), *map(len, self.shares))
        return [
            f"{head}, with splits of its own: {splits}",
            f"{'class':{width}} share of train's labelled pixels",
            *(f"{name:{width}} {100 * share:6.2f} %" for name, share in self.shares.items()),
            *notes,
        ]


class SetupReport(Told, BaseModel):
    """What was found, the files that were written and what each is, the choices, what follows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    found: Found
    written: dict[str, str]
    chosen: tuple[str, ...]
    next: tuple[str, ...]

    def describe(self) -> str:
        """Return all of it, the commands that follow last."""
        width = max(map(len, self.written))
        written = [f"  {file:{width}}  {what}" for file, what in self.written.items()]
        return "\n".join(
            [
                *self.found.lines(),
                *("", "written:", *written),
                *("", "chosen:", *(f"  {choice}" for choice in self.chosen)),
                *("", "next:", *(f"  {command}" for command in self.next)),
            ]
        )
