"""The files of the extra ``pretrained``, where it is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest

from fasterseg.baselines.pretrained import INSTALL, WEIGHTS


def require_encoders() -> None:
    """Skip the test, saying so, where the extra is absent."""
    for weights in WEIGHTS.values():
        try:
            version(weights.package)
        except PackageNotFoundError:
            pytest.skip(f"{weights.package} is not installed: {INSTALL}")
