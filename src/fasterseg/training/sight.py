"""Whether a teacher sees what its student will see."""

from __future__ import annotations

from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import UsageError
from fasterseg.network.card import Card
from fasterseg.space.blocks import Size


def require_same_sight(card: Card, source: DataSource, where: str) -> None:
    """Raise `UsageError` for a teacher of other classes, or of images seen otherwise."""
    space, normalisation = source.label_space, source.normalisation
    if card.label_space.names != space.names:
        raise UsageError(
            "the teacher knows other classes than the data",
            where=where,
            why=f"the teacher: {', '.join(card.label_space.names)}; "
            f"{source.name}: {', '.join(space.names)}",
            next_step="name a teacher that was trained on the same classes",
        )
    reading = source.reading
    if card.reading != reading:
        raise UsageError(
            "the teacher reads its images otherwise than the student will",
            where=where,
            why=f"the teacher: {card.reading.describe()}; the data: {reading.describe()}",
            next_step="train the teacher again, or write its own into data.yaml:"
            f"{card.reading.lines(indent=11)}",
        )
    size = source.working_size
    if card.size is not None and size is not None and card.size != size:
        raise UsageError(
            "the teacher saw its images at another size than the student will",
            where=where,
            why=f"the teacher's were brought to {card.size}, the student's to {Size(*size)}",
            next_step="name a teacher of the same size, or train one in this run",
        )
    if card.normalisation != normalisation:
        raise UsageError(
            "the teacher saw its images otherwise than the student will",
            where=where,
            why=f"the teacher's are normalised by {card.mean} and {card.std}, the student's by "
            f"{normalisation.mean} and {normalisation.std}",
            next_step=f"say the teacher's: --set 'data.normalize={[[*card.mean], [*card.std]]}', "
            "or the data.yaml's normalize",
        )
