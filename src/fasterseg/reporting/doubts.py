"""Labels that are worth a look: where the best network of a run is sure of another class."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.datasets.sources.source import DataSource
from fasterseg.evaluation import EvaluationReport
from fasterseg.reporting.facts import RunFacts
from fasterseg.reporting.pictures import Picture, map_of, photograph

SHOWN = 4


@dataclass(frozen=True, slots=True)
class DoubtRow:
    """An image whose mask is contradicted: the place in words, and marked in image and mask."""

    words: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Doubts:
    """What the page says of masks: `by` whom they were looked at, empty where by nobody."""

    by: str = ""
    split: str = ""
    looked_at: int = 0
    told: tuple[str, ...] = ()
    rows: tuple[DoubtRow, ...] = ()


def doubts(facts: RunFacts, source: DataSource | None) -> Doubts:
    """By the network with the best score of those that told how sure they are; without a source,
    in words alone.
    """
    looked = [
        (network.evaluation.mean_iou, network.name, network.evaluation)
        for network in facts.networks
        if network.evaluation is not None and network.evaluation.looked_at
    ]
    if not looked:
        return Doubts()
    _, name, report = max(looked, key=lambda one: one[:2])
    told = tuple(one.describe() for one in report.contradictions)
    rows = () if source is None else tuple(_rows(report, source))
    return Doubts(name, report.split, report.looked_at, told, rows)


def _rows(report: EvaluationReport, source: DataSource) -> list[DoubtRow]:
    """A row for each of the worst places whose image is still there."""
    index = {name: place for place, name in enumerate(source.names(report.split))}
    rows = []
    for one in report.contradictions[:SHOWN]:
        if one.image in index:
            sample = source.as_it_lies.sample(report.split, index[one.image])
            box = (one.left, one.top, one.right, one.bottom)
            text = f"The image {one.image}, the place marked"
            pictures = (
                photograph("image", text, sample.image, marked=box),
                map_of("mask", sample.labels, source.label_space, one.image, marked=box),
            )
            rows.append(DoubtRow(one.describe(), pictures))
    return rows
