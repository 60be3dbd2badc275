"""CamVid, if there is any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def camvid() -> Path:
    """CamVid in its SegNet layout; the test is skipped where it is absent."""
    named = os.environ.get("FASTERSEG_TEST_DATA", "")
    folder = Path(named) / "camvid"
    if not named or not folder.is_dir():
        pytest.skip("FASTERSEG_TEST_DATA names no folder with camvid in it")
    return folder
