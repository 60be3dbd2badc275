"""What an exported file says of itself: what goes in, what comes out, what makes labels of that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from fasterseg.deploy.exporting.exported_card import ExportedCard
    from fasterseg.deploy.runtimes.sessions import Session


class DescribedFile(BaseModel):
    """An exported file, described; `tail` says where labels are made, and by which files.

    `trained_on` is whose images are in the weights; empty for files that do not say it.
    `int8` is how a network in int8 was made, and what that was found to lose; empty for others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    digest: str
    runtime: str
    precision: str
    images: str
    output: str
    tail: str
    classes: tuple[str, ...]
    weights: str
    trained_on: str = ""
    terms: str = ""
    int8: str = ""

    def describe(self) -> str:
        """Return the facts as text."""
        lines = [
            f"{self.file}: images of {self.images} to {self.output}, {self.precision}, "
            f"run by {self.runtime}",
            f"  {self.digest}",
            *([f"  in int8: {self.int8}"] if self.int8 else []),
            f"  tail: {self.tail}",
            f"  {len(self.classes)} classes: {', '.join(self.classes)}",
            f"  weights: {self.weights}",
            *([f"  trained on: {self.trained_on}"] if self.trained_on else []),
            *([f"  terms: {self.terms}"] if self.terms else []),
        ]
        return "\n".join(lines)


def described_file(path: Path, session: Session, card: ExportedCard) -> DescribedFile:
    """The facts of an exported file that was opened."""
    from fasterseg.deploy.shipping.tails import tail_check

    images = "any size" if card.size is None else str(card.size)
    if card.resizes:
        images += f", seen at {card.resizes_to},"
    return DescribedFile(
        file=path.name,
        digest=session.digest,
        runtime=session.facts()["runtime"],
        precision=card.precision,
        images=images,
        output=card.output,
        tail=tail_check(path, card).found,
        classes=card.label_space.names,
        weights=card.weights_digest,
        trained_on="" if card.trained_on is None else card.trained_on.describe(),
        terms=card.terms,
        int8="" if card.quantisation is None else card.quantisation.describe(),
    )
