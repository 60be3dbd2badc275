"""The benchmarks whose servers take files that are written here."""

from __future__ import annotations

from typing import Literal

SubmissionName = Literal["cityscapes", "bdd100k"]
