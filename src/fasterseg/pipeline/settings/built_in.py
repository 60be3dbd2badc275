"""The built-in scenes as a recipe wants them."""

from __future__ import annotations

from fasterseg.config import StreetSettings
from fasterseg.datasets.layouts.known import STREET
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.source import DataSource


def is_built_in(where: str, layout: str) -> bool:
    """Whether data and layout, as a recipe or a command names them, stand for the scenes."""
    return where == STREET and layout in ("auto", STREET)


def built_in_scenes(street: StreetSettings) -> DataSource:
    """The scenes of that size, light and number."""
    return open_data(
        STREET,
        street_size=(street.height, street.width),
        street_counts={
            "train": street.train,
            "val": street.val,
            "test": street.test,
            UNLABELLED: street.unlabelled,
        },
        street_seed=0,
        street_light=street.light,
    )
