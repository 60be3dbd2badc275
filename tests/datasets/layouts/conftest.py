"""What the readers of tools' forms are held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.source import DataSource

ReadsAs = Callable[..., DataSource]
Truth = Mapping[str, Mapping[str, npt.NDArray[np.uint8]]]


@pytest.fixture
def reads_as() -> ReadsAs:
    """A function that opens a data set and compares every label with what it was made of."""

    def check(where: Path, truth: Truth) -> DataSource:
        source = open_data(where)
        assert {split: set(source.names(split)) for split in source.splits()} == {
            split: set(of_split) for split, of_split in truth.items()
        }
        for split, of_split in truth.items():
            for index, name in enumerate(source.names(split)):
                assert np.array_equal(source.sample(split, index).labels, of_split[name]), name
        return source

    return check
