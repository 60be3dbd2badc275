"""One helper process for all tests of the corpus."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from corpus import Keeper


@pytest.fixture(scope="session")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    """Runs and judges cases."""
    with Keeper(tmp_path_factory.mktemp("corpus")) as one:
        yield one
