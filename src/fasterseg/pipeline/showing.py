"""How a model sees data: read as its card says, at the size that its images are brought to."""

from __future__ import annotations

from fasterseg.datasets.sources.sized import brought_to
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.models import Predictor
from fasterseg.network.showing import shown_size
from fasterseg.space.blocks import Size


def as_seen_by(predictor: Predictor, source: DataSource, *, size: str = "") -> DataSource:
    """The data as a predictor sees it: at a size, else at its own, else at the data's.

    What brings images to a size itself sees them as they lie.  Raises as `shown_size` does.
    """
    source = source.read_as(predictor.reading)
    shown = shown_size(size or None, predictor)
    if size or predictor.resizes:
        return brought_to(source, shown)
    return source if shown is None else brought_to(source, shown)


def as_taken_by(card: ExportedCard, source: DataSource) -> DataSource:
    """The data as the graph of an exported file takes it."""
    source = source.read_as(card.reading)
    if card.resizes:
        return source.as_it_lies
    size: Size | None = card.working_size
    return source if size is None else brought_to(source, size)
